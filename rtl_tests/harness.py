"""Inside the simulator: clock, reset, sources and sinks that pause, comparisons, measurements.

A stream is ``<prefix>valid``, ``<prefix>ready`` and its fields ``<prefix><field>``; a beat is the
tuple of its fields.  All numbers read from signals are unsigned; ``signed`` turns them round.
Every sink asserts that a stalled output holds, and that nothing unknown (X) is ever called valid.
"""

from __future__ import annotations

import json
import logging
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Event, RisingEdge, SimTimeoutError, with_timeout
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiStreamBus, AxiStreamSink, AxiStreamSource

PERIOD = 10  # ns
PATIENCE = 2000  # cycles without a beat that a sink waits, or up to twice as many
Beat = tuple[int, ...]


class Pattern(NamedTuple):
    """Who pauses in a test."""

    source: bool
    sink: bool

    def __str__(self) -> str:
        return {(0, 0): "no_pause", (1, 0): "source_pauses", (0, 1): "sink_pauses"}.get(
            (int(self.source), int(self.sink)), "both_pause"
        )


NO_PAUSE = Pattern(False, False)
PATTERNS = (NO_PAUSE, Pattern(True, False), Pattern(False, True), Pattern(True, True))


def test(function: Callable[..., Any], **options: Sequence[Any]) -> Any:
    """A cocotb test that cannot hang, of the case that the bench is imported for."""
    instance = settings().get("instance")

    @wraps(function)
    async def on_its_case(dut: Any, **chosen: Any) -> None:
        await function(getattr(dut, instance) if instance else dut, **chosen)

    name = f"{instance}.{function.__name__}" if instance else function.__name__
    decorated = cocotb.parametrize(**options)(on_its_case)
    return cocotb.test(timeout_time=500, timeout_unit="us", name=name)(decorated)


def test_under_four_patterns(function: Callable[..., Any]) -> Any:
    """The test, once for each of: no pause, source pauses, sink pauses, both."""
    options = [cocotb.Param(pattern, name=str(pattern)) for pattern in PATTERNS]
    return test(function, pattern=options)


test.__test__ = test_under_four_patterns.__test__ = False  # pytest: these are decorators


def settings() -> dict[str, Any]:
    """What the pytest side tells the bench."""
    return json.loads(Path("settings.json").read_text())


def parameters() -> dict[str, Any]:
    """Parameters of the module under test."""
    return settings()["parameters"]


def signed(value: int, bits: int) -> int:
    """A two's-complement word as an integer."""
    return value - ((value >> (bits - 1) & 1) << bits)


def unsigned(value: int, bits: int) -> int:
    """An integer as a two's-complement word."""
    return value & ((1 << bits) - 1)


def pack(values: Sequence[int], bits: int) -> int:
    """Lanes of ``bits`` each as one word, the first lowest."""
    return sum(unsigned(value, bits) << (i * bits) for i, value in enumerate(values))


def unpack(word: int, count: int, bits: int) -> list[int]:
    """The lanes of a word, the lowest first, unsigned."""
    return [word >> (i * bits) & ((1 << bits) - 1) for i in range(count)]


def expect(got: Sequence[Any], expected: Sequence[Any], what: str) -> None:
    """Compare two sequences, which must not be empty, and name the first difference."""
    assert len(expected) > 0, f"{what}: nothing to compare"
    for i, (left, right) in enumerate(zip(expected, got, strict=False)):
        if left != right:
            raise AssertionError(
                f"{what} {i} of {len(expected)}: expected {left}, got {right}"
                f" (before it: {list(expected[max(0, i - 3) : i])})"
            )
    assert len(got) == len(expected), f"{what}: expected {len(expected)}, got {len(got)}"


def pauses(rng: random.Random, active: bool) -> Iterator[bool]:
    """For each cycle, whether to pause: long silences, single gaps and free runs, mixed."""
    while True:
        share = rng.choice((0.0, 0.2, 0.5, 0.8, 1.0)) if active else 0.0
        for _ in range(rng.randint(1, 40)):
            yield rng.random() < share


