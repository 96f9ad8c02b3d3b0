"""rfssm_skip: every spike meets the input value of its own step and address."""

from collections import deque
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
    signed,
    test,
    test_under_four_patterns,
    unpack,
    unsigned,
)
from sweeping import Sweeper

P = parameters()
N, LANES, IN_W, OUT_W, DELAY = P["N"], P["LANES"], P["IN_W"], P["OUT_W"], P["DELAY"]
CHUNKS = -(-N // LANES)
HIGH = (1 << (IN_W - P["IN_SIGNED"])) - 1
LOW = -HIGH - 1 if P["IN_SIGNED"] else 0
if P["OUT_W"] == IN_W:
    HIGH -= 1  # out must be wide enough for in + 1


class Skip(Bench):
    """Events on one side, spikes DELAY cycles after their index on the other."""

    def __init__(self, dut: Any, pattern: Pattern = NO_PAUSE) -> None:
        super().__init__(dut)
        self.out = self.watch("m_valid", "m_chunk m_values m_step_end m_last")
        self.spikes = self.watch("s_valid", "s_spike")
        self.sweeper = Sweeper(self, CHUNKS, pauses(self.rng, pattern.sink))
        self.steps: deque[list[int]] = deque()
        """Input values of the steps that wait."""
        self.values: list[list[int]] = []
        """Input values of all steps."""
        self.fired: list[tuple[int, int, int, int]] = []
        """Chunk, spikes, step_end and last of everything that the cells said."""
        self._closed = 0
        self._pattern = pattern
        for name in ("event_valid", "event_close", "s_valid"):
            getattr(dut, name).value = 0
        cocotb.start_soon(self._send())
        cocotb.start_soon(self._fire())

    def put(self, values: list[list[int]]) -> None:
        self.steps.extend(values)
        self.values += values

    def forget(self) -> None:
        for told in (self.steps, self.values, self.fired):
            told.clear()
        self._closed = 0

    async def _send(self) -> None:
        """A step's events in any order; never more than two steps closed, as in the synapse."""
        dut, paused = self.dut, pauses(self.rng, self._pattern.source)
        events: list[tuple[int, int]] | None = None
        while True:
            if events is None and self.steps and not self.in_reset:
                events = [(n, x) for n, x in enumerate(self.steps.popleft()) if x]
                self.rng.shuffle(events)
            room = self._closed - self.sweeper.freed < 2
            go = events is not None and room and not self.in_reset and not next(paused)
            dut.event_valid.value = int(bool(go and events))
            dut.event_close.value = 0
            if go and events is not None:
                if events:
                    addr, value = events.pop(0)
                    dut.event_addr.value, dut.event_value.value = addr, unsigned(value, IN_W)
                if not events:
                    dut.event_close.value = 1
                    events = None
                    self._closed += 1
                    await self.edge()
                    self.sweeper.waiting += not self.ignored
                    continue
            await self.edge()
            if self.in_reset:
                events = None

    async def _fire(self) -> None:
        """The cells: spikes of each index, DELAY cycles after it."""
        dut, sweeper, done = self.dut, self.sweeper, 0
        while True:
            await self.edge()
            dut.s_valid.value = 0
            if self.ignored:
                done = 0
                continue
            if done < len(sweeper.log) and sweeper.log[done][0] + DELAY - 1 == self.cycle:
                _, _, chunk = sweeper.log[done]
                done += 1
                word = (chunk, self.rng.getrandbits(LANES), int(chunk == CHUNKS - 1), done % 3 == 0)
                names = ("s_chunk", "s_spike", "s_step_end", "s_last")
                for name, value in zip(names, word, strict=True):
                    getattr(dut, name).value = int(value)
                dut.s_valid.value = 1
                self.fired.append(word)


def steps(bench: Bench, count: int) -> list[list[int]]:
    """Values of each step: some silent, some with the highest value everywhere."""
    rng, found = bench.rng, []
    for _ in range(count):
        density = rng.choice((0.0, 0.3, 1.0))
        low = HIGH if rng.random() < 0.2 else LOW
        found.append([rng.randint(low, HIGH) if rng.random() < density else 0 for _ in range(N)])
    return found


async def adds(skip: Skip, count: int = 30) -> None:
    skip.put(steps(skip, count))
    while skip.sweeper.freed < count:
        await skip.edge()
    await skip.edge(DELAY + 10)
    expected = []
    for k, (chunk, spikes, step_end, last) in enumerate(skip.fired):
        values = skip.values[k // CHUNKS][chunk * LANES : (chunk + 1) * LANES]
        sums = [x + bit for x, bit in zip(values, unpack(spikes, len(values), 1), strict=True)]
        expected.append((chunk, sums, step_end, int(last)))
    got = []
    for chunk, word, step_end, last in skip.out.beats:
        real = min(LANES, N - chunk * LANES)
        sums = unpack(word, real, OUT_W)
        got.append(
            (chunk, [signed(x, OUT_W) for x in sums] if P["IN_SIGNED"] else sums, step_end, last)
        )
    expect(got, expected, "chunk (number, values, step_end, last)")
    assert len(got) == count * CHUNKS


@test_under_four_patterns
async def every_spike_meets_the_value_of_its_step(dut: Any, pattern: Pattern) -> None:
    skip = Skip(dut, pattern)
    await skip.reset()
    await adds(skip)


@test
async def reset_in_mid_step_leaves_no_value_behind(dut: Any) -> None:
    skip = Skip(dut, Pattern(source=False, sink=True))
    await skip.reset()
    for _ in range(6):
        skip.put(steps(skip, 10))
        await skip.edge(skip.rng.randint(1, 60))
        skip.forget()
        await skip.reset(cycles=skip.rng.randint(2, 3))
        skip.forget()
    await adds(skip, 12)


@test
async def latency_is_as_claimed(dut: Any) -> None:
    claims("rfssm_skip", "Latency: 1 cycle from spikes to values;")
    skip = Skip(dut)
    await skip.reset()
    await adds(skip, 12)
    for came, left in zip(skip.spikes.cycles, skip.out.cycles, strict=True):
        assert left - came == 1
    measured("latency", skip.out.cycles[0] - skip.spikes.cycles[0], 1)
