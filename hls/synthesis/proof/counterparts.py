"""Find the net of the netlist that stands for a register of the RTL.

The proof does not rely on the result: the equation of a wrong counterpart fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from rfssm.hls.synthesis.cell_kinds import Bit
from rfssm.hls.synthesis.proof import memory_cells
from rfssm.hls.synthesis.proof.gates import FALSE, TRUE, Value
from rfssm.hls.synthesis.proof.sides import Sides
from rfssm.hls.synthesis.proof.unrolled import ANY, CYCLES, Unrolled


@dataclass(frozen=True)
class MemoryCells:
    """The cells of the netlist that hold a memory of the RTL.

    bits     number of bits of the memory's words, each of which has its own equation
    late     whether the cells are written a cycle after the RTL's memory: Yosys does so if a
             family's memory cannot read a word while it is written
    """

    kind: str
    cells: int
    bits: int
    late: bool


def match(both: Unrolled) -> dict[str, MemoryCells]:
    """Find the counterparts of registers by name; return the memories that are in memory cells."""
    rtl, netlist, found = both.sides.rtl, both.sides.netlist, both.counterparts
    driven = netlist.drivers.keys() | netlist.registers.keys() | netlist.inputs.keys()
    driven |= {"0", "1"}
    for net in rtl.registers:
        named = [netlist.names[name] for name in rtl.aliases[net] if name in netlist.names]
        named = [bit for bit in named if bit in driven]
        named.sort(key=lambda bit: (bit not in netlist.registers, bit not in ("0", "1")))
        if named:
            found[net] = named[0]
    # a register inside a block memory has no name, but the register behind it takes its value
    for net, becomes in rtl.registers.items():
        behind = netlist.registers.get(found.get(net, "x"))
        if becomes in rtl.registers and behind in driven:
            found.setdefault(becomes, behind)
    mapped = {}
    for memory, cell in both.sides.words["cells"].items():
        if cell["type"] != "$mem_v2":
            continue
        width, size = (int(cell["parameters"][name], 2) for name in ("WIDTH", "SIZE"))
        words = _words(both.sides, memory, width, size)
        if words and not any(net in found for net in words.values()):
            cells = _match_memory(both, memory, width, size, words)
            if cells is not None:
                mapped[memory] = cells
    return mapped


# -- memories --------------------------------------------------------------------------------------

At = tuple[int, int]
"""A word and a bit of a memory."""


def _words(sides: Sides, memory: str, width: int, size: int) -> dict[At, Bit]:
    """Return the registers of a memory of the RTL."""
    found = {}
    for word in range(size):
        for bit in range(width):
            name = f"{memory}[{word}]" + (f"[{bit}]" if width > 1 else "")
            net = sides.rtl.names.get(name)
            if net in sides.rtl.registers:
                found[word, bit] = net
    return found


def _match_memory(
    both: Unrolled, memory: str, width: int, size: int, words: Mapping[At, Bit]
) -> MemoryCells | None:
    """Try each way in which Yosys may have mapped a memory to cells; keep the best match."""
    registers = both.sides.netlist.registers
    some = sorted({0, 1, size // 2, size - 1} & {word for word, _ in words})
    probes = [net for (word, _), net in words.items() if word in some]
    best: tuple[int, dict[Bit, Bit], bool] = (len(probes) + 1, {}, False)
    cells = _columns(both.sides, memory)
    for outside in (True, False):
        places = _places(both.sides, cells, width, size, words, outside=outside)
        for late in (False, True):
            tried = {
                words[at]: registers.get(bit, bit) if late else bit for at, bit in places.items()
            }
            if not tried:
                continue
            both.counterparts.update(tried)
            wrong = _count_wrong(both, probes)
            for net in tried:
                del both.counterparts[net]
            if wrong < best[0]:
                best = wrong, tried, late
    _, found, late = best
    both.counterparts.update(found)
    if not found:
        return None
    return MemoryCells(both.sides.cells[cells[0]]["type"], len(cells), len(found), late)


def _columns(sides: Sides, memory: str) -> list[str]:
    """Return the cells to which Yosys mapped a memory, MEMORY.0.COLUMN, if it did."""
    pattern = re.compile(re.escape(memory) + r"\.0\.(\d+)")
    found = {int(m[1]): name for name in sides.cells if (m := pattern.fullmatch(name))}
    whole = found.keys() == set(range(len(found)))
    return [found[i] for i in range(len(found))] if whole else []


def _places(
    sides: Sides,
    cells: Sequence[str],
    width: int,
    size: int,
    words: Iterable[At],
    *,
    outside: bool,
) -> dict[At, Bit]:
    """Return the net of the cells that holds each bit of a memory's words.

    outside    whether the first cells hold the first words instead of the first columns
    """
    if not cells:
        return {}
    deep, wide, place = memory_cells.places(sides.cells[cells[0]])
    rows, columns = -(-size // deep), -(-width // wide)
    if rows * columns > len(cells):
        return {}
    places = {}
    for word, bit in words:
        row, column = word // deep, bit // wide
        name = cells[row * columns + column if outside else column * rows + row]
        at, inner = place(word % deep, bit % wide)
        array = f"{name}.memory"
        if array in sides.kept:
            array += f"[{memory_cells.packed(at, sides.kept[array])}]"
        net = sides.netlist.names.get(f"{array}[{inner}]")
        if net in sides.netlist.registers:
            places[word, bit] = net
    return places


def _count_wrong(both: Unrolled, registers: Sequence[Bit]) -> int:
    """Count the registers of the RTL whose next value differs in some random state.

    A next value that depends on a register without a counterpart may be anything.
    """
    rtl = both.rtl_in(0, lambda _: ANY)
    pairs = [
        literal
        for net in registers
        for literal in (both.becomes(rtl, 0, net) if net in both.counterparts else (FALSE, TRUE))
    ]
    values = both.gates.simulate(pairs)
    return sum(a != b for a, b in zip(values[::2], values[1::2], strict=True))


# -- registers without a name ----------------------------------------------------------------------

Behaviours = Mapping[tuple[int, int], Bit]
"""The netlist's nets by their values in a cycle and in the next one, over random states."""


