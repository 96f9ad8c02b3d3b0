"""``rfssm demo``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from rfssm.outputs import Writes, writing
from rfssm.scripts.app import CHECK_FAILED, AsJson, command


@command()
def demo(
    out: Annotated[
        Path, typer.Option(metavar="RUN", help="Folder of the run."), Writes.FOLDER
    ] = Path("runs/demo"),
    as_json: AsJson = False,
) -> None:
    """Train, convert, simulate and compare once, on real data.

    Trains a network of integers on handwritten digits, converts it to HLS C++ and SystemVerilog,
    and compares every engine with the golden model.
    """
    from rfssm.quant.recipes import load_recipe
    from rfssm.scripts import console
    from rfssm.scripts.demo import run_demo

    with console.progress_bars() as progress, writing(out):
        report = run_demo(load_recipe("digits"), out, say=console.announce, progress=progress)
    if as_json:
        print(json.dumps(report.to_json()))
    else:
        console.show(console.engine_table(report.engines), *console.engine_notes(report.engines))
        console.show(f"test accuracy of the integer network: {100 * report.accuracy:.2f} %")
        if report.engines.equal:
            console.show("every engine that ran is equal to the golden model")
    if not report.engines.equal:
        raise typer.Exit(CHECK_FAILED)
