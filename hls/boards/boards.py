"""Write a top level with a UART bridge, pins and constraints for each board.

These files are data; the logic is in ``rtl/boards/*.sv``.  There is no PLL: everything runs at the
board's oscillator, since the serial line, not the network, sets the pace.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from rfssm.errors import HardwareError
from rfssm.files import write_atomically
from rfssm.hls.boards.protocol import Identity
from rfssm.hls.design import Design
from rfssm.hls.emit.project import twins
from rfssm.hls.synthesis import yosys

BAUD = 1_000_000
"""The bits per second on the line, to which both oscillators and both USB chips divide exactly."""


@dataclass(frozen=True)
class Board:
    """An FPGA board with a serial line to its USB socket.

    family, device, package    the FPGA, as nextpnr names it
    frequency_mhz              frequency of the oscillator at ``clock``
    clock, uart_rx, uart_tx    pins; rx and tx as the FPGA sees them
    button                     pin of the button that resets the network; low when pressed
    led_busy                   pin of the LED that is on while a sample is being processed
    led_label                  pins of the LEDs with the low bits of the last label, lowest first
    busy_is_low                whether ``led_busy`` is on when low
    tied_high                  ports and pins that must be high for the board to work
    buffer_bytes               buffer of a frame: one block RAM
    """

    name: str
    title: str
    family: str
    device: str
    package: str
    frequency_mhz: int
    clock: str
    uart_rx: str
    uart_tx: str
    button: str
    led_busy: str
    led_label: tuple[str, ...]
    busy_is_low: bool
    tied_high: tuple[tuple[str, str], ...]
    buffer_bytes: int
    baud: int = BAUD

    @property
    def clks_per_bit(self) -> int:
        """The clock cycles of a bit on the serial line."""
        return self.frequency_mhz * 1_000_000 // self.baud

    @property
    def constraint_suffix(self) -> str:
        """The suffix of the constraint file."""
        return {"ecp5": ".lpf", "ice40": ".pcf"}[self.family]

    def top(self, design: Design) -> str:
        """Return the name of the top module."""
        return f"{design.name}_{self.name}"

    def constraint_file(self, design: Design) -> str:
        """Return the name of the constraint file."""
        return self.top(design) + self.constraint_suffix

    def script(self, design: Design) -> str:
        """Return the name of the script that Yosys runs after it has read the sources."""
        return self.top(design) + ".ys"


ULX3S = Board(
    name="ulx3s",
    title="Radiona ULX3S 85F, USB socket US1",
    family="ecp5",
    device="85k",
    package="CABGA381",
    frequency_mhz=25,
    clock="G2",
    uart_rx="M1",
    uart_tx="L4",
    button="D6",
    led_busy="H3",
    led_label=("B2", "C2", "C1", "D2", "D1", "E2", "E1"),
    busy_is_low=False,
    tied_high=(("wifi_gpio0", "L2"),),  # if low, the ESP32 starts and takes control of the board
    buffer_bytes=2048,
)

ICEBREAKER = Board(
    name="icebreaker",
    title="1BitSquared iCEBreaker",
    family="ice40",
    device="up5k",
    package="sg48",
    frequency_mhz=12,
    clock="35",
    uart_rx="6",
    uart_tx="9",
    button="10",
    led_busy="11",
    led_label=("26", "27", "25", "23", "21"),  # on the part that can be snapped off
    busy_is_low=True,
    tied_high=(),
    buffer_bytes=512,
)

BOARDS = {board.name: board for board in (ULX3S, ICEBREAKER)}


def find_board(name: str) -> Board:
    """Return a board by its name.  Raises HardwareError if the name is not known."""
    if name not in BOARDS:
        raise HardwareError(f"board = {name!r}: must be one of {', '.join(BOARDS)}")
    return BOARDS[name]


def board_sources() -> list[Path]:
    """Return the hand-written modules of the boards, sorted by name."""
    folder = Path(str(files("rfssm.hls"))) / "rtl" / "boards"
    return sorted(folder.glob("rfssm_*.sv"))


def write_board(design: Design, board: Board, directory: Path | str) -> None:
    """Write a board's part of a project: its modules, its top, its constraints, Yosys' script.

    directory    made if missing; it does not hold the design itself, which ``write_rtl`` writes.
                 Modules that replace one of the design's are in its subfolder ``FAMILY``
    """
    directory = Path(directory)
    (directory / board.family).mkdir(parents=True, exist_ok=True)
    for source in twins(board.family):
        write_atomically(directory / board.family / source.name, source.read_bytes())
    for source in board_sources():
        write_atomically(directory / source.name, source.read_bytes())
    for name, text in board_files(design, board):
        write_atomically(directory / name, text.encode())


def board_files(design: Design, board: Board) -> Iterator[tuple[str, str]]:
    """Yield the names and texts of the generated files: the top, its constraints, Yosys' script."""
    constraints = {"ecp5": _lpf, "ice40": _pcf}[board.family]
    yield f"{board.top(design)}.sv", _top(design, board)
    yield board.constraint_file(design), constraints(design, board)
    yield board.script(design), yosys.script(board.family, board.top(design))