def guess(both: Unrolled) -> None:
    """Find counterparts without a name for registers that an equation needs.

    Yosys moves registers into the read ports of block memories and keeps one of several equal
    ones.  The counterpart is a net that takes the register's next values in random states.
    """
    for at in range(CYCLES + 1):
        needed = _needed(both)
        nets = _behaviours(both, at) if needed else {}
        found = True
        while found:
            found = False
            for net in needed:
                fitting = find(both, net, nets, at)
                if fitting is not None:
                    both.counterparts[net] = fitting
                    found = True
            needed = _needed(both) if found else []


def _needed(both: Unrolled) -> list[Bit]:
    """Return the registers without a counterpart that equations need, each after its own needs."""
    rtl, side = both.rtl_in(0), both.sides.rtl
    waiting = [x for equation in both.equations() for x in both.literals(equation, rtl, 0)]
    found: dict[Bit, None] = {}
    while waiting:
        nets = [side.names[name] for name in both.absent(waiting)]
        new = [net for net in nets if net not in found]
        found |= dict.fromkeys(new)
        waiting = [rtl.of(side.registers[net]).is_one for net in new]
    return list(reversed(found))


def _behaviours(both: Unrolled, at: int) -> Behaviours:
    nets = [*both.sides.netlist.registers, *both.sides.netlist.drivers]
    before, after = (
        both.gates.simulate([both.netlist_in(cycle).of(net).is_one for net in nets])
        for cycle in (at, at + 1)
    )
    found: dict[tuple[int, int], Bit] = {}
    for was, becomes, net in zip(before, after, nets, strict=True):
        found.setdefault((was, becomes), net)
    return found


def _only(register: Bit, value: Value, net: Bit) -> Value:
    """Return the value of one register without a counterpart; all others may be anything."""
    return value if net == register else ANY


def find(both: Unrolled, register: Bit, nets: Behaviours, at: int) -> Bit | None:
    """Return the first net that fulfils a register's equation in all random states, or None.

    The register's next value may depend on its own value; where the next value depends on another
    register without a counterpart it may be anything.  Nets that are constant do not count.
    """
    becomes = [
        both.rtl_in(at, partial(_only, register, own)).of(both.sides.rtl.registers[register])
        for own in (Value(FALSE), Value(TRUE))
    ]
    if becomes[0] == becomes[1] and becomes[0] in (Value(FALSE), Value(TRUE)):
        return str(becomes[0].is_one)
    ones = both.gates.simulate([TRUE])[0]
    zero, any_zero, one, any_one = both.gates.simulate(
        [literal for value in becomes for literal in (value.is_one, value.is_open)]
    )
    for (was, found), net in nets.items():
        known = ones & ~((any_one & was) | (any_zero & ~was))
        wanted = ((one & was) | (zero & ~was)) & known
        if found & known == wanted and wanted not in (0, known):
            return net
    return None
