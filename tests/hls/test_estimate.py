"""The estimate against the real tools, on networks and lanes of all kinds."""

from __future__ import annotations

import re
from functools import cache
from itertools import product
from statistics import median

import estimate_rows
import numpy as np
import pytest
from estimate_cases import CASES, DEPLOYED, design
from rtl_cases import CASES as CORNERS
from rtl_cases import network, samples_for

from rfssm.errors import HardwareError
from rfssm.hls.design import Design, Lanes, lane_choice
from rfssm.hls.engines import timing
from rfssm.hls.estimate import area, area_cells, cycle_model, memory_map
from rfssm.hls.estimate.cycle_model import Activity
from rfssm.hls.estimate.estimate import activity_of, estimate
from rfssm.hls.estimate.fit import check_blocks, fit_lanes, fits, sensible_lanes
from rfssm.hls.synthesis import netlist_cells, yosys
from rfssm.hls.synthesis.netlist_cells import CellReport, Cells
from rfssm.hls.synthesis.targets import target
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

TARGET = target("ecp5-85k")
LOGIC = ("lut", "carry", "ff")
HARD = ("dsp", "block_ram", "lut_ram")
TIMED = tuple(name for name in CASES if name not in ("two layers as deployed", "whole row"))


@cache
def synthesised(name: str) -> CellReport:
    return netlist_cells.report(yosys.synthesize(design(name), "ecp5", "dut_axis"))


@cache
def measured(name: str) -> timing.Cycles:
    one = design(name)
    return timing.measure(one.network, timed_samples(one.network), one.lanes)


def computed(name: str) -> timing.Cycles:
    one = design(name)
    return cycle_model.cycles(one, Activity.of(one.network, timed_samples(one.network)))


def timed_samples(net: IntegerNetwork) -> Samples:
    samples = samples_for(net, count=12)
    live = np.arange(samples.x.shape[1]) < samples.steps[:, None]
    return Samples(samples.x * live[..., None], samples.steps)


def memories(report: CellReport) -> dict[tuple[str, str, int, int], tuple[str, int]]:
    return {(m.module, m.name, m.words, m.width): (m.kind, m.cells) for m in report.memories}


def assert_hard_cells_are_exact(name: str) -> None:
    expected, got = synthesised(name), area.report(design(name))
    assert list(got.modules) == list(expected.modules)
    assert memories(got) == memories(expected)
    for kind in HARD:
        assert getattr(got.total, kind) == getattr(expected.total, kind)
        for module, row in expected.modules.items():
            assert getattr(got.modules[module], kind) == getattr(row, kind), module


def errors(kind: str) -> list[float]:
    """Relative errors of a kind of cell."""
    pairs = [(area.report(design(name)).total, synthesised(name).total) for name in CASES]
    return [abs(getattr(got, kind) / getattr(known, kind) - 1) for got, known in pairs]


def assert_cycles_are_near(name: str) -> None:
    known, got = measured(name), computed(name)
    assert (got.samples, got.steps, got.events) == (known.samples, known.steps, known.events)
    assert got.per_sample == pytest.approx(known.per_sample, rel=0.1)
    assert got.latency == pytest.approx(known.latency, rel=0.1)


# -- against the tools -----------------------------------------------------------------------------


@pytest.mark.rtl
@pytest.mark.parametrize("name", CASES)
def test_memories_and_multipliers_are_those_of_synthesis(name: str) -> None:
    assert_hard_cells_are_exact(name)


@pytest.mark.rtl
@pytest.mark.parametrize(("kind", "middle", "most"), [
    ("lut", 0.1, 0.25), ("carry", 0.05, 0.2), ("ff", 0.05, 0.15)])  # fmt: skip
def test_registers_and_logic_are_near(kind: str, middle: float, most: float) -> None:
    assert len(CASES) >= 12
    found = errors(kind)
    assert median(found) <= middle
    assert max(found) <= most


@pytest.mark.rtl
@pytest.mark.parametrize("name", TIMED)
def test_cycles_are_near_those_of_the_rtl(name: str) -> None:
    assert len(TIMED) >= 12
    assert_cycles_are_near(name)


@pytest.mark.rtl
def test_latency_on_an_idle_ip_is_exact() -> None:
    """No FIFO is full there, so that nothing is approximate."""
    for name in TIMED:
        known, got = measured(name), computed(name)
        assert (got.latency_min, got.latency_max) == (known.latency_min, known.latency_max), name


