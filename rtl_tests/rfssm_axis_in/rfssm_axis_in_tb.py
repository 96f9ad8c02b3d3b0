"""rfssm_axis_in: AXI4-Stream words become events, whoever pauses."""

from typing import Any

from events import FIELDS, Event
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

N_IN, VALUE_W = parameters()["N_IN"], parameters()["VALUE_W"]


async def started(dut: Any, pattern: Pattern = NO_PAUSE) -> tuple[Bench, Any, Any]:
    bench = Bench(dut)
    source = bench.source("s_axis_t", "data last", pattern.source)
    sink = bench.sink("m_", FIELDS, pattern.sink)
    await bench.reset()
    return bench, source, sink


def words(bench: Bench, count: int) -> list[tuple[int, int]]:
    """Words with anything in their reserved bits, some with an address that does not exist: the
    first that does not, among them."""
    rng = bench.rng
    border = [(addr << 16 | 0xFFFF, 0) for addr in (N_IN - 1, N_IN) if addr < 4096]
    anything = [
        (rng.getrandbits(32), int(rng.random() < 0.2)) for _ in range(count // 2 - len(border))
    ]
    real = [
        (rng.getrandbits(32) & ~(0xFFF << 16) | rng.randrange(N_IN) << 16, int(rng.random() < 0.2))
        for _ in range(count - count // 2)
    ]
    return border + anything + real


def events(sent: list[tuple[int, int]]) -> list[Event]:
    found = []
    for data, last in sent:
        addr = data >> 16 & 0xFFF
        value = data & ((1 << VALUE_W) - 1) if addr < N_IN else 0
        found.append((addr if addr < N_IN else None, value, data >> 31 | last, last))
    return found


def known(got: list[Event], sent: list[tuple[int, int]]) -> list[Event]:
    """The address of a beat whose address does not exist means nothing."""
    real = [(data >> 16 & 0xFFF) < N_IN for data, _ in sent]
    return [
        (addr if is_real else None, *rest) for (addr, *rest), is_real in zip(got, real, strict=True)
    ]


@test_under_four_patterns
async def words_become_events(dut: Any, pattern: Pattern) -> None:
    bench, source, sink = await started(dut, pattern)
    sent = words(bench, 300)
    source.send(sent)
    expect(known(await sink.receive(300), sent), events(sent), "event")


@test
async def latency_and_interval_are_as_claimed(dut: Any) -> None:
    bench, source, sink = await started(dut)
    await a_beat_for_each("rfssm_axis_in", source, sink, words(bench, 50))


@test
async def reset_in_mid_stream_forgets_what_waits(dut: Any) -> None:
    bench, source, sink = await started(dut)
    for _ in range(4):
        sink.blocked = True
        source.send(words(bench, 3))
        await bench.edge(bench.rng.randint(1, 6))
        await bench.reset()
        sink.blocked = False
        sent = words(bench, 20)
        source.send(sent)
        expect(known(await sink.receive(20), sent), events(sent), "event after reset")
