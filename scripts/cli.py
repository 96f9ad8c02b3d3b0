"""The ``rfssm`` command: each command calls public Python functions and shows what they say.

Exit status: 0 done, 1 a check failed, 2 bad input (one message, no traceback), 130 interrupted.
What a command needs is imported inside it, so that ``rfssm --help`` answers at once.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict
from functools import partial, wraps
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO, cast, get_type_hints

import typer

from rfssm.errors import (
    HardwareError,
    RfssmError,
    SamplesError,
    ToolError,
    brief,
    printable,
    said,
    some,
)
from rfssm.scripts.files import Writes, check_outputs, writing
from rfssm.scripts.streams import Guarded, repair_streams
from rfssm.strict import printable_text, real_number, whole_number

if TYPE_CHECKING:
    from rfssm.hls.design import LaneChoice
    from rfssm.quant.network import IntegerNetwork
    from rfssm.quant.samples import Outputs, Samples

CHECK_FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    help="Resonate-and-fire state space networks: train, check bit for bit, convert to FPGA IP.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _number(
    parse: Callable[[str], Any], low: float, high: float | None = None
) -> Callable[[str], Any]:
    """Reads an option: a number in plain digits, from ``low`` to ``high``."""

    def read(text: str) -> Any:
        try:
            number = parse(str(text))
        except ValueError as error:
            raise typer.BadParameter(f"{brief(text)}: {error}") from None
        if number < low or (high is not None and number > high):
            allowed = f"at least {low}" if high is None else f"{low} to {high:,}"
            raise typer.BadParameter(f"{brief(text)}: must be {allowed}")
        return number

    return read


NetworkFile = Annotated[Path, typer.Argument(metavar="NETWORK", help="A network.safetensors.")]
SynapseLanes = Annotated[
    str | None,
    typer.Option(
        metavar="N[,N...]",
        help="Neurons whose currents one event changes per cycle: one number, or one per layer.",
    ),
]
NeuronLanes = Annotated[
    str | None,
    typer.Option(
        metavar="N[,N...]",
        help="Neurons that a layer updates per cycle: one number, or one per layer.",
    ),
]
Fit = Annotated[
    str | None,
    typer.Option(metavar="T", help="Choose the lanes that are fastest on ecp5-25k, -45k or -85k."),
]
Speed = Annotated[str | None, typer.Option(metavar="S", help="Speed grade of an ECP5: 6, 7 or 8.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def command(name: str | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a command.

    Before its work every path that it writes (``Writes``) is checked against every path that it
    reads.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @app.command(name)
        @wraps(function)
        def checked(**given: Any) -> None:
            outputs, inputs = [], []
            for parameter, hint in get_type_hints(function, include_extras=True).items():
                path = given.get(parameter)
                if not isinstance(path, Path):
                    continue
                marks = [mark for mark in hint.__metadata__ if isinstance(mark, Writes)]
                if marks:
                    outputs.append((path, marks[0]))
                else:
                    inputs.append(path)
            check_outputs(outputs, inputs)
            function(**given)

        return function

    return register


def main() -> NoReturn:
    """Run the command line and end the process."""
    repair_streams()
    warnings.showwarning = _show_warning
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and give its exit status; what the user did wrong is said in one line.

    The status does not depend on whether somebody reads the output: a closed pipe ends nothing, and
    a full disk behind it makes of status 0 a 2.
    """
    out, err = Guarded(sys.stdout), Guarded(sys.stderr)
    with redirect_stdout(cast(TextIO, out)), redirect_stderr(cast(TextIO, err)):
        status = _run(arguments)
        out.flush()
        if out.error is not None and not isinstance(out.error, BrokenPipeError):
            status = status or _refuse(f"standard output: {out.error.strerror}")
        err.flush()
    return status


