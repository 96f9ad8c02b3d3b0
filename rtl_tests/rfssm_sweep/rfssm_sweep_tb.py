"""rfssm_sweep: every step is swept once, in order, with its flags, and only while there is room."""

from typing import Any

import cocotb
from harness import (
    NO_PAUSE,
    Bench,
    Pattern,
    claims,
    expect,
    measured,
    parameters,
    pauses,
    test,
    test_under_four_patterns,
)

P = parameters()
CHUNKS, LOOP = P["CHUNKS"], P["LOOP"]
SWEEP = max(CHUNKS, LOOP)
Step = tuple[int, int]  # silent, last


class Sweep(Bench):
    """Announces steps as far ahead as the header allows: up to two of them wait."""

    def __init__(self, dut: Any, pattern: Pattern = NO_PAUSE) -> None:
        super().__init__(dut)
        self.issues = self.watch("issue", "chunk first silent last end_chunk")
        self.starts = self.watch("step_start", "step_start")
        self.frees = self.watch("step_free", "step_free")
        self.waiting: list[Step] = []
        self.announced: list[int] = []
        """Cycle in which each step was announced."""
        self._pattern = pattern
        dut.step_valid.value = 0
        cocotb.start_soon(self._announce())
        cocotb.start_soon(self._give_room())

    def forget(self) -> None:
        self.waiting.clear()
        self.announced.clear()

    async def _announce(self) -> None:
        dut, paused = self.dut, pauses(self.rng, self._pattern.source)
        while True:
            place = len(self.announced) - len(self.starts.beats) < 2
            go = self.waiting and place and not self.in_reset and not next(paused)
            dut.step_valid.value = int(bool(go))
            if go:
                dut.step_silent.value, dut.step_last.value = self.waiting.pop(0)
                self.announced.append(self.cycle + 1)
            await self.edge()

    async def _give_room(self) -> None:
        paused = pauses(self.rng, self._pattern.sink)
        while True:
            room = not next(paused)
            self.dut.room.value = int(room)
            await self.edge()
            assert self.ignored or room or not int(self.dut.issue.value), "issue without room"


def steps(bench: Bench, count: int) -> list[Step]:
    flags = [(bench.rng.getrandbits(1), int(bench.rng.random() < 0.3)) for _ in range(count)]
    return [*flags, (0, 1)]


def expected(sent: list[Step]) -> list[tuple[int, ...]]:
    """Chunk, first step of a sample, silent, last, last chunk."""
    found, first = [], 1
    for silent, last in sent:
        found += [(k, first, silent, last, int(k == CHUNKS - 1)) for k in range(CHUNKS)]
        first = last
    return found


async def sweeps(bench: Sweep, count: int = 40) -> None:
    sent = steps(bench, count)
    bench.waiting += sent
    while len(bench.frees.beats) < len(sent):
        await bench.edge()
    await bench.edge(20)
    expect(bench.issues.beats, expected(sent), "issue (chunk, first, silent, last, end_chunk)")
    assert len(bench.starts.beats) == len(bench.frees.beats) == len(sent)


@test_under_four_patterns
async def every_step_is_swept_once_in_order(dut: Any, pattern: Pattern) -> None:
    bench = Sweep(dut, pattern)
    await bench.reset()
    await sweeps(bench)


@test
async def after_a_reset_in_mid_sweep_the_first_step_is_a_sample_s_first(dut: Any) -> None:
    bench = Sweep(dut, Pattern(source=False, sink=True))
    await bench.reset()
    for _ in range(6):
        bench.waiting += steps(bench, 10)
        await bench.edge(bench.rng.randint(1, 60))
        bench.forget()
        await bench.reset(cycles=bench.rng.randint(1, 2))
        bench.forget()
    await sweeps(bench, 10)


@test
async def latency_and_interval_are_as_claimed(dut: Any) -> None:
    claims("rfssm_sweep", "step_valid to step_start 1 cycle, to the first issue 2.")
    claims("rfssm_sweep", "II: max(CHUNKS, LOOP) per step.")
    claims("rfssm_sweep", "Up to two complete steps wait.")
    bench = Sweep(dut)
    await bench.reset()
    bench.waiting += steps(bench, 30)
    while len(bench.frees.beats) < 31:
        await bench.edge()
    measured("step_valid to step_start", bench.starts.cycles[0] - bench.announced[0], 1)
    measured("step_valid to first issue", bench.issues.cycles[0] - bench.announced[0], 2)
    measured("interval of steps", (bench.starts.cycles[-1] - bench.starts.cycles[4]) / 26, SWEEP)
