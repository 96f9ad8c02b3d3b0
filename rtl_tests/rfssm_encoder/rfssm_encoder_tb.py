"""rfssm_encoder: chunks of values become events; nothing is lost however late the source hears."""

from collections import deque
from typing import Any

import cocotb
import numpy as np
from events import FIELDS, answer, steps_of
from harness import (
    NO_PAUSE,
    Bench,
    Pattern,
    claims,
    expect,
    measured,
    pack,
    parameters,
    pauses,
    test,
    test_under_four_patterns,
)

from rfssm.quant.samples import Samples

P = parameters()
N, LANES, VALUE_W, IN_FLIGHT = P["N"], P["LANES"], P["VALUE_W"], P["IN_FLIGHT"]
CHUNKS = -(-N // LANES)
Chunk = tuple[int, int, int, int]  # chunk, values, step_end, last


class Encoder(Bench):
    """Chunks leave while ``room``; each takes IN_FLIGHT cycles to arrive, as in a pipeline."""

    def __init__(self, dut: Any, pattern: Pattern = NO_PAUSE) -> None:
        super().__init__(dut)
        self.out = self.sink("m_", FIELDS, pattern.sink)
        self.waiting: deque[Chunk] = deque()
        self.arrivals: list[int] = []
        """Cycle in which each chunk arrived."""
        self.no_room = 0
        self._paused = pauses(self.rng, pattern.source)
        dut.s_valid.value = 0
        cocotb.start_soon(self._feed())

    def forget(self) -> None:
        self.waiting.clear()
        self.arrivals.clear()

    async def _feed(self) -> None:
        dut = self.dut
        pipe: deque[Chunk | None] = deque([None] * (IN_FLIGHT - 1))
        while True:
            await self.edge()
            if self.ignored:
                pipe = deque([None] * (IN_FLIGHT - 1))
                dut.s_valid.value = 0
                continue
            if int(dut.s_valid.value):
                self.arrivals.append(self.cycle)
            room = int(dut.room.value)
            self.no_room += not room
            go = self.waiting and room and not next(self._paused)
            pipe.append(self.waiting.popleft() if go else None)
            arriving = pipe.popleft()
            dut.s_valid.value = int(arriving is not None)
            if arriving is not None:
                names = ("s_chunk", "s_values", "s_step_end", "s_last")
                for name, value in zip(names, arriving, strict=True):
                    getattr(dut, name).value = value


def sample(bench: Bench, steps: int, density: float) -> Samples:
    rng = np.random.default_rng(bench.rng.getrandbits(32))
    x = rng.integers(1, 1 << VALUE_W, (1, steps, N)) * (rng.random((1, steps, N)) < density)
    return Samples(x, np.array([steps]))


def chunks(samples: Samples) -> list[Chunk]:
    found: list[Chunk] = []
    for row, last in steps_of(samples):
        for k in range(CHUNKS):
            end = k == CHUNKS - 1
            values = pack(row[k * LANES : (k + 1) * LANES].tolist(), VALUE_W)
            found.append((k, values, int(end), int(end and last)))
    return found


async def passes(encoder: Encoder) -> None:
    expected = []
    for steps, density in ((1, 0.5), (20, 0.05), (10, 1.0), (4, 0.0), (1, 0.0), (20, 0.4)):
        samples = sample(encoder, steps, density)
        encoder.waiting.extend(chunks(samples))
        expected += answer(samples.x, samples)
    got = await encoder.out.receive(len(expected))
    expect([(a if v else 0, v, e, last) for a, v, e, last in got], expected, "event")
    await encoder.edge(20)
    assert len(encoder.out.beats) == len(expected), "an event came twice"


@test_under_four_patterns
async def every_value_becomes_an_event(dut: Any, pattern: Pattern) -> None:
    encoder = Encoder(dut, pattern)
    await encoder.reset()
    await passes(encoder)


@test
async def a_blocked_output_stops_the_source_in_time(dut: Any) -> None:
    encoder = Encoder(dut)
    await encoder.reset()
    samples = sample(encoder, 60, 0.8)  # equal chunks would hide a loss
    encoder.out.blocked = True
    encoder.waiting.extend(chunks(samples))
    await encoder.edge(200)
    assert encoder.no_room > 100
    assert encoder.waiting, "room never fell"
    encoder.out.blocked = False
    expected = answer(samples.x, samples)
    expect(await encoder.out.receive(len(expected)), expected, "event")


@test
async def reset_in_mid_step_forgets_what_waits(dut: Any) -> None:
    encoder = Encoder(dut, Pattern(source=False, sink=True))
    await encoder.reset()
    for _ in range(5):
        encoder.waiting.extend(chunks(sample(encoder, 10, 0.7)))
        await encoder.edge(encoder.rng.randint(1, 40))
        encoder.forget()
        await encoder.reset(cycles=encoder.rng.randint(1, 2))
    encoder.forget()
    await passes(encoder)


@test
async def latency_and_interval_are_as_claimed(dut: Any) -> None:
    claims(
        "rfssm_encoder",
        "Latency: 5 cycles from the chunk that closes a step to its last event, if nothing waits.",
    )
    claims("rfssm_encoder", "II: 1 chunk per cycle in, 1 event per cycle out.")
    encoder = Encoder(dut)
    await encoder.reset()
    await encoder.edge(3)
    for value in (0, 1):  # a silent step, and one whose last value closes it
        encoder.waiting.extend(
            (k, value * (k == CHUNKS - 1), int(k == CHUNKS - 1), 0) for k in range(CHUNKS)
        )
        await encoder.out.receive(len(encoder.out.beats) + 1)
        measured("latency", encoder.out.cycles[-1] - encoder.arrivals[-1], 5)
        await encoder.edge(10)
    encoder.waiting.extend(chunks(sample(encoder, 30, 0.0)))
    seen = len(encoder.arrivals)
    await encoder.edge(IN_FLIGHT + 30)
    arrived = encoder.arrivals[seen : seen + 20]
    measured("interval of chunks", (arrived[-1] - arrived[0]) / 19, 1)
    await encoder.edge(30 * CHUNKS + 20)
    seen = len(encoder.out.beats)
    encoder.waiting.extend(chunks(sample(encoder, 30, 1.0)))
    await encoder.out.receive(seen + 30 * N)
    left = encoder.out.cycles[seen:]
    measured("interval of events", (left[-1] - left[0]) / (30 * N - 1), 1)
