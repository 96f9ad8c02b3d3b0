import shutil
from pathlib import Path

import numpy as np
import pytest
from networks import Case, network, readout, samples, spiking, write
from random_networks import Size, random_case
from simulation import check, check_cases

from rfssm.hls.design import Lanes
from rfssm.hls.emit.project import write_rtl

pytestmark = pytest.mark.rtl
SMALL = Size(width=10, steps=10, samples=4, depth=2)


def run(folder: Path, bench: str = "system_tb", **cases: Case) -> None:
    """Whole networks, as emitted, between AXI4-Stream endpoints, by the names of their tops."""
    for top, case in cases.items():
        write(case, folder / top)
        name = top.removesuffix("_dense").removesuffix("_axis")
        write_rtl(case.network, folder, case.lanes, name=name)
        shutil.copy(folder / f"{name}_parameters.json", folder / top / "parameters.json")
    tops: dict[str, dict[str, int | str]] = {top: {} for top in cases}
    check_cases("{}", f"system.{bench}", folder, tops, rtl=folder)


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
    case = two_layers()
    write(case, tmp_path)
    write_rtl(case.network, tmp_path, case.lanes, name="network")
    bench = "system.system_tb"
    check(f"network_{top}", bench, tmp_path, rtl=tmp_path, simulator="verilator")


@pytest.mark.parametrize("top", ["axis", "axis_dense"])
def test_score_modes_and_word_widths(top: str, tmp_path: Path) -> None:
    modes = [("last", 32), ("max", 33), ("each", 10), ("each", 64)]
    run(tmp_path, **{f"{score}{bits}_{top}": two_layers(score, bits) for score, bits in modes})


def test_a_readout_alone_with_one_channel(tmp_path: Path) -> None:
    rng = np.random.default_rng(12)
    net = network([readout(rng, 1, 2)], bits=1)
    case = Case(net, samples(net, 12))
    run(tmp_path, alone_axis=case, alone_axis_dense=case)


def test_more_channels_than_the_dense_front_end_walks_at_once(tmp_path: Path) -> None:
    cases = {}
    for bits, channels in ((1, 19), (3, 11)):
        rng = np.random.default_rng(14)
        net = network([spiking(rng, channels, threshold=np.full(6, 3)), readout(rng, 6)], bits=bits)
        cases[f"channels{channels}_axis_dense"] = Case(net, samples(net, 14))
    run(tmp_path, **cases)


def test_random_networks(tmp_path: Path) -> None:
    cases = {}
    for seed in range(2000, 2004):
        case = random_case(seed, SMALL)
        top = "axis_dense" if seed % 2 else "axis"
        cases[f"seed{seed}_{top}"] = Case(case.network(), case.samples(), case.lanes())
    run(tmp_path, **cases)


def test_a_network_s_rate_is_its_slowest_layer_s(tmp_path: Path) -> None:
    rng = np.random.default_rng(13)
    silent = {"threshold": np.full(32, 255)}
    net = network(
        [spiking(rng, 16, 32, **silent), spiking(rng, 32, 32, **silent), readout(rng, 32)]
    )
    lanes = [Lanes(8, 2), Lanes(32, 4), Lanes(4, 4)]
    cases = {f"lanes{x.synapse}_{x.neuron}_axis": Case(net, samples(net, 13), x) for x in lanes}
    run(tmp_path, "rate_tb", **cases)
