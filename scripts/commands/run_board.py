"""``rfssm run-board``."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rfssm.outputs import Writes, writing
from rfssm.scripts.app import NetworkFile, command, load_samples, show_accuracy


@command("run-board")
def run_board(
    network: NetworkFile,
    port: Annotated[
        str,
        typer.Option(metavar="PORT", help="Serial port of the board, for instance /dev/ttyUSB1."),
    ],
    input_file: Annotated[Path, typer.Option("--input", metavar="X.npz", help="Samples to run.")],
    output_file: Annotated[
        Path,
        typer.Option("--output", metavar="Y.npz", help="File for scores and labels."),
        Writes.FILE,
    ],
) -> None:
    """Run samples through a programmed board."""
    from rfssm.hls.boards.host import Device
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console

    loaded = IntegerNetwork.load(network)
    samples = load_samples(input_file, loaded)
    with console.progress_bars() as progress, Device(port, loaded) as device:
        begin = time.perf_counter()
        outputs = device.run(samples, progress=progress and partial(progress, "board"))
        seconds = time.perf_counter() - begin
    with writing(output_file):
        outputs.save(output_file)
    repeated = f", {device.repeated} sent again" if device.repeated else ""
    console.show(f"board: {len(samples)} samples in {seconds:.2f} s{repeated}")
    show_accuracy(outputs, samples)
    console.show(f"wrote {output_file}")
