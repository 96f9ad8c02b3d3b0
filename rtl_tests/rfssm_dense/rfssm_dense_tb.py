"""rfssm_dense: a step per beat becomes the same events that a layer would send."""

from typing import Any

import numpy as np
from events import FIELDS, answer
from harness import (
    NO_PAUSE,
    Bench,
    Pattern,
    claims,
    expect,
    measured,
    pack,
    parameters,
    test,
    test_under_four_patterns,
)

from rfssm.quant.samples import Samples

P = parameters()
N_IN, VALUE_W = P["N_IN"], P["VALUE_W"]
CHUNKS = -(-N_IN // P["LANES"])


async def started(dut: Any, pattern: Pattern = NO_PAUSE) -> tuple[Bench, Any, Any]:
    bench = Bench(dut)
    source = bench.source("s_", "data last", pattern.source)
    sink = bench.sink("m_", FIELDS, pattern.sink)
    await bench.reset()
    return bench, source, sink


def sample(bench: Bench, steps: int, density: float) -> Samples:
    rng = np.random.default_rng(bench.rng.getrandbits(32))
    x = rng.integers(1, 1 << VALUE_W, (1, steps, N_IN)) * (rng.random((1, steps, N_IN)) < density)
    return Samples(x, np.array([steps]))


def beats(samples: Samples) -> list[tuple[int, int]]:
    rows = samples.x[0].tolist()
    return [(pack(row, VALUE_W), int(t == len(rows) - 1)) for t, row in enumerate(rows)]


async def passes(bench: Bench, source: Any, sink: Any) -> None:
    expected = []
    for steps, density in ((1, 0.5), (12, 0.1), (8, 1.0), (3, 0.0), (1, 0.0), (12, 0.5)):
        samples = sample(bench, steps, density)
        source.send(beats(samples))
        expected += answer(samples.x, samples)
    got = await sink.receive(len(expected))
    expect([(a if v else 0, v, e, last) for a, v, e, last in got], expected, "event")
    await bench.edge(20)
    assert len(sink.beats) == len(expected), "an event came twice"


@test_under_four_patterns
async def every_value_becomes_an_event(dut: Any, pattern: Pattern) -> None:
    await passes(*await started(dut, pattern))


@test
async def reset_in_mid_step_forgets_what_waits(dut: Any) -> None:
    bench, source, sink = await started(dut, Pattern(source=False, sink=True))
    for _ in range(5):
        source.send(beats(sample(bench, 10, 0.7)))
        await bench.edge(bench.rng.randint(1, 30))
        await bench.reset(cycles=bench.rng.randint(1, 2))
    await passes(bench, source, sink)


@test
async def latency_and_interval_are_as_claimed(dut: Any) -> None:
    claims("rfssm_dense", "ceil(N_IN / LANES) + 5 cycles to a step's last event, if nothing waits.")
    claims("rfssm_dense", "II: max(ceil(N_IN / LANES), events, 1) per step.")
    bench, source, sink = await started(dut)
    for events in sorted({0, 1, CHUNKS, N_IN} & set(range(N_IN + 1))):
        await bench.reset()
        at = np.linspace(0, N_IN - 1, events).astype(int)  # as far apart as they fit
        row = [int(n in at) for n in range(N_IN)]
        source.send([(pack(row, VALUE_W), 0)])
        await sink.receive(max(1, events))
        if events <= 1:
            measured("latency", sink.cycles[-1] - source.cycles[0], CHUNKS + 5)
        await bench.edge(5)
        source.send([(pack(row, VALUE_W), 0)] * 24)
        await sink.receive(25 * max(1, events))
        ends = [cycle for beat, cycle in zip(sink.beats, sink.cycles, strict=True) if beat[2]]
        cycles = (ends[-1] - ends[-17]) / 16
        measured(f"interval of {events} events", cycles, max(CHUNKS, events, 1))
