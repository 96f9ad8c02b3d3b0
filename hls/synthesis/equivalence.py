"""Proof that a netlist does what the RTL says, register by register.

The RTL is what Yosys elaborated before it optimised; the netlist is what nextpnr places, its cells
replaced by their simulation models.  Every register bit of the RTL, each bit of each memory
included, is found again in the netlist by its name, as a function of the netlist's registers:
mostly one register, else a constant, a wire behind a block memory, or what a block memory is about
to write.  A register that an equation needs and that has lost its name is found by what it becomes
in random states.  Then, from any state of the netlist and for any input:

    what the RTL's register becomes  =  what its counterpart in the netlist becomes

and the same for every output, and for every input of a block that both sides only instantiate (a
multiplier block: what it gives is free, its parameters are compared).  No reachable state has to be
known.  A wrong counterpart cannot pass: its equation fails.  A register without a counterpart may
hold anything, so where every equation holds nothing depends on it.

Outside of the proof are: power-up values; the inside of instantiated blocks; products that the RTL
leaves to synthesis, too hard for a solver, which are compared in random states only; the models of
the cells; and Yosys' reading of the source.  Where the RTL leaves a value open (x), any will do.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from rfssm.cache import cached
from rfssm.errors import HardwareError, ToolError
from rfssm.hls.engines.netlist import cell_models
from rfssm.hls.synthesis import gates, memory_cells, yosys
from rfssm.hls.synthesis.gates import FALSE, TRUE, Bit, Cell, Gates, Reading, Value
from rfssm.progress import Announce, no_progress

"""Called with what the proof is doing."""

CYCLES = 1
"""After how many cycles from any state an equation must hold at the latest.

