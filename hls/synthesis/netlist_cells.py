"""Count the cells of a netlist by kind and by the module of the source that they come from.

Every cell belongs to exactly one module, see ``placement``: registers, memories and multipliers
are counted exactly; logic that two modules share counts for the module that uses most of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rfssm.cache import cached
from rfssm.hls.synthesis import cell_kinds, placement
from rfssm.hls.synthesis.cell_kinds import kind_of, real_cells
from rfssm.hls.synthesis.placement import TOP, Placement
from rfssm.hls.synthesis.yosys import Netlist

__all__ = ["TOP", "CellReport", "Cells", "Memory", "kind_of", "module_of", "report"]


@dataclass(frozen=True)
class Cells:
    """The number of cells of each kind, whose types depend on the family.

    lut          look-up tables (iCE40, ECP5: 4 inputs; Xilinx: up to 6, and inverters)
    mux          multiplexers that join two look-up tables
    carry        carry cells of two bits each on an ECP5, one on an iCE40, four on Xilinx
    ff           flip-flops
    dsp          multiplier blocks
    block_ram    block memories of 18 kbit each on an ECP5, 4 on an iCE40, 18 or 36 on Xilinx
    lut_ram      memories made of look-up tables, which an iCE40 does not have
    other        all other cells, as clock buffers
    """

    lut: int = 0
    mux: int = 0
    carry: int = 0
    ff: int = 0
    dsp: int = 0
    block_ram: int = 0
    lut_ram: int = 0
    other: int = 0

    def __add__(self, other: Cells) -> Cells:
        return Cells(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Cells)))


@dataclass(frozen=True)
class Memory:
    """An array of the source and the cells that it is mapped to.

    kind     ``block_ram``, ``lut_ram``, or ``logic`` for registers or look-up tables
    cells    number of cells of that kind; 0 for ``logic``
    """

    module: str
    name: str
    words: int
    width: int
    kind: str
    cells: int

    @property
    def bits(self) -> int:
        """The size in bits as the source declares it."""
        return self.words * self.width


@dataclass(frozen=True)
class CellReport:
    """The cells of a netlist.

    modules    cells of each module, by instance, from input to output
    types      cells of each type of the family's library
    """

    modules: Mapping[str, Cells]
    types: Mapping[str, int]
    memories: tuple[Memory, ...]

    @property
    def total(self) -> Cells:
        """The cells of all modules."""
        return sum(self.modules.values(), Cells())

    def to_json(self) -> dict[str, Any]:
        """Return the report in plain JSON values."""
        return {
            "total": asdict(self.total),
            "modules": {name: asdict(cells) for name, cells in self.modules.items()},
            "types": dict(self.types),
            "memories": [asdict(memory) | {"bits": memory.bits} for memory in self.memories],
        }


def report(netlist: Netlist) -> CellReport:
    """Count a netlist's cells, or take the counts from the cache."""

    def build(folder: Path) -> None:
        (folder / "cells.json").write_text(json.dumps(_count(netlist.folder).to_json()))

    code = (Path(file) for file in (__file__, cell_kinds.__file__, placement.__file__))
    key: list[str | bytes] = [netlist.folder.name, *(file.read_bytes() for file in code)]
    data = json.loads((cached("cells", key, build) / "cells.json").read_text())
    return CellReport(
        modules={name: Cells(**cells) for name, cells in data["modules"].items()},
        types=data["types"],
        memories=tuple(
            Memory(**{k: v for k, v in memory.items() if k != "bits"})
            for memory in data["memories"]
        ),
    )


def module_of(signal: str, modules: Iterable[str]) -> tuple[str, str]:
    """Return the one of some modules that holds a flattened name, and the name within it."""
    words = signal.split(".")
    found: tuple[str, str] = (TOP, signal)
    for at in range(len(words)):
        for end in range(at + 1, len(words)):
            name = ".".join(word for word in words[at:end] if not word.startswith("g_"))
            if name in modules and (found[0] == TOP or len(name) > len(found[0])):
                found = name, ".".join(words[end:])
    return found


def _count(folder: Path) -> CellReport:
    top = _top(json.loads((folder / "netlist.json").read_text()))
    placed = Placement(top)
    modules: dict[str, Counter[str]] = defaultdict(Counter)
    types: Counter[str] = Counter()
    for name, cell in real_cells(top):
        modules[placed.row(name)][kind_of(cell["type"])] += 1
        types[cell["type"]] += 1
    return CellReport(
        modules={row: Cells(**modules[row]) for row in sorted(modules, key=_flow)},
        types=dict(sorted(types.items())),
        memories=tuple(
            sorted(_memories(folder, top, placed), key=lambda m: (_flow(m.module), m.name))
        ),
    )


def _top(netlist: dict[str, Any]) -> dict[str, Any]:
    (top,) = (m for m in netlist["modules"].values() if "top" in m["attributes"])
    assert isinstance(top, dict)
    return top


_MEMORY = re.compile(r"^  memory (?:width (\d+) )?size (\d+) \\(\S+)$", re.MULTILINE)


def _memories(folder: Path, top: Mapping[str, Any], placed: Placement) -> Iterator[Memory]:
    """Yield the arrays of the elaborated design; a memory's cells have its name and two numbers."""
    used: Counter[tuple[str, str]] = Counter()
    for name, cell in real_cells(top):
        kind = kind_of(cell["type"])
        if kind in ("block_ram", "lut_ram"):
            used[re.sub(r"\.\d+\.\d+$", "", name), kind] += 1
    for width, words, name in _MEMORY.findall(_elaborated(folder)):
        kind = max(("block_ram", "lut_ram"), key=lambda kind: used[name, kind])
        cells = used[name, kind]
        row, within = placed.scopes.row_of(placed.scopes.around(name)), name.split(".")
        within = [word for word in within if not word.startswith("g_")]
        within = within[within.index(row.split(".")[-1]) + 1 :] if row != TOP else within
        known_as = ".".join(within).removesuffix(".rom")
        kind = kind if cells else "logic"
        yield Memory(row, known_as, int(words), int(width or 1), kind, cells)


def _elaborated(folder: Path) -> str:
    """Return the flattened top before synthesis, without the cells of the family's library."""
    text = (folder / "elaborated.il").read_text()
    begin = text.index("\nmodule ", text.index("attribute \\top 1"))
    return text[begin : text.index("\nend\n", begin)]


_FLOW = ("source", "layer", "readout", "sink")


def _flow(row: str) -> tuple[object, ...]:
    """Return a key that sorts rows as events pass through them, other modules last."""
    stage = next((i for i, name in enumerate(_FLOW) if row.startswith(name)), len(_FLOW))
    return stage, [int(word) if word.isdigit() else 0 for word in re.split(r"(\d+)", row)], row
