"""Define what all commands share: the application, common options, parsing of samples and lanes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from rfssm.errors import HardwareError, SamplesError, short_repr
from rfssm.extras import missing_extras_named
from rfssm.outputs import Writes, check_outputs
from rfssm.words import whole_number

if TYPE_CHECKING:
    from rfssm.hls.design import LaneChoice
    from rfssm.quant.network import IntegerNetwork
    from rfssm.quant.samples import Outputs, Samples


CHECK_FAILED = 1

app = typer.Typer(
    help="Resonate-and-fire state space networks: train, check bit for bit, convert to FPGA IP.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def number(
    parse: Callable[[str], Any], low: float, high: float | None = None
) -> Callable[[str], Any]:
    """Return a parser of an option: a number in plain digits, from ``low`` to ``high``."""

    def read(text: str) -> Any:
        try:
            number = parse(str(text))
        except ValueError as error:
            raise typer.BadParameter(f"{short_repr(text)}: {error}") from None
        if number < low or (high is not None and number > high):
            allowed = f"at least {low}" if high is None else f"{low} to {high:,}"
            raise typer.BadParameter(f"{short_repr(text)}: must be {allowed}")
        return number

    return read


NetworkFile = Annotated[
    Path, typer.Argument(metavar="NETWORK", help="Network file, network.safetensors.")
]
SynapseLanes = Annotated[
    str | None,
    typer.Option(
        metavar="N[,N...]",
        help="Neurons to which one event is added per cycle: one number, or one per layer.",
    ),
]
NeuronLanes = Annotated[
    str | None,
    typer.Option(
        metavar="N[,N...]",
        help="Neurons that are updated per cycle: one number, or one per layer.",
    ),
]
Fit = Annotated[
    str | None,
    typer.Option(metavar="T", help="Choose the fastest lanes for ecp5-25k, ecp5-45k or ecp5-85k."),
]
Speed = Annotated[str | None, typer.Option(metavar="S", help="Speed grade of the ECP5: 6, 7 or 8.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def command(name: str | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a command.

    Before the command starts, every path that it writes (``Writes``) is checked against every path
    that it reads.
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
            with missing_extras_named():
                function(**given)

        return function

    return register


def show_accuracy(outputs: Outputs, samples: Samples) -> None:
    """Print the share of correct labels if the samples have labels."""
    from rfssm.scripts import console

    if samples.labels is None:
        return
    try:
        console.show(f"accuracy: {100 * outputs.accuracy(samples):.2f} %")
    except SamplesError as error:
        console.show(f"accuracy: not known ({error})")


def load_samples(path: Path, network: IntegerNetwork) -> Samples:
    """Load the samples of a file and check them for a network; raise SamplesError with the file."""
    from rfssm.quant.samples import Samples

    samples = Samples.load(path)
    try:
        samples.check(network)
    except SamplesError as error:
        raise SamplesError(f"{path}: {error}") from None
    return samples


def lanes_of(synapse: str | None, neuron: str | None) -> LaneChoice | None:
    """Return the lanes of all layers or of each; None for each layer's default."""
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
            f"{option} {short_repr(text)}: must be one number in plain digits, or one per "
            "layer as 16,8"
        ) from None


def fitted_lanes(
    network: IntegerNetwork, name: str, lanes: LaneChoice | None, samples: Samples | None = None
) -> LaneChoice:
    """Return the fastest lanes on a target; raise HardwareError if lanes are given, too."""
    from rfssm.hls.estimate.estimate import activity_of
    from rfssm.hls.estimate.fit import fit_lanes
    from rfssm.hls.synthesis.targets import target

    refuse_lanes(lanes)
    return fit_lanes(network, target(name), activity_of(network, samples))


def refuse_lanes(lanes: LaneChoice | None) -> None:
    """Raise HardwareError if lanes are given together with --fit."""
    if lanes is not None:
        raise HardwareError("--fit and --synapse-lanes or --neuron-lanes: give one of them")
