from pathlib import Path

import numpy as np
import pytest
from networks import TIES, Case, network, readout, readout_corners, require, samples, write
from simulation import check

from rfssm.hls.design import Lanes
from rfssm.quant.arithmetic import ROUNDINGS

pytestmark = pytest.mark.rtl
SCORES = ("sum", "last", "max", "each")


def lone(seed: int, *, bits: int = 3, signed: bool = True, inputs: int = 5, **fields: object):
    """A network that is only a readout, and samples."""
    rng = np.random.default_rng(seed)
    net = network([readout(rng, inputs, **fields)], bits=bits, signed=signed)
    return net, samples(net, seed)


def run(case: Case, folder: Path, bench: str = "rfssm_readout_tb", only: str | None = None) -> None:
    parameters = {**write(case, folder).readout, **case.parameters}
    check("rfssm_readout", f"rfssm_readout.{bench}", folder, parameters=parameters, only=only)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("classes", [2, 11])
def test_scores_and_label(score: str, classes: int, tmp_path: Path) -> None:
    net, chosen = lone(1, score=score, classes=classes, bias_bits=4, score_bits=16 + classes)
    seen = readout_corners(net.readout, chosen)
    require(seen, "silent steps", "1-step samples", "silent samples")
    run(Case(net, chosen), tmp_path)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_exact_ties_round_as_the_mode_says(rounding: str, tmp_path: Path) -> None:
    net, chosen = lone(2, leak=np.full(6, 8), classes=6, rounding=rounding, score="each")
    require(readout_corners(net.readout, chosen), *TIES)
    run(Case(net, chosen), tmp_path)


@pytest.mark.parametrize("score", ["max", "each"])
def test_states_saturate_at_both_ends(score: str, tmp_path: Path) -> None:
    net, chosen = lone(3, state_bits=6, bias_bits=6, score=score)
    require(readout_corners(net.readout, chosen), "low end", "high end")
    run(Case(net, chosen), tmp_path)


def test_wrap_keeps_the_low_bits(tmp_path: Path) -> None:
    net, chosen = lone(4, state_bits=6, score="each")
    require(readout_corners(net.readout, chosen), "low end", "high end")  # so WRAP would act
    run(Case(net, chosen, parameters={"SATURATE": 0}), tmp_path)


@pytest.mark.parametrize("score", SCORES)
def test_the_lowest_class_wins_a_tie(score: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = rng.integers(-16, 16, (2, 5))[[0, 1, 0, 1, 1]]
    net, chosen = lone(5, classes=5, weight_u=rows, leak=np.full(5, 11), score=score)
    assert readout_corners(net.readout, chosen)["equal best scores"] > 3
    run(Case(net, chosen), tmp_path)


@pytest.mark.parametrize("synapse", [1, 2, 8])
def test_one_channel_and_any_lanes(synapse: int, tmp_path: Path) -> None:
    net, chosen = lone(6, inputs=1, classes=7, bits=1, signed=False)
    run(Case(net, chosen, Lanes(synapse, 1)), tmp_path)


def test_scores_of_64_bits(tmp_path: Path) -> None:
    net, chosen = lone(7, score_bits=64, state_bits=32, guard_bits=16)
    run(Case(net, chosen), tmp_path)


@pytest.mark.parametrize(("classes", "synapse"), [(3, 1), (10, 4), (20, 4), (10, 16)])
def test_cycles_per_step_and_latency_are_as_the_header_claims(
    classes: int, synapse: int, tmp_path: Path
) -> None:
    net, chosen = lone(8, inputs=12, classes=classes, score="sum")
    run(Case(net, chosen, Lanes(synapse, 1)), tmp_path, "readout_cycles_tb")


def test_cycles_per_packet_are_as_the_header_claims(tmp_path: Path) -> None:
    net, chosen = lone(9, inputs=12, classes=10, score="each")
    run(Case(net, chosen, Lanes(4, 1)), tmp_path, "readout_cycles_tb", "packet")
