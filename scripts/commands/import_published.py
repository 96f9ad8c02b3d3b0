"""``rfssm import-published``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rfssm.errors import RfssmError, first_few, printable
from rfssm.outputs import Writes, writing
from rfssm.scripts.app import AsJson, command, number
from rfssm.words import printable_text, whole_number


@command("import-published")
def import_published(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Network of the authors' code, an .npz.")
    ],
    calibrate: Annotated[
        Path, typer.Option(metavar="X.npz", help="Samples that decide the widths.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="NETWORK", help="Network file to write."), Writes.FILE
    ],
    weight_bits: Annotated[
        int,
        typer.Option(metavar="N", parser=number(whole_number, 2, 16), help="Bits of a weight."),
    ] = 8,
    state_bits: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=number(whole_number, 4, 32),
            help="Bits of a state; as many as the samples need if absent.",
        ),
    ] = None,
    transition_frac: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=number(whole_number, 4, 20),
            help="Fractional bits of a transition.",
        ),
    ] = 16,
    as_json: AsJson = False,
) -> None:
    """Quantise a network that was trained with its authors' code, without retraining."""
    try:
        printable_text(file.stem)
    except ValueError as error:
        shown = printable(str(file), keep="")
        raise RfssmError(f"{shown}: its name is the network's, and {error}") from None
    from rfssm.model.published import load_published
    from rfssm.quant.ptq import Calibration, quantize
    from rfssm.scripts import console

    network, report = quantize(
        load_published(file),
        Calibration.load(calibrate),
        name=file.stem,
        weight_bits=weight_bits,
        transition_frac=transition_frac,
        state_bits=state_bits,
    )
    with writing(out):
        network.save(out)
    if as_json:
        print(json.dumps(asdict(report), default=lambda config: config.model_dump()))
        return
    formats = report.formats
    console.show(
        f"weights {formats.weight_bits} bits, states {formats.state_bits} bits, transitions "
        f"{formats.transition_bits} bits with {formats.transition_frac} of them fraction",
        console.changes_table(report),
    )
    for i, layer in enumerate(report.layers):
        if layer.slower:
            console.show(
                f"layer {i}: decays closer to 1 than 2^-{formats.transition_frac} forget faster "
                f"than they should: {len(layer.slower)} neurons, {first_few(layer.slower)}"
            )
    console.show(
        f"{report.labels_changed} of {report.samples} labels changed",
        f"wrote {out}",
    )
