"""Hardware without saturation where it cannot act: smaller, equal, and wrong where it can."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from random_networks import random_case
from rtl_cases import CASES, network, samples_for

from rfssm.hls import engines
from rfssm.hls.design import Design, Lanes
from rfssm.hls.estimate import area
from rfssm.hls.hls4ml.plugin import convert_network
from rfssm.hls.synthesis import netlist_cells, yosys
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.ranges.narrow import with_state_bits
from rfssm.quant.ranges.reach import reachable_range
from rfssm.quant.samples import Samples, compare

LANES = Lanes(2, 1)


@cache
def proved() -> IntegerNetwork:
    """A layer and a readout that no stream can saturate, though the layer fills its words."""
    net = network([{"neurons": 6, "weight_bits": 4, "reset": True}], channels=4)
    net = with_state_bits(net, 11)[0]
    assert [reachable_range(net, i).bits for i in range(2)] == [11, 9]
    return net


def with_saturation(net: IntegerNetwork, saturates: bool = True) -> IntegerNetwork:
    """The same network, its proof replaced."""
    proof = property(lambda self: (saturates,) * len(self.all_layers))
    other: IntegerNetwork = type("Replaced", (IntegerNetwork,), {"saturates": proof}).build(
        net.metadata(), net.tensors()
    )
    return other


def samples_of(net: IntegerNetwork) -> Samples:
    return samples_for(net, count=12)


def differs(net: IntegerNetwork, engine: str, samples: Samples) -> bool:
    expected = golden.run(net, samples, spikes=True, states=True)
    return bool(compare(expected, engines.run(
        net, samples, engine, spikes=True, states=True, lanes=LANES)))  # fmt: skip


def test_parameters_follow_the_proof() -> None:
    net = proved()
    design = Design.of(net, LANES)
    assert net.saturates == (False, False)
    assert [p["SATURATE"] for p in (*design.layers, design.readout)] == [0, 0]
    design = Design.of(CASES["saturation"](), LANES)
    assert [p["SATURATE"] for p in (*design.layers, design.readout)] == [1, 1]


def test_a_range_within_steps_max_is_not_enough() -> None:
    """Nobody forces a stream to end: what only a short sample holds keeps its saturation."""
    slow = np.tile(np.array([[255, 0], [0, 255]]), (6, 1, 1))
    net = network([{"state_bits": 12}], steps_max=4, tensors={"layers.0.transition": slow})
    assert reachable_range(net, 0).bits <= 12
    assert net.saturates[0]
    assert Design.of(net).layers[0]["SATURATE"] == 1


def test_the_test_networks_have_layers_of_both_kinds() -> None:
    kinds = [s for make in CASES.values() for s in make().saturates]
    assert kinds.count(True) > 8
    assert kinds.count(False) > 8
    random = [
        (layer.overflow, s)
        for seed in range(60)
        for net in [random_case(seed).network()]
        for layer, s in zip(net.all_layers, net.saturates, strict=True)
    ]
    assert random.count(("SAT", True)) > 60
    assert random.count(("SAT", False)) > 30


@pytest.mark.rtl
def test_the_netlist_is_smaller() -> None:
    net = proved()
    designs = [Design.of(n, LANES, "dut") for n in (with_saturation(net), net)]
    full, bare = (
        netlist_cells.report(yosys.synthesize(d, "ecp5", "dut_axis")).total for d in designs
    )
    states = 2 * LANES.neuron + 1  # fitted into their word in every cycle
    assert bare.lut <= full.lut - 5 * states
    assert bare.ff <= full.ff - states
    assert bare.carry <= full.carry
    for kind in ("dsp", "block_ram", "lut_ram"):
        assert getattr(bare, kind) == getattr(full, kind)
    for design, total in zip(designs, (full, bare), strict=True):  # the estimate knows
        told = area.report(design).total
        assert told.lut == pytest.approx(total.lut, rel=0.15)
        assert told.ff == pytest.approx(total.ff, rel=0.1)


@pytest.mark.rtl
@pytest.mark.parametrize("engine", ["verilator", "icarus", "netlist"])
def test_the_bits_stay_equal(engine: str) -> None:
    if (reason := engines.missing(engine)) is not None:
        pytest.skip(reason)
    net = proved()
    assert not differs(net, engine, samples_of(net))


def test_the_hls_kernels_have_none_either() -> None:
    net = proved()
    assert not differs(net, "csim", samples_of(net))


def test_the_hls_types_follow_the_proof(tmp_path: Path) -> None:
    kinds = {"bare": proved(), "full": CASES["saturation"]()}
    for name, net in kinds.items():
        model = convert_network(
            net, tmp_path / name, "RFSSM", lanes=LANES, name="network", rtl=False
        )
        model.write()
        defines = (tmp_path / name / "firmware" / "defines.h").read_text()
        states = [line for line in defines.splitlines() if "_state_t;" in line]
        assert len(states) == len(net.all_layers)
        assert ["AP_SAT" in line for line in states] == list(net.saturates)


@pytest.mark.rtl
@pytest.mark.parametrize("engine", ["icarus", "csim"])
def test_saturation_removed_where_it_acts_is_found(engine: str) -> None:
    """The planted fault: a proof that is wrong."""
    if (reason := engines.missing(engine)) is not None:
        pytest.skip(reason)
    net = CASES["saturation"]()
    samples = samples_of(net)
    assert not differs(net, engine, samples)
    assert differs(with_saturation(net, saturates=False), engine, samples)