class Bench:
    """Clock and reset of a design, and the streams that stand around it."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.clk = dut.clk
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.in_reset = self._fresh = True
        self._released = 0  # cycle whose edge is the last that sees reset
        self._parts: list[Source | Sink | Watch] = []
        Clock(dut.clk, PERIOD, unit="ns", impl="gpi").start(start_high=False)
        cocotb.start_soon(self._run())

    @property
    def cycle(self) -> int:
        """Clock edges since the start, this one included."""
        return int(get_sim_time("ns")) // PERIOD

    def source(self, prefix: str, fields: str, pause: bool = False) -> Source:
        """Drive an input stream."""
        return self._keep(Source(self, prefix, fields.split(), pauses(self.rng, pause)))

    def sink(self, prefix: str, fields: str, pause: bool = False) -> Sink:
        """Take and check an output stream."""
        return self._keep(Sink(self, prefix, fields.split(), pauses(self.rng, pause)))

    def watch(self, valid: str, fields: str) -> Watch:
        """Write down fields in the cycles in which ``valid`` is high."""
        return self._keep(Watch(self, valid, fields.split()))

    def _keep(self, part: Any) -> Any:
        self._parts.append(part)
        next(part.edges)
        return part

    async def _run(self) -> None:
        """One task for all parts: to wake a task takes longer than what a part does at an edge."""
        while True:
            await RisingEdge(self.clk)
            for part in self._parts:
                next(part.edges)

    async def reset(self, cycles: int = 3) -> None:
        """Hold reset; sources forget what waits, sinks what came."""
        self.in_reset = self._fresh = True
        self.dut.rst.value = 1
        for part in self._parts:
            part.clear()
        await ClockCycles(self.clk, cycles)
        self.dut.rst.value = 0
        self.in_reset = False
        self._released = self.cycle

    @property
    def ignored(self) -> bool:
        """Whether this edge still sees reset: what outputs say now is not yet meant."""
        if self._fresh:
            self._fresh = self.in_reset or self.cycle <= self._released
        return self._fresh

    async def edge(self, count: int = 1) -> None:
        """The next clock edge; signals read now have the values that the registers see."""
        for _ in range(count):
            await RisingEdge(self.clk)


class Source:
    """Offers beats; never withdraws one; its fields are unknown (X) while it offers none."""

    def __init__(
        self, bench: Bench, prefix: str, fields: Sequence[str], paused: Iterator[bool]
    ) -> None:
        dut = bench.dut
        self._bench, self._paused = bench, paused
        self._valid = getattr(dut, f"{prefix}valid")
        self._ready = getattr(dut, f"{prefix}ready")
        self._fields = [getattr(dut, f"{prefix}{field}") for field in fields]
        self._queue: deque[Beat] = deque()
        self._empty = Event()
        self.cycles: list[int] = []
        """Cycle in which each beat was taken."""
        self.clear()
        self.edges = self._run()

    def clear(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self.cycles.clear()
        self._withdraw()

    def send(self, beats: Sequence[Beat]) -> None:
        """Put beats into the queue."""
        self._queue.extend(beats)
        self._empty.clear()

    async def sent(self) -> None:
        """Until everything has been taken."""
        if self._queue:
            await self._empty.wait()

    def _withdraw(self) -> None:
        self._offering = False
        self._valid.value = 0
        for field in self._fields:
            field.value = unknown(field)

    def _run(self) -> Iterator[None]:
        while True:
            waits = self._queue and not self._offering and not self._bench.in_reset
            if waits and not next(self._paused):
                self._offering = True
                self._valid.value = 1
                for field, value in zip(self._fields, self._queue[0], strict=True):
                    field.value = unsigned(value, len(field))
            yield
            if self._offering and int(self._ready.value):
                self._queue.popleft()
                self.cycles.append(self._bench.cycle)
                self._withdraw()
                if not self._queue:
                    self._empty.set()


class Sink:
    """Takes beats, and asserts that a beat that is not taken stays as it is."""

    def __init__(
        self, bench: Bench, prefix: str, fields: Sequence[str], paused: Iterator[bool]
    ) -> None:
        dut = bench.dut
        self._bench, self._paused = bench, paused
        self._name = prefix
        self._valid = getattr(dut, f"{prefix}valid")
        self._ready = getattr(dut, f"{prefix}ready")
        self._fields = [getattr(dut, f"{prefix}{field}") for field in fields]
        self._arrived, self._wanted = Event(), 0
        self.beats: list[Beat] = []
        self.cycles: list[int] = []
        """Cycle in which each beat was taken."""
        self.stalled = 0
        """Cycles in which a beat waited."""
        self.blocked = False
        """Refuse everything."""
        self.resetn: Any = None
        """A low-active reset of this stream alone; in it a beat may be withdrawn."""
        self._held: Beat | None = None
        self.edges = self._run()

    def clear(self) -> None:
        """Forget what came."""
        self.beats.clear()
        self.cycles.clear()
        self._held = None
        self.stalled = 0

    async def receive(self, count: int) -> list[Beat]:
        """Until ``count`` beats have come in all; returns them all."""
        self._wanted = count
        while (came := len(self.beats)) < count:
            self._arrived.clear()
            try:
                await with_timeout(self._arrived.wait(), PATIENCE * PERIOD, "ns")
            except SimTimeoutError:
                assert len(self.beats) > came, f"{self._name}: only {came} of {count} beats came"
        return self.beats

    def _run(self) -> Iterator[None]:
        shown = None
        while True:
            ready = not next(self._paused) and not self.blocked
            if ready != shown:
                self._ready.value = int(ready)
                shown = ready
            yield
            if self._bench.ignored:
                continue
            if self.resetn is not None and not int(self.resetn.value):
                self._held = None
                continue
            valid = int(self._valid.value)
            beat = tuple(int(field.value) for field in self._fields) if valid else None
            if self._held is not None:
                assert beat == self._held, (
                    f"{self._name} changed while stalled: {self._held}, {beat}"
                )
            self._held = None if ready else beat
            if beat is not None and ready:
                self.beats.append(beat)
                self.cycles.append(self._bench.cycle)
                if len(self.beats) >= self._wanted:
                    self._arrived.set()
            self.stalled += beat is not None and not ready


class Watch:
    """Writes down what a design says without asking: fields, whenever ``valid`` is high."""

    def __init__(self, bench: Bench, valid: str, fields: Sequence[str]) -> None:
        self._bench = bench
        self._valid = getattr(bench.dut, valid)
        self._fields = [getattr(bench.dut, field) for field in fields]
        self.beats: list[Beat] = []
        self.cycles: list[int] = []
        self.edges = self._run()

    def clear(self) -> None:
        """Forget what was said."""
        self.beats.clear()
        self.cycles.clear()

    def _run(self) -> Iterator[None]:
        while True:
            yield
            if not self._bench.ignored and int(self._valid.value):
                self.beats.append(tuple(int(field.value) for field in self._fields))
                self.cycles.append(self._bench.cycle)


def unknown(handle: Any) -> Any:
    """The value that shows whoever looks at it: X where the simulator has it."""
    return (
        cocotb.types.LogicArray("X" * len(handle)) if len(handle) > 1 else cocotb.types.Logic("X")
    )


def measured(what: str, got: float, claim: float, at_most: bool = False) -> None:
    """Compare a measured latency or interval with what the module's header claims."""
    cocotb.log.info("MEASURED %s: %s, header: %s%s", what, got, "at most " * at_most, claim)
    assert got <= claim if at_most else got == claim, f"{what}: {got}, the header claims {claim}"


