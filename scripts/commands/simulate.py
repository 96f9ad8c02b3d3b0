"""``rfssm simulate``."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rfssm.outputs import Writes, writing
from rfssm.scripts.app import (
    NetworkFile,
    NeuronLanes,
    SynapseLanes,
    command,
    lanes_of,
    load_samples,
    show_accuracy,
)


@command()
def simulate(
    network: NetworkFile,
    input_file: Annotated[Path, typer.Option("--input", metavar="X.npz", help="Samples to run.")],
    output_file: Annotated[
        Path,
        typer.Option("--output", metavar="Y.npz", help="File for scores and labels."),
        Writes.FILE,
    ],
    engine: Annotated[
        str,
        typer.Option(
            metavar="E",
            help="golden, csim, verilator, icarus, netlist, netlist-ecp5 or netlist-ice40.",
        ),
    ] = "golden",
    spikes: Annotated[
        bool, typer.Option("--spikes", help="Also write the spikes of every layer.")
    ] = False,
    states: Annotated[
        bool, typer.Option("--states", help="Also write both states of every neuron.")
    ] = False,
    synapse_lanes: SynapseLanes = None,
    neuron_lanes: NeuronLanes = None,
) -> None:
    """Run samples through one engine."""
    from rfssm import cache
    from rfssm.hls import engines
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console

    loaded = IntegerNetwork.load(network)
    samples = load_samples(input_file, loaded)
    lanes = lanes_of(synapse_lanes, neuron_lanes)
    begin, built = time.perf_counter(), len(cache.built())
    with console.progress_bars() as progress:
        if progress is not None:
            progress(engine, 0, len(samples))  # building may take longer than running
        outputs = engines.run(
            loaded,
            samples,
            engine,
            spikes=spikes,
            states=states,
            lanes=lanes,
            progress=progress and partial(progress, engine),
        )
    seconds = time.perf_counter() - begin
    with writing(output_file):
        outputs.save(output_file)
    build = "built first" if len(cache.built()) > built else "build from the cache"
    note = "" if engine == "golden" else f", {build}"
    console.show(f"{engine}: {len(samples)} samples in {seconds:.2f} s{note}")
    show_accuracy(outputs, samples)
    console.show(f"wrote {output_file}")
