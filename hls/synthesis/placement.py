"""Find the instance of the source from which each cell of a flattened netlist comes.

Synthesis flattens a design to optimise across modules.  ``Scopes`` holds the instances of the
source, ``Wiring`` the cells of the netlist; ``place_registers`` combines them with certainty,
``place_logic`` by a guess.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rfssm.hls.synthesis.cell_kinds import LOGIC, kind_of, real_cells

# modules that have their own row, in which the modules that they instantiate are counted
_ROWS = (
    *("rfssm_layer", "rfssm_synapse", "rfssm_cells", "rfssm_encoder", "rfssm_skip"),
    *("rfssm_readout", "rfssm_axis_in", "rfssm_dense", "rfssm_axis_out"),
)
# every hand-written module is in a file of its name; a network's own names may begin like these
_HAND_WRITTEN = frozenset(file.stem for file in (Path(__file__).parents[1] / "rtl").rglob("*.sv"))
_OUTPUTS = ("output", "inout")
TOP = "top"
"""The row of the wires between the modules."""

Place = tuple[str, ...]
"""The names of nested instances, from the top down."""


class Placement:
    """The place of each cell of a flattened module."""

    def __init__(self, top: Mapping[str, Any]) -> None:
        self.scopes, wiring = Scopes(top), Wiring(top)
        registers = place_registers(self.scopes, wiring)
        self._places = place_logic(self.scopes, wiring, registers)

    def row(self, cell: str) -> str:
        """Return the row of a cell."""
        return self.scopes.row_of(self._places[cell])


# -- what is known ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scope:
    """An instance in the source."""

    place: Place
    module: str
    file: str


class Scopes:
    """The instances of the source, each of which has a note of Yosys in the netlist."""

    def __init__(self, top: Mapping[str, Any]) -> None:
        self._scopes: dict[str, _Scope] = {}
        self._of_file: dict[str, list[Place]] = defaultdict(list)
        for name, cell in top["cells"].items():
            if cell["type"] == "$scopeinfo":
                attributes = cell["attributes"]
                place = tuple(attributes.get("hdlname", name).split(" "))
                file = attributes.get("module_src", "").split(":")[0]
                scope = _Scope(place, attributes.get("module_hdlname", ""), file)
                self._scopes[".".join(place)] = scope
        for scope in self._scopes.values():
            self._of_file[scope.file].append(scope.place)
        self._parents = {scope.place[:-1] for scope in self._scopes.values()}

    def around(self, name: str) -> Place:
        """Return the innermost instance that holds a flattened name."""
        words = name.split(".")
        for length in range(len(words) - 1, 0, -1):
            scope = self._scopes.get(".".join(words[:length]))
            if scope is not None:
                return scope.place
        return ()

    def candidates(self, cell: Mapping[str, Any]) -> list[Place]:
        """Return all instances of the modules from whose files a cell comes."""
        sources = re.findall(r"([\w.]+\.sv):", cell["attributes"].get("src", ""))
        return [place for file in dict.fromkeys(sources) for place in self._of_file[file]]

    def holds_no_instance(self, place: Place) -> bool:
        """Return whether an instance, or the top, holds no other instance."""
        return place not in self._parents

    def in_rows_of(self, known: list[Place], places: list[Place]) -> list[Place]:
        """Return the places that share a row with a known place, or all if none does."""
        rows = {self.row_of(place) for place in known}
        return [place for place in places if self.row_of(place) in rows] or places

    def row_of(self, place: Place) -> str:
        """Return the row of a place: that of the nearest module around it with a row."""
        named = [i for i in range(len(place)) if not self._generated(place[: i + 1])]
        for i in reversed(named):
            if self._scopes[".".join(place[: i + 1])].module in _ROWS:
                return ".".join(_plain(place[j]) for j in named if j <= i)
        return _plain(place[named[0]]) if named else TOP

    def _generated(self, place: Place) -> bool:
        scope = self._scopes.get(".".join(place))
        return scope is None or scope.module not in _HAND_WRITTEN


class Wiring:
    """The cells of a netlist and their connections."""

    def __init__(self, top: Mapping[str, Any]) -> None:
        self.cells = dict(real_cells(top))
        self._names: dict[int, list[str]] = defaultdict(list)
        for name, net in top["netnames"].items():
            if not net["hide_name"]:
                for bit in net["bits"]:
                    self._names[bit].append(name)
        self._drives: dict[int, str] = {}
        self._feeds: dict[int, list[str]] = defaultdict(list)
        for name in self.cells:
            for bit in self._bits(name, output=True):
                self._drives[bit] = name
            for bit in self._bits(name, output=False):
                self._feeds[bit].append(name)

    def sources(self, name: str) -> list[str]:
        """Return the cells that drive a cell's inputs."""
        bits = self._bits(name, output=False)
        return [self._drives[bit] for bit in bits if bit in self._drives]

    def sinks(self, name: str) -> list[str]:
        """Return the cells that a cell feeds, once for each of their pins."""
        bits = self._bits(name, output=True)
        return [sink for bit in bits for sink in self._feeds.get(bit, ())]

    def aliases(self, name: str) -> list[str]:
        """Return the public names of a cell and of its outputs."""
        own = [] if self.cells[name]["hide_name"] else [name]
        bits = self._bits(name, output=True)
        return own + [alias for bit in bits for alias in self._names.get(bit, ())]

    def _bits(self, name: str, *, output: bool) -> Iterator[int]:
        """Yield the nets of a cell's outputs or inputs, without constants."""
        cell = self.cells[name]
        for port, bits in cell["connections"].items():
            if (cell["port_directions"][port] in _OUTPUTS) == output:
                yield from (bit for bit in bits if isinstance(bit, int))


