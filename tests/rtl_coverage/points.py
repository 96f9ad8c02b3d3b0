"""What Verilator counts, and how to have it counted."""

from __future__ import annotations

import ctypes
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import simulated_board

from rfssm.hls import toolchain
from rfssm.hls.engines import bulk, verilated

DRIVERS = Path(__file__).with_name("drivers.cpp")
FLAGS = ("--coverage-line", "--coverage-toggle")


@dataclass(frozen=True, order=True)
class Point:
    """Something that Verilator counts.

    kind    ``line`` (a block or branch) or ``toggle`` (a bit that rises, or falls)
    file    of the RTL, without its folder
    what    the signal with bit and edge, or the kind of block
    """

    kind: str
    file: str
    line: int
    column: int
    what: str


def read(path: Path) -> Counter[Point]:
    """Points of a ``coverage.dat``, with their counts; those of all instances together."""
    counts: Counter[Point] = Counter()
    for line in path.read_text(errors="replace").splitlines():
        found = re.fullmatch(r"C '(.*)' (\d+)", line)
        if found is None:
            continue
        fields = dict(part.split("\x02", 1) for part in found[1].split("\x01") if "\x02" in part)
        kind = fields["page"].split("/")[0].removeprefix("v_")
        point = Point(
            "toggle" if kind == "toggle" else "line",
            Path(fields["f"]).name,
            int(fields["l"]),
            int(fields["n"]),
            fields["o"],
        )
        counts[point] += int(found[2])
    return counts


@contextmanager
def counting(folder: Path) -> Iterator[None]:
    """Every run of the Verilator engine and of a simulated board leaves a file in the folder."""
    engine = Path(verilated.driver())
    board = simulated_board.DRIVER
    root = toolchain.verilator_root()
    assert root is not None
    runtime = [*toolchain.verilator_runtime(), root / "include" / "verilated_cov.cpp"]
    with (
        patch.object(toolchain, "verilator_runtime", lambda: runtime),
        patch.object(verilated, "VERILATOR_FLAGS", (*verilated.VERILATOR_FLAGS, *FLAGS)),
        patch.object(verilated, "GXX_FLAGS", _flags(verilated.GXX_FLAGS, engine, "Simulation")),
        patch.object(verilated, "driver", lambda: DRIVERS),
        _told(bulk.Circuit, folder),
        patch.object(simulated_board, "_VERILATOR", (*simulated_board._VERILATOR, *FLAGS)),
        patch.object(simulated_board, "_GXX", _flags(simulated_board._GXX, board, "Board")),
        patch.object(simulated_board, "DRIVER", DRIVERS),
        _told(simulated_board.SimulatedBoard, folder),
    ):
        yield


def _flags(flags: tuple[str, ...], driver: Path, circuit: str) -> tuple[str, ...]:
    counted = ("-DVM_COVERAGE=1" if flag == "-DVM_COVERAGE=0" else flag for flag in flags)
    return (*counted, f'-DDRIVER="{driver}"', f"-DCIRCUIT={circuit}")


def _told(circuit: type[Any], folder: Path) -> Any:
    """Write the counts before a circuit is freed."""
    leave: Callable[..., None] = circuit.__exit__

    def leave_with_counts(self: Any, *error: Any) -> None:
        path = folder / f"{uuid.uuid4()}.dat"
        self._library.write_coverage(self._handle, ctypes.c_char_p(str(path).encode()))
        leave(self, *error)

    return patch.object(circuit, "__exit__", leave_with_counts)
