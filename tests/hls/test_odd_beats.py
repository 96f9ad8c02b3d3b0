"""What the IP does with beats that it is not promised, as docs/reference/ip.md says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rtl_cases import network

from rfssm.hls import toolchain
from rfssm.hls.design import Lanes
from rfssm.hls.emit.project import write_rtl
from rfssm.hls.toolchain import run_tool
from rfssm.quant import golden
from rfssm.quant.arithmetic import Integers
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

pytestmark = pytest.mark.rtl

STEP_END, LAST = 1 << 31, 1 << 32
LANES = Lanes(2, 1)
PLAIN = network([{}], bits=2, channels=5)  # three address bits, so that 5 to 7 are there to be sent
SKIP = network([{"skip": True}], bits=2, channels=6)

BENCH = """\
module bench #(parameter integer RESET = 1, parameter integer N = 1);
  reg aclk = 0, aresetn = 1, valid = 0;
  reg [32:0] beats [0:N];
  integer at = 0, cycle = 0;
  wire ready, m_valid, m_last;
  wire [31:0] m_data;
  always #5 aclk = !aclk;
  initial $readmemh("beats.hex", beats, 0, N - 1);
  dut_axis ip (
    .aclk(aclk), .aresetn(aresetn), .s_axis_tvalid(valid), .s_axis_tready(ready),
    .s_axis_tdata(beats[at][31:0]), .s_axis_tlast(beats[at][32]),
    .m_axis_tvalid(m_valid), .m_axis_tready(1'b1), .m_axis_tdata(m_data), .m_axis_tlast(m_last)
  );
  reg taken = 0;
  always @(posedge aclk) begin
    taken <= valid && ready === 1'b1;
    if (m_valid === 1'b1) $display("%0d", $signed(m_data));
    if (m_valid === 1'b1 && m_last === 1'b1) $finish;
    if (cycle == 2000) begin $display("%b", m_valid); $finish; end
  end
  always @(negedge aclk) begin
    cycle = cycle + 1;
    if (taken) at = at + 1;
    aresetn = cycle > RESET;
    valid = aresetn && at < N;
  end
endmodule
"""

Send = Callable[..., list[str]]


@pytest.fixture
def send(tmp_path: Path) -> Send:
    """Sends beats to a network's IP; returns scores and label, or ``m_axis_tvalid`` without any."""
    if (reason := toolchain.missing_icarus()) and not os.environ.get("CI"):
        pytest.skip(reason)

    def sent(net: IntegerNetwork, beats: list[int], reset: int = 1) -> list[str]:
        write_rtl(net, tmp_path, LANES, "dut")
        (tmp_path / "bench.sv").write_text(BENCH)
        (tmp_path / "beats.hex").write_text("".join(f"{beat:x}\n" for beat in beats))
        options = ["-g2012", "-s", "bench", f"-Pbench.RESET={reset}", f"-Pbench.N={len(beats)}"]
        sources = sorted(path.name for path in tmp_path.glob("*.sv"))
        run_tool([toolchain.icarus("iverilog"), *options, "-o", "b.vvp", *sources], cwd=tmp_path)
        return run_tool([toolchain.icarus("vvp"), "-n", "b.vvp"], cwd=tmp_path).split()

    return sent


def event(address: int, value: int, flags: int = 0) -> int:
    return address << 16 | value | flags


def answer(net: IntegerNetwork, *steps: dict[int, int]) -> list[str]:
    """The golden model's scores and label for steps of channel and value."""
    x: Integers = np.zeros((1, len(steps), net.input.channels), np.int64)
    for t, step in enumerate(steps):
        for channel, value in step.items():
            x[0, t, channel] = value
    outputs = golden.run(net, Samples(x, np.array([len(steps)])))
    return [str(n) for n in (*outputs.scores[0].tolist(), int(outputs.label[0]))]


USUAL = [event(0, 3), event(4, 2, STEP_END), event(1, 1), event(2, 3, STEP_END | LAST)]
MEANT = answer(PLAIN, {0: 3, 4: 2}, {1: 1, 2: 3})


def test_one_cycle_of_reset_is_enough(send: Send) -> None:
    assert send(PLAIN, USUAL) == MEANT


def test_without_reset_nothing_is_defined(send: Send) -> None:
    assert send(PLAIN, USUAL, reset=0) == ["x"]


@pytest.mark.parametrize("address", [5, 7, 8, 9, 12, 4095])
def test_an_address_beyond_the_last_channel_counts_as_nothing(send: Send, address: int) -> None:
    assert send(PLAIN, [event(address, 3), *USUAL]) == MEANT


def test_an_address_beyond_the_last_channel_still_ends_its_step(send: Send) -> None:
    beats = [event(5, 3, STEP_END), *USUAL[:3], event(2, 3), event(8, 3, LAST)]
    assert send(PLAIN, beats) == answer(PLAIN, {}, {0: 3, 4: 2}, {1: 1, 2: 3})


def test_reserved_bits_and_those_above_the_value_are_ignored(send: Send) -> None:
    assert send(PLAIN, [beat | 7 << 28 | 0xFFFC for beat in USUAL]) == MEANT


def test_an_event_of_value_zero_counts_as_nothing(send: Send) -> None:
    assert send(PLAIN, [event(3, 0), *USUAL]) == MEANT


def test_values_at_one_address_add_up(send: Send) -> None:
    twice = [event(0, 1), event(0, 2), *USUAL[1:]]
    assert send(PLAIN, twice) == MEANT


def test_of_values_at_one_address_the_skip_takes_the_last(send: Send) -> None:
    told = send(SKIP, [event(0, 1), event(0, 2, STEP_END | LAST)])
    assert told == answer(SKIP, {0: 2})  # no neuron spikes, so that what is passed on is all
    assert told not in (answer(SKIP, {0: 3}), answer(SKIP, {0: 1}))
