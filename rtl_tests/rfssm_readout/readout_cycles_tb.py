"""rfssm_readout: cycles per step, per packet, and latency against its header."""

from typing import Any

from events import FIELDS, step
from harness import Bench, claims, measured, parameters, test

P = parameters()
CLASSES = P["CLASSES"]
WORDS = -(-CLASSES // P["SYNAPSE_LANES"])
LOOP = 8


def started(dut: Any) -> tuple[Bench, Any, Any]:
    bench = Bench(dut)
    return bench, bench.source("s_", FIELDS), bench.sink("m_", "data last")


@test
async def cycles_per_step_follow_the_formula(dut: Any) -> None:
    claims(
        "rfssm_readout", "max(1, events * ceil(CLASSES / SYNAPSE_LANES), CLASSES, 8) + c, c <= 2;"
    )
    bench, source, sink = started(dut)
    for events in (0, 2, max(CLASSES, LOOP) // WORDS, 12):
        formula = max(1, events * WORDS, CLASSES, LOOP)
        ends = []
        for steps in (8, 24):  # a sample's cycles, without what it takes to come and go
            await bench.reset()
            for t in range(steps):
                source.send(step(events, last=t == steps - 1))
            await sink.receive(1)
            ends.append(sink.cycles[0] - source.cycles[0])
        cycles = (ends[1] - ends[0]) / 16
        measured(f"cycles per step, {events} events", cycles, formula + 2, at_most=True)
        assert cycles >= formula, "faster than the hardware can be: the measurement is wrong"


@test
async def latency_from_last_event_to_packet_is_as_claimed(dut: Any) -> None:
    claims("rfssm_readout", "at most ceil(CLASSES / SYNAPSE_LANES) + CLASSES + 14 cycles.")
    bench, source, sink = started(dut)
    await bench.reset()
    for _ in range(3):
        source.send(step(3, last=True))
        await source.sent()
        await sink.receive(len(sink.beats) + CLASSES + 1)
        latency = sink.cycles[-CLASSES - 1] - source.cycles[-1]
        claim = WORDS + CLASSES + 14
        measured("latency of a packet", latency, claim, at_most=True)
        await bench.edge(bench.rng.randint(20, 60))


@test
async def cycles_per_packet_follow_the_formula(dut: Any) -> None:
    claims("rfssm_readout", "per packet also CLASSES + 6.")
    bench, source, sink = started(dut)
    await bench.reset()
    count, skipped, beats = 24, 8, CLASSES + 1
    for _ in range(count):
        source.send(step(1, last=True))
    await sink.receive(count * beats)
    cycles = (sink.cycles[-1] - sink.cycles[skipped * beats - 1]) / (count - skipped)
    claim = max(WORDS, CLASSES, LOOP, CLASSES + 6)
    measured("cycles per packet", cycles, claim, at_most=True)
    assert cycles >= beats, "faster than the hardware can be: the measurement is wrong"
