"""rfssm_layer without spikes: cycles per step and latency against its header."""

from typing import Any

from events import FIELDS, step
from harness import Bench, claims, measured, parameters, test

P = parameters()
WORDS = -(-P["N_OUT"] // P["SYNAPSE_LANES"])
CHUNKS = -(-P["N_OUT"] // P["NEURON_LANES"])
LOOP = 8


@test
async def cycles_per_step_follow_the_formula(dut: Any) -> None:
    claims(
        "rfssm_layer",
        "max(1, events * ceil(N_OUT / SYNAPSE_LANES), ceil(N_OUT / NEURON_LANES), 8) + c, c <= 2,",
    )
    bench = Bench(dut)
    source, sink = bench.source("s_", FIELDS), bench.sink("m_", FIELDS)
    for events in sorted({0, 2, CHUNKS // WORDS, CHUNKS // WORDS + 1, 8}):
        await bench.reset()
        count, skipped = 24, 8
        for _ in range(count):
            source.send(step(events))
        await sink.receive(count)
        cycles = (sink.cycles[-1] - sink.cycles[skipped]) / (count - 1 - skipped)
        formula = max(1, events * WORDS, CHUNKS, LOOP)
        measured(f"cycles per step, {events} events", cycles, formula + 2, at_most=True)
        assert cycles >= formula, "faster than the hardware can be: the measurement is wrong"


@test
async def cycles_per_step_are_never_under_the_values_that_leave(dut: Any) -> None:
    claims("rfssm_layer", "and never under the number of values that leave.")
    bench = Bench(dut)
    source, sink = bench.source("s_", FIELDS), bench.sink("m_", FIELDS)
    await bench.reset()
    count, skipped, leaving = 24, 12, P["N_OUT"]
    for _ in range(count):
        source.send(step(1))
    await sink.receive(count * leaving)
    cycles = (sink.cycles[-1] - sink.cycles[skipped * leaving - 1]) / (count - skipped)
    formula = max(WORDS, CHUNKS, LOOP, leaving)
    measured(f"cycles per step, {leaving} spikes", cycles, formula + 2, at_most=True)
    assert cycles >= formula, "faster than the hardware can be: the measurement is wrong"


@test
async def latency_of_a_lone_step_is_as_claimed(dut: Any) -> None:
    claims(
        "rfssm_layer",
        "ceil(N_OUT / SYNAPSE_LANES) + ceil(N_OUT / NEURON_LANES) + 16 cycles at most, 1 more with"
        " SKIP.",
    )
    bench = Bench(dut)
    source, sink = bench.source("s_", FIELDS), bench.sink("m_", FIELDS)
    await bench.reset()
    for _ in range(3):
        source.send(step(3))
        await source.sent()
        leaving = 3 if P["SKIP"] else 1
        await sink.receive(len(sink.beats) + leaving)
        latency = sink.cycles[-1] - source.cycles[-1]
        claim = WORDS + CHUNKS + 16 + P["SKIP"]
        measured("latency of a lone step", latency, claim, at_most=True)
        await bench.edge(bench.rng.randint(20, 60))
