"""``rfssm runs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rfssm.scripts.app import command


@command()
def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder that holds folders of runs.")
    ],
) -> None:
    """Show all finished runs below a folder as one Markdown table, seeds together."""
    from rfssm.scripts.runs import runs_table

    print(runs_table(folder))
