"""Mutation runs over the RTL, the HLS headers, and the Python around them: ``make mutate``.

Goes on where it was cut.  Fails when too few mutants are killed, or when a survivor is not argued
for in ``survivors.yaml``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from tests.mutation import cpp, python, report, rtl
from tests.mutation.campaign import ROOT, run

app = typer.Typer(add_completion=False)


@app.command()
def main(
    what: Annotated[str, typer.Argument(help="rtl, python, cpp or all")] = "all",
    count: Annotated[int, typer.Option(help="mutants, 0 for what is customary")] = 0,
    only: Annotated[str, typer.Option(help="files whose name contains this")] = "",
    jobs: Annotated[int, typer.Option(help="mutants at a time")] = 2,
    folder: Annotated[Path, typer.Option(help="of results")] = ROOT / "runs" / "mutation",
) -> None:
    """Run what has not been run yet, and report."""
    kinds: dict[str, Any] = {"rtl": rtl, "python": python, "cpp": cpp}
    if what not in (*kinds, "all"):
        raise typer.BadParameter(f"{what!r}: must be rtl, python, cpp or all")
    console = Console()
    failed = False
    for name, module in kinds.items():
        if what not in (name, "all"):
            continue
        mutants = [mutant for mutant in module.chosen(count or module.COUNT) if only in mutant.file]

        def progress(
            futures: Iterable[Any], done: int, total: int, name: str = name
        ) -> Iterable[Any]:
            return track(futures, f"{name}: mutants", total, completed=done, console=console)

        verdicts = run(
            mutants, module.tests_of, module.compiles, folder / name, jobs=jobs, progress=progress,
            libraries=module.LIBRARIES, seconds=module.SECONDS,
        )  # fmt: skip
        failed |= report.show(verdicts, report.LIMITS[name], console)
    sys.exit(int(failed))


if __name__ == "__main__":
    app()
