"""Decide which equations of a proof hold: those with equal gates, and those that Yosys proves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rfssm.hls.synthesis import yosys
from rfssm.hls.synthesis.cell_kinds import Bit
from rfssm.hls.synthesis.proof.sides import public_names, read_module, write_modules
from rfssm.hls.synthesis.proof.unrolled import CYCLES, Equation, Unrolled
from rfssm.progress import Announce

PROVED, SIMULATED, OPEN = "proved", "cut: compared in random states", "not proved"
_MAX_SOLVED_OPERAND_BITS = 3
"""The bits of the narrower operand up to which products are left to the solver."""
_PROOF = """\
read_json rtl.json
read_json netlist.json
equiv_make rtl netlist proof
hierarchy -top proof
equiv_simple
write_json proof.json
"""


def solve(both: Unrolled, folder: Path, say: Announce) -> dict[Equation, str]:
    """Return the result of each equation, PROVED or SIMULATED; open equations are left out.

    folder    folder for the files that Yosys reads and writes
    """
    products = _products(both.sides.words)
    results: dict[Equation, str] = {}
    for at in range(CYCLES + 1):
        rest = [equation for equation in both.equations() if equation not in results]
        rtl = both.rtl_in(at)
        literals = {equation: both.literals(equation, rtl, at) for equation in rest}
        values = both.gates.simulate([x for pair in literals.values() for x in pair])
        hard: dict[str, Equation] = {}
        for i, (equation, (a, b)) in enumerate(literals.items()):
            if a == b:
                results[equation] = PROVED
            elif values[2 * i] == values[2 * i + 1]:
                if equation.name in products:
                    results[equation] = SIMULATED
                else:
                    hard[f"p{i}"] = equation
        if hard:
            say(f"{len(hard):,} equations in Yosys' equiv_simple, cycle {at}")
            pairs = {name: literals[equation] for name, equation in hard.items()}
            results |= dict.fromkeys((hard[n] for n in _equal(both, pairs, at, folder)), PROVED)
    return results


def _products(words: Mapping[str, Any]) -> set[str]:
    """Return the names of registers that store a product of two wide operands."""
    cells: Sequence[Mapping[str, Any]] = list(words["cells"].values())
    wide = {
        bit
        for cell in cells
        if cell["type"] == "$mul"
        and min(int(cell["parameters"][f"{p}_WIDTH"], 2) for p in "AB") > _MAX_SOLVED_OPERAND_BITS
        for bit in cell["connections"]["Y"]
    }
    aliases: dict[Bit, list[str]] = defaultdict(list)
    for name, bit in public_names(words):
        aliases[bit].append(name)
    return {
        name
        for cell in cells
        if cell["type"] == "$dff"
        for q, d in zip(cell["connections"]["Q"], cell["connections"]["D"], strict=True)
        if d in wide
        for name in aliases[q]
    }


def _equal(
    both: Unrolled, pairs: Mapping[str, tuple[int, int]], at: int, folder: Path
) -> list[str]:
    """Return the names of the pairs of literals that Yosys proves equal."""
    ports = both.gates.inputs_of(x for pair in pairs.values() for x in pair)
    for k, side in enumerate(("rtl", "netlist")):
        outputs = {name: pair[k] for name, pair in pairs.items()}
        module = both.gates.module(side, outputs, ports)
        write_modules(folder / f"{side}.json", {side: module})
    yosys.run_yosys(f"proof{at}", _PROOF, cwd=folder)
    proof = read_module(folder / "proof.json", "proof")
    equal = {
        cell["connections"]["Y"][0]
        for cell in proof["cells"].values()
        if cell["type"] == "$equiv" and cell["connections"]["A"] == cell["connections"]["B"]
    }
    return [name for name in pairs if proof["ports"][name]["bits"][0] in equal]
