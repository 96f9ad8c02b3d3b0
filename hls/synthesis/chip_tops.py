"""Wrap a design for a chip: choose its top module and the places of its pins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path

from rfssm.hls.boards.boards import Board, board_files, board_sources
from rfssm.hls.design import Design
from rfssm.hls.synthesis.targets import TARGETS, Target


@dataclass(frozen=True)
class Top:
    """A module to synthesise and place.

    sources        files that the module needs beyond the design's own, by name
    constraints    places of its pins, in the format of nextpnr's family; None: placed freely
    words          description for the report
    """

    module: str
    words: str
    sources: Mapping[str, bytes] = field(default_factory=dict)
    constraints: bytes | None = None


def ip_top(design: Design, target: Target) -> Top:
    """Return the IP alone, with all ports on pins, or with its streams shifted through few pins."""
    if not target.placed or _pins(design) <= target.pins:
        return Top(f"{design.name}_axis", "the IP, AXI4-Stream on pins")
    module = Path(str(files("rfssm.hls"))) / "rtl" / "pins" / "rfssm_pins.sv"
    name = f"{design.name}_pins"
    sources = {module.name: module.read_bytes(), f"{name}.sv": _shifted(design, name).encode()}
    return Top(
        name, f"the IP, its streams shifted through pins as {target.package} has few", sources
    )


def board_top(design: Design, board: Board) -> Top:
    """Return the IP behind a board's UART, on the board's pins."""
    sources = {path.name: path.read_bytes() for path in board_sources()}
    sources |= {name: text.encode() for name, text in board_files(design, board)}
    constraints = sources.pop(board.constraint_file(design))
    return Top(board.top(design), f"the IP behind the UART of {board.title}", sources, constraints)


def board_target(board: Board) -> Target:
    """Return a board's FPGA in its package, at the board's clock rate."""
    chip = TARGETS[f"{board.family}-{board.device}"]
    return replace(chip, package=board.package, frequency_mhz=float(board.frequency_mhz))


def _pins(design: Design) -> int:
    """Return the number of pins for clock, reset and both streams."""
    return 2 + (32 + 3) + (design.tdata_bits + 3)


def _shifted(design: Design, name: str) -> str:
    """Return the text of a top around rfssm_pins, which holds the logic."""
    return f"""\
// SPDX-License-Identifier: Apache-2.0
//
// The IP behind few pins: see rfssm_pins.
// Generated; the logic is in the rfssm_*.sv modules.
`default_nettype none

module {name} (
  input  wire logic aclk,
  input  wire logic aresetn,

  input  wire logic s_bit, s_shift, s_valid,
  output wire logic s_ready,
  output wire logic m_bit,
  input  wire logic m_shift,
  output wire logic m_valid,
  input  wire logic m_ready
);
  wire logic x_valid, x_ready, x_last, y_valid, y_ready, y_last;
  wire logic [31:0] x_data;
  wire logic [{design.tdata_bits - 1}:0] y_data;

  rfssm_pins #(.IN_W(33), .OUT_W({design.tdata_bits + 1})) pins (
    .clk(aclk), .s_bit, .s_shift, .s_valid, .s_ready, .m_bit, .m_shift, .m_valid, .m_ready,
    .x_valid, .x_ready, .x_data({{x_last, x_data}}),
    .y_valid, .y_ready, .y_data({{y_last, y_data}})
  );

  {design.name}_axis ip (
    .aclk, .aresetn,
    .s_axis_tvalid(x_valid), .s_axis_tready(x_ready), .s_axis_tdata(x_data), .s_axis_tlast(x_last),
    .m_axis_tvalid(y_valid), .m_axis_tready(y_ready), .m_axis_tdata(y_data), .m_axis_tlast(y_last)
  );
endmodule
`default_nettype wire
"""
