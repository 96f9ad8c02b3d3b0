"""Format a proof as text and tables: the proved, cut and open points."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from rich.table import Table

from rfssm.hls.synthesis.equivalence import OPEN, PROVED, SIMULATED, Equivalence, Point
from rfssm.hls.synthesis.netlist_cells import TOP, module_of

_MAX_LISTED = 20
"""The number of open points that are printed, one per register; the report file has all."""


def summary(found: Equivalence, modules: Iterable[str]) -> Iterator[object]:
    """Yield everything that ``--prove`` adds; ``modules`` are the rows of the cell table."""
    yield _table(found, list(modules))
    yield from _cuts(found)
    yield from _open(found)
    yield verdict(found)


def verdict(found: Equivalence) -> str:
    """Return one line that states exactly what was proved."""
    proved, cut = len(found.of("register", PROVED)), len(found.of("register", SIMULATED))
    parts = [
        f"proved: {proved:,} of {found.registers:,} register bits have the RTL's next-state "
        "function, given equal states"
    ]
    others = [p for p in found.points if p.kind != "register"]
    good = sum(p.result == PROVED for p in others)
    parts.append(f"{good:,} of {len(others):,} outputs and pins of instantiated blocks the RTL's")
    if cut:
        parts.append(f"{cut:,} register bits of products are cut out")
    if found.absent:
        note = "which nothing proved depends on" if found.holds else "see above for what depends on"
        parts.append(f"{len(found.absent):,} the netlist does not have, {note}")
    if found.open:
        parts.append(f"{len(found.open):,} points are NOT proved")
    if found.different:
        parts.append(f"{len(found.different):,} things differ")
    return "; ".join(parts)


def _table(found: Equivalence, modules: list[str]) -> Table:
    table = Table(title="register bits and memory words of the RTL, by module")
    table.add_column("")
    for column in ("all", "proved", "cut", "not in netlist", "NOT proved"):
        table.add_column(column, justify="right")
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for point in found.of("register"):
        rows[module_of(point.name, modules)[0]][point.result] += 1
    for name in found.absent:
        rows[module_of(name, modules)[0]]["absent"] += 1
    for module in [*modules, *([] if TOP in modules else [TOP])]:
        if module in rows:
            table.add_row(module, *_counts(rows[module]))
    table.add_section()
    table.add_row("total", *_counts(sum(rows.values(), Counter())))
    return table


def _counts(row: Counter[str]) -> list[str]:
    numbers = (row.total(), row[PROVED], row[SIMULATED], row["absent"], row[OPEN])
    return [f"{n:,}" if n else "-" for n in numbers]


def _cuts(found: Equivalence) -> Iterator[str]:
    for kind, count in found.blocks.items():
        pins = len(found.of("pin"))
        same = "some differ, see below" if found.different else "parameters equal"
        yield f"cut: {count} {kind}, instantiated on both sides; {same}, {pins:,} pins compared"
    if found.cut:
        yield (
            f"cut: {len(found.cut):,} register bits of products that synthesis makes, equal in "
            f"random states only: {_folded(found.cut)}"
        )
    for name, cells in found.memories.items():
        late = ", written a cycle later than the RTL's" if cells.late else ""
        yield f"memory {name}: {cells.bits:,} bits compared in {cells.cells} {cells.kind}{late}"


def _folded(points: Iterable[Point]) -> str:
    """Return the names without bit numbers, each with the number of its bits."""
    names = Counter(re.sub(r"(\[\d+\])+$", "", point.name) for point in points)
    return ", ".join(f"{name} ({n})" if n > 1 else name for name, n in names.items())


def _open(found: Equivalence) -> Iterator[str]:
    for line in found.different:
        yield f"DIFFERENT: {line}"
    folded: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for point in found.open:
        folded[point.kind, re.sub(r"(\[\d+\])+$", "", point.name)].append(point)
    for (kind, name), points in list(folded.items())[:_MAX_LISTED]:
        needs = sorted({absent for point in points for absent in point.absent})
        why = f"; depends on {needs[0]}, which the netlist does not have" if needs else ""
        yield f"NOT proved: {kind} {name}, {len(points)} bits{why}"
    if len(folded) > _MAX_LISTED:
        yield f"NOT proved: {len(folded) - _MAX_LISTED} more names; --out DIR or --json lists all"