def _run(arguments: list[str]) -> int:
    try:
        status = app(arguments, prog_name="rfssm", standalone_mode=False)
    except typer.TyperException as error:
        return _refuse(error.format_message())
    except RfssmError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        status = INTERRUPTED
    except OSError as error:
        return _refuse(_of_the_system(error))
    except MemoryError as error:
        return _refuse(f"not enough memory ({error}); use fewer samples")
    if status == INTERRUPTED:
        return _refuse("interrupted", INTERRUPTED)
    return status or 0


def _of_the_system(error: OSError) -> str:
    """What the operating system says, and of which file."""
    try:
        Path.cwd()
    except OSError:
        return "the working directory does not exist any more; change to another"
    name = "" if error.filename is None else f"{error.filename}: "
    return name + (error.strerror or said(error))


def _refuse(message: str, status: int = BAD_INPUT) -> int:
    print("error:", printable(message), file=sys.stderr)
    return status


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show our own warnings in one line; what libraries tell programmers is not for the user."""
    if category.__module__.startswith("rfssm."):
        print("warning:", printable(str(message)), file=sys.stderr)


def _show_version(wanted: bool) -> None:
    if wanted:
        print("rfssm", version("rfssm"))
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@command()
def demo(
    out: Annotated[
        Path, typer.Option(metavar="RUN", help="Folder of the run."), Writes.FOLDER
    ] = Path("runs/demo"),
    as_json: AsJson = False,
) -> None:
    """Go the whole road once, on real data.

    Trains a network of integers on handwritten digits, converts it to HLS C++ and SystemVerilog,
    and compares every engine with the golden model.
    """
    from rfssm.scripts import console
    from rfssm.scripts.demo import run_demo
    from rfssm.scripts.recipe import load_recipe

    with console.progress_bars() as progress, writing(out):
        report = run_demo(load_recipe("digits"), out, say=console.tell, progress=progress)
    if as_json:
        print(json.dumps(report.to_json()))
    else:
        console.show(console.engine_table(report.engines), *console.engine_notes(report.engines))
        console.show(f"test accuracy of the integer network: {100 * report.accuracy:.2f} %")
        if report.engines.equal:
            console.show("every engine that ran is equal to the golden model")
    if not report.engines.equal:
        raise typer.Exit(CHECK_FAILED)


@command()
def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A recipe's name or a YAML file.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replace one field; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Folder of the run; runs/RECIPE if absent."),
        Writes.FOLDER,
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run stood.")
    ] = False,
) -> None:
    """Train a network on the integer contract."""
    from rfssm.scripts import console
    from rfssm.scripts.recipe import load_recipe

    chosen = load_recipe(recipe, overrides or ())
    run = Path("runs") / chosen.name if out is None else out
    from rfssm.quant.run import train as train_network  # torch: only once the recipe is good

    with writing(run):
        done = train_network(chosen, run, resume=resume, progress=sys.stderr.isatty())
    came_to = done.summary
    numbers = "real-valued" if done.network is None else "integer"
    console.show(
        f"trained {chosen.name} in {came_to.seconds:.1f} s",
        f"test accuracy of the {numbers} network: {100 * came_to.accuracy:.2f} %",
        f"{came_to.parameters:,} parameters, {came_to.spikes_per_sample:,.0f} spikes per sample",
        *console.reachable_lines(came_to.state_bits, came_to.reachable_bits),
        f"wrote {run}",
    )


@command()
def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Holds folders of runs.")],
) -> None:
    """Show all finished runs below a folder as one Markdown table, seeds together."""
    from rfssm.scripts.runs import runs_table

    print(runs_table(folder))


@command("import-published")
def import_published(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A published network's .npz.")],
    calibrate: Annotated[Path, typer.Option(metavar="X.npz", help="Samples that set the widths.")],
    out: Annotated[
        Path, typer.Option(metavar="NETWORK", help="network.safetensors to write."), Writes.FILE
    ],
    weight_bits: Annotated[
        int,
        typer.Option(metavar="N", parser=_number(whole_number, 2, 16), help="Bits of a weight."),
    ] = 8,
    state_bits: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=_number(whole_number, 4, 32),
            help="Bits of a state; what the samples need if absent.",
        ),
    ] = None,
    transition_frac: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=_number(whole_number, 4, 20),
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
                f"than they should: {len(layer.slower)} neurons, {some(layer.slower)}"
            )
    console.show(
        f"{report.labels_changed} of {report.samples} labels changed",
        f"wrote {out}",
    )


@command()
def freeze(
    source: Annotated[
        Path, typer.Argument(metavar="RUN_OR_NETWORK", help="A run's folder, or a network file.")
    ],
    state_bits: Annotated[
        str,
        typer.Option(
            metavar="auto|N", help="auto: as few as are proved to hold every reachable state."
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="NETWORK", help="network.safetensors to write."), Writes.FILE
    ],
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=_number(whole_number, 4, 32),
            help="Most bits for auto; each layer's own width if absent.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Choose the width of the states and write the network again."""
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console
    from rfssm.scripts.freeze import freeze_states, network_of, report_json, told

    file = network_of(source)
    check_outputs([(out, Writes.FILE)], [file])  # of the run that was named
    frozen, widths = freeze_states(IntegerNetwork.load(file), state_bits, limit)
    with writing(out):
        frozen.save(out)
    if as_json:
        print(json.dumps(report_json(widths)))
    else:
        console.show(*told(widths, limit), f"wrote {out}")


