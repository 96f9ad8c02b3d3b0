from pathlib import Path

import numpy as np
import pytest
from networks import Case, network, readout, samples, spiking, write
from random_networks import Size, random_case
from simulation import check

from rfssm.hls.design import Lanes
from rfssm.hls.emit.project import write_rtl

pytestmark = pytest.mark.rtl
SMALL = Size(width=10, steps=10, samples=4, depth=2)


def run(
    case: Case, folder: Path, top: str = "axis", simulator: str = "icarus", bench: str = "system_tb"
) -> None:
    """A whole network, as emitted, between AXI4-Stream endpoints."""
    write(case, folder)
    write_rtl(case.network, folder, case.lanes, name="network")
    check(f"network_{top}", f"system.{bench}", folder, rtl=folder, simulator=simulator)


def two_layers(score: str = "sum", score_bits: int = 20, bits: int = 4) -> Case:
    """A resonating layer and one with a skip connection, whose values reach the readout."""
    rng = np.random.default_rng(11)
    net = network(
        [
            spiking(rng, 5, 9, rounding="RND_CONV", threshold=np.full(9, 3), bias_bits=4),
            spiking(rng, 9, 9, skip=True, complex_input=False, reset=np.full((9, 2), -9)),
            readout(rng, 9, 4, score=score, score_bits=score_bits, bias_bits=6),
        ],
        bits=bits,
        signed=True,
    )
    return Case(net, samples(net, 11, longest=12), Lanes(4, 2))


@pytest.mark.parametrize("top", ["axis", "axis_dense"])
def test_two_layers_in_verilator(top: str, tmp_path: Path) -> None:
    run(two_layers(), tmp_path, top, "verilator")


@pytest.mark.parametrize(
    ("score", "score_bits"), [("last", 32), ("max", 33), ("each", 10), ("each", 64)]
)
@pytest.mark.parametrize("top", ["axis", "axis_dense"])
def test_score_modes_and_word_widths(score: str, score_bits: int, top: str, tmp_path: Path) -> None:
    run(two_layers(score, score_bits), tmp_path, top)


@pytest.mark.parametrize("top", ["axis", "axis_dense"])
def test_a_readout_alone_with_one_channel(top: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(12)
    net = network([readout(rng, 1, 2)], bits=1)
    run(Case(net, samples(net, 12)), tmp_path, top)


@pytest.mark.parametrize(("bits", "channels"), [(1, 19), (3, 11)])
def test_more_channels_than_the_dense_front_end_walks_at_once(
    bits: int, channels: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(14)
    net = network([spiking(rng, channels, threshold=np.full(6, 3)), readout(rng, 6)], bits=bits)
    run(Case(net, samples(net, 14)), tmp_path, "axis_dense")


@pytest.mark.parametrize("seed", range(4))
def test_random_networks(seed: int, tmp_path: Path) -> None:
    case = random_case(2000 + seed, SMALL)
    chosen = Case(case.network(), case.samples(), case.lanes())
    run(chosen, tmp_path, "axis_dense" if seed % 2 else "axis")


@pytest.mark.parametrize("lanes", [(8, 2), (32, 4), (4, 4)])
def test_a_network_s_rate_is_its_slowest_layer_s(lanes: tuple[int, int], tmp_path: Path) -> None:
    rng = np.random.default_rng(13)
    silent = {"threshold": np.full(32, 255)}
    net = network(
        [spiking(rng, 16, 32, **silent), spiking(rng, 32, 32, **silent), readout(rng, 32)]
    )
    run(Case(net, samples(net, 13), Lanes(*lanes)), tmp_path, bench="rate_tb")
