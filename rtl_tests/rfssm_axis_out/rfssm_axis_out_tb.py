"""rfssm_axis_out: beats become sign-extended AXI4-Stream words, whoever pauses."""

from typing import Any

from harness import (
    NO_PAUSE,
    Bench,
    Pattern,
    a_beat_for_each,
    expect,
    parameters,
    signed,
    test,
    test_under_four_patterns,
)

DATA_W, TDATA_W = parameters()["DATA_W"], parameters()["TDATA_W"]


async def started(dut: Any, pattern: Pattern = NO_PAUSE) -> tuple[Bench, Any, Any]:
    bench = Bench(dut)
    source = bench.source("s_", "data last", pattern.source)
    sink = bench.sink("m_axis_t", "data last", pattern.sink)
    await bench.reset()
    return bench, source, sink


def beats(bench: Bench, count: int) -> list[tuple[int, int]]:
    ends = [-(1 << (DATA_W - 1)), -1, 0, (1 << (DATA_W - 1)) - 1]
    words = ends + [signed(bench.rng.getrandbits(DATA_W), DATA_W) for _ in range(count - 4)]
    return [(word, int(bench.rng.random() < 0.3)) for word in words]


def extended(got: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(signed(word, TDATA_W), last) for word, last in got]


@test_under_four_patterns
async def words_are_sign_extended(dut: Any, pattern: Pattern) -> None:
    bench, source, sink = await started(dut, pattern)
    sent = beats(bench, 300)
    source.send(sent)
    expect(extended(await sink.receive(300)), sent, "word")


@test
async def latency_and_interval_are_as_claimed(dut: Any) -> None:
    bench, source, sink = await started(dut)
    await a_beat_for_each("rfssm_axis_out", source, sink, beats(bench, 50))


@test
async def reset_in_mid_packet_forgets_what_waits(dut: Any) -> None:
    bench, source, sink = await started(dut)
    for _ in range(4):
        sink.blocked = True
        source.send(beats(bench, 4))
        await bench.edge(bench.rng.randint(1, 6))
        await bench.reset()
        sink.blocked = False
        sent = beats(bench, 20)
        source.send(sent)
        expect(extended(await sink.receive(20)), sent, "word after reset")
