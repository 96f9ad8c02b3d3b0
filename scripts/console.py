"""Print tables to stdout and progress bars to stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table

from rfssm.errors import printable
from rfssm.quant.arithmetic import ROUNDINGS

if TYPE_CHECKING:
    from rfssm.hls.describe import LayerDescription, NetworkDescription
    from rfssm.hls.verify import EngineResult, VerifyReport
    from rfssm.progress import EngineProgress
    from rfssm.quant.ptq import QuantizationReport
    from rfssm.quant.ranges.narrow import WideNeuron

WIDTH = 100  # of output that does not go to a terminal


def show(*parts: object) -> None:
    """Print text and tables to stdout."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH
    with console.capture() as text:
        for part in parts:
            if isinstance(part, str):
                console.print(printable(part), soft_wrap=True)
            else:
                console.print(part)
    print(text.get(), end="", flush=console.is_terminal)


def announce(line: str) -> None:
    """Print to stderr what the command is doing."""
    Console(stderr=True, highlight=False, markup=False, emoji=False).print(
        printable(line), soft_wrap=True
    )


@contextmanager
def progress_bars() -> Iterator[EngineProgress | None]:
    """Yield a function that moves bars on stderr; None if stderr is not a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    tasks: dict[str, TaskID] = {}

    def move(what: str, done: int, total: int) -> None:
        if what not in tasks:
            bars.start()
            tasks[what] = bars.add_task(what, total=total)
        bars.update(tasks[what], completed=done, total=total)

    try:
        yield move
    finally:
        bars.stop()


@contextmanager
def stages() -> Iterator[Callable[[str, str], None]]:
    """Yield a function that shows the present stage of the work and its duration on stderr.

    If stderr is not a terminal, one line is printed for each stage.
    """
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    bars = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    running: tuple[str, TaskID, float] | None = None

    def finish() -> None:
        if running is not None and console.is_terminal:
            stage, task, begin = running
            bars.remove_task(task)
            console.print(f"{stage}: {time.perf_counter() - begin:.1f} s", soft_wrap=True)

    def move(stage: str, doing: str) -> None:
        nonlocal running
        if running is None or running[0] != stage:
            finish()
            if not console.is_terminal:
                announce(stage)
            running = stage, bars.add_task(stage), time.perf_counter()
        bars.update(running[1], description=f"{stage}: {doing}" if doing else stage)

    with bars if console.is_terminal else nullcontext():
        yield move
        finish()


def reachable_lines(state_bits: Sequence[int], reachable: Sequence[int]) -> list[str]:
    """Return a line for each layer, the readout last: whether its states provably fit the width."""
    lines = []
    for i, (bits, needed) in enumerate(zip(state_bits, reachable, strict=True)):
        name = f"layer {i}" if i < len(state_bits) - 1 else "readout"
        proved = (
            "proved, never saturates within steps_max"
            if needed <= bits
            else "not proved, may saturate"
        )
        lines.append(f"{name}: states of {bits} bits, reachable {needed} bits: {proved}")
    return lines


def engine_table(report: VerifyReport) -> Table:
    """Return a table with one row for each engine."""
    table = Table()
    table.add_column("engine")
    for column in ("samples", "spikes", "states", "scores", "seconds"):
        table.add_column(column, justify="right")
    table.add_column("equal")
    for result in report.results:
        table.add_row(*_engine_row(result))
    return table


def engine_notes(report: VerifyReport) -> list[str]:
    """Return the lines that follow the table: first differences, missing engines."""
    notes = []
    for result in report.results:
        if result.missing is not None:
            notes.append(f"{result.engine} cannot run here: {result.missing}")
        if result.differences:
            notes.append(f"{result.engine} differs from golden at {result.differences[0]}")
    return notes


def changes_table(report: QuantizationReport) -> Table:
    """Return a table of the spikes that quantisation changed in each layer."""
    table = Table()
    for column in ("layer", "spikes", "changed", "of steps and neurons"):
        table.add_column(column, justify="right")
    for i, layer in enumerate(report.layers):
        share = f"{layer.changed / layer.places:.3%}"
        table.add_row(str(i), f"{layer.spikes:,}", f"{layer.changed:,}", share)
    return table


def network_tables(description: NetworkDescription) -> list[Table]:
    """Return the tables of formats, memory, bits of the states, and limit cycles in silence."""
    formats = Table(title="layers and widths in bits")
    memory = Table(title="memory in bits")
    states = Table(title="bits of the states")
    silence = Table(title="largest limit cycle of a silent neuron, in LSBs of the state")
    for column in ("", "size", "takes", "weights", "states", "decay", "rounding", "features"):
        formats.add_column(column)
    for column in ("", "weights", "constants", "states"):
        memory.add_column(column, justify="right" if column else "left")
    for column in ("", "declared", "proved", "seen", "reachable", "tight", "saturation"):
        left = column in ("", "saturation")
        states.add_column(column, justify="left" if left else "right")
    for column in ("", *ROUNDINGS):
        silence.add_column(column, justify="right" if column else "left")
    for i, layer in enumerate(description.layers):
        formats.add_row(str(i), *_format_row(layer))
        memory.add_row(str(i), *_memory_row(layer))
        states.add_row(str(i), *_states_row(layer))
        silence.add_row(str(i), *_silence_row(layer))
    return [formats, memory, states, silence]


def overflow_notes(description: NetworkDescription) -> list[str]:
    """Return the lines that follow the table of the states: the neurons that may saturate."""
    return [
        f"layer {i}: {beyond(layer.beyond, layer.widest, layer.state_bits)}"
        for i, layer in enumerate(description.layers)
        if layer.beyond
    ]


def beyond(count: int, widest: Sequence[WideNeuron], bits: int) -> str:
    """Return a text with the neurons that may leave a word; decay is what is left after a step."""
    named = ", ".join(f"{n.neuron} ({n.bits} bits, decay {n.decay:.4f})" for n in widest)
    neurons = "1 neuron" if count == 1 else f"{count} neurons"
    return f"{neurons} may leave {bits} bits, worst: {named}"


def _engine_row(result: EngineResult) -> list[str]:
    verdict = {"missing": "cannot run here", "reference": "reference", "equal": "yes"}
    if result.missing is not None:
        return [result.engine, "-", "-", "-", "-", "-", verdict["missing"]]
    counts = (result.samples, result.spikes, result.states, result.scores)
    return [
        result.engine,
        *(f"{count:,}" for count in counts),
        f"{result.seconds:.1f}",
        verdict.get(result.verdict, "NO"),
    ]


def _format_row(layer: LayerDescription) -> list[str]:
    return [
        f"{layer.model or layer.kind} {layer.inputs} -> {layer.outputs}",
        f"{layer.takes[0]}..{layer.takes[1]}",
        f"{layer.weight_bits}",
        f"{layer.state_bits} ({layer.guard_bits} guard)",
        f"{layer.decay_bits} ({layer.decay_frac} fraction)",
        layer.rounding,
        ", ".join(layer.features) or "-",
    ]


def _memory_row(layer: LayerDescription) -> list[str]:
    memory = layer.memory
    return [f"{bits:,}" for bits in (memory.weights, memory.constants, memory.states)]


def _states_row(layer: LayerDescription) -> list[str]:
    acts = {"never": "never", "beyond steps_max": "never within steps_max", "may act": "may act"}
    return [
        f"{layer.state_bits}",
        f"{layer.reachable_bits}",
        "-" if layer.seen_bits is None else f"{layer.seen_bits}",
        f"{layer.reachable[0]:,} .. {layer.reachable[1]:,}",
        f"{layer.tight} of {layer.outputs}",
        f"{layer.overflow}, {acts[layer.saturation]}",
    ]


def _silence_row(layer: LayerDescription) -> list[str]:
    """Return the limit cycle of each rounding mode; the layer's own mode is in brackets."""
    row = []
    for mode in ROUNDINGS:
        left = layer.silence[mode]
        size = "up to the word" if left.amplitude is None else f"{left.amplitude:,}"
        size = size if left.cycles else "none"
        row.append(f"[{size}]" if mode == layer.rounding else size)
    return row
