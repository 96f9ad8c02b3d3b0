"""Prove that a netlist is equivalent to the RTL, register by register.

The RTL is Yosys' elaborated design before any optimisation; the netlist is the one that nextpnr
places, with its cells replaced by their simulation models.  Every register bit of the RTL, and
every bit of each memory, is found in the netlist by its name as a function of the netlist's
registers: mostly one register, else a constant, a wire behind a block memory, or a value that a
block memory is about to write.  A register that an equation needs and that has lost its name is
found by its next values in random states.  Then, from any state of the netlist and for any input:

    next value of the RTL's register  =  next value of its counterpart in the netlist

and the same for every output, and for every input of a block that both sides only instantiate (the
outputs of such a multiplier block are free, its parameters are compared).  The reachable states
need not be known.  A wrong counterpart cannot pass: its equation fails.  A register without a
counterpart may hold any value, so if every equation holds, nothing depends on it.

The proof does not cover: power-up values; the inside of instantiated blocks; products that the RTL
leaves to synthesis, which are too hard for a solver and are only compared in random states; the
models of the cells; and Yosys' reading of the source.  Where the RTL's value is undefined (x), any
value of the netlist is accepted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rfssm.cache import cached
from rfssm.hls.engines.netlist import cell_models
from rfssm.hls.synthesis import yosys
from rfssm.hls.synthesis.proof import counterparts
from rfssm.hls.synthesis.proof.counterparts import MemoryCells
from rfssm.hls.synthesis.proof.equations import OPEN, PROVED, SIMULATED, solve
from rfssm.hls.synthesis.proof.sides import read_rtl, read_sides
from rfssm.hls.synthesis.proof.unrolled import Unrolled
from rfssm.progress import Announce, no_progress

__all__ = ["OPEN", "PROVED", "SIMULATED", "Equivalence", "MemoryCells", "Point"]
__all__ += ["check_family", "prove"]

REPORT = "equivalence.json"


@dataclass(frozen=True)
class Point:
    """One equation.

    kind        register (of the RTL, memory words included), output, or pin (input of a block)
    name        name of the register bit in the RTL, of the output, or of block and pin
    result      PROVED, SIMULATED or OPEN
    absent      registers of the RTL that the equation depends on and the netlist does not have
    """

    kind: str
    name: str
    result: str
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Equivalence:
    """The result of a proof.

    registers     number of bits of all registers and memories of the RTL that are read
    absent        names of the register bits that the netlist does not have
    constant      number of register bits that are constants in the netlist
    points        every equation
    blocks        number of cells that both sides instantiate and that are cut out, by type
    different     blocks, parameters and outputs of the netlist that differ from the RTL's
    memories      memories of the RTL that are mapped to memory cells, by name
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
        """Return the points of a kind, or those with a result."""
        return [p for p in self.points if p.kind == kind and result in (None, p.result)]

    @property
    def open(self) -> list[Point]:
        """The points that are neither proved nor cut."""
        return [p for p in self.points if p.result == OPEN]

    @property
    def cut(self) -> list[Point]:
        """The points that were only compared in random states."""
        return [p for p in self.points if p.result == SIMULATED]

    @property
    def holds(self) -> bool:
        """Whether no point is open and nothing differs: all is proved except the cut points."""
        return not (self.open or self.different)

    def to_json(self) -> dict[str, Any]:
        """Return the result in plain JSON values."""
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
    """Prove a netlist equivalent to its RTL as far as possible, or take the result from the cache.

    Raises HardwareError for a family or a cell without a model, ToolError with Yosys' message or
    for a register with a clock or a reset that the proof does not support.
    """
    models = cell_models(netlist.family)
    made = (netlist.folder / "netlist.json").read_bytes()
    elaborated = (netlist.folder / "elaborated.il").read_bytes()

    def build(folder: Path) -> None:
        (folder / "elaborated.il").write_bytes(elaborated)
        modules = json.loads(made)["modules"]
        found = _prove(netlist, models, modules, folder, progress or no_progress)
        for path in (*folder.glob("*.json"), folder / "elaborated.il"):
            path.unlink()  # large files; Yosys' scripts and logs are kept
        plain = asdict(found) | {"points": [list(asdict(p).values()) for p in found.points]}
        (folder / REPORT).write_text(json.dumps(plain))

    parts = sorted(Path(counterparts.__file__).parent.glob("*.py"))
    own = [file.read_bytes() for file in (Path(__file__), *parts)]
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


def _prove(
    netlist: yosys.Netlist, models: str, modules: dict[str, Any], folder: Path, say: Announce
) -> Equivalence:
    say("the RTL as gates")
    rtl = read_rtl(netlist, folder)
    say("the netlist as gates")
    sides = read_sides(netlist, rtl, modules[netlist.top], models, folder)
    both = Unrolled(sides)
    say("registers of the RTL in the netlist")
    memories = counterparts.match(both)
    counterparts.guess(both)
    results = solve(both, folder, say)
    points = []
    for equation in both.equations():
        result = results.get(equation, OPEN)
        needed = () if result == PROVED else both.literals(equation, both.rtl_in(0), 0)
        absent = both.absent(needed)
        points.append(Point(equation.kind, equation.name, OPEN if absent else result, absent))
    alone = (net for net in sides.rtl.registers if net not in both.counterparts)
    return Equivalence(
        family=netlist.family,
        top=netlist.top,
        registers=len(sides.rtl.registers),
        absent=tuple(sorted(sides.rtl.aliases[net][0] for net in alone)),
        constant=sum(bit in ("0", "1") for bit in both.counterparts.values()),
        points=tuple(points),
        blocks=dict(sorted(Counter(sides.blocks.values()).items())),
        different=sides.different,
        memories=memories,
        tools=(yosys.version(),),
    )
