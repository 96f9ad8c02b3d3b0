"""``rfssm convert``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rfssm.errors import HardwareError, printable
from rfssm.outputs import Writes
from rfssm.scripts.app import (
    Fit,
    NetworkFile,
    NeuronLanes,
    SynapseLanes,
    command,
    fitted_lanes,
    lanes_of,
)


@command()
def convert(
    network: NetworkFile,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Output folder, which must not exist yet."),
        Writes.FOLDER,
    ],
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="B",
            help="Tool for the HLS C++: RFSSM, Vitis or Vivado. If absent: RFSSM where hls4ml is "
            "installed, and no HLS C++ elsewhere.",
        ),
    ] = None,
    board: Annotated[
        list[str] | None,
        typer.Option(
            metavar="B",
            help="Also write a top for this board, ulx3s or icebreaker; may be repeated.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of all modules and files; the network's if absent. Two networks in one "
            "design need two names.",
        ),
    ] = None,
    inline_memories: Annotated[
        bool,
        typer.Option(
            "--inline-memories",
            help="Write the contents of memories into the SystemVerilog, without .mem files.",
        ),
    ] = False,
    synapse_lanes: SynapseLanes = None,
    neuron_lanes: NeuronLanes = None,
    fit: Fit = None,
) -> None:
    """Write SystemVerilog and a test bench, and HLS C++ where hls4ml is installed."""
    from rfssm.hls.boards.boards import find_board
    from rfssm.hls.convert import convert as write_hardware
    from rfssm.hls.design import Design
    from rfssm.hls.estimate.fit import check_blocks
    from rfssm.hls.hls4ml.plugin import missing
    from rfssm.hls.names import checked_name
    from rfssm.hls.synthesis.chip_tops import board_target
    from rfssm.hls.verify import RANDOM_SAMPLES, random_samples
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console

    name = None if name is None else checked_name(name)
    loaded = IntegerNetwork.load(network)
    lanes = lanes_of(synapse_lanes, neuron_lanes)
    lanes = lanes if fit is None else fitted_lanes(loaded, fit, lanes)
    samples = random_samples(loaded, RANDOM_SAMPLES, seed=0)
    boards = [find_board(each) for each in dict.fromkeys(board or ())]
    for place in boards:
        try:
            check_blocks(Design.of(loaded, lanes), board_target(place))
        except HardwareError as error:
            print("warning:", printable(f"board {place.name}: {error}"), file=sys.stderr)
    written = write_hardware(
        loaded,
        out,
        samples,
        backend=backend,
        lanes=lanes,
        boards=boards,
        name=name,
        inline_memories=inline_memories,
    )
    if written.hls is None:
        console.announce(f"no HLS C++: {missing()}")
    else:
        console.show(f"wrote {written.hls} (HLS C++)")
    console.show(
        f"wrote {written.rtl} (SystemVerilog)",
        f"wrote {written.bench} (test bench: run make there)",
        f"wrote {written.core} (FuseSoC)",
        f"wrote {written.modules_core} (FuseSoC: the modules that all networks share)",
        *(f"wrote {folder} (top with UART, constraints)" for folder in written.boards),
    )
