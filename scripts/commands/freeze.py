"""``rfssm freeze``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from rfssm.outputs import Writes, check_outputs, writing
from rfssm.scripts.app import AsJson, command, number
from rfssm.words import whole_number


@command()
def freeze(
    source: Annotated[
        Path, typer.Argument(metavar="RUN_OR_NETWORK", help="Folder of a run, or a network file.")
    ],
    state_bits: Annotated[
        str,
        typer.Option(
            metavar="auto|N",
            help="Bits of the states; auto: the fewest that provably hold every reachable state.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="NETWORK", help="Network file to write."), Writes.FILE
    ],
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=number(whole_number, 4, 32),
            help="Largest width that auto may choose; each layer's present width if absent.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Choose the width of the states and write the network again."""
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console
    from rfssm.scripts.freeze import freeze_states, network_of, report_json, width_lines

    file = network_of(source)
    check_outputs([(out, Writes.FILE)], [file])  # the file in the folder of a run
    frozen, widths = freeze_states(IntegerNetwork.load(file), state_bits, limit)
    with writing(out):
        frozen.save(out)
    if as_json:
        print(json.dumps(report_json(widths)))
    else:
        console.show(*width_lines(widths, limit), f"wrote {out}")