@command()
def inspect(
    network: NetworkFile,
    calibrate: Annotated[
        Path | None,
        typer.Option(metavar="X.npz", help="Samples to look at; a run's own test set if absent."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a network is made of."""
    from rfssm.hls.describe import beside, describe
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console

    loaded = IntegerNetwork.load(network)
    if calibrate is None:
        samples, left_out = beside(network, loaded)
        if left_out:
            console.tell(left_out)
    else:
        samples = _load_samples(calibrate, loaded)
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


@command()
def simulate(
    network: NetworkFile,
    input_file: Annotated[Path, typer.Option("--input", metavar="X.npz", help="Samples.")],
    output_file: Annotated[
        Path, typer.Option("--output", metavar="Y.npz", help="Results."), Writes.FILE
    ],
    engine: Annotated[
        str, typer.Option(metavar="E", help="golden, csim, verilator, icarus, netlist, ..")
    ] = "golden",
    spikes: Annotated[bool, typer.Option("--spikes", help="Also write every spike.")] = False,
    states: Annotated[bool, typer.Option("--states", help="Also write every state.")] = False,
    synapse_lanes: SynapseLanes = None,
    neuron_lanes: NeuronLanes = None,
) -> None:
    """Run samples through one engine."""
    from rfssm import cache
    from rfssm.hls import engines
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console

    loaded = IntegerNetwork.load(network)
    samples = _load_samples(input_file, loaded)
    lanes = _lanes(synapse_lanes, neuron_lanes)
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
    _show_accuracy(outputs, samples)
    console.show(f"wrote {output_file}")


@command()
def verify(
    network: NetworkFile,
    input_file: Annotated[
        Path | None,
        typer.Option("--input", metavar="X.npz", help="Samples; random ones if absent."),
    ] = None,
    engines: Annotated[
        str | None,
        typer.Option(metavar="A,B,..", help="If absent: csim, verilator, icarus, if they can run."),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=_number(whole_number, 1, 1_000_000),
            help="At most N of --input, or N random ones (16).",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="S", parser=_number(whole_number, 0), help="Of random samples.")
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
        given = _load_samples(input_file, loaded)[slice(samples)]
    names = None if engines is None else engines.split(",")
    lanes = _lanes(synapse_lanes, neuron_lanes)
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


@command("soft-errors")
def soft_errors(
    network: NetworkFile,
    input_file: Annotated[Path, typer.Option("--input", metavar="X.npz", help="Samples.")],
    memory: Annotated[
        str | None, typer.Option(metavar="M", help="states or weights; each if absent.")
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(metavar="R[,R...]", help="Upsets per bit and sample (1e-5 to 1e-1)."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="S", parser=_number(whole_number, 0), help="Of the upsets.")
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
    """Flip bits of the RTL's memories, and see what it costs."""
    from rfssm.hls.engines.soft_errors import MEMORIES, RATES
    from rfssm.hls.engines.soft_errors import soft_errors as under_upsets
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console
    from rfssm.scripts.upset_tables import draw, upset_table

    chosen = RATES if rates is None else _rates(rates)
    loaded = IntegerNetwork.load(network)
    samples = _load_samples(input_file, loaded)
    lanes = _lanes(synapse_lanes, neuron_lanes)
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
    read = _number(real_number, 0, 1)
    try:
        return [read(word) for word in text.split(",")]
    except typer.BadParameter:
        raise HardwareError(
            f"--rates {brief(text)}: must be numbers from 0 to 1, as 1e-4,1e-3"
        ) from None


@command()
def convert(
    network: NetworkFile,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="A folder that does not exist yet."), Writes.FOLDER
    ],
    backend: Annotated[
        str, typer.Option(metavar="B", help="RFSSM, Vitis or Vivado: who reads the HLS C++.")
    ] = "RFSSM",
    board: Annotated[
        list[str] | None,
        typer.Option(
            metavar="B", help="ulx3s or icebreaker: also a top for this board; may be repeated."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of all modules and files; the network's if absent. Two networks in one design "
            "need two names.",
        ),
    ] = None,
    inline_memories: Annotated[
        bool,
        typer.Option(
            "--inline-memories",
            help="Contents of memories in the SystemVerilog, for tools that lose .mem files.",
        ),
    ] = False,
    synapse_lanes: SynapseLanes = None,
    neuron_lanes: NeuronLanes = None,
    fit: Fit = None,
) -> None:
    """Write HLS C++, SystemVerilog and a test bench."""
    from rfssm.hls.boards.boards import find_board
    from rfssm.hls.convert import convert as write_hardware
    from rfssm.hls.design import Design
    from rfssm.hls.estimate.fit import check_blocks
    from rfssm.hls.names import checked_name
    from rfssm.hls.synthesis.chip_tops import board_target
    from rfssm.hls.verify import RANDOM_SAMPLES, random_samples
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console

    name = None if name is None else checked_name(name)
    loaded = IntegerNetwork.load(network)
    lanes = _lanes(synapse_lanes, neuron_lanes)
    lanes = lanes if fit is None else _fitted(loaded, fit, lanes)
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
    console.show(
        f"wrote {written.hls} (HLS C++)",
        f"wrote {written.rtl} (SystemVerilog)",
        f"wrote {written.bench} (test bench: run make there)",
        f"wrote {written.core} (FuseSoC)",
        f"wrote {written.modules_core} (FuseSoC: the modules that all networks share)",
        *(f"wrote {folder} (top with UART, constraints)" for folder in written.boards),
    )


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
        typer.Option(metavar="B", help="ulx3s or icebreaker, with its UART, instead of a target."),
    ] = None,
    input_file: Annotated[
        Path | None,
        typer.Option("--input", metavar="X.npz", help="Samples to time; random ones if absent."),
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
        typer.Option(metavar="N", parser=_number(whole_number, 1, 100), help="Placements tried."),
    ] = 1,
    frequency: Annotated[
        float | None,
        typer.Option(
            metavar="MHZ",
            parser=_number(real_number, 1, 1000),
            help="Clock rate that must be reached.",
        ),
    ] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Prove the netlist's registers against the RTL.")
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
        samples = _load_samples(input_file, loaded)
    lanes = _lanes(synapse_lanes, neuron_lanes)
    if fit is not None:
        lanes = _fitted(loaded, fit, lanes, None if input_file is None else samples)
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