@pytest.mark.rtl
def test_every_line_is_printed_beside_what_yosys_counts(capsys: pytest.CaptureFixture[str]) -> None:
    estimate_rows.main(["complex"])
    printed = [line.strip() for line in capsys.readouterr().out.splitlines()]
    expected = synthesised("complex").modules
    assert [line for line in printed if line in expected] == list(expected)
    for module, lines in area.contributions(design("complex")).items():
        at = printed.index(module)
        shown = printed[at + 1 :][: sum(line.cells != Cells() for line in lines) + 2]
        assert shown[-2:] == [
            estimate_rows.row("estimated", area.report(design("complex")).modules[module]),
            estimate_rows.row("Yosys", expected[module]),
        ]
    assert any(line.startswith("tags: chunk, valid, end, last") for line in printed)


@pytest.mark.rtl
def test_a_formula_without_the_second_state_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(area_cells, "_STATES", 1)
    with pytest.raises(AssertionError):
        assert_hard_cells_are_exact("complex")
    assert median(errors("carry")) > 0.05
    assert median(errors("ff")) > 0.05


@pytest.mark.rtl
def test_a_block_memory_of_another_price_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_map, "BLOCK_PRICE", 128)  # Yosys' own
    memory_map.block.cache_clear()
    try:
        with pytest.raises(AssertionError):
            assert_hard_cells_are_exact("many inputs")
    finally:
        memory_map.block.cache_clear()


@pytest.mark.rtl
def test_a_longer_sweep_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycle_model, "LOOP", 16)
    with pytest.raises(AssertionError):
        assert_cycles_are_near("all neurons at once")


# -- by itself -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def deployed() -> IntegerNetwork:
    layers = [{"neurons": 128, **DEPLOYED}, {"neurons": 128, **DEPLOYED}]
    return network(layers, channels=140, classes=10, state_bits=16, leak_frac=15, score_bits=32,
                   steps_max=200, guard_bits=0)  # fmt: skip


def test_an_estimate_counts_the_cycles_of_a_part_of_many_samples(deployed: IntegerNetwork) -> None:
    rng = np.random.default_rng(0)
    x = (rng.random((300, 84, 140)) < 0.07).astype(np.int64)
    samples = Samples(x, np.full(300, 84))
    result = estimate(Design.of(deployed, Lanes(16, 4)), TARGET, activity_of(deployed, samples))
    assert result.samples == 300
    assert 10 <= result.cycles.samples < 300  # some of them, evenly chosen
    assert result.rates[0] == pytest.approx(0.07, abs=0.005)


@pytest.mark.parametrize("name", CORNERS)
def test_every_network_has_an_estimate(name: str) -> None:
    net = CORNERS[name]()
    for lanes in (None, Lanes(1, 1), Lanes(4, 2), Lanes(16, 16)):
        result = estimate(Design.of(net, lanes), TARGET, activity_of(net, samples_for(net)))
        assert all(min(vars(row).values()) >= 0 for row in result.cells.modules.values())
        assert result.cells.total.lut > 0
        assert result.samples_per_second > 0
    assert len(fit_lanes(net, TARGET, activity_of(net))) == len(net.all_layers)


def test_more_lanes_are_faster_and_larger(deployed: IntegerNetwork) -> None:
    activity = activity_of(deployed)
    small, large = (
        estimate(Design.of(deployed, lanes), TARGET, activity)
        for lanes in (Lanes(4, 1), Lanes(32, 8))
    )
    assert large.cycles.latency < small.cycles.latency
    assert large.cells.total.lut > small.cells.total.lut
    assert large.cells.total.dsp == 2 * 4 * 8 + 1
    assert large.fmax_mhz < small.fmax_mhz


def test_a_faster_grade_has_a_higher_clock_rate(deployed: IntegerNetwork) -> None:
    one = Design.of(deployed, Lanes(16, 4))
    activity = activity_of(deployed)
    rates = [estimate(one, TARGET, activity, speed=s).fmax_mhz for s in ("6", "7", "8")]
    assert rates == sorted(rates)


def test_the_rate_of_events_sets_the_pace(deployed: IntegerNetwork) -> None:
    one = Design.of(deployed, Lanes(4, 4))
    slow, fast = (
        estimate(one, TARGET, activity_of(deployed, rate=rate)).cycles.per_step
        for rate in (0.2, 0.1)
    )
    assert slow == pytest.approx(2 * fast, rel=0.1)
    assert estimate(one, TARGET, activity_of(deployed, rate=0)).cycles.per_step == pytest.approx(
        32, rel=0.1
    )


@pytest.mark.parametrize("name", ["ice40-up5k", "xc7"])
def test_other_families_have_no_estimate(deployed: IntegerNetwork, name: str) -> None:
    with pytest.raises(HardwareError, match=rf"{name}.*ecp5-25k.*rfssm synth"):
        estimate(Design.of(deployed), target(name), activity_of(deployed))
    with pytest.raises(HardwareError, match="rfssm synth"):
        fit_lanes(deployed, target(name), activity_of(deployed))


