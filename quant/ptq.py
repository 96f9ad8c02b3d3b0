"""Post-training quantisation: a trained real-valued network becomes integers without retraining.

Widths come from calibration samples.  The states that the network reaches on them, with a factor of
two to spare, decide how wide a state may become; the narrowest one that changes hardly more spikes
is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from rfssm.arrays import check_samples, integers, one_array, read_npz
from rfssm.errors import NetworkError, SamplesError, check_kind
from rfssm.model.inputs import alive
from rfssm.model.layers import fold
from rfssm.model.modes import evaluating
from rfssm.model.network import FloatNetwork, check_float, score
from rfssm.model.sections import complaints
from rfssm.quant import golden
from rfssm.quant.freeze import freeze
from rfssm.quant.layers import InputSpec
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.qat import HEADROOM, QATNetwork
from rfssm.quant.recipe import EXACT_BITS, QuantizationConfig, ReadoutConfig
from rfssm.quant.samples import Samples

GUARD_BITS = 2
MARGIN = 2.0  # how much further than on the calibration samples a state may go
REAL_INPUT_BITS = 8
BATCH = 32
NARROWEST = 8  # state bits that are tried
TOLERANCE = 1.02  # a narrower state may change that many times more spikes


@dataclass(frozen=True)
class Calibration:
    """Samples as the real-valued network takes them.

    x        integers or real numbers; beyond a sample's end they become 0    (B, T, M)
    steps    length of each sample                                            (B,)

    Raises SamplesError for anything else.
    """

    x: NDArray[Any]
    steps: NDArray[np.int64]

    def __post_init__(self) -> None:
        x = one_array("x", self.x, SamplesError)
        steps = integers("steps", self.steps, 1, SamplesError)
        if x.ndim != 3 or not x.size:
            raise SamplesError(
                f"x: shape {list(x.shape)}, must be [samples, steps, M], none of them 0"
            )
        if x.dtype.kind not in "biuf" or not np.isfinite(x).all():
            raise SamplesError("x: must hold finite numbers")
        check_samples(x, steps, None, SamplesError)
        if x.dtype.kind == "f":
            x = x.astype(np.float64)
        x = x * (np.arange(x.shape[1])[:, None] < steps[:, None, None])
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "steps", steps.astype(np.int64))

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read ``x`` and ``steps`` (all of x's if absent) of an ``.npz``."""
        arrays = read_npz(path, ["x"], ("x", "steps").__contains__, SamplesError)
        x = arrays["x"]
        all_of_x = np.full(len(x), x.shape[1]) if x.ndim == 3 else np.zeros(0, np.int64)
        try:
            return cls(x, arrays.get("steps", all_of_x))
        except SamplesError as error:
            raise SamplesError(f"{path}: {error}") from None

    def integers(self, unit: float = 1.0) -> tuple[InputSpec, Samples]:
        """The same samples as words: integers as they are, real numbers in 8 bits.

        unit    what 1 in x is worth to the network, a power of two

        Raises NetworkError for another unit.
        """
        mantissa, exponent = math.frexp(unit)
        if mantissa != 0.5:
            raise NetworkError(f"x_unit = {unit:g}: must be a power of two, as words are worth one")
        low, high = float(self.x.min()), float(self.x.max())
        signed = low < 0
        if (self.x == np.rint(self.x)).all():
            frac = 0
            bits = max(int(max(high, -low - 1)).bit_length(), 1) + signed
        else:
            bits = REAL_INPUT_BITS
            whole = math.floor(math.log2(max(high, -low))) + 1
            frac = bits - signed - whole
        try:
            spec = InputSpec(
                channels=self.x.shape[2],
                bits=bits,
                signed=signed,
                frac=frac + 1 - exponent,
                steps_max=self.x.shape[1],
            )
        except ValueError:
            raise SamplesError(
                f"x: from {low:g} to {high:g} in {self.x.shape[1]} steps of {self.x.shape[2]} "
                "inputs: must fit 16 bits, 65,535 steps and 4,096 inputs"
            ) from None
        x = np.rint(self.x * 2.0**frac).clip(spec.low, spec.high).astype(np.int64)
        return spec, Samples(x, self.steps)


