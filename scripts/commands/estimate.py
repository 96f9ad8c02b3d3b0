"""``rfssm estimate``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from rfssm.errors import HardwareError, printable
from rfssm.outputs import Writes
from rfssm.scripts.app import (
    CHECK_FAILED,
    AsJson,
    Fit,
    NetworkFile,
    NeuronLanes,
    Speed,
    SynapseLanes,
    command,
    lanes_of,
    load_samples,
    number,
    refuse_lanes,
)
from rfssm.words import real_number


@command()
def estimate(
    network: NetworkFile,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="T", help="Device: ecp5-25k, ecp5-45k or ecp5-85k; that of --fit if absent."
        ),
    ] = None,
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="X.npz",
            help="Samples whose events are timed; random events if absent.",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="R",
            parser=number(real_number, 0, 1),
            help="Random events per input or neuron and step; 0.1 if absent.",
        ),
    ] = None,
    synapse_lanes: SynapseLanes = None,
    neuron_lanes: NeuronLanes = None,
    fit: Fit = None,
    speed: Speed = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Draw latency, rate and area over all lanes."),
        Writes.FILE,
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Estimate cells, memory, clock rate and latency from formulas, without any tool.

    A design that the device cannot hold ends in exit status 1.
    """
    from rfssm.hls.design import Design
    from rfssm.hls.estimate.estimate import RATE, activity_of
    from rfssm.hls.estimate.estimate import estimate as estimated
    from rfssm.hls.synthesis.targets import target as target_of
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console
    from rfssm.scripts.estimate_tables import summary

    if input_file is not None and rate is not None:
        raise HardwareError("--input and --rate: give one of them")
    name = target or fit
    if name is None:
        raise HardwareError("--target or --fit: give at least one of them")
    chosen = target_of(name)
    loaded = IntegerNetwork.load(network)
    samples = None if input_file is None else load_samples(input_file, loaded)
    activity = activity_of(loaded, samples, RATE if rate is None else rate)
    lanes = lanes_of(synapse_lanes, neuron_lanes)
    if fit is not None:
        from rfssm.hls.estimate.fit import fit_lanes

        refuse_lanes(lanes)
        lanes = fit_lanes(loaded, target_of(fit), activity, speed=speed)
    result = estimated(Design.of(loaded, lanes), chosen, activity, speed=speed)
    if as_json:
        print(json.dumps(result.to_json()))
    else:
        console.show(*summary(result))
    if plot is not None:
        from rfssm.scripts.tradeoff import draw

        draw(result, activity, plot)
        if not as_json:
            console.show(f"wrote {plot}")
    try:
        chosen.check_room(result.needs)
    except HardwareError as error:
        print(printable(str(error)), file=sys.stderr)
        raise typer.Exit(CHECK_FAILED) from None
