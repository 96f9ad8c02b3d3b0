"""rfssm_uart_rx: bytes arrive as they were sent; what is no byte gives an error, or nothing."""

from typing import Any

from cocotb.utils import get_sim_time
from harness import PERIOD, Bench, claims, expect, measured, parameters, test
from serial_line import Line

CLKS = parameters()["CLKS_PER_BIT"]
BYTES = [0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80, 0x7E]


async def started(dut: Any, off: float = 0) -> tuple[Bench, Line, Any, Any]:
    bench = Bench(dut)
    line = Line(bench, CLKS, rx=dut.line, off=off)
    got, errors = bench.watch("m_valid", "m_data"), bench.watch("m_error", "m_data")
    await bench.reset()
    await bench.edge(4)
    return bench, line, got, errors


def message(bench: Bench) -> list[int]:
    return BYTES + [bench.rng.getrandbits(8) for _ in range(40)]


@test
async def bytes_arrive_as_they_were_sent(dut: Any) -> None:
    bench, line, got, errors = await started(dut)
    sent = message(bench)
    for i, byte in enumerate(sent):
        await line.send([byte])
        if i % 3 == 0:  # most follow without a gap
            await line.gap(bench.rng.random() * 3)
    await line.gap(1)
    expect([data for (data,) in got.beats], sent, "byte")
    assert errors.beats == []


@test
async def a_clock_that_is_off_does_no_harm(dut: Any) -> None:
    claims("rfssm_uart_rx", "may be off by 2 % (CLKS_PER_BIT 10 and more)")
    for off in (0.02, -0.02):
        bench, line, got, errors = await started(dut, off if CLKS >= 10 else 0)
        sent = message(bench)
        await line.send(sent)
        await line.gap(1)
        expect([data for (data,) in got.beats], sent, f"byte, {off:+}")
        assert errors.beats == []


@test
async def latency_is_as_claimed(dut: Any) -> None:
    claims("rfssm_uart_rx", "Latency: 9 bits, half a bit and 3 cycles")
    bench, line, got, _ = await started(dut)
    await bench.edge()
    begin = int(get_sim_time("ns")) // PERIOD
    await line.send([0x5A])
    await bench.edge(CLKS)
    measured("latency", got.cycles[0] - begin - 1, 9 * CLKS + CLKS // 2 + 3)


@test
async def a_glitch_is_no_start_bit(dut: Any) -> None:
    bench, line, got, errors = await started(dut)
    for cycles in range(1, CLKS // 2):
        dut.line.value = 0
        await bench.edge(cycles)
        dut.line.value = 1
        await line.gap(12)
    assert (got.beats, errors.beats) == ([], [])
    await line.send([0xC3])
    await line.gap(1)
    assert got.beats == [(0xC3,)]


@test
async def a_missing_stop_bit_is_an_error(dut: Any) -> None:
    _, line, got, errors = await started(dut)
    await line.send([0x31])
    await line.send([0xF0], stop=0)
    await line.gap(2)
    assert (got.beats, len(errors.beats)) == ([(0x31,)], 1)
    await line.send([0x32])
    await line.gap(1)
    assert (got.beats, len(errors.beats)) == ([(0x31,), (0x32,)], 1)


@test
async def a_break_is_one_error(dut: Any) -> None:
    _, line, got, errors = await started(dut)
    await line.bits([0] * 100)
    await line.gap(2)
    assert (got.beats, len(errors.beats)) == ([], 1)
    await line.send([0x99])
    await line.gap(1)
    assert got.beats == [(0x99,)]


@test
async def reset_in_mid_byte_forgets_it(dut: Any) -> None:
    bench, line, got, errors = await started(dut)
    await line.bits([0, 1, 0, 1])
    await bench.reset()
    await line.gap(12)
    await line.send([0x42])
    await line.gap(1)
    assert (got.beats, errors.beats) == ([(0x42,)], [])