# -- what follows from it --------------------------------------------------------------------------


def place_registers(scopes: Scopes, wiring: Wiring) -> dict[str, Place]:
    """Return the places of registers, memories, multipliers and other non-logic with certainty.

    Yosys keeps the source file of such a cell.  Its place is the one of the instances of the file's
    module that holds a name of the cell's signals.  If none does, the place is the first of these
    instances that is found upstream, among the cells that compute the cell's inputs; instances in
    the row of one of the cell's names go first.  If Yosys has lost the file, the cell has the place
    of the first cell upstream that lies in an instance with a name of the cell's signals.
    """
    places: dict[str, Place] = {}
    fileless: dict[str, list[Place]] = {}
    nameless: dict[str, tuple[list[Place], list[Place]]] = {}
    for name, cell in wiring.cells.items():
        if kind_of(cell["type"]) in LOGIC:
            continue
        known = [scopes.around(alias) for alias in wiring.aliases(name)]
        candidates = scopes.candidates(cell)
        inside = [c for c in candidates if any(_is_in(place, c) for place in known)]
        if inside:
            places[name] = max(inside, key=len)
        elif candidates:
            nameless[name] = scopes.in_rows_of(known, candidates), known
        elif len(set(known)) == 1 and scopes.holds_no_instance(known[0]):
            places[name] = known[0]
        else:
            fileless[name] = known
    for name, known in fileless.items():
        place = _first_upstream(wiring, places, name, known)
        places[name] = place or max(known, key=len, default=())
    for name, (candidates, known) in nameless.items():
        found = _first_upstream(wiring, places, name, candidates)
        held = [c for c in candidates if _is_in(found, c)]
        places[name] = held[0] if held else _nearest(candidates, known)
    return places


def place_logic(scopes: Scopes, wiring: Wiring, registers: Mapping[str, Place]) -> dict[str, Place]:
    """Return all places: a look-up table, carry or mux is placed with most of the cells it feeds.

    This is a guess where modules share logic; cells with a known source file are placed in one of
    its instances.
    """
    places = dict(registers)
    for name in _sinks_first(wiring, set(registers)):
        votes = Counter(places[sink] for sink in wiring.sinks(name) if sink in places)
        known = [place for place, _ in votes.most_common(1)]
        known = known or [scopes.around(alias) for alias in wiring.aliases(name)]
        candidates = scopes.candidates(wiring.cells[name])
        places[name] = (
            _nearest(candidates, known) if candidates else max(known, key=len, default=())
        )
    return places


def _first_upstream(
    wiring: Wiring, places: Mapping[str, Place], name: str, wanted: Sequence[Place]
) -> Place:
    """Return the place of the first cell upstream in one of some instances, or ()."""
    seen, front = {name}, [name]
    while front:
        inputs = dict.fromkeys(source for cell in front for source in wiring.sources(cell))
        front = [cell for cell in inputs if cell not in seen]
        seen |= set(front)
        for cell in front:
            if any(place and _is_in(places.get(cell, ()), place) for place in wanted):
                return places[cell]
    return ()


def _is_in(place: Place, instance: Place) -> bool:
    """Whether a place is an instance or lies in it."""
    return place[: len(instance)] == instance


def _nearest(candidates: Sequence[Place], known: Sequence[Place]) -> Place:
    """Return the candidate that shares the longest path from the top with a known place."""
    return max(candidates, key=lambda c: max((_shared(c, k) for k in known), default=0))


def _shared(a: Place, b: Place) -> int:
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return i
    return min(len(a), len(b))


def _sinks_first(wiring: Wiring, done: set[str]) -> Iterator[str]:
    """Yield the cells that are not done, each after all that it feeds (loops are cut anywhere)."""
    for start in wiring.cells:
        stack = [start]
        entered = set()
        while stack:
            name = stack[-1]
            if name in done:
                stack.pop()
                continue
            waiting = [s for s in wiring.sinks(name) if s not in done and s not in entered]
            if name in entered or not waiting:
                stack.pop()
                done.add(name)
                yield name
            else:
                entered.add(name)
                stack.extend(waiting)


def _plain(instance: str) -> str:
    """Return an instance's name without the generate blocks around it."""
    return instance.rsplit(".", 1)[-1]
