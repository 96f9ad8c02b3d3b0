"""``rfssm inspect``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from rfssm.scripts.app import AsJson, NetworkFile, command, load_samples


@command()
def inspect(
    network: NetworkFile,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="X.npz",
            help="Samples for the bits that are seen; the run's test set if absent.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the formats, the memory and the ranges of a network."""
    from rfssm.hls.describe import beside, describe
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console

    loaded = IntegerNetwork.load(network)
    if calibrate is None:
        samples, left_out = beside(network, loaded)
        if left_out:
            console.announce(left_out)
    else:
        samples = load_samples(calibrate, loaded)
    description = describe(loaded, samples)
    if as_json:
        print(json.dumps(description.to_json()))
        return
    sign = "signed" if description.input_signed else "unsigned"
    console.show(
        f"{description.name}  {description.digest[:16]}",
        f"input: {description.channels} channels, {description.input_bits} bits {sign}, "
        f"{description.input_frac} of them fraction, at most {description.steps_max} steps",
        *console.network_tables(description),
        *console.overflow_notes(description),
        f"{description.memory_bits:,} bits of memory in all",
    )
    for i, layer in enumerate(description.layers):
        if layer.unstable:
            neurons = ", ".join(map(str, layer.unstable))
            console.show(f"layer {i}: transitions outside the unit circle: neurons {neurons}")
    if not any(layer.unstable for layer in description.layers):
        console.show("every transition lies inside the unit circle")