@command()
def estimate(
    network: NetworkFile,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="T", help="ecp5-25k, ecp5-45k or ecp5-85k; the one of --fit if absent."
        ),
    ] = None,
    input_file: Annotated[
        Path | None,
        typer.Option("--input", metavar="X.npz", help="Samples to time; random events if absent."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="R",
            parser=_number(real_number, 0, 1),
            help="Random events per input or neuron and step (0.1).",
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
    """Cells, memory, clock rate and latency from formulas, without any tool.

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
    samples = None if input_file is None else _load_samples(input_file, loaded)
    activity = activity_of(loaded, samples, RATE if rate is None else rate)
    lanes = _lanes(synapse_lanes, neuron_lanes)
    if fit is not None:
        from rfssm.hls.estimate.fit import fit_lanes

        _refuse_lanes(lanes)
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


def _fitted(
    network: IntegerNetwork, name: str, lanes: LaneChoice | None, samples: Samples | None = None
) -> LaneChoice:
    """The fastest lanes on a target."""
    from rfssm.hls.estimate.estimate import activity_of
    from rfssm.hls.estimate.fit import fit_lanes
    from rfssm.hls.synthesis.targets import target

    _refuse_lanes(lanes)
    return fit_lanes(network, target(name), activity_of(network, samples))


def _refuse_lanes(lanes: LaneChoice | None) -> None:
    """With --fit nobody else chooses lanes."""
    if lanes is not None:
        raise HardwareError("--fit and --synapse-lanes or --neuron-lanes: give one of them")


@command("run-board")
def run_board(
    network: NetworkFile,
    port: Annotated[
        str, typer.Option(metavar="PORT", help="Serial port of the board, as /dev/ttyUSB1.")
    ],
    input_file: Annotated[Path, typer.Option("--input", metavar="X.npz", help="Samples.")],
    output_file: Annotated[
        Path, typer.Option("--output", metavar="Y.npz", help="Results."), Writes.FILE
    ],
) -> None:
    """Run samples through a programmed board."""
    from rfssm.hls.boards.host import Device
    from rfssm.quant.network import IntegerNetwork
    from rfssm.scripts import console

    loaded = IntegerNetwork.load(network)
    samples = _load_samples(input_file, loaded)
    with console.progress_bars() as progress, Device(port, loaded) as device:
        begin = time.perf_counter()
        outputs = device.run(samples, progress=progress and partial(progress, "board"))
        seconds = time.perf_counter() - begin
    with writing(output_file):
        outputs.save(output_file)
    repeated = f", {device.repeated} sent again" if device.repeated else ""
    console.show(f"board: {len(samples)} samples in {seconds:.2f} s{repeated}")
    _show_accuracy(outputs, samples)
    console.show(f"wrote {output_file}")


def _show_accuracy(outputs: Outputs, samples: Samples) -> None:
    """Say how many labels are right, where the samples know it."""
    from rfssm.scripts import console

    if samples.labels is None:
        return
    try:
        console.show(f"accuracy: {100 * outputs.accuracy(samples):.2f} %")
    except SamplesError as error:
        console.show(f"accuracy: not known ({error})")


def _load_samples(path: Path, network: IntegerNetwork) -> Samples:
    """Samples of a file, checked against the network; complaints name the file."""
    from rfssm.quant.samples import Samples

    samples = Samples.load(path)
    try:
        samples.check(network)
    except SamplesError as error:
        raise SamplesError(f"{path}: {error}") from None
    return samples


def _lanes(synapse: str | None, neuron: str | None) -> LaneChoice | None:
    """Lanes of all layers or of each; None: each layer's own default."""
    if synapse is None and neuron is None:
        return None
    from rfssm.hls.design import lane_choice

    synapses, neurons = _numbers("--synapse-lanes", synapse), _numbers("--neuron-lanes", neuron)
    synapses = synapses or [max(16, n) for n in neurons]
    neurons = neurons or [min(4, n) for n in synapses]
    return lane_choice(*(n[0] if len(n) == 1 else n for n in (synapses, neurons)))


def _numbers(option: str, text: str | None) -> list[int]:
    try:
        return [] if text is None else [whole_number(word) for word in text.split(",")]
    except ValueError:
        raise HardwareError(
            f"{option} {brief(text)}: must be one number in plain digits, or one per layer as 16,8"
        ) from None


if __name__ == "__main__":
    main()
