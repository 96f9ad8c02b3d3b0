"""rfssm_skid: a stream passes unchanged, whoever pauses."""

from typing import Any

from cocotb.triggers import ReadOnly, Timer
from harness import (
    NO_PAUSE,
    Bench,
    Pattern,
    a_beat_for_each,
    expect,
    parameters,
    test,
    test_under_four_patterns,
)

W = parameters()["W"]


async def started(dut: Any, pattern: Pattern = NO_PAUSE) -> tuple[Bench, Any, Any]:
    bench = Bench(dut)
    source = bench.source("s_", "data", pattern.source)
    sink = bench.sink("m_", "data", pattern.sink)
    await bench.reset()
    return bench, source, sink


def words(bench: Bench, count: int) -> list[tuple[int]]:
    return [(bench.rng.getrandbits(W),) for _ in range(count)]


@test_under_four_patterns
async def nothing_is_lost_repeated_or_reordered(dut: Any, pattern: Pattern) -> None:
    bench, source, sink = await started(dut, pattern)
    beats = words(bench, 500)
    source.send(beats)
    expect(await sink.receive(len(beats)), beats, "beat")
    await bench.edge(20)
    assert len(sink.beats) == len(beats), "a beat came twice"
    assert (sink.stalled > 0) == pattern.sink


@test
async def latency_and_interval_are_as_claimed(dut: Any) -> None:
    bench, source, sink = await started(dut)
    await a_beat_for_each("rfssm_skid", source, sink, words(bench, 50))


@test
async def reset_in_mid_stream_forgets_what_waits(dut: Any) -> None:
    bench, source, sink = await started(dut)
    for _ in range(8):
        sink.blocked = True
        source.send(words(bench, bench.rng.randint(1, 5)))
        await bench.edge(bench.rng.randint(1, 8))
        await bench.reset(cycles=bench.rng.randint(1, 3))
        sink.blocked = False
        beats = words(bench, 20)
        source.send(beats)
        expect(await sink.receive(len(beats)), beats, "beat after reset")


@test
async def ready_is_low_in_reset_and_in_the_cycle_after_it(dut: Any) -> None:
    bench, _, _ = await started(dut)
    await bench.edge(5)
    dut.rst.value = 1
    await bench.edge(2)
    assert not int(dut.s_ready.value)
    dut.rst.value = 0
    await bench.edge()
    assert not int(dut.s_ready.value)
    await bench.edge()
    assert int(dut.s_ready.value)


@test
async def no_path_leads_from_one_side_to_the_other(dut: Any) -> None:
    bench = Bench(dut)
    dut.s_valid.value, dut.m_ready.value, dut.s_data.value = 0, 0, 0
    await bench.reset()
    handles = (dut.s_ready, dut.m_valid, dut.m_data)
    seen = set()
    for _ in range(50):
        await bench.edge()
        outputs = set()
        for _ in range(4):  # inputs move while the clock does not
            dut.s_valid.value = bench.rng.getrandbits(1)
            dut.m_ready.value = bench.rng.getrandbits(1)
            dut.s_data.value = bench.rng.getrandbits(W)
            await ReadOnly()
            outputs.add(tuple(str(handle.value) for handle in handles))
            await Timer(1, "ns")
        assert len(outputs) == 1, f"an output follows an input within the cycle: {outputs}"
        seen |= outputs
    assert len(seen) > 2
