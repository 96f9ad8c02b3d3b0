"""The whole IP as it is emitted: the rules of AXI4-Stream at its border, one packet per sample."""

from pathlib import Path

import numpy as np
import pytest
from formal.proof import HERE, Change, Proof
from networks import network, readout, spiking

from rfssm.hls.design import Design, Lanes
from rfssm.hls.emit.project import design_files

pytestmark = pytest.mark.rtl

BOUND = 24  # cycles from reset within which the first packet of a lone readout leaves


def _proof(folder: Path, layers: int, *, dense: bool = False) -> Proof:
    """Of the smallest network: two channels, layers of two neurons, two classes."""
    rng = np.random.default_rng(0)
    parts = [
        spiking(
            rng, 2, 2, weight_bits=2, transition_bits=4, transition_frac=2, state_bits=4,
            guard_bits=0, complex_input=False,
        )
        for _ in range(layers)
    ]  # fmt: skip
    head = readout(rng, 2, 2, weight_bits=2, state_bits=4, guard_bits=0, score="last", score_bits=4)
    design = Design.of(network([*parts, head], steps_max=4), Lanes(2, 1), name="tiny")
    texts = dict(design_files(design))
    top = "tiny_axis_dense" if dense else "tiny_axis"
    sources = {
        "tiny_core.sv": texts["tiny_core.sv"],
        "tiny_axis.sv": texts[f"{top}.sv"].replace(top, "tiny_axis"),  # its properties are the same
    }
    for name, text in sources.items():
        (folder / name).write_text(text)
    free = [HERE / "free" / f"rfssm_{part}.sv" for part in ("rom", "mul")]
    return Proof("tiny_axis", 2, extra=(*(folder / name for name in sources), *free), bound=BOUND)


@pytest.mark.parametrize(("layers", "dense"), [(2, False), (1, True)], ids=["events", "dense"])
def test_the_output_keeps_the_rules_of_axi(layers: int, dense: bool, tmp_path: Path) -> None:
    _proof(tmp_path, layers, dense=dense).holds(tmp_path / "run")


def test_packets_are_whole_and_of_samples_within_the_bound(tmp_path: Path) -> None:
    outcome = _proof(tmp_path, 0).run("bmc", tmp_path / "run")
    assert outcome.status == "PASS", outcome.log


def test_a_packet_leaves_within_the_bound(tmp_path: Path) -> None:
    _proof(tmp_path, 0).is_not_vacuous(tmp_path / "run")


@pytest.mark.parametrize(
    ("promise", "module", "text", "instead"),
    [
        ("holds", "rfssm_axis_out", ".m_ready(m_axis_tready)", ".m_ready(1'b1)"),
        ("reset_empties", "rfssm_skid", "      valid_q       <= 1'b0;\n", ""),
        ("last_ends_the_packet", "rfssm_axis_out", "s_data({s_last, ", "s_data({!s_last, "),
        ("sample_was_taken_in", "rfssm_synapse_issue", "last        = last_q;",
         "last        = 1'b1;"),
    ],
)  # fmt: skip
def test_a_broken_twin_fails(
    promise: str, module: str, text: str, instead: str, tmp_path: Path
) -> None:
    _proof(tmp_path, 0).fails(tmp_path / "run", promise, Change(module, text, instead))