@dataclass(frozen=True)
class LayerChange:
    """The effect of quantisation on one layer, with all layers before it quantised, too.

    spikes           of the real-valued network, on the calibration samples
    changed          places (sample, step, neuron) where the integer network differs
    places           all of them
    slower           neurons whose decay is closer to 1 than the format can hold
    """

    spikes: int
    changed: int
    places: int
    slower: tuple[int, ...]


@dataclass(frozen=True)
class QuantizationReport:
    """The integer network against the real-valued one, on the calibration samples."""

    formats: QuantizationConfig
    layers: tuple[LayerChange, ...]
    samples: int
    labels_changed: int


def quantize(
    network: FloatNetwork,
    calibration: Calibration,
    *,
    name: str,
    weight_bits: int = 8,
    transition_frac: int = 16,
    state_bits: int | None = None,
) -> tuple[IntegerNetwork, QuantizationReport]:
    """Quantise a trained network and count what that changes.

    ``state_bits`` is what the calibration samples ask for, if None.  A neuron whose weights are too
    small for a state of that width gets coarser weights (the scale floor of the contract), one that
    integrates beyond it saturates.  Labels are compared by the readout's score, as hardware is
    scored.  The network stays as it is, its mode too.
    Raises NetworkError where the network has no integer form.
    """
    check_float(network)
    check_kind("calibration", calibration, Calibration, "Calibration.load reads one", SamplesError)
    expected = network.spiking()[0].inputs
    if calibration.x.shape[2] != expected:
        raise SamplesError(f"x: {calibration.x.shape[2]} inputs, the network has {expected}")
    if not all(bool(p.isfinite().all()) for p in (*network.parameters(), *network.buffers())):
        raise NetworkError("the network holds numbers that are not finite; training has diverged")
    spec, samples = calibration.integers(network.x_unit)
    with torch.no_grad(), evaluating(network):
        peaks, spikes, labels = _observe(network, calibration)
        formats = _formats(network, peaks, spec.frac, weight_bits, transition_frac, state_bits)

        def changed(bits: int) -> int:
            quantized = QATNetwork(network, _narrowed(formats, bits), spec).eval()
            few = samples[:BATCH]
            after = golden.run(freeze(quantized, name=name), few, spikes=True).spikes
            assert after is not None
            pairs = zip(spikes, after, strict=True)
            return sum(int((before[: len(few)] != now).sum()) for before, now in pairs)

        if state_bits is None:
            formats = _narrowed(formats, _narrowest(changed, formats.state_bits))
        frozen = freeze(QATNetwork(network, formats, spec).eval(), name=name)
    outputs = golden.run(frozen, samples, spikes=True)
    assert outputs.spikes is not None
    changes = tuple(
        LayerChange(
            spikes=int(before.sum()),
            changed=int((before != after).sum()),
            places=int(samples.steps.sum()) * before.shape[2],
            slower=_slower(layer.cell.transition(), transition_frac),
        )
        for layer, before, after in zip(network.spiking(), spikes, outputs.spikes, strict=True)
    )
    wrong = outputs.label != labels
    if wrong.ndim == 2:  # a label for each step
        wrong &= np.arange(wrong.shape[1]) < samples.steps[:, None]
    labels_changed = int(wrong.sum())
    return frozen, QuantizationReport(formats, changes, len(samples), labels_changed)


def _narrowest(changed: Callable[[int], int], widest: int) -> int:
    """Return the fewest state bits that change hardly more spikes than the widest state."""
    allowed = TOLERANCE * changed(widest) + 1
    low, high = min(NARROWEST, widest), widest
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if changed(middle) <= allowed else (middle + 1, high)
    return high


def _narrowed(formats: QuantizationConfig, state_bits: int) -> QuantizationConfig:
    bias_bits = min(formats.bias_bits, state_bits)
    return formats.model_copy(update={"state_bits": state_bits, "bias_bits": bias_bits})