One is needed where a block memory has a register that the RTL has elsewhere: in any state it may
hold anything, in a state that follows another one it holds what it read.
"""
_ANY = Value(FALSE, TRUE)
REPORT = "equivalence.json"
PROVED, SIMULATED, OPEN = "proved", "cut: compared in random states", "not proved"
_EASY_PRODUCT = 3
"""Bits of the narrower operand up to which products are left to the solver."""

_RTL = """\
read_rtlil elaborated.il
{libraries}
hierarchy -top {top} -purge_lib
proc
opt_clean
memory_collect
opt_clean
write_json words.json
memory_map
{to_gates}
write_json rtl.json
"""
_LIBRARIES = {  # where the pins of instantiated blocks have directions
    "ecp5": "read_verilog -lib +/lattice/cells_sim_ecp5.v +/lattice/cells_bb_ecp5.v",
    "ice40": "read_verilog -lib -D ICE40_U +/ice40/cells_sim.v",
    "ice40hx": "read_verilog -lib -D ICE40_HX +/ice40/cells_sim.v",
}
_CELLS = """\
read_json netlist.json
read_verilog -sv models.v
hierarchy -top {top}
proc
flatten -noscopeinfo
opt_expr
opt_clean
memory_collect
memory_share -nosat
opt_clean
attrmap -remove src
write_json cells.json
"""
_CELL_GATES = """\
read_json cells.json
opt_mem
memory_map
{to_gates}
write_json gates.json
"""
_TO_GATES = """\
dffunmap
techmap
simplemap
opt_clean
attrmap -remove src"""
_PROOF = """\
read_json rtl.json
read_json netlist.json
equiv_make rtl netlist proof
hierarchy -top proof
equiv_simple
write_json proof.json
"""
_REGISTER = "$_DFF_P_"


@dataclass(frozen=True)
class Point:
    """One equation.

    kind        register (of the RTL, memory words included), output, or pin (input of a block)
    name        of the register bit in the RTL, output, or block and pin
    result      PROVED, SIMULATED or OPEN
    absent      registers of the RTL that the netlist does not have and the equation depends on
    """

    kind: str
    name: str
    result: str
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class MemoryCells:
    """Where a memory of the RTL lies in the netlist.

    bits     of the memory's words, each of them with an equation of its own
    late     whether the cells are written a cycle after the RTL's memory: Yosys does so where a
             family's memory cannot read a word while it is written
    """

    kind: str
    cells: int
    bits: int
    late: bool


@dataclass(frozen=True)
class Equivalence:
    """What was proved of a netlist.

    registers     bits of all registers and memories of the RTL that anything reads
    absent        names of those that the netlist does not have
    constant      how many the netlist has as constants
    points        every equation
    blocks        cells that both sides instantiate, by type: how many; they are cut out
    different     what the netlist has otherwise: blocks, their parameters, outputs
    memories      memories of the RTL that lie in memory cells, by name
    """

    family: str
    top: str
    registers: int
    absent: tuple[str, ...]
    constant: int
    points: tuple[Point, ...]
    blocks: Mapping[str, int]
    different: tuple[str, ...]
    memories: Mapping[str, MemoryCells]
    tools: tuple[str, ...]

    def of(self, kind: str, result: str | None = None) -> list[Point]:
        """Points of a kind, with ``result`` those that came out so."""
        return [p for p in self.points if p.kind == kind and result in (None, p.result)]

    @property
    def open(self) -> list[Point]:
        """Points that are not proved, nor cut."""
        return [p for p in self.points if p.result == OPEN]

    @property
    def cut(self) -> list[Point]:
        """Points that were compared in random states only."""
        return [p for p in self.points if p.result == SIMULATED]

    @property
    def holds(self) -> bool:
        """Whether no point is open and nothing different: all is proved but what is cut."""
        return not (self.open or self.different)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "holds": self.holds,
            "family": self.family,
            "top": self.top,
            "registers": {
                "all": self.registers,
                "proved": len(self.of("register", PROVED)),
                "cut": len(self.of("register", SIMULATED)),
                "open": len(self.of("register", OPEN)),
                "absent": len(self.absent),
                "constant": self.constant,
            },
            "outputs": self._counts("output"),
            "pins": self._counts("pin"),
            "blocks": dict(self.blocks),
            "memories": {name: asdict(cells) for name, cells in self.memories.items()},
            "different": list(self.different),
            "open": [asdict(point) for point in self.open],
            "cut": [point.name for point in self.cut],
            "absent": list(self.absent),
            "tools": list(self.tools),
        }

    def _counts(self, kind: str) -> dict[str, int]:
        return {"all": len(self.of(kind)), "proved": len(self.of(kind, PROVED))}


def check_family(family: str) -> None:
    """Raise HardwareError for a family whose netlists cannot be proved."""
    cell_models(family)


def prove(netlist: yosys.Netlist, progress: Announce | None = None) -> Equivalence:
    """Prove what can be proved of a netlist; found in the cache if done before.

    Raises HardwareError for a family or a cell without a model, ToolError with what Yosys said and
    for a register whose clock or reset is none that the proof knows.
    """
    models = cell_models(netlist.family)
    made = (netlist.folder / "netlist.json").read_bytes()
    elaborated = (netlist.folder / "elaborated.il").read_bytes()

    def build(folder: Path) -> None:
        (folder / "elaborated.il").write_bytes(elaborated)
        modules = json.loads(made)["modules"]
        found = _Proof(netlist, models, modules, folder, progress or no_progress).run()
        for path in (*folder.glob("*.json"), folder / "elaborated.il"):
            path.unlink()  # they are large, and Yosys' scripts and logs stay
        plain = asdict(found) | {"points": [list(asdict(p).values()) for p in found.points]}
        (folder / REPORT).write_text(json.dumps(plain))

    files = (__file__, gates.__file__, memory_cells.__file__)
    own = [Path(file).read_bytes() for file in files]
    key: list[str | bytes] = [
        elaborated,
        made,
        models,
        netlist.family,
        netlist.top,
        *own,
        yosys.version(),
    ]
    return _loaded(json.loads((cached("proofs", key, build) / REPORT).read_text()))


def _loaded(plain: dict[str, Any]) -> Equivalence:
    tuples = {name: tuple(plain[name]) for name in ("absent", "different", "tools")}
    points = tuple(Point(kind, name, to, tuple(a)) for kind, name, to, a in plain["points"])
    memories = {name: MemoryCells(**cells) for name, cells in plain["memories"].items()}
    return Equivalence(**{**plain, **tuples, "points": points, "memories": memories})


# -- both sides as gates ---------------------------------------------------------------------------


class _Side:
    """A module of gates and registers on one clock, without the blocks that were cut out.

    drivers    what drives a net, of gates
    registers  net of a register: what it becomes
    inputs     net of an input: its name; the outputs of blocks are inputs
    outputs    nets by name; the inputs of blocks are outputs
    names      net of each public name
    """

    def __init__(self, module: dict[str, Any], side: str) -> None:
        self.drivers: dict[Bit, Cell] = {}
        self.registers: dict[Bit, Bit] = {}
        self.inputs: dict[Bit, str] = {}
        self.outputs: dict[str, Bit] = {}
        self.names = dict(_names(module))
        self.aliases: dict[Bit, list[str]] = defaultdict(list)
        for name, bit in self.names.items():
            self.aliases[bit].append(name)
        for name, port in module["ports"].items():
            for name_of_bit, bit in zip(_bits_of(name, port["bits"]), port["bits"], strict=True):
                if port["direction"] == "output":
                    self.outputs[name_of_bit] = bit
                else:
                    self.inputs[bit] = name_of_bit
        clocks: set[Bit] = set()
        for name, cell in module["cells"].items():
            connections = cell["connections"]
            if cell["type"] == _REGISTER or _never_reset(cell):
                self.registers[connections["Q"][0]] = connections["D"][0]
                clocks.add(connections["C"][0])
            elif cell["type"].startswith("$_DFF") or not cell["type"].startswith("$_"):
                raise ToolError(f"{side}: the proof does not know cell {name}, a {cell['type']}")
            else:
                self.drivers[connections["Y"][0]] = cell
        said = sorted(self.inputs.get(bit, "a net inside") for bit in clocks)
        if len(said) > 1 or clocks - self.inputs.keys():
            raise ToolError(
                f"{side}: registers on {', '.join(said)}; the proof knows one clock, an input"
            )
        self.clock = "".join(said)


def _never_reset(cell: Cell) -> bool:
    """Whether a register is one with an asynchronous reset that is tied off."""
    kind = re.fullmatch(r"\$_DFF_P([NP])[01]_", cell["type"])
    return kind is not None and cell["connections"]["R"] == ["0" if kind[1] == "P" else "1"]


def _names(module: Mapping[str, Any]) -> Iterator[tuple[str, Bit]]:
    """Public names of single bits: NAME, or NAME[i] where there are several."""
    for name, net in module["netnames"].items():
        if net.get("hide_name"):
            continue
        part = re.fullmatch(r"(.*)\[(\d+):(\d+)\]", name)  # splitnets' name of a part
        if part:
            yield from ((f"{part[1]}[{int(part[3]) + i}]", b) for i, b in enumerate(net["bits"]))
        else:
            yield from zip(
                _bits_of(name, net["bits"], net.get("offset", 0)), net["bits"], strict=True
            )


def _bits_of(name: str, bits: Sequence[Bit], offset: int = 0) -> list[str]:
    return [name] if len(bits) == 1 else [f"{name}[{i + offset}]" for i in range(len(bits))]


def _cut_out(module: dict[str, Any], blocks: Iterable[str]) -> set[str]:
    """Take blocks out of a module: their outputs become its inputs, their inputs its outputs.

    Returns the names of those inputs, by bit.
    """
    pins: set[str] = set()
    for name in blocks:
        cell = module["cells"].pop(name)
        for pin, bits in cell["connections"].items():
            turned = "output" if cell["port_directions"][pin] == "input" else "input"
            module["ports"][f"{name}.{pin}"] = {"direction": turned, "bits": bits}
            pins.update(_bits_of(f"{name}.{pin}", bits))
    return pins


# -- the proof -------------------------------------------------------------------------------------


def _only(register: Bit, value: Value, net: Bit) -> Value:
    """Of all registers without a counterpart one has a value; the others may be anything."""
    return value if net == register else _ANY


class _Proof:
    """RTL and netlist of one design, side by side in one set of gates."""

    def __init__(
        self,
        netlist: yosys.Netlist,
        models: str,
        modules: dict[str, Any],
        folder: Path,
        say: Announce,
    ) -> None:
        self._netlist = netlist
        self._folder = folder
        self._say = say
        self._gates = Gates()
        self._unknowns = count()
        say("the RTL as gates")
        self._words, rtl = self._read_rtl()
        top = modules[netlist.top]
        blocks = {n: c for n, c in self._words["cells"].items() if not c["type"].startswith("$")}
        self._blocks = {n: c["type"] for n, c in blocks.items()}
        self._different = list(_differences(blocks, top["cells"]))
        shared = [name for name in blocks if name in top["cells"]]
        self._cells = {n: c for n, c in top["cells"].items() if n not in blocks}
        self._kept: dict[str, list[int]] = {}
        self._pins = _cut_out(rtl, list(blocks))
        self._missing = self._pins - {
            pin for pin in self._pins if any(pin.startswith(f"{name}.") for name in shared)
        }
        _cut_out(top, shared)
        say("the netlist as gates")
        self._rtl = _Side(rtl, "RTL")
        self._made = _Side(self._read_netlist(top, models), "netlist")
        if self._rtl.clock != self._made.clock and self._rtl.registers and self._made.registers:
            raise ToolError(f"clock {self._made.clock} of the netlist is {self._rtl.clock} in RTL")
        self._cycles: list[Reading] = []
        self._counterparts: dict[Bit, Bit] = {}
        self._mapped: dict[str, MemoryCells] = {}

    def _read_rtl(self) -> tuple[dict[str, Any], dict[str, Any]]:
        libraries = _LIBRARIES.get(self._netlist.family, "")
        script = _RTL.format(top=self._netlist.top, to_gates=_TO_GATES, libraries=libraries)
        yosys.run_yosys("rtl", script, cwd=self._folder)
        words, rtl = (
            _module(self._folder / f"{n}.json", self._netlist.top) for n in ("words", "rtl")
        )
        return words, rtl

    def _read_netlist(self, top: dict[str, Any], models: str) -> dict[str, Any]:
        name = self._netlist.top
        contents = {}
        for cell_name, cell in top["cells"].items():
            cell["attributes"] = {}
            contents[f"{cell_name}.memory"] = memory_cells.take_contents(cell)
        _write(self._folder / "netlist.json", {name: top})
        used = {cell["type"] for cell in top["cells"].values() if cell["type"][0] != "$"}
        (self._folder / "models.v").write_text(_definitions(models, used))
        yosys.run_yosys("cells", _CELLS.format(top=name), cwd=self._folder)
        flat = _module(self._folder / "cells.json", name)
        used_nets = {
            bit
            for cell in flat["cells"].values()
            for pin, bits in cell["connections"].items()
            if cell["port_directions"][pin] == "input"
            for bit in bits
        }
        used_nets |= {b for p in flat["ports"].values() for b in p["bits"]}
        for cell_name, cell in flat["cells"].items():
            if cell["type"] == "$mem_v2":
                cell["parameters"]["INIT"] = contents.get(cell_name) or cell["parameters"]["INIT"]
                self._kept[cell_name] = memory_cells.shrink(cell, used_nets)
        _write(self._folder / "cells.json", {name: flat})
        yosys.run_yosys("gates", _CELL_GATES.format(top=name, to_gates=_TO_GATES), cwd=self._folder)
        return _module(self._folder / "gates.json", name)

    # -- values of nets

    def _unknown(self) -> Value:
        return Value(self._gates.input(f"unknown {next(self._unknowns)}"))

    def _cycle(self, at: int) -> Reading:
        """The netlist in a cycle, counted from one in which its registers hold anything."""
        while len(self._cycles) <= at:
            leaf = partial(self._leaf, len(self._cycles))
            self._cycles.append(Reading(self._gates, self._made.drivers, leaf, self._unknown))
        return self._cycles[at]

    def _leaf(self, at: int, net: int) -> Value:
        if net in self._made.inputs:
            return self._input(at, self._made.inputs[net])
        if net not in self._made.registers:
            return self._unknown()
        if at == 0:
            return Value(self._gates.input(f"state {net}"))
        return self._cycle(at - 1).of(self._made.registers[net])

    def _input(self, at: int, name: str) -> Value:
        return Value(self._gates.input(f"input {name} in cycle {at}"))

    def _rtl_in(self, at: int, absent: Callable[[Bit], Value] | None = None) -> Reading:
        """The RTL in a cycle of the netlist, each register with the value of its counterpart.

        absent    value of a register that has none; an input of its own if not given
        """
        leaf = partial(self._leaf_of_rtl, at, absent or self._anything)
        return Reading(self._gates, self._rtl.drivers, leaf, lambda: _ANY)

    def _leaf_of_rtl(self, at: int, absent: Callable[[Bit], Value], net: int) -> Value:
        if net in self._rtl.inputs:
            return self._input(at, self._rtl.inputs[net])
        if net not in self._rtl.registers:
            return _ANY  # nothing drives it
        if net in self._counterparts:
            return self._cycle(at).of(self._counterparts[net])
        return absent(net)

    def _anything(self, net: Bit) -> Value:
        return Value(self._gates.input(f"absent {self._rtl.aliases[net][0]}"))

    # -- counterparts

    def _match(self) -> None:
        """Find the counterpart of each register of the RTL: a net of the netlist."""
        driven = self._made.drivers.keys() | self._made.registers.keys() | self._made.inputs.keys()
        driven |= {"0", "1"}
        for net in self._rtl.registers:
            found = [self._made.names[n] for n in self._rtl.aliases[net] if n in self._made.names]
            found = [bit for bit in found if bit in driven]
            found.sort(key=lambda bit: (bit not in self._made.registers, bit not in ("0", "1")))
            if found:
                self._counterparts[net] = found[0]
        # a register inside a block memory has no name, but the one behind it becomes what it holds
        for net, becomes in self._rtl.registers.items():
            behind = self._made.registers.get(self._counterparts.get(net, "x"))
            if becomes in self._rtl.registers and behind in driven:
                self._counterparts.setdefault(becomes, behind)
        for memory, (width, size) in self._memories().items():
            nets = self._words_of(memory, width, size)
            if nets and not any(net in self._counterparts for net in nets.values()):
                self._match_memory(memory, width, size, nets)

    def _memories(self) -> dict[str, tuple[int, int]]:
        """Width and words of each memory of the RTL."""
        return {
            name: (int(cell["parameters"]["WIDTH"], 2), int(cell["parameters"]["SIZE"], 2))
            for name, cell in self._words["cells"].items()
            if cell["type"] == "$mem_v2"
        }

    def _words_of(self, memory: str, width: int, size: int) -> dict[tuple[int, int], Bit]:
        """Registers of a memory, by word and bit."""
        found = {}
        for word in range(size):
            for bit in range(width):
                name = f"{memory}[{word}]" + (f"[{bit}]" if width > 1 else "")
                net = self._rtl.names.get(name)
                if net in self._rtl.registers:
                    found[word, bit] = net
        return found

    def _match_memory(
        self, memory: str, width: int, size: int, nets: Mapping[tuple[int, int], Bit]
    ) -> None:
        """Try each way in which Yosys may have put a memory into cells; keep what fits."""
        some = sorted({0, 1, size // 2, size - 1} & {word for word, _ in nets})
        probes = [net for (word, _), net in nets.items() if word in some]
        best: tuple[int, dict[Bit, Bit], bool] = (len(probes) + 1, {}, False)
        for lay in (self._rows_outside, self._rows_inside):
            places = lay(memory, width, size)
            for late in (False, True):
                tried = {}
                for at, net in nets.items():
                    bit = places.get(at)
                    if bit is not None:
                        tried[net] = self._made.registers.get(bit, bit) if late else bit
                if not tried:
                    continue
                self._counterparts.update(tried)
                wrong = self._count_wrong(probes)
                for net in tried:
                    del self._counterparts[net]
                if wrong < best[0]:
                    best = wrong, tried, late
        _, found, late = best
        if found:
            self._counterparts.update(found)
            cells = self._columns(memory)
            kind = self._cells[cells[0]]["type"]
            self._mapped[memory] = MemoryCells(kind, len(cells), len(found), late)

    def _columns(self, memory: str) -> list[str]:
        """The cells that Yosys put a memory into, MEMORY.0.COLUMN; none if it did not."""
        pattern = re.compile(re.escape(memory) + r"\.0\.(\d+)")
        found = {int(m[1]): name for name in self._cells if (m := pattern.fullmatch(name))}
        return (
            [found[i] for i in range(len(found))] if found.keys() == set(range(len(found))) else []
        )

    def _guess(self) -> None:
        """Find registers that the netlist has without a name, where an equation needs them.

        Yosys takes registers into the read ports of block memories, and keeps one of several equal
        ones.  The counterpart is a net that becomes what the register becomes in random states.
        """
        for at in range(CYCLES + 1):
            needed = self._needed()
            nets = self._behaviours(at) if needed else {}
            found = True
            while found:
                found = False
                for net in needed:
                    fitting = self._find(net, nets, at)
                    if fitting is not None:
                        self._counterparts[net] = fitting
                        found = True
                needed = self._needed() if found else []

    def _needed(self) -> list[Bit]:
        """Registers without a counterpart that equations depend on, those that they need first."""
        rtl = self._rtl_in(0)
        sides = (self._sides(key, net, rtl, 0) for key, net in self._equations().items())
        waiting = [literal for pair in sides for literal in pair]
        found: dict[Bit, None] = {}
        while waiting:
            nets = [self._rtl.names[name] for name in self._absent_of(waiting)]
            new = [net for net in nets if net not in found]
            found |= dict.fromkeys(new)
            waiting = [rtl.of(self._rtl.registers[net]).is_one for net in new]
        return list(reversed(found))

    def _behaviours(self, at: int) -> dict[tuple[int, int], Bit]:
        """The netlist's nets by what random states make them in a cycle and in the next one."""
        nets = [*self._made.registers, *self._made.drivers]
        before, after = (
            self._gates.simulate([self._cycle(cycle).of(net).is_one for net in nets])
            for cycle in (at, at + 1)
        )
        found: dict[tuple[int, int], Bit] = {}
        for was, becomes, net in zip(before, after, nets, strict=True):
            found.setdefault((was, becomes), net)
        return found

    def _find(self, register: Bit, nets: Mapping[tuple[int, int], Bit], at: int) -> Bit | None:
        """The first net that fulfils a register's equation in all random states.

        The register may depend on what it is itself; where it depends on another one without a
        counterpart it may become anything.  A net that random states leave constant says nothing.
        """
        low, high = (
            self._rtl_in(at, partial(_only, register, own)) for own in (Value(FALSE), Value(TRUE))
        )
        becomes = [side.of(self._rtl.registers[register]) for side in (low, high)]
        if becomes[0] == becomes[1] and becomes[0] in (Value(FALSE), Value(TRUE)):
            return str(becomes[0].is_one)
        ones = self._gates.simulate([TRUE])[0]
        zero, any_zero, one, any_one = self._gates.simulate(
            [literal for value in becomes for literal in (value.is_one, value.is_open)]
        )
        for (was, found), net in nets.items():
            known = ones & ~((any_one & was) | (any_zero & ~was))
            wanted = ((one & was) | (zero & ~was)) & known
            if found & known == wanted and wanted not in (0, known):
                return net
        return None

    def _rows_outside(self, memory: str, width: int, size: int) -> dict[tuple[int, int], Bit]:
        return self._lay(memory, width, size, outside=True)

    def _rows_inside(self, memory: str, width: int, size: int) -> dict[tuple[int, int], Bit]:
        return self._lay(memory, width, size, outside=False)

    def _lay(
        self, memory: str, width: int, size: int, *, outside: bool
    ) -> dict[tuple[int, int], Bit]:
        """Where each bit of a memory's words lies in its cells."""
        found = self._columns(memory)
        if not found:
            return {}
        deep, wide, place = memory_cells.places(self._cells[found[0]])
        rows, columns = -(-size // deep), -(-width // wide)
        if rows * columns > len(found):
            return {}
        places = {}
        for word in range(size):
            for bit in range(width):
                row, column = word // deep, bit // wide
                name = found[row * columns + column if outside else column * rows + row]
                at, inner = place(word % deep, bit % wide)
                array = f"{name}.memory"
                if array in self._kept:
                    array += f"[{memory_cells.packed(at, self._kept[array])}]"
                net = self._made.names.get(f"{array}[{inner}]")
                if net in self._made.registers:
                    places[word, bit] = net
        return places

    def _count_wrong(self, nets: Sequence[Bit]) -> int:
        """How many of some registers of the RTL become something else in some random state.

        Where that depends on a register without a counterpart it may be anything.
        """
        rtl = self._rtl_in(0, lambda _: _ANY)
        pairs = [
            literal
            for net in nets
            for literal in (
                self._becomes(rtl, 0, net) if net in self._counterparts else (FALSE, TRUE)
            )
        ]
        values = self._gates.simulate(pairs)
        return sum(a != b for a, b in zip(values[::2], values[1::2], strict=True))

    # -- equations

    def _becomes(self, rtl: Reading, at: int, net: Bit) -> tuple[int, int]:
        """What a register of the RTL becomes after a cycle, and what its counterpart does."""
        found = self._cycle(at + 1).of(self._counterparts[net])
        return self._equal(rtl.of(self._rtl.registers[net]), found)

    def _equal(self, wanted: Value, found: Value) -> tuple[int, int]:
        """Two literals that must be equal: where the RTL leaves its value open, both are false."""
        return wanted.is_one, self._gates.both(found.is_one, wanted.is_open ^ 1)

    def _equations(self) -> dict[tuple[str, str], Bit]:
        """Kind and name of each equation, and the RTL's net that it is about."""
        found: dict[tuple[str, str], Bit] = {}
        for net in self._counterparts:
            found["register", self._rtl.aliases[net][0]] = net
        for name, net in self._rtl.outputs.items():
            if name in self._made.outputs:
                found["pin" if name in self._pins else "output", name] = net
        return found

    def _lost(self) -> Iterator[str]:
        """Outputs that the netlist does not have, nor a block that it does not have either."""
        for name in self._rtl.outputs:
            if name not in self._made.outputs and name not in self._missing:
                yield f"{name}: not in the netlist"

    def run(self) -> Equivalence:
        """Everything."""
        self._say("registers of the RTL in the netlist")
        self._match()
        self._guess()
        self._different += self._lost()
        equations = self._equations()
        products = self._products()
        results: dict[tuple[str, str], str] = {}
        for at in range(CYCLES + 1):
            rest = {key: net for key, net in equations.items() if key not in results}
            if rest:
                results |= self._solve(rest, at, products)
        points = []
        for key, net in equations.items():
            result = results.get(key, OPEN)
            absent = () if result == PROVED else self._absent_in(key, net)
            points.append(Point(*key, OPEN if absent else result, absent))
        alone = (net for net in self._rtl.registers if net not in self._counterparts)
        return Equivalence(
            family=self._netlist.family,
            top=self._netlist.top,
            registers=len(self._rtl.registers),
            absent=tuple(sorted(self._rtl.aliases[net][0] for net in alone)),
            constant=sum(bit in ("0", "1") for bit in self._counterparts.values()),
            points=tuple(points),
            blocks=dict(sorted(Counter(self._blocks.values()).items())),
            different=tuple(self._different),
            memories=self._mapped,
            tools=(yosys.version(),),
        )

    def _sides(self, key: tuple[str, str], net: Bit, rtl: Reading, at: int) -> tuple[int, int]:
        kind, name = key
        if kind == "register":
            return self._becomes(rtl, at, net)
        return self._equal(rtl.of(net), self._cycle(at).of(self._made.outputs[name]))

    def _absent_in(self, key: tuple[str, str], net: Bit) -> tuple[str, ...]:
        """Registers that the netlist does not have and an equation depends on."""
        return self._absent_of(self._sides(key, net, self._rtl_in(0), 0))

    def _absent_of(self, literals: Iterable[int]) -> tuple[str, ...]:
        words = (name.partition(" ") for name in sorted(self._gates.inputs_of(literals)))
        return tuple(name for word, _, name in words if word == "absent")

    def _solve(
        self, equations: Mapping[tuple[str, str], Bit], at: int, products: set[str]
    ) -> dict[tuple[str, str], str]:
        """The equations that hold in a cycle, and how they were decided."""
        rtl = self._rtl_in(at)
        sides = {key: self._sides(key, net, rtl, at) for key, net in equations.items()}
        values = self._gates.simulate([x for pair in sides.values() for x in pair])
        results = {}
        hard: dict[str, tuple[str, str]] = {}
        for i, (key, (a, b)) in enumerate(sides.items()):
            if a == b:
                results[key] = PROVED
            elif values[2 * i] == values[2 * i + 1]:
                if key[1] in products:
                    results[key] = SIMULATED
                else:
                    hard[f"p{i}"] = key
        if hard:
            self._say(f"{len(hard):,} equations in Yosys' equiv_simple, cycle {at}")
            proved = self._equiv({name: sides[key] for name, key in hard.items()}, at)
            results |= {hard[name]: PROVED for name in proved}
        return results

    def _products(self) -> set[str]:
        """Names of registers that take a product of two wide operands as it is."""
        nets = self._words["cells"].values()
        wide = {
            bit
            for cell in nets
            if cell["type"] == "$mul"
            and min(int(cell["parameters"][f"{p}_WIDTH"], 2) for p in "AB") > _EASY_PRODUCT
            for bit in cell["connections"]["Y"]
        }
        aliases: dict[Bit, list[str]] = defaultdict(list)
        for name, bit in _names(self._words):
            aliases[bit].append(name)
        return {
            name
            for cell in nets
            if cell["type"] == "$dff"
            for q, d in zip(cell["connections"]["Q"], cell["connections"]["D"], strict=True)
            if d in wide
            for name in aliases[q]
        }

    def _equiv(self, equations: Mapping[str, tuple[int, int]], at: int) -> set[str]:
        """Names of the equations that Yosys proves."""
        literals = [x for pair in equations.values() for x in pair]
        ports = self._gates.inputs_of(literals)
        for k, side in enumerate(("rtl", "netlist")):
            outputs = {name: pair[k] for name, pair in equations.items()}
            _write(self._folder / f"{side}.json", {side: self._gates.module(side, outputs, ports)})
        yosys.run_yosys(f"proof{at}", _PROOF, cwd=self._folder)
        proof = _module(self._folder / "proof.json", "proof")
        equal = {
            cell["connections"]["Y"][0]
            for cell in proof["cells"].values()
            if cell["type"] == "$equiv" and cell["connections"]["A"] == cell["connections"]["B"]
        }
        return {n for n in equations if proof["ports"][n]["bits"][0] in equal}


def _differences(blocks: Mapping[str, Cell], found: Mapping[str, Cell]) -> Iterator[str]:
    """What differs between the blocks of the RTL and those of the netlist."""
    for name, block in sorted(blocks.items()):
        cell = found.get(name)
        if cell is None:  # then nothing can depend on it, or an equation fails
            continue
        if cell["type"] != block["type"]:
            yield f"{name}: {cell['type']} where the RTL has {block['type']}"
            continue
        for key in sorted(block["parameters"].keys() | cell["parameters"].keys()):
            ours, theirs = (_plain_value(c["parameters"].get(key)) for c in (block, cell))
            if ours != theirs:
                yield f"{name}: {key} = {theirs} where the RTL has {ours}"


def _plain_value(value: str | None) -> str | int | None:
    """A parameter: Yosys' JSON writes numbers as binary digits, and puts a space behind a text."""
    if value is None:
        return None
    return int(value, 2) if re.fullmatch(r"[01]+", value) else value.strip()


def _definitions(models: str, wanted: set[str]) -> str:
    """The modules of a text that some cells need, and what these need."""
    modules = re.finditer(r"^module (\w+).*?^endmodule", models, re.DOTALL | re.MULTILINE)
    known = {found[1]: found[0] for found in modules}
    head = models[: models.find("module ")]
    chosen: dict[str, str] = {}
    waiting = sorted(wanted)
    while waiting:
        name = waiting.pop()
        if name not in known:
            raise HardwareError(f"cell {name} of the netlist has no simulation model")
        if name not in chosen:
            chosen[name] = known[name]
            waiting += [n for n in known if re.search(rf"^\s*{n}\b", known[name], re.MULTILINE)]
    texts = (
        re.sub(r"\bspecify\b.*?\bendspecify\b", "", text, flags=re.DOTALL)
        for text in chosen.values()
    )
    return f"`define DP16KD_WITHOUT_CONTENTS\n{head}" + "\n".join(texts) + "\n"


def _module(path: Path, name: str) -> dict[str, Any]:
    module: dict[str, Any] = json.loads(path.read_text())["modules"][name]
    module["cells"] = {n: c for n, c in module["cells"].items() if c["type"] != "$scopeinfo"}
    return module


def _write(path: Path, modules: Mapping[str, Any]) -> None:
    path.write_text(json.dumps({"creator": "rfssm", "modules": modules}))