def claims(module: str, sentence: str) -> None:
    """Assert that a module's header says what is about to be measured."""
    lines = (Path(settings()["rtl"]) / f"{module}.sv").read_text().splitlines()
    header = " ".join(line.removeprefix("//").strip() for line in lines if line.startswith("//"))
    assert sentence in header, f"the header of {module} no longer claims: {sentence}"


async def a_beat_for_each(module: str, source: Any, sink: Any, beats: list[Any]) -> None:
    """Measure the latency and the interval of a module that makes one beat of each it takes."""
    claims(module, "Latency 1, II 1.")
    source.send(beats)
    await sink.receive(len(beats))
    measured(f"{module} latency", sink.cycles[0] - source.cycles[0], 1)
    measured(f"{module} II", (sink.cycles[-1] - sink.cycles[0]) / (len(beats) - 1), 1)


class Axis:
    """A design between an AXI4-Stream source and sink, with its clock and its low-active reset."""

    def __init__(
        self, dut: Any, clk: Any, resetn: Any, word: int, pattern: Pattern = NO_PAUSE
    ) -> None:
        self.dut, self.clk, self._resetn = dut, clk, resetn
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.taken: list[tuple[int, int]] = []
        """Cycle in which each input beat was taken, and its TLAST."""
        self.packets: list[int] = []
        """Cycle in which each packet's last beat was taken."""
        self.held_checks = 0
        Clock(clk, PERIOD, unit="ns", impl="gpi").start(start_high=False)
        resetn.value = 0
        lanes = len(dut.s_axis_tdata) // 8
        self.source = AxiStreamSource(
            AxiStreamBus.from_prefix(dut, "s_axis"), clk, resetn, False, byte_lanes=lanes
        )
        self.sink = AxiStreamSink(
            AxiStreamBus.from_prefix(dut, "m_axis"), clk, resetn, False, byte_lanes=word
        )
        for end, paused in ((self.source, pattern.source), (self.sink, pattern.sink)):
            end.log.setLevel(logging.WARNING)
            if paused:
                end.set_pause_generator(pauses(self.rng, True))
        cocotb.start_soon(self._watch())

    async def reset(self, cycles: int = 3) -> None:
        """Hold reset; the endpoints forget what waits and what came."""
        self._resetn.value = 0
        await ClockCycles(self.clk, cycles)
        self.source.clear()
        self.sink.clear()
        self.taken.clear()
        self.packets.clear()
        self._resetn.value = 1

    async def edge(self, count: int = 1) -> None:
        """Clock edges."""
        await ClockCycles(self.clk, count)

    async def _watch(self) -> None:
        dut, held = self.dut, None
        while True:
            await RisingEdge(self.clk)
            if not int(self._resetn.value):
                held = None
                continue
            cycle = int(get_sim_time("ns")) // PERIOD
            if int(dut.s_axis_tvalid.value) and int(dut.s_axis_tready.value):
                self.taken.append((cycle, int(dut.s_axis_tlast.value)))
            valid, ready = int(dut.m_axis_tvalid.value), int(dut.m_axis_tready.value)
            beat = (int(dut.m_axis_tdata.value), int(dut.m_axis_tlast.value)) if valid else None
            if held is not None:
                assert beat == held, f"m_axis changed while stalled: {held}, {beat}"
            self.held_checks += 1
            held = None if ready else beat
            if beat is not None and ready and beat[1]:
                self.packets.append(cycle)