def _observe(
    network: FloatNetwork, calibration: Calibration
) -> tuple[list[float], list[NDArray[np.bool_]], NDArray[np.int64]]:
    """Largest |state| of each layer and the readout, relative to the weights; spikes; labels.

    Peaks are per layer the largest over neurons of |state| / (largest |weight| of the neuron).
    """
    layers = network.spiking()
    peaks = [0.0] * (len(layers) + 1)
    spikes: list[list[NDArray[np.bool_]]] = [[] for _ in layers]
    labels = []
    heaviest = float(fold(network.readout, network.readout.weight)[0].abs().max())
    if not heaviest:
        raise NetworkError("readout: every weight is 0, no spike can change the label")
    for start in range(0, len(calibration.x), BATCH):
        x = torch.from_numpy(calibration.x[start : start + BATCH]).to(network.readout.weight)
        steps = torch.from_numpy(calibration.steps[start : start + BATCH])
        live = alive(steps, x.shape[1])[..., None]
        x = x * network.x_unit
        for i, layer in enumerate(layers):
            s, z = layer.run(x)
            largest = (z * live[..., None]).abs().amax((0, 1, 2))
            if not largest.isfinite().all():
                raise NetworkError(f"layer {i}: states grow beyond all bounds; is it stable?")
            rows, _ = fold(layer, layer.weight)
            peaks[i] = max(peaks[i], float((largest / _rows(rows)).max()))
            spikes[i].append((s * live).bool().numpy())
            x = s + x if layer.skip else s
        m = network.readout.run(x)
        peaks[-1] = max(peaks[-1], float((m * live).abs().max() / heaviest))
        labels.append(score(m, steps, network.readout.score).argmax(-1).numpy())
    return peaks, [np.concatenate(s) for s in spikes], np.concatenate(labels)


def _rows(weight: Tensor) -> Tensor:
    """Largest |weight| of each neuron; a neuron without any counts as one of the layer's least."""
    largest = weight.abs().amax(1)
    return largest.clamp(min=float(largest[largest > 0].min()) if bool((largest > 0).any()) else 1)


def _formats(
    network: FloatNetwork,
    peaks: list[float],
    input_frac: int,
    weight_bits: int,
    transition_frac: int,
    chosen: int | None,
) -> QuantizationConfig:
    """The narrowest words that hold what was seen, with a margin, one format for all layers."""
    steps_of_weight = 2 ** (weight_bits - 1) - 1
    state_bits, bias_bits, largest_entry = 4, 2, 0.0
    for i, (layer, peak) in enumerate(zip(network.spiking(), peaks, strict=False)):
        rows, bias = fold(layer, layer.weight)
        fraction = GUARD_BITS + (input_frac if i == 0 else 0)  # an LSB of x is worth 2^-input_frac
        lsb = _rows(rows) / steps_of_weight * 2.0**-fraction
        threshold = layer.cell.threshold / lsb
        reach = max(
            MARGIN * peak * steps_of_weight * 2.0**fraction, HEADROOM * float(threshold.max())
        )
        state_bits = max(state_bits, _bits(reach))
        if bias is not None:
            bias_bits = max(bias_bits, _bits(float((bias / lsb).abs().max())))
        largest_entry = max(largest_entry, float(layer.cell.transition().abs().max()))
    readout = network.readout
    rows, bias = fold(readout, readout.weight)
    lsb = float(rows.abs().max()) / steps_of_weight * 2.0**-GUARD_BITS
    score_bits = _bits(MARGIN * peaks[-1] * steps_of_weight * 2.0**GUARD_BITS)
    readout_bias = max(2, 0 if bias is None else _bits(float(bias.abs().max()) / lsb))
    transition_bits = max(_bits(largest_entry * 2.0**transition_frac), transition_frac + 1, 4)
    widest = min(32, EXACT_BITS - transition_bits)
    state_bits = chosen or min(max(state_bits, bias_bits), widest)
    readout_bits = min(max(score_bits, readout_bias), 28)
    try:
        return QuantizationConfig(
            weight_bits=weight_bits,
            state_bits=state_bits,
            guard_bits=GUARD_BITS,
            transition_bits=transition_bits,
            transition_frac=transition_frac,
            bias_bits=min(bias_bits, state_bits),
            readout=ReadoutConfig(
                weight_bits=weight_bits,
                state_bits=max(readout_bits, 4),
                guard_bits=GUARD_BITS,
                bias_bits=min(readout_bias, readout_bits),
            ),
        )
    except ValidationError as error:
        raise NetworkError(complaints(error)) from None


def _bits(reach: float) -> int:
    """Return the bits of the smallest signed word for every integer up to this size."""
    return int(reach).bit_length() + 1


def _slower(transition: Tensor, frac: int) -> tuple[int, ...]:
    """Neurons whose slowest mode loses less than an LSB of the transition per step."""
    radius = torch.linalg.eigvals(transition).abs().amax(1)
    found: list[int] = torch.nonzero(1 - radius < 2.0**-frac).flatten().tolist()
    return tuple(found)
