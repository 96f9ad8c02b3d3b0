"""What a mutation run found: a table by module, and each survivor with the argument for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from tests.mutation.campaign import Verdict

LIMITS = {"rtl": 98.0, "python": 95.0, "cpp": 95.0}
"""Percent of the mutants that must be killed."""
ARGUMENTS = Path(__file__).with_name("survivors.yaml")


def arguments() -> dict[tuple[str, str, str], str]:
    """Why a survivor is the same circuit or program, by its module, its line and what becomes."""
    entries = yaml.safe_load(ARGUMENTS.read_text()) or []
    return {(e["module"], e["was"], e["becomes"]): e["because"] for e in entries}


def key(verdict: Verdict) -> tuple[str, str, str]:
    """Of a survivor's argument."""
    return module(verdict), verdict.was, verdict.becomes


def module(verdict: Verdict) -> str:
    """Its name; a family's twin of a module with the family."""
    path = Path(verdict.file)
    family = path.parent.name
    return f"{family}/{path.stem}" if family in ("ecp5", "ice40") else path.stem


def show(verdicts: Sequence[Verdict], limit: float, console: Console) -> bool:
    """Print the table and the survivors; True when the run does not reach its limit."""
    argued = arguments()
    table = Table("module", "mutants", "killed", "survived", "did not compile")
    modules = list(dict.fromkeys(map(module, verdicts)))
    for name in [*modules, "all"]:
        tally = Counter(v.outcome for v in verdicts if name in ("all", module(v)))
        counted = tally["killed"] + tally["survived"]
        table.add_row(
            name, *(str(n) for n in (counted, tally["killed"], tally["survived"], tally["invalid"]))
        )
    console.print(table)
    survivors = [v for v in verdicts if v.outcome == "survived"]
    for v in survivors:
        console.print(f"{module(v)}:{v.line} {v.operator}", style="bold", highlight=False)
        console.print(f"    {v.was}\n    {v.becomes}", markup=False, highlight=False)
        console.print(f"    {argued.get(key(v), 'NOT ARGUED FOR')}", markup=False, highlight=False)
    killed = sum(v.outcome == "killed" for v in verdicts)
    share = 100 * killed / max(1, killed + len(survivors))
    seconds = sum(v.seconds for v in verdicts)
    console.print(
        f"{share:.1f} % of {killed + len(survivors)} mutants killed, at least {limit:g} % needed; "
        f"{seconds:.0f} s of processor time"
    )
    unargued = [v for v in survivors if key(v) not in argued]
    if unargued:
        console.print(f"{len(unargued)} survivors are not argued for in {ARGUMENTS.name}")
    return share < limit or bool(unargued)
