"""Simulate an emitted board in Verilator behind a serial port, for the host driver."""

from __future__ import annotations

import ctypes
import os
import random
import threading
import tty
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from rfssm.cache import cached
from rfssm.hls import toolchain
from rfssm.hls.boards.boards import Board, board_files, board_sources, write_board
from rfssm.hls.design import Design, LaneChoice
from rfssm.hls.emit.project import design_files, rtl_sources, write_rtl
from rfssm.quant.network import IntegerNetwork

DRIVER = Path(__file__).parent / "simulated_board.cpp"
NO_STOP = 0x100  # added to a byte: its stop bit is missing
_VERILATOR = ("--cc", "--prefix", "Vboard", "--no-timing", "-Wno-lint", "-Wno-style",
              "--x-assign", "unique", "--x-initial", "unique")  # fmt: skip
_GXX = ("-std=gnu++17", "-fPIC", "-shared", "-O1",
        "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE=0")  # fmt: skip

Damage = Callable[[bytes], Sequence[int]]


def untouched(data: bytes) -> Sequence[int]:
    return data


class SimulatedBoard:
    """A serial port (``rfssm.hls.boards.host.Port``) with an emitted top at its other end.

    off        relative excess of the length of the line's bits over that of the board's
    seconds    simulated time without a byte after which a read gives up
    to_board, to_host    functions that change bytes on their way
    """

    def __init__(
        self,
        network: IntegerNetwork,
        board: Board,
        *,
        lanes: LaneChoice | None = None,
        off: float = 0,
        seconds: float = 0.01,
        seed: int = 1,
    ) -> None:
        self.board = board
        self.to_board: Damage = untouched
        self.to_host: Damage = untouched
        self.sent = 0
        folder = _build(Design.of(network, lanes), board, lanes)
        self._library = ctypes.CDLL(str(folder / "board.so"))
        self._library.board_new.restype = ctypes.c_void_p
        for name in ("board_run", "board_waiting", "board_broken"):
            getattr(self._library, name).restype = ctypes.c_int64
        bit = round(board.clks_per_bit * (1 + off) * (1 << 16))
        self._patience = ctypes.c_int64(round(seconds * board.frequency_mhz * 1e6))
        self._handle = ctypes.c_void_p(
            self._library.board_new(str(folder).encode(), ctypes.c_int64(bit), seed)
        )
        assert self._handle, folder
        self.wait(2000)  # reset after power-on

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._library.board_free(self._handle)

    # -- a serial port -----------------------------------------------------------------------------

    @property
    def in_waiting(self) -> int:
        return int(self._library.board_waiting(self._handle))

    def read(self, size: int = 1, /) -> bytes:
        ready = self._library.board_run(self._handle, ctypes.c_int64(size), self._patience)
        return bytes(self.to_host(self._take(min(size, ready))))

    def write(self, data: bytes, /) -> int:
        symbols = np.array(list(self.to_board(bytes(data))), dtype=np.uint16)
        self._library.board_send(
            self._handle, ctypes.c_void_p(symbols.ctypes.data), ctypes.c_int64(len(symbols))
        )
        self.sent += 1
        return len(data)

    def reset_input_buffer(self) -> None:
        self._take(self.in_waiting)

    def close(self) -> None:
        """Do nothing: the host closes its port, the board remains."""

    # -- the user's side ---------------------------------------------------------------------------

    def wait(self, cycles: int) -> None:
        """Let time pass; bytes that the board sends meanwhile can be read later."""
        self._library.board_run(self._handle, ctypes.c_int64(1 << 62), ctypes.c_int64(cycles))

    def press(self) -> None:
        """Press the button for a moment."""
        self._library.board_button(self._handle, 1)
        self._library.board_run(self._handle, ctypes.c_int64(0), ctypes.c_int64(0))
        self.wait(100)
        self._library.board_button(self._handle, 0)

    @property
    def busy(self) -> bool:
        """Whether the LED is on."""
        return bool(self._library.board_led_busy(self._handle)) != self.board.busy_is_low

    @property
    def label(self) -> int:
        """The number that the label's LEDs show."""
        return int(self._library.board_led_label(self._handle))

    @property
    def broken(self) -> int:
        """The number of bytes from the board without a proper start or stop bit."""
        return int(self._library.board_broken(self._handle))

    def _take(self, count: int) -> bytes:
        data = ctypes.create_string_buffer(max(1, count))
        self._library.board_take(self._handle, data, ctypes.c_int64(count))
        return data.raw[:count]


class Noise:
    """A function that damages a share of bytes: flips, drops, doubles, insertions, no stop bit."""

    def __init__(self, seed: int, share: float, *, stop_bits: bool) -> None:
        self._rng, self._share = random.Random(seed), share
        self._kinds = ["flip", "drop", "double", "strange"] + ["stop"] * stop_bits
        self.count = 0

    def __call__(self, data: bytes) -> Sequence[int]:
        out: list[int] = []
        for byte in data:
            if self._rng.random() >= self._share:
                out.append(byte)
                continue
            self.count += 1
            kind = self._rng.choice(self._kinds)
            out += {
                "flip": [byte ^ 1 << self._rng.randrange(8)],
                "drop": [],
                "double": [byte, byte],
                "strange": [byte, self._rng.getrandbits(8)],
                "stop": [byte | NO_STOP],
            }[kind]
        return out


class PseudoTerminal:
    """A pseudo-terminal connected to a board in both directions; ``with`` yields its name."""

    def __init__(self, board: SimulatedBoard) -> None:
        self._board = board
        self._stop = threading.Event()

    def __enter__(self) -> str:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._thread = threading.Thread(target=self._pump)
        self._thread.start()
        return os.ttyname(self._slave)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def _pump(self) -> None:
        while not self._stop.is_set():
            try:
                self._board.write(os.read(self._master, 4096))
            except BlockingIOError:
                self._board.wait(200)
            if self._board.in_waiting:
                os.write(self._master, self._board.read(self._board.in_waiting))


def _build(design: Design, board: Board, lanes: LaneChoice | None) -> Path:
    """Return the folder with ``board.so`` and the memory files."""

    def build(folder: Path) -> None:
        write_rtl(design.network, folder, lanes)
        write_board(design, board, folder)
        sources = sorted(path.name for path in folder.glob("*.sv"))
        top = board.top(design)
        toolchain.verilate([*_VERILATOR, "--top-module", top, "-Mdir", "obj", *sources], cwd=folder)
        generated = sorted((folder / "obj").glob("Vboard*.cpp"))
        includes = "".join(f'#include "{path.name}"\n' for path in generated)
        (folder / "obj" / "all.cpp").write_text(f'{includes}#include "{DRIVER}"\n')
        command = [toolchain.gxx(), *_GXX, *toolchain.verilator_includes(), "-Iobj", "obj/all.cpp"]
        runtime = [*toolchain.verilator_runtime(), "-o", "board.so", "-lpthread"]
        toolchain.run_tool([*command, *runtime], cwd=folder)

    key: list[str | bytes] = [
        *(part for file in design_files(design) for part in file),
        *(source.read_bytes() for source in [*rtl_sources(), *board_sources(), DRIVER]),
        *(part for file in board_files(design, board) for part in file),
        *(_VERILATOR + _GXX),
        toolchain.verilator_version(),
        toolchain.gxx_version(),
    ]
    return cached("board", key, build)
