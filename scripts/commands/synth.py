"""``rfssm synth``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from rfssm.errors import HardwareError, ToolError
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
    fitted_lanes,
    lanes_of,
    load_samples,
    number,
)
from rfssm.words import real_number, whole_number


@command()
def synth(
    network: NetworkFile,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            help="ecp5-25k, ecp5-45k, ecp5-85k, ice40-up5k, ice40-hx8k, xc7 or xcup; that of --fit "
            "if absent.",
        ),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(
            metavar="B", help="Place the network with its UART for this board: ulx3s or icebreaker."
        ),
    ] = None,
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="X.npz",
            help="Samples whose cycles are measured; random samples if absent.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the report and the bitstream."),
        Writes.SHARED,
    ] = None,
    synapse_lanes: SynapseLanes = None,
    neuron_lanes: NeuronLanes = None,
    fit: Fit = None,
    speed: Speed = None,
    seeds: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=number(whole_number, 1, 100),
            help="Number of placements; the best one counts.",
        ),
    ] = 1,
    frequency: Annotated[
        float | None,
        typer.Option(
            metavar="MHZ",
            parser=number(real_number, 1, 1000),
            help="Clock rate that must be reached.",
        ),
    ] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Prove the netlist against the RTL.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Synthesise, place and route: cells, clock rate, latency, a bitstream.

    With --frequency a design that is slower ends in exit status 1.  For a target that only Vivado
    places, the clock rate is checked by the script that --out writes.  With --prove a netlist that
    has another block than the RTL, or a register that is not proved, ends in exit status 1.
    """
    from rfssm.hls.boards.boards import find_board
    from rfssm.hls.design import Design
    from rfssm.hls.engines import missing
    from rfssm.hls.synthesis.chip_tops import board_target, board_top
    from rfssm.hls.synthesis.flow import synth as synthesize
    from rfssm.hls.synthesis.targets import target as target_of
    from rfssm.hls.verify import RANDOM_SAMPLES, random_samples
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console
    from rfssm.scripts.proof_tables import verdict
    from rfssm.scripts.synth import prepare, write
    from rfssm.scripts.synth_tables import summary

    if target is None and board is None:
        target = fit
    if (target is None) == (board is None):
        raise HardwareError("--target and --board: give one of them, or --fit alone")
    loaded = IntegerNetwork.load(network)
    place = None if board is None else find_board(board)
    chosen = board_target(place) if place else target_of(target or "")
    chosen.speed(speed)
    if frequency is not None and not chosen.placed and out is None:
        raise HardwareError(
            f"--frequency {frequency:g} and --target {chosen.name}: only Vivado places it, so "
            "the clock rate cannot be checked here; add --out DIR for a script that checks it"
        )
    if input_file is not None and (reason := missing("verilator")):
        raise ToolError(f"--input: samples are timed in Verilator: {reason}")
    if input_file is None:
        samples = random_samples(loaded, RANDOM_SAMPLES, seed=0)
    else:
        samples = load_samples(input_file, loaded)
    lanes = lanes_of(synapse_lanes, neuron_lanes)
    if fit is not None:
        lanes = fitted_lanes(loaded, fit, lanes, None if input_file is None else samples)
    design = Design.of(loaded, lanes)
    if out is not None:
        prepare(out, design, [network, *([] if input_file is None else [input_file])])
    with console.stages() as progress:
        synthesis = synthesize(
            design,
            chosen,
            seeds=range(1, seeds + 1),
            speed=speed,
            frequency_mhz=frequency,
            samples=samples,
            top=board_top(design, place) if place else None,
            prove=prove,
            progress=progress,
        )
    if as_json:
        print(json.dumps(synthesis.to_json()))
    else:
        console.show(*summary(synthesis))
    if out is not None:
        written = write(synthesis, out)
        if not as_json:
            files = (written.report, written.bitstream, written.script, written.proof)
            console.show(*(f"wrote {path}" for path in files if path is not None))
    proof = synthesis.equivalence
    if proof is not None and not proof.holds:
        print(f"the proof fails: {verdict(proof)}", file=sys.stderr)
    reached = synthesis.fmax_mhz
    failed = proof is not None and not proof.holds
    if frequency is not None and reached is not None and reached < frequency:
        failed = True
        print(f"too slow: {reached:.1f} MHz where {frequency:g} are wanted", file=sys.stderr)
    if failed:
        raise typer.Exit(CHECK_FAILED)
