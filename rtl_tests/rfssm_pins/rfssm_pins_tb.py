"""rfssm_pins: beats through one pin each way, whole and in order, whoever waits."""

import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from harness import PERIOD, Pattern, claims, expect, measured, parameters, pauses
from harness import test_under_four_patterns as under_four_patterns

IN_W, OUT_W = parameters()["IN_W"], parameters()["OUT_W"]
BEATS = 20


async def send(dut: Any, beats: list[int], pause: Any) -> None:
    """Shift each beat in, lowest bit first, and offer it until it is taken."""
    for beat in beats:
        for bit in range(IN_W):
            while next(pause):
                await RisingEdge(dut.clk)
            dut.s_shift.value, dut.s_bit.value = 1, beat >> bit & 1
            await RisingEdge(dut.clk)
            dut.s_shift.value, dut.s_bit.value = 0, 1 - (beat >> bit & 1)
        dut.s_valid.value = 1
        while True:
            await RisingEdge(dut.clk)
            if int(dut.s_ready.value):
                break
        dut.s_valid.value = 0


async def receive(dut: Any, beats: list[int], pause: Any) -> None:
    """Take a beat, then shift it out; more shifts than bits give zeros."""
    while True:
        while next(pause):
            await RisingEdge(dut.clk)
        dut.m_ready.value = 1
        await RisingEdge(dut.clk)
        taken = int(dut.m_valid.value)
        dut.m_ready.value = 0
        if not taken:
            continue
        dut.m_shift.value = 0
        word = 0
        for bit in range(OUT_W):
            while next(pause):
                await RisingEdge(dut.clk)
            dut.m_shift.value = 1
            await RisingEdge(dut.clk)
            word |= int(dut.m_bit.value) << bit
            dut.m_shift.value = int(bit == OUT_W - 1)  # goes on while the next beat is taken
        beats.append(word)


@under_four_patterns
async def beats_pass_whole_and_in_order(dut: Any, pattern: Pattern) -> None:
    claims("rfssm_pins", "A beat takes at least IN_W + 1 and OUT_W + 1 cycles")
    claims("rfssm_pins", "Latency 0 from s_valid to x_valid and from y_valid to m_valid")
    rng = random.Random(cocotb.RANDOM_SEED)
    sent, offered = (
        [(1 << width) - 1, 0, *(rng.getrandbits(width) for _ in range(BEATS))]
        for width in (IN_W, OUT_W)
    )
    for name in ("s_bit", "s_shift", "s_valid", "m_shift", "m_ready", "x_ready", "y_valid"):
        getattr(dut, name).value = 0
    dut.y_data.value = 0
    Clock(dut.clk, PERIOD, unit="ns").start()
    await RisingEdge(dut.clk)
    pins, ip = (pauses(rng, active) for active in pattern)
    read: list[int] = []
    cocotb.start_soon(send(dut, sent, pins))
    cocotb.start_soon(receive(dut, read, pins))
    came: list[int] = []
    came_at: list[int] = []
    gone_at: list[int] = []
    waiting = list(offered)
    for cycle in range(100 * (IN_W + OUT_W) * BEATS):
        dut.x_ready.value = int(not next(ip))
        if not int(dut.y_valid.value) and waiting and not next(ip):
            dut.y_valid.value, dut.y_data.value = 1, waiting[0]
        await RisingEdge(dut.clk)
        for pin, inside in (("m_valid", "y_valid"), ("s_valid", "x_valid"), ("s_ready", "x_ready"),
                            ("m_ready", "y_ready")):  # fmt: skip
            assert getattr(dut, pin).value == getattr(dut, inside).value, f"{pin} is not {inside}"
        if int(dut.x_valid.value) and int(dut.x_ready.value):
            came.append(int(dut.x_data.value))
            came_at.append(cycle)
        if int(dut.y_valid.value) and int(dut.y_ready.value):
            waiting.pop(0)
            gone_at.append(cycle)
            dut.y_valid.value = 0
            if waiting and not next(ip):
                dut.y_valid.value, dut.y_data.value = 1, waiting[0]
        if len(came) == len(sent) and len(read) == len(offered):
            break
    expect(came, sent, "beat in")
    expect(read, offered, "beat out")
    await RisingEdge(dut.clk)
    assert int(dut.m_bit.value) == 0, "behind a beat come zeros"
    if pattern == (False, False):
        measured("cycles of a beat in", came_at[2] - came_at[1], IN_W + 1)
        measured("cycles of a beat out", gone_at[2] - gone_at[1], OUT_W + 1)
