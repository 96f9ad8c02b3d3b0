"""``rfssm verify``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from rfssm.scripts.app import (
    CHECK_FAILED,
    AsJson,
    NetworkFile,
    NeuronLanes,
    SynapseLanes,
    command,
    lanes_of,
    load_samples,
    number,
)
from rfssm.words import whole_number


@command()
def verify(
    network: NetworkFile,
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input", metavar="X.npz", help="Samples to compare; random samples if absent."
        ),
    ] = None,
    engines: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,..",
            help="Engines; csim, verilator and icarus, where they can run, if absent.",
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=number(whole_number, 1, 1_000_000),
            help="Number of samples: at most N of --input, or N random samples; 16 if absent.",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            metavar="S", parser=number(whole_number, 0), help="Seed of the random samples."
        ),
    ] = 0,
    synapse_lanes: SynapseLanes = None,
    neuron_lanes: NeuronLanes = None,
    as_json: AsJson = False,
) -> None:
    """Compare engines with the golden model.

    Every spike, state, score and label must be equal.  The first difference ends in exit status 1,
    and so does a machine on which no engine can run: nothing was compared there.
    """
    from rfssm.hls.verify import RANDOM_SAMPLES, random_samples, verify_network
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console

    loaded = IntegerNetwork.load(network)
    if input_file is None:
        given = random_samples(loaded, samples or RANDOM_SAMPLES, seed)
    else:
        given = load_samples(input_file, loaded)[slice(samples)]
    names = None if engines is None else engines.split(",")
    lanes = lanes_of(synapse_lanes, neuron_lanes)
    with console.progress_bars() as progress:
        report = verify_network(loaded, given, names, lanes=lanes, progress=progress)
    if as_json:
        print(json.dumps(report.to_json()))
    else:
        console.show(console.engine_table(report), *console.engine_notes(report))
    if not report.compared:
        print("nothing was compared: no engine can run here", file=sys.stderr)
    if not report.equal:
        raise typer.Exit(CHECK_FAILED)
