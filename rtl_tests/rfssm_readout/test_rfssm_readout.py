from itertools import product
from pathlib import Path

import numpy as np
import pytest
from networks import TIES, Case, network, readout, readout_corners, require, samples, write
from simulation import check_cases

from rfssm.hls.design import Lanes
from rfssm.quant.arithmetic import ROUNDINGS

pytestmark = pytest.mark.rtl
SCORES = ("sum", "last", "max", "each")


def lone(seed: int, *, bits: int = 3, signed: bool = True, inputs: int = 5, **fields: object):
    """A network that is only a readout, and samples."""
    rng = np.random.default_rng(seed)
    net = network([readout(rng, inputs, **fields)], bits=bits, signed=signed)
    return net, samples(net, seed)


def run(
    folder: Path, bench: str = "rfssm_readout_tb", only: str | None = None, **cases: Case
) -> None:
    """The readouts of the cases as the modules under test."""
    parameters = {
        name: {**write(case, folder / name).readout, **case.parameters}
        for name, case in cases.items()
    }
    check_cases("rfssm_readout", f"rfssm_readout.{bench}", folder, parameters, only=only)


def test_scores_and_label(tmp_path: Path) -> None:
    cases = {}
    for score, classes in product(SCORES, (2, 11)):
        net, chosen = lone(1, score=score, classes=classes, bias_bits=4, score_bits=16 + classes)
        seen = readout_corners(net.readout, chosen)
        require(seen, "silent steps", "1-step samples", "silent samples")
        cases[f"{score}_of_{classes}"] = Case(net, chosen)
    run(tmp_path, **cases)


def test_exact_ties_round_as_the_mode_says(tmp_path: Path) -> None:
    cases = {}
    for rounding in ROUNDINGS:
        net, chosen = lone(2, leak=np.full(6, 8), classes=6, rounding=rounding, score="each")
        require(readout_corners(net.readout, chosen), *TIES)
        cases[rounding] = Case(net, chosen)
    run(tmp_path, **cases)


def test_states_saturate_at_both_ends_or_wrap_and_keep_the_low_bits(tmp_path: Path) -> None:
    cases = {}
    for name, score, parameters in (
        ("max", "max", {}),
        ("each", "each", {}),
        ("wrap", "each", {"SATURATE": 0}),
    ):
        net, chosen = lone(3, state_bits=6, bias_bits=6, score=score)
        if name == "wrap":
            net, chosen = lone(4, state_bits=6, score=score)
        require(readout_corners(net.readout, chosen), "low end", "high end")  # so WRAP would act
        cases[name] = Case(net, chosen, parameters=parameters)
    run(tmp_path, **cases)


def test_the_lowest_class_wins_a_tie(tmp_path: Path) -> None:
    rows = np.random.default_rng(5).integers(-16, 16, (2, 5))[[0, 1, 0, 1, 1]]
    cases = {}
    for score in SCORES:
        net, chosen = lone(5, classes=5, weight_u=rows, leak=np.full(5, 11), score=score)
        assert readout_corners(net.readout, chosen)["equal best scores"] > 3
        cases[score] = Case(net, chosen)
    run(tmp_path, **cases)


def test_one_channel_any_lanes_and_scores_of_64_bits(tmp_path: Path) -> None:
    one = lone(6, inputs=1, classes=7, bits=1, signed=False)
    cases = {f"lanes{synapse}": Case(*one, Lanes(synapse, 1)) for synapse in (1, 2, 8)}
    wide = Case(*lone(7, score_bits=64, state_bits=32, guard_bits=16))
    run(tmp_path, **cases, wide=wide)


def test_cycles_per_step_and_latency_are_as_the_header_claims(tmp_path: Path) -> None:
    cases = {}
    for classes, synapse in ((3, 1), (10, 4), (20, 4), (10, 16)):
        chosen = lone(8, inputs=12, classes=classes, score="sum")
        cases[f"classes{classes}_lanes{synapse}"] = Case(*chosen, Lanes(synapse, 1))
    run(tmp_path, "readout_cycles_tb", **cases)


def test_cycles_per_packet_are_as_the_header_claims(tmp_path: Path) -> None:
    case = Case(*lone(9, inputs=12, classes=10, score="each"), Lanes(4, 1))
    run(tmp_path, "readout_cycles_tb", "packet", each=case)
