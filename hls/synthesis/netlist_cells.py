"""The cells of a netlist, counted by kind and by the module of the source that they come from.

Synthesis flattens a design, or it could not optimise across modules.  A cell's module is found
again like this, and every cell belongs to exactly one:

registers, memories, multipliers    by the source file that Yosys leaves on a cell, and the instance
                                    of that file's module nearest to the names of the cell's signals
look-up tables, carries, muxes      go where most of the cells that they feed are; those that still
                                    know their source file, to one of its instances

So registers, memories and multipliers are counted exactly; logic that two modules share is counted
where most of it goes.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rfssm.cache import cached
from rfssm.hls.synthesis.yosys import Netlist

_KINDS = {
    "lut": r"LUT\d|SB_LUT4|INV|LUT6_2",
    "mux": r"PFUMX|L6MUX21|MUXF[789]",
    "carry": r"CCU2C|SB_CARRY|CARRY[48]",
    "ff": r"TRELLIS_FF|SB_DFF\w*|FD[RSCP]E(_1)?",
    "dsp": r"MULT18X18D|ALU54B|SB_MAC16|DSP48E[12]",
    "block_ram": r"DP16KD|PDPW16KD|SB_RAM40_4K\w*|RAMB(18|36)E[12]",
    "lut_ram": r"TRELLIS_DPR16X4|RAM\d+[MX]\w*|SRL16E|SRLC32E",
}
_LOGIC = ("lut", "mux", "carry")
_OUTPUTS = ("output", "inout")
# modules that have a row of their own; what they instantiate counts as theirs
_ROWS = (
    *("rfssm_layer", "rfssm_synapse", "rfssm_cells", "rfssm_encoder", "rfssm_skip"),
    *("rfssm_readout", "rfssm_axis_in", "rfssm_dense", "rfssm_axis_out"),
)
# every hand-written module lies in a file of its name; a network's own may begin like them
_HAND_WRITTEN = frozenset(file.stem for file in (Path(__file__).parents[1] / "rtl").rglob("*.sv"))
TOP = "top"
"""Row of what lies in no module: the wires between them."""

Place = tuple[str, ...]
"""Instance names from the top down."""


@dataclass(frozen=True)
class Cells:
    """How many cells of each kind; which type of cell a kind is depends on the family.

    lut          look-up tables (iCE40, ECP5: 4 inputs; Xilinx: up to 6, and inverters)
    mux          multiplexers that join two look-up tables
    carry        ECP5: two bits each; iCE40: one; Xilinx: four
    ff           flip-flops
    dsp          multiplier blocks
    block_ram    ECP5: 18 kbit each; iCE40: 4; Xilinx: 18 or 36
    lut_ram      memories made of look-up tables; iCE40 has none
    other        clock buffers and whatever else
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
    """An array of the source and what became of it.

    kind     ``block_ram``, ``lut_ram``, or ``logic`` for registers or look-up tables
    cells    of that kind; 0 for ``logic``
    """

    module: str
    name: str
    words: int
    width: int
    kind: str
    cells: int

    @property
    def bits(self) -> int:
        """Size as the source declares it."""
        return self.words * self.width


@dataclass(frozen=True)
class CellReport:
    """What a netlist is made of.

    modules    cells of each module, by instance, from input to output
    types      cells of each type of the family's library
    """

    modules: Mapping[str, Cells]
    types: Mapping[str, int]
    memories: tuple[Memory, ...]

    @property
    def total(self) -> Cells:
        """All cells."""
        return sum(self.modules.values(), Cells())

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "total": asdict(self.total),
            "modules": {name: asdict(cells) for name, cells in self.modules.items()},
            "types": dict(self.types),
            "memories": [asdict(memory) | {"bits": memory.bits} for memory in self.memories],
        }


def report(netlist: Netlist) -> CellReport:
    """Count a netlist's cells; found in the cache if done before."""

    def build(folder: Path) -> None:
        (folder / "cells.json").write_text(json.dumps(_count(netlist.folder).to_json()))

    key: list[str | bytes] = [netlist.folder.name, Path(__file__).read_bytes()]
    data = json.loads((cached("cells", key, build) / "cells.json").read_text())
    return CellReport(
        modules={name: Cells(**cells) for name, cells in data["modules"].items()},
        types=data["types"],
        memories=tuple(
            Memory(**{k: v for k, v in memory.items() if k != "bits"})
            for memory in data["memories"]
        ),
    )