# -- lanes that fit --------------------------------------------------------------------------------


def test_lanes_are_the_fastest_of_all_that_fit() -> None:
    net = network([{"neurons": 64, **DEPLOYED}], channels=64, classes=10, state_bits=16,
                  leak_frac=15, score_bits=24, guard_bits=0)  # fmt: skip
    device = target("ecp5-25k")
    activity = activity_of(net)
    chosen = fit_lanes(net, device, activity)
    best = estimate(Design.of(net, chosen), device, activity)
    assert fits(best)
    readouts = [lanes for lanes in sensible_lanes(10) if lanes.neuron == 1]
    every = [
        estimate(Design.of(net, pair), device, activity)
        for pair in product(sensible_lanes(64), readouts)
    ]
    fastest = min(one.latency_us for one in every if fits(one))
    assert any(not fits(one) for one in every)  # the device did matter
    assert best.latency_us <= 1.03 * fastest  # the choice looks at whole steps only


def test_a_larger_device_is_no_slower(deployed: IntegerNetwork) -> None:
    activity = activity_of(deployed)
    results = []
    for name in ("ecp5-25k", "ecp5-45k", "ecp5-85k"):
        lanes = fit_lanes(deployed, target(name), activity)
        results.append(estimate(Design.of(deployed, lanes), target(name), activity))
    assert all(map(fits, results))
    latencies = [one.latency_us for one in results]
    assert latencies == sorted(latencies, reverse=True)
    assert latencies[0] > latencies[-1]


def test_what_fits_nowhere_is_named() -> None:
    net = network([{"neurons": 400}], channels=400)
    with pytest.raises(HardwareError, match=r"no lanes fit .*into ecp5-25k.*block memories"):
        fit_lanes(net, target("ecp5-25k"), activity_of(net, rate=0.01))


def test_lanes_that_differ_between_layers_are_named_where_only_they_fit() -> None:
    net = network([{"neurons": 256}, {"neurons": 128}, {"neurons": 128}], channels=140)
    device = target("ecp5-25k")
    alike = [Design.of(net, lanes) for lanes in sensible_lanes(256)]
    assert not any(fits(estimate(each, device, activity_of(net))) for each in alike)
    with pytest.raises(HardwareError, match=r"^the design does not fit.*fewest whose") as caught:
        check_blocks(Design.of(net), device)
    flags = re.search(r"--synapse-lanes (\S+) --neuron-lanes ([\d,]+)", str(caught.value))
    assert flags is not None
    lanes = lane_choice(*([int(word) for word in text.split(",")] for text in flags.groups()))
    assert fits(estimate(Design.of(net, lanes), device, activity_of(net)))


def test_no_lanes_fit_is_said_of_the_least_of_all() -> None:
    net = network([{"neurons": 36}, {"neurons": 200}], channels=700, classes=2)
    device = target("ice40-up5k")
    sums = []
    powers = [1 << k for k in range(9)]
    pairs = [Lanes(s, n) for s, n in product(powers, powers) if s >= n]
    each = [area.rows(Design.of(net, lanes), device.family) for lanes in pairs]
    parts = [
        [
            sum((cells for key, cells in rows.items() if key.startswith(layer)), Cells())
            for rows in each
        ]
        for layer in ("layer0", "layer1", "readout")
    ]
    for layer0, layer1 in product(set(parts[0]), set(parts[1])):
        needs = device.needs(layer0 + layer1 + parts[2][0])
        sums.append(max(needs[r.name] / r.count for r in (device.dsp, device.block_ram) if r))
    with pytest.raises(HardwareError, match=r"^no lanes fit") as caught:
        check_blocks(Design.of(net), device)
    said = re.findall(
        r"needs (?:\S+ mult[^,]*, )?([\d,]+) block.* has ([\d,]+);", str(caught.value)
    )
    assert int(said[0][0]) / int(said[0][1]) == pytest.approx(min(sums))


def test_a_larger_target_is_named_only_where_it_is_large_enough() -> None:
    said = {}
    for memories in (100, 150, 300):
        with pytest.raises(HardwareError) as caught:
            target("ecp5-25k").check_fits(Cells(block_ram=memories))
        said[memories] = str(caught.value).split("choose ")[1]
    assert said == {
        100: "fewer lanes or a larger target: ecp5-45k, ecp5-85k",
        150: "fewer lanes or a larger target: ecp5-85k",
        300: "fewer lanes",
    }
