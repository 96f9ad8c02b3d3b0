"""rfssm_frame_out: contents leave stuffed, with their CRC, whoever pauses."""

from typing import Any

from harness import (
    NO_PAUSE,
    Bench,
    Pattern,
    claims,
    expect,
    measured,
    test,
    test_under_four_patterns,
)

from rfssm.hls.boards.protocol import ESCAPE, FLAG, INVERTED, crc16, encode


async def started(dut: Any, pattern: Pattern = NO_PAUSE) -> tuple[Bench, Any, Any]:
    bench = Bench(dut)
    source = bench.source("s_", "data last", pattern.source)
    sink = bench.sink("m_", "data", pattern.sink)
    await bench.reset()
    return bench, source, sink


def beats(content: bytes) -> list[tuple[int, int]]:
    return [(byte, int(i == len(content) - 1)) for i, byte in enumerate(content)]


def contents(bench: Bench, count: int) -> list[bytes]:
    special = [FLAG, ESCAPE, FLAG ^ INVERTED, ESCAPE ^ INVERTED]
    return [
        bytes(
            bench.rng.choice(special) if bench.rng.random() < 0.4 else bench.rng.getrandbits(8)
            for _ in range(bench.rng.randint(1, 12))
        )
        for _ in range(count)
    ]


def with_special_crc() -> bytes:
    """A content whose CRC has to be escaped."""
    return next(
        content
        for content in (i.to_bytes(2, "little") for i in range(1 << 16))
        if {FLAG, ESCAPE} == set(crc16(content).to_bytes(2, "little"))
    )


@test_under_four_patterns
async def contents_become_frames(dut: Any, pattern: Pattern) -> None:
    bench, source, sink = await started(dut, pattern)
    sent = [with_special_crc(), *contents(bench, 30)]
    for content in sent:
        source.send(beats(content))
    line = b"".join(map(encode, sent))
    expect([byte for (byte,) in await sink.receive(len(line))], list(line), "byte")
    await bench.edge(20)
    assert len(sink.beats) == len(line), "more bytes than the frames have"
    assert (sink.stalled > 0) == pattern.sink


@test
async def interval_is_as_claimed(dut: Any) -> None:
    claims("rfssm_frame_out", "Latency 0, and 1 byte (7E) before the first.")
    claims("rfssm_frame_out", "II: 1 byte per byte taken, 2 for 7D and 7E; 3 or more")
    _, source, sink = await started(dut)
    source.send(beats(bytes(40)) + beats(bytes([FLAG] * 40)))
    line = encode(bytes(40)) + encode(bytes([FLAG] * 40))
    await sink.receive(len(line))
    measured("latency", source.cycles[0] - sink.cycles[0], 1)
    measured("cycles per byte", (source.cycles[39] - source.cycles[0]) / 39, 1)
    measured("cycles per 7E", (source.cycles[79] - source.cycles[40]) / 39, 2)


@test
async def reset_in_mid_frame_forgets_it(dut: Any) -> None:
    bench, source, sink = await started(dut)
    for length in range(1, 9):
        source.send(beats(bytes([ESCAPE] * 9)))
        await bench.edge(length)
        await bench.reset()
        source.send(beats(b"next"))
        line = encode(b"next")
        expect([byte for (byte,) in await sink.receive(len(line))], list(line), "byte after reset")
        sink.clear()