def kind_of(cell_type: str) -> str:
    """The field of ``Cells`` that counts a type of cell."""
    for kind, pattern in _KINDS.items():
        if re.fullmatch(pattern, cell_type):
            return kind
    return "other"


def module_of(signal: str, modules: Iterable[str]) -> tuple[str, str]:
    """The module that a flattened name lies in, among the given ones, and the name within it."""
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
    placed = _Placement(top)
    modules: dict[str, Counter[str]] = defaultdict(Counter)
    types: Counter[str] = Counter()
    for name, cell in _real_cells(top):
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


def _real_cells(top: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((n, cell) for n, cell in top["cells"].items() if not cell["type"].startswith("$"))


_MEMORY = re.compile(r"^  memory (?:width (\d+) )?size (\d+) \\(\S+)$", re.MULTILINE)


def _memories(folder: Path, top: Mapping[str, Any], placed: _Placement) -> Iterator[Memory]:
    """The arrays of the elaborated design; cells of a memory bear its name and two numbers."""
    used: Counter[tuple[str, str]] = Counter()
    for name, cell in _real_cells(top):
        kind = kind_of(cell["type"])
        if kind in ("block_ram", "lut_ram"):
            used[re.sub(r"\.\d+\.\d+$", "", name), kind] += 1
    for width, words, name in _MEMORY.findall(_elaborated(folder)):
        kind = max(("block_ram", "lut_ram"), key=lambda kind: used[name, kind])
        cells = used[name, kind]
        row, within = placed.row_of(placed.scope(name)), name.split(".")
        within = [word for word in within if not word.startswith("g_")]
        within = within[within.index(row.split(".")[-1]) + 1 :] if row != TOP else within
        known_as = ".".join(within).removesuffix(".rom")
        kind = kind if cells else "logic"
        yield Memory(row, known_as, int(words), int(width or 1), kind, cells)


def _elaborated(folder: Path) -> str:
    """The flattened top before synthesis; cells of the family's library stand beside it."""
    text = (folder / "elaborated.il").read_text()
    begin = text.index("\nmodule ", text.index("attribute \\top 1"))
    return text[begin : text.index("\nend\n", begin)]


# -- where a cell belongs --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scope:
    """An instance in the source."""

    place: Place
    module: str
    file: str


class _Placement:
    """Finds the scope of each cell of a flattened module."""

    def __init__(self, top: Mapping[str, Any]) -> None:
        self._cells = dict(_real_cells(top))
        self._scopes = {".".join(scope.place): scope for scope in _scopes(top)}
        self._of_file: dict[str, list[_Scope]] = defaultdict(list)
        for scope in self._scopes.values():
            self._of_file[scope.file].append(scope)
        self._names: dict[int, list[str]] = defaultdict(list)
        for name, net in top["netnames"].items():
            if not net["hide_name"]:
                for bit in net["bits"]:
                    self._names[bit].append(name)
        self._drives: dict[int, str] = {}
        self._feeds: dict[int, list[str]] = defaultdict(list)
        for name, cell in self._cells.items():
            for bit in _bits(cell, output=True):
                self._drives[bit] = name
            for bit in _bits(cell, output=False):
                self._feeds[bit].append(name)
        self._placed: dict[str, Place] = {}
        self._place_hard_cells()
        self._place_logic()

    def row(self, cell: str) -> str:
        """Row of a cell."""
        return self.row_of(self._placed[cell])

    def row_of(self, place: Place) -> str:
        """Row of a place: the nearest module around it that has one."""
        named = [i for i in range(len(place)) if not self._generated(place[: i + 1])]
        for i in reversed(named):
            if self._scopes[".".join(place[: i + 1])].module in _ROWS:
                return ".".join(_plain(place[j]) for j in named if j <= i)
        return _plain(place[named[0]]) if named else TOP

    def scope(self, name: str) -> Place:
        """The innermost scope that a flattened name lies in."""
        words = name.split(".")
        for length in range(len(words) - 1, 0, -1):
            scope = self._scopes.get(".".join(words[:length]))
            if scope is not None:
                return scope.place
        return ()

    def _generated(self, place: Place) -> bool:
        scope = self._scopes.get(".".join(place))
        return scope is None or scope.module not in _HAND_WRITTEN

    def _place_hard_cells(self) -> None:
        """Registers, memories, multipliers.

        Of the instances that a cell's file has, the one that a name of its signals lies in; a
        signal that is known by other names only leads back to one through what it is computed from.
        """
        led_back: dict[str, tuple[list[Place], list[Place]]] = {}
        for name, cell in self._cells.items():
            if kind_of(cell["type"]) in _LOGIC:
                continue
            known = [self.scope(alias) for alias in self._aliases(name, cell)]
            candidates = [scope.place for scope in self._candidates(cell)]
            inside = [c for c in candidates if any(place[: len(c)] == c for place in known)]
            if inside or not candidates:
                self._placed[name] = max(inside or known, key=len, default=())
            else:
                led_back[name] = candidates, known
        for name, (candidates, known) in led_back.items():
            place = self._upstream(name, candidates)
            self._placed[name] = place or self._nearest(candidates, known)

    def _aliases(self, name: str, cell: Mapping[str, Any]) -> list[str]:
        own = [] if cell["hide_name"] else [name]
        return own + [a for bit in _bits(cell, output=True) for a in self._names.get(bit, ())]

    def _candidates(self, cell: Mapping[str, Any]) -> list[_Scope]:
        """All instances of the modules whose files a cell comes from."""
        sources = re.findall(r"([\w.]+\.sv):", cell["attributes"].get("src", ""))
        return [scope for file in dict.fromkeys(sources) for scope in self._of_file[file]]

    @staticmethod
    def _nearest(candidates: Sequence[Place], known: Sequence[Place]) -> Place:
        """The candidate that shares the longest way from the top with a known place."""
        return max(candidates, key=lambda c: max((_shared(c, k) for k in known), default=0))

    def _upstream(self, name: str, places: list[Place]) -> Place | None:
        """Of some places the first that is met on the way back through what computes a cell."""
        seen, front = {name}, [name]
        while front:
            inputs = dict.fromkeys(
                self._drives[bit]
                for cell in front
                for bit in _bits(self._cells[cell], output=False)
                if bit in self._drives
            )
            front = [cell for cell in inputs if cell not in seen]
            seen |= set(front)
            for cell in front:
                for place in places:
                    if self._placed.get(cell, ())[: len(place)] == place:
                        return place
        return None

    def _place_logic(self) -> None:
        """Look-up tables, carries and muxes go where what they feed is."""
        for name in self._sinks_first():
            cell = self._cells[name]
            votes = Counter(
                self._placed[sink]
                for bit in _bits(cell, output=True)
                for sink in self._feeds.get(bit, ())
                if sink in self._placed
            )
            known = [place for place, _ in votes.most_common(1)]
            known = known or [self.scope(alias) for alias in self._aliases(name, cell)]
            candidates = [scope.place for scope in self._candidates(cell)]
            self._placed[name] = (
                self._nearest(candidates, known) if candidates else max(known, key=len, default=())
            )

    def _sinks_first(self) -> Iterator[str]:
        """Cells that have no place yet, each after all that it feeds (a loop is cut anywhere)."""
        done = set(self._placed)
        for start in self._cells:
            stack = [start]
            entered = set()
            while stack:
                name = stack[-1]
                if name in done:
                    stack.pop()
                    continue
                waiting = [
                    sink
                    for bit in _bits(self._cells[name], output=True)
                    for sink in self._feeds.get(bit, ())
                    if sink not in done and sink not in entered
                ]
                if name in entered or not waiting:
                    stack.pop()
                    done.add(name)
                    yield name
                else:
                    entered.add(name)
                    stack.extend(waiting)


def _scopes(top: Mapping[str, Any]) -> Iterator[_Scope]:
    for name, cell in top["cells"].items():
        if cell["type"] == "$scopeinfo":
            attributes = cell["attributes"]
            place = tuple(attributes.get("hdlname", name).split(" "))
            file = attributes.get("module_src", "").split(":")[0]
            yield _Scope(place, attributes.get("module_hdlname", ""), file)


def _bits(cell: Mapping[str, Any], *, output: bool) -> Iterator[int]:
    """Nets of a cell's outputs or inputs; a constant is no net."""
    for port, bits in cell["connections"].items():
        if (cell["port_directions"][port] in _OUTPUTS) == output:
            yield from (bit for bit in bits if isinstance(bit, int))


def _shared(a: Place, b: Place) -> int:
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return i
    return min(len(a), len(b))


def _plain(instance: str) -> str:
    """An instance's name without the generate blocks around it."""
    return instance.rsplit(".", 1)[-1]


_FLOW = ("source", "layer", "readout", "sink")


def _flow(row: str) -> tuple[object, ...]:
    """Sorts rows as events pass through them; what is no module of the network comes last."""
    stage = next((i for i, name in enumerate(_FLOW) if row.startswith(name)), len(_FLOW))
    return stage, [int(word) if word.isdigit() else 0 for word in re.split(r"(\d+)", row)], row
