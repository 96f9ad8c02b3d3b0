"""rfssm_power_on_reset: in reset from the first cycle on, and again after the button."""

from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, Timer
from harness import PERIOD, claims, parameters, test

WAIT = 1 << parameters()["WAIT_W"]


async def length(dut: Any) -> int:
    """Cycles until reset ends."""
    for cycles in range(4 * WAIT):
        await RisingEdge(dut.clk)
        if not int(dut.rst.value):  # the value before this edge
            return cycles
    raise AssertionError("reset does not end")


@test
async def reset_after_power_on_and_after_the_button(dut: Any) -> None:
    claims(
        "rfssm_power_on_reset", "Reset after configuration and while a button is pressed, for 2^"
    )
    dut.button.value = 0
    await Timer(1, "ns")
    assert int(dut.rst.value), "reset before the first clock edge"
    Clock(dut.clk, PERIOD, unit="ns").start(start_high=False)
    assert await length(dut) == WAIT
    await ClockCycles(dut.clk, 3 * WAIT)
    assert not int(dut.rst.value), "it comes back"
    dut.button.value = 1
    await ClockCycles(dut.clk, 5)
    assert int(dut.rst.value)
    await ClockCycles(dut.clk, 3 * WAIT)
    assert int(dut.rst.value), "it ends while the button is pressed"
    dut.button.value = 0
    assert WAIT <= await length(dut) <= WAIT + 4
