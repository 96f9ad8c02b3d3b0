"""``rfssm train``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rfssm.outputs import Writes, writing
from rfssm.scripts.app import command


@command()
def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="Name of a recipe, or a YAML file.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change one field of the recipe; may be repeated."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Folder of the run; runs/RECIPE if absent."),
        Writes.FOLDER,
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
) -> None:
    """Train a network on the integer contract."""
    from rfssm.quant.recipes import load_recipe
    from rfssm.scripts import console

    chosen = load_recipe(recipe, overrides or ())
    run = Path("runs") / chosen.name if out is None else out
    from rfssm.quant.run import train as train_network  # imports torch: only with a valid recipe

    with writing(run):
        done = train_network(chosen, run, resume=resume, progress=sys.stderr.isatty())
    summary = done.summary
    numbers = "real-valued" if done.network is None else "integer"
    console.show(
        f"trained {chosen.name} in {summary.seconds:.1f} s",
        f"test accuracy of the {numbers} network: {100 * summary.accuracy:.2f} %",
        f"{summary.parameters:,} parameters, {summary.spikes_per_sample:,.0f} spikes per sample",
        *console.reachable_lines(summary.state_bits, summary.reachable_bits),
        f"wrote {run}",
    )