_TOP = """\
// SPDX-License-Identifier: Apache-2.0
//
// {name} on the board {title}: the IP behind a UART, {frequency} MHz, {baud} baud.
// Generated; the logic is in the rfssm_*.sv modules.
`default_nettype none

module {top} #(
  parameter int CLKS_PER_BIT = {clks_per_bit}
) (
  input  wire logic clk,
  input  wire logic button_n,

  input  wire logic uart_rx,
  output wire logic uart_tx,

{ties}  output wire logic led_busy,
  output wire logic [{label_high}:0] led_label
);
  wire logic rst, aresetn, busy;
  wire logic e_tvalid, e_tready, e_tlast;
  wire logic [31:0] e_tdata;
  wire logic r_tvalid, r_tready, r_tlast;
  wire logic [{tdata_high}:0] r_tdata;

  assign led_busy = {busy};
{tied}
  rfssm_power_on_reset power_on (.clk, .button(!button_n), .rst);

  rfssm_uart_bridge #(
    .CLKS_PER_BIT(CLKS_PER_BIT),
    .BUFFER({buffer}),
    .TDATA_W({tdata_bits}),
    .LABEL_W({label_bits}),
    .IDENTITY(128'h{identity})
  ) bridge (
    .clk, .rst,
    .uart_rx, .uart_tx,
    .m_aresetn(aresetn),
    .m_axis_tvalid(e_tvalid), .m_axis_tready(e_tready),
    .m_axis_tdata(e_tdata), .m_axis_tlast(e_tlast),
    .s_axis_tvalid(r_tvalid), .s_axis_tready(r_tready),
    .s_axis_tdata(r_tdata), .s_axis_tlast(r_tlast),
    .busy, .label(led_label)
  );

  {name}_axis ip (
    .aclk(clk), .aresetn,
    .s_axis_tvalid(e_tvalid), .s_axis_tready(e_tready),
    .s_axis_tdata(e_tdata), .s_axis_tlast(e_tlast),
    .m_axis_tvalid(r_tvalid), .m_axis_tready(r_tready),
    .m_axis_tdata(r_tdata), .m_axis_tlast(r_tlast)
  );
endmodule
`default_nettype wire
"""


def _top(design: Design, board: Board) -> str:
    """Return the text of the top module: reset, bridge and IP."""
    identity = Identity.of(design.network, board.buffer_bytes).encode()
    return _TOP.format(
        name=design.name,
        title=board.title,
        frequency=board.frequency_mhz,
        baud=f"{board.baud:,}",
        top=board.top(design),
        clks_per_bit=board.clks_per_bit,
        ties="".join(f"  output wire logic {port},\n" for port, _ in board.tied_high),
        tied="".join(f"  assign {port} = 1'b1;\n" for port, _ in board.tied_high),
        busy="!busy" if board.busy_is_low else "busy",
        label_high=len(board.led_label) - 1,
        label_bits=len(board.led_label),
        tdata_high=design.tdata_bits - 1,
        tdata_bits=design.tdata_bits,
        buffer=board.buffer_bytes,
        identity=identity[::-1].hex(),
    )


def _pins(board: Board) -> list[tuple[str, str]]:
    """Return the ports and their pins, the clock first."""
    return [
        ("clk", board.clock),
        ("button_n", board.button),
        ("uart_rx", board.uart_rx),
        ("uart_tx", board.uart_tx),
        ("led_busy", board.led_busy),
        *((f"led_label[{i}]", pin) for i, pin in enumerate(board.led_label)),
        *board.tied_high,
    ]


_PULLED_UP = ("button_n", "uart_rx")  # these must not read as low when nothing drives them


def _lpf(design: Design, board: Board) -> str:
    """Return the constraints for nextpnr-ecp5."""
    lines = [
        f"# {board.top(design)}: {board.title}",
        "SYSCONFIG CONFIG_IOVOLTAGE=3.3 COMPRESS_CONFIG=ON;",
        f'FREQUENCY PORT "clk" {board.frequency_mhz} MHZ;',
    ]
    for port, pin in _pins(board):
        pull = "UP" if port in _PULLED_UP else "NONE"
        lines.append(f'LOCATE COMP "{port}" SITE "{pin}";')
        lines.append(f'IOBUF PORT "{port}" PULLMODE={pull} IO_TYPE=LVCMOS33;')
    return "\n".join(lines) + "\n"


def _pcf(design: Design, board: Board) -> str:
    """Return the constraints for nextpnr-ice40."""
    lines = [
        f"# {board.top(design)}: {board.title}",
        f"set_frequency clk {board.frequency_mhz}",
    ]
    for port, pin in _pins(board):
        pull = "-pullup yes " if port in _PULLED_UP else ""
        lines.append(f"set_io {pull}{port} {pin}")
    return "\n".join(lines) + "\n"
