"""rfssm_uart_tx: bytes leave bit by bit, and wait for each other."""

from typing import Any

from cocotb.triggers import FallingEdge
from harness import (
    NO_PAUSE,
    Bench,
    Pattern,
    claims,
    expect,
    measured,
    parameters,
    test,
    test_under_four_patterns,
)
from serial_line import Line

CLKS = parameters()["CLKS_PER_BIT"]


async def started(dut: Any, pattern: Pattern = NO_PAUSE) -> tuple[Bench, Line, Any]:
    bench = Bench(dut)
    source = bench.source("s_", "data", pattern.source)
    await bench.reset()
    line = Line(bench, CLKS, tx=dut.line)
    return bench, line, source


@test_under_four_patterns
async def bytes_leave_as_they_came(dut: Any, pattern: Pattern) -> None:
    bench, line, source = await started(dut, pattern)
    assert int(dut.line.value), "an idle line is high"
    sent = [0x00, 0xFF, 0x55, 0x01, 0x80] + [bench.rng.getrandbits(8) for _ in range(30)]
    source.send([(byte,) for byte in sent])
    await source.sent()
    await line.gap(12)
    expect(line.heard, sent, "byte")


@test
async def latency_and_interval_are_as_claimed(dut: Any) -> None:
    claims("rfssm_uart_tx", "Latency 1 from an accepted byte to its start bit.")
    claims("rfssm_uart_tx", "II: 10 bits and 1 cycle.")
    bench, _, source = await started(dut)
    source.send([(0xFF,)] * 5)
    await FallingEdge(dut.line)
    measured("latency", bench.cycle - source.cycles[0], 0)  # the edge that takes it moves the line
    await source.sent()
    intervals = {b - a for a, b in zip(source.cycles, source.cycles[1:], strict=False)}
    assert len(intervals) == 1
    measured("II", intervals.pop(), 10 * CLKS + 1)


@test
async def reset_in_mid_byte_frees_the_line(dut: Any) -> None:
    bench, _, source = await started(dut)
    source.send([(0x00,)])
    await bench.edge(3 * CLKS)
    dut.rst.value = 1
    await bench.edge(2)
    assert int(dut.line.value)
    assert int(dut.s_ready.value)
