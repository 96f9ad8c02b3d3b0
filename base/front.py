"""Define what ``import rfssm`` offers: one function for each step from training to hardware.

Every function takes a network or the path of its file, and samples as ``Samples``, as an array of
integers or as the path of an ``.npz``.  Nothing in the package imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from rfssm.arrays import one_array
from rfssm.errors import SamplesError, check_list
from rfssm.extras import missing_extras_named
from rfssm.hls import engines
from rfssm.hls.design import Design, LaneChoice, Lanes
from rfssm.hls.verify import RANDOM_SAMPLES, VerifyReport, random_samples, verify_network
from rfssm.quant.network import IntegerNetwork, check_network
from rfssm.quant.samples import Outputs, Samples

if TYPE_CHECKING:
    from rfssm.hls.convert import Hardware
    from rfssm.hls.estimate.estimate import Estimate
    from rfssm.hls.synthesis.flow import Synthesis
    from rfssm.model.network import FloatNetwork
    from rfssm.quant.layers import InputSpec
    from rfssm.quant.ptq import Calibration, QuantizationReport
    from rfssm.quant.qat import QATNetwork
    from rfssm.quant.recipe import QuantizationConfig
    from rfssm.quant.run import TrainingResult

__all__ = [
    "IntegerNetwork",
    "Lanes",
    "Outputs",
    "Samples",
    "convert",
    "estimate",
    "freeze",
    "load",
    "quantize",
    "quantize_aware",
    "run",
    "synthesize",
    "train",
    "verify",
]

NetworkLike = IntegerNetwork | Path | str
SamplesLike = Samples | ArrayLike | Path


def load(path: Path | str) -> IntegerNetwork:
    """Read a ``network.safetensors``.

    Raises NetworkError, which names the file, the field, its value and what is allowed.

    >>> rfssm.load("network.safetensors").input.channels
    3
    """
    return IntegerNetwork.load(path)


@missing_extras_named()
def run(
    network: NetworkLike,
    x: SamplesLike,
    *,
    engine: str = "golden",
    spikes: bool = False,
    states: bool = False,
    lanes: LaneChoice | None = None,
) -> Outputs:
    """Run samples through an engine.

    x         integers                                            [samples, steps, channels]
    engine    golden, csim, verilator, icarus, netlist, netlist-ecp5, netlist-ice40
    spikes    whether the outputs hold the spikes of every layer
    states    whether the outputs hold both states of every layer
    lanes     lanes of the hardware, which change its time but not the outputs

    Raises SamplesError for samples that the network cannot take, ToolError if the engine cannot run
    here; the message says what to install.

    >>> outputs = rfssm.run("network.safetensors", "x.npz", spikes=True)
    >>> outputs.scores.shape  # samples, classes
    (4, 3)
    """
    network = _network(network)
    return engines.run(network, _samples(x), engine, spikes=spikes, states=states, lanes=lanes)


@missing_extras_named()
def verify(
    network: NetworkLike,
    x: SamplesLike | None = None,
    *,
    engines: Sequence[str] | None = None,
    lanes: LaneChoice | None = None,
) -> VerifyReport:
    """Compare every spike, state, score and label of engines with the golden model, with ``==``.

    x          integers [samples, steps, channels]; random samples if absent
    engines    engines to compare; those of csim, verilator and icarus that can run here if absent

    The report is ``equal`` only if at least one engine was compared and none differs; otherwise
    ``first_difference`` holds the first number that differs, if any.

    >>> rfssm.verify("network.safetensors", "x.npz", engines=["verilator"]).equal
    True
    """
    network = _network(network)
    samples = random_samples(network, RANDOM_SAMPLES, 0) if x is None else _samples(x)
    return verify_network(network, samples, engines, lanes=lanes)


@missing_extras_named()
def convert(
    network: NetworkLike,
    out: Path | str,
    *,
    lanes: LaneChoice | None = None,
    name: str | None = None,
    boards: Sequence[str] = (),
    backend: str | None = None,
    inline_memories: bool = False,
) -> Hardware:
    """Write SystemVerilog, HLS C++ and test benches into a folder that does not exist yet.

    lanes              the same for all layers, or one each; ``default_lanes`` if absent
    name               the name in all modules and files; the network's if absent
    boards             boards that also get a top: ulx3s, icebreaker
    backend            backend of the HLS C++: RFSSM, Vitis or Vivado; if absent, RFSSM if hls4ml
                       is installed, else no HLS C++ is written
    inline_memories    whether memory contents go into the SystemVerilog, for tools that lose files

    Raises HardwareError for a design that cannot be built, ToolError if a backend is given and
    hls4ml is not installed.  The folder appears complete or not at all.

    >>> ip = rfssm.convert("network.safetensors", "ip", lanes=rfssm.Lanes(4, 1), name="keyword")
    >>> (ip.rtl / "keyword_axis.sv").exists()
    True
    """
    from rfssm.hls.boards.boards import find_board
    from rfssm.hls.convert import convert as write

    check_list("boards", boards)
    network = _network(network)
    return write(
        network,
        Path(out),
        random_samples(network, RANDOM_SAMPLES, 0),
        backend=backend,
        lanes=lanes,
        boards=[find_board(board) for board in boards],
        name=name,
        inline_memories=inline_memories,
    )


def estimate(
    network: NetworkLike,
    target: str,
    x: SamplesLike | None = None,
    *,
    lanes: LaneChoice | None = None,
    speed: str | None = None,
) -> Estimate:
    """Estimate cells, memories, clock rate and latency by formulas in milliseconds, without tools.

    target    ecp5-25k, ecp5-45k or ecp5-85k
    x         samples whose events are timed; random events if absent
    speed     speed grade of the device: 6, 7 or 8

    Raises HardwareError for a target without an estimate.

    >>> cost = rfssm.estimate("network.safetensors", "ecp5-25k", lanes=rfssm.Lanes(4, 1))
    >>> cost.cells.total.dsp  # multipliers
    5
    """
    from rfssm.hls.estimate.estimate import activity_of
    from rfssm.hls.estimate.estimate import estimate as estimated
    from rfssm.hls.synthesis.targets import target as target_of

    network = _network(network)
    activity = activity_of(network, None if x is None else _samples(x))
    return estimated(Design.of(network, lanes), target_of(target), activity, speed=speed)


@missing_extras_named()
def synthesize(
    network: NetworkLike,
    target: str,
    x: SamplesLike | None = None,
    *,
    lanes: LaneChoice | None = None,
    speed: str | None = None,
    seeds: Sequence[int] = (1,),
    prove: bool = False,
) -> Synthesis:
    """Synthesise, place and route with open tools: cells, clock rate, latency, a bitstream.

    target    ecp5-25k, ecp5-45k, ecp5-85k, ice40-up5k, ice40-hx8k, xc7 or xcup
    x         samples whose cycles are measured; random ones if absent
    seeds     seeds of the placer: one placement each
    prove     whether the netlist's registers are proved equal to those of the RTL

    Raises HardwareError if the device cannot hold the design, ToolError for a missing tool.

    >>> placed = rfssm.synthesize("network.safetensors", "ecp5-25k", lanes=rfssm.Lanes(4, 1))
    >>> placed.fmax_mhz > 50
    True
    """
    from rfssm.hls.synthesis.flow import synth
    from rfssm.hls.synthesis.targets import target as target_of

    network = _network(network)
    return synth(
        Design.of(network, lanes),
        target_of(target),
        samples=random_samples(network, RANDOM_SAMPLES, 0) if x is None else _samples(x),
        speed=speed,
        seeds=seeds,
        prove=prove,
    )


@missing_extras_named()
def train(
    recipe: str,
    out: Path | str,
    *,
    overrides: Mapping[str, Any] | None = None,
    resume: bool = False,
    progress: bool = False,
) -> TrainingResult:
    """Train an integer network by a recipe.

    recipe       the name of a recipe that comes with rfssm, or the path of a YAML file
    out          folder of the run, which does not exist yet
    overrides    values of single fields, as ``{"training.epochs": 20}``
    resume       whether to continue an interrupted run in this folder

    Raises RecipeError for an invalid recipe, DataError if its data are not available.

    >>> result = rfssm.train("digits", "runs/mine", overrides={"training.epochs": 1})
    >>> result.network.name
    'digits'
    """
    from rfssm.quant.recipes import load_recipe
    from rfssm.quant.run import train as fit

    words = [f"{key}={value}" for key, value in (overrides or {}).items()]
    return fit(load_recipe(recipe, words), Path(out), resume=resume, progress=progress)


@missing_extras_named()
def quantize_aware(
    network: FloatNetwork, spec: InputSpec, formats: QuantizationConfig | None = None
) -> QATNetwork:
    """Return the network with quantised arithmetic, for your own training loop.

    network    real-valued network, whose parameters are copied
    spec       the integers that enter the network
    formats    formats of weights, states and transitions; the recipes' defaults if absent

    Raises NetworkError for a network that has no integer form.

    >>> qat = rfssm.quantize_aware(float_network, spec)
    >>> qat.eval().outputs(samples).scores.dtype
    dtype('int64')
    """
    from rfssm.quant.qat import QATNetwork
    from rfssm.quant.recipe import QuantizationConfig

    return QATNetwork(network, formats or QuantizationConfig(), spec)


@missing_extras_named()
def freeze(network: QATNetwork, *, name: str, labels: Sequence[str] = ()) -> IntegerNetwork:
    """Return a trained network in integers.

    labels    names of the classes

    Raises NetworkError if the network has no integer form.

    >>> rfssm.freeze(qat, name="mine", labels=["left", "right", "rest"]).labels
    ('left', 'right', 'rest')
    """
    from rfssm.quant.freeze import freeze as frozen

    return frozen(network, name=name, labels=labels)


@missing_extras_named()
def quantize(
    network: FloatNetwork,
    calibration: Calibration | SamplesLike,
    *,
    name: str = "quantized",
    weight_bits: int = 8,
    state_bits: int | None = None,
) -> tuple[IntegerNetwork, QuantizationReport]:
    """Quantise a trained network without training it again, and count the changes in its outputs.

    calibration    samples that set the formats, as the network takes them, real or integer
                   [samples, steps, M]; a ``Calibration`` also has the length of each sample
    name           name of the integer network
    weight_bits    bits of a weight
    state_bits     bits of a state; chosen by the samples if absent

    Raises NetworkError if the network has no integer form, SamplesError for other samples.

    >>> network, report = rfssm.quantize(float_network, samples)
    >>> report.samples
    4
    """
    from rfssm.quant import ptq

    if isinstance(calibration, Path | str):
        calibration = ptq.Calibration.load(Path(calibration))
    elif isinstance(calibration, Samples):
        calibration = ptq.Calibration(calibration.x, calibration.steps)
    elif not isinstance(calibration, ptq.Calibration):
        x = one_array("x", calibration, SamplesError)
        calibration = ptq.Calibration(x, np.full(x.shape[:1], x.shape[1] if x.ndim > 1 else 0))
    return ptq.quantize(
        network, calibration, name=name, weight_bits=weight_bits, state_bits=state_bits
    )


def _network(network: NetworkLike) -> IntegerNetwork:
    if isinstance(network, Path | str):
        return IntegerNetwork.load(network)
    check_network(network)
    return network


def _samples(x: SamplesLike) -> Samples:
    if isinstance(x, Samples):
        return x
    if isinstance(x, Path | str):
        return Samples.load(x)
    array = one_array("x", x, SamplesError)
    if array.ndim != 3:
        raise SamplesError(f"x: shape {list(array.shape)}, must be [samples, steps, channels]")
    return Samples(array, np.full(len(array), array.shape[1]))
