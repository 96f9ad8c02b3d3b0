"""``rfssm soft-errors``."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rfssm.errors import HardwareError, short_repr
from rfssm.outputs import Writes, writing
from rfssm.scripts.app import (
    AsJson,
    NetworkFile,
    NeuronLanes,
    SynapseLanes,
    command,
    lanes_of,
    load_samples,
    number,
)
from rfssm.words import real_number, whole_number


@command("soft-errors")
def soft_errors(
    network: NetworkFile,
    input_file: Annotated[Path, typer.Option("--input", metavar="X.npz", help="Samples to run.")],
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="M",
            help="Memories to upset: states or weights; both, one after the other, if absent.",
        ),
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(metavar="R[,R...]", help="Upsets per bit and sample; 1e-5 to 1e-1 if absent."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="S", parser=number(whole_number, 0), help="Seed of the upsets.")
    ] = 0,
    synapse_lanes: SynapseLanes = None,
    neuron_lanes: NeuronLanes = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Draw accuracy against rate."),
        Writes.FILE,
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Flip bits of the RTL's memories and measure the accuracy."""
    from rfssm.hls.engines.soft_errors import MEMORIES, RATES
    from rfssm.hls.engines.soft_errors import soft_errors as under_upsets
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console
    from rfssm.scripts.upset_tables import upset_table

    if plot is not None:
        from rfssm.scripts.upset_plot import draw

    chosen = RATES if rates is None else _rates(rates)
    loaded = IntegerNetwork.load(network)
    samples = load_samples(input_file, loaded)
    lanes = lanes_of(synapse_lanes, neuron_lanes)
    results = []
    with console.progress_bars() as progress:
        for name in MEMORIES if memory is None else (memory,):
            moved = progress and partial(progress, name)
            results.append(
                under_upsets(loaded, samples, name, chosen, seed=seed, lanes=lanes, progress=moved)
            )
    if as_json:
        print(json.dumps([result.to_json() for result in results]))
    else:
        console.show(*map(upset_table, results))
    if plot is not None:
        with writing(plot):
            draw(results, plot)
        if not as_json:
            console.show(f"wrote {plot}")


def _rates(text: str) -> list[float]:
    read = number(real_number, 0, 1)
    try:
        return [read(word) for word in text.split(",")]
    except typer.BadParameter:
        raise HardwareError(
            f"--rates {short_repr(text)}: must be numbers from 0 to 1, as 1e-4,1e-3"
        ) from None
