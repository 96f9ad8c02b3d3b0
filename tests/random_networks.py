"""Draw random networks over every field of the network file, and samples that reach corner cases.

Networks drawn without care never spike or always saturate, so that all engines agree without being
tested. Therefore each layer is drawn to fit its input: weights that fill a chosen part of the
state, transitions with few significant bits (their products end in exact halves), thresholds taken
from values that the state really reaches. ``observe`` counts the events that occurred, so that
tests can assert them.

A case depends on its seed alone, not on earlier draws.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import reference
from numpy.random import Generator

from rfssm.errors import NetworkError
from rfssm.hls.design import Lanes
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_CONV")
SCORES = ("sum", "last", "max", "each")
MODELS = ("s5rf", "rf", "prf", "csilif", "silif", "adlif", "lif", "someone-else's")

Metadata = dict[str, Any]
Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Size:
    """The largest sizes of a network and its samples."""

    width: int = 24  # neurons, channels and classes
    steps: int = 20
    samples: int = 6
    depth: int = 15  # spiking layers


SMALL = Size()
LARGE = Size(width=80, steps=30, samples=4, depth=3)


@dataclass(frozen=True)
class Case:
    """A network, its samples, and the lanes of its hardware."""

    seed: int
    metadata: Metadata
    tensors: Tensors
    x: np.ndarray  # (B, T, channels) int64
    steps: np.ndarray  # (B,) int64
    lanes_of_each: tuple[Lanes, ...]  # one for each layer

    def network(self) -> IntegerNetwork:
        return IntegerNetwork.build(self.metadata, self.tensors)

    def samples(self) -> Samples:
        return Samples(x=self.x, steps=self.steps, labels=None)

    def lanes(self) -> Lanes:
        """Return the first layer's lanes, to be used for all layers."""
        return self.lanes_of_each[0]

    def expected(self) -> dict[str, np.ndarray]:
        """Return the reference's outputs in the types of an engine's output file."""
        answer = reference.run(self.metadata, self.tensors, self.x, self.steps)
        return {
            key: np.array(rows, dtype=bool if key.startswith("spikes") else np.int64)
            for key, rows in answer.items()
        }


# ---------------------------------------------------------------------------------------------
# Drawing
# ---------------------------------------------------------------------------------------------


def chance(rng: Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def between(rng: Generator, low: int, high: int) -> int:
    """Draw a uniform integer, with both ends included."""
    return int(rng.integers(low, high, endpoint=True))


def pick(rng: Generator, *options: tuple[float, Callable[[], Any]]) -> Any:
    """Call one of the options, chosen with a probability proportional to its weight."""
    weights = np.array([weight for weight, _ in options])
    return options[int(rng.choice(len(options), p=weights / weights.sum()))][1]()


def signed_range(bits: int) -> tuple[int, int]:
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def within(values: Any, bits: int) -> np.ndarray:
    """Return values clipped to a signed word of ``bits``, as the file's int32."""
    return np.clip(np.asarray(values, dtype=np.int64), *signed_range(bits)).astype(np.int32)


def extremes(rng: Generator, shape: tuple[int, ...], bits: int) -> np.ndarray:
    """Draw from both ends of a signed word, their neighbours, and values around zero."""
    low, high = signed_range(bits)
    return rng.choice(np.array([low, low + 1, high, high - 1, -1, 0, 1]), shape)


def uniform(rng: Generator, shape: tuple[int, ...], bits: int) -> np.ndarray:
    low, high = signed_range(bits)
    return rng.integers(low, high, shape, endpoint=True)


def draw_width(rng: Generator, largest: int) -> int:
    """Draw one, a few, or many, without a preference for powers of two."""
    return pick(
        rng,
        (1.5, lambda: 1),
        (5, lambda: between(rng, 2, min(8, largest))),
        (3, lambda: between(rng, min(5, largest), largest)),
    )


def draw_input(rng: Generator, size: Size) -> Metadata:
    """Draw the ``input`` object, in which ``steps_max`` is chosen later."""
    bits = pick(
        rng, (4, lambda: 1), (6, lambda: between(rng, 2, 8)), (1, lambda: between(rng, 9, 16))
    )
    return {
        "channels": draw_width(rng, size.width),
        "bits": bits,
        "signed": chance(rng, 0.4),
        "frac": between(rng, 0, bits),
    }


def input_range(spec: Metadata) -> tuple[int, int]:
    return signed_range(spec["bits"]) if spec["signed"] else (0, 2 ** spec["bits"] - 1)


def draw_samples(rng: Generator, spec: Metadata, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Draw inputs (B, T, channels), zero beyond each sample's steps (B,)."""
    low, high = input_range(spec)
    longest = pick(rng, (1, lambda: 1), (9, lambda: between(rng, 2, size.steps)))
    count = between(rng, 1, size.samples)
    lengths = ((1, lambda: 1), (2, lambda: longest), (2, lambda: between(rng, 1, longest)))
    steps = np.array([pick(rng, *lengths) for _ in range(count)])
    x = np.zeros((count, longest, spec["channels"]), dtype=np.int64)
    shape = x.shape[1:]
    for b in range(count):
        x[b] = pick(
            rng,
            (1, lambda: np.zeros(shape)),
            (4, lambda: rng.integers(low, high, shape, endpoint=True)),
            (3, lambda: rng.integers(low, high, shape, endpoint=True) * (rng.random(shape) < 0.15)),
            (2, lambda: rng.choice(np.array([low, high]), shape)),
            (1, lambda: np.full(shape, high if chance(rng, 0.5) else low)),
            (
                1,
                lambda: (
                    rng.integers(low, high, shape, endpoint=True)
                    * (np.arange(longest) == 0)[:, None]
                ),
            ),
        )
        x[b, steps[b] :] = 0
    return x, steps


def drive_row(rng: Generator, x: np.ndarray, steps: np.ndarray, weights: np.ndarray,
              spec: Metadata) -> None:  # fmt: skip
    """Give one sample the inputs that maximise the current of a row of weights, of either sign."""
    low, high = input_range(spec)
    b, row = between(rng, 0, len(x) - 1), between(rng, 0, len(weights) - 1)
    sign = 1 if chance(rng, 0.5) else -1
    x[b, : steps[b]] = np.where(sign * weights[row] > 0, high, low)


def draw_frac(rng: Generator, transition_bits: int) -> int:
    """Draw the fractional bits of a transition, with room for 1.0 or without."""
    return pick(
        rng,
        (5, lambda: transition_bits - 2),
        (2, lambda: transition_bits - 1),
        (2, lambda: between(rng, 1, transition_bits - 1)),
        (0.7, lambda: 0),
        (0.5, lambda: transition_bits),
        (0.5, lambda: between(rng, transition_bits, 32)),
    )


def draw_spiking(rng: Generator, inputs: int, width: int) -> Metadata:
    """Draw one spiking layer's entry in the metadata."""
    skip = chance(rng, 0.3)
    transition_bits = pick(
        rng, (2, lambda: between(rng, 4, 8)), (5, lambda: between(rng, 9, 18)),
        (2, lambda: between(rng, 19, 32)), (0.7, lambda: 32),
    )  # fmt: skip
    state_bits = pick(
        rng, (0.5, lambda: 4), (2, lambda: between(rng, 5, 9)), (5, lambda: between(rng, 10, 18)),
        (2, lambda: between(rng, 19, 31)), (1, lambda: 32),
    )  # fmt: skip
    if state_bits == 32 and chance(rng, 0.3):
        transition_bits = 32
    return {
        "kind": "spiking",
        "model": str(rng.choice(MODELS)),
        "inputs": inputs,
        "neurons": inputs if skip else draw_width(rng, width),
        "complex_input": chance(rng, 0.5),
        "skip": skip,
        "weight_bits": pick(rng, (4, lambda: between(rng, 2, 6)), (1, lambda: between(rng, 7, 16)),
                            (0.5, lambda: 16)),
        "bias_bits": pick(rng, (2, lambda: 0), (1, lambda: state_bits), (0.3, lambda: 1),
                          (1, lambda: between(rng, 1, state_bits))),
        "transition_bits": transition_bits,
        "transition_frac": draw_frac(rng, transition_bits),
        "guard_bits": pick(rng, (2, lambda: 0), (5, lambda: between(rng, 1, 4)),
                           (1.5, lambda: between(rng, 5, 16)), (0.5, lambda: 16)),
        "state_bits": state_bits,
        "rounding": str(rng.choice(ROUNDINGS)),
        "overflow": "WRAP" if chance(rng, 0.3) else "SAT",
    }  # fmt: skip


def fewest_score_bits(readout: Metadata, spec: Metadata) -> int:
    growth = math.ceil(math.log2(spec["steps_max"])) if readout["score"] == "sum" else 0
    return readout["state_bits"] + growth


def draw_readout(rng: Generator, inputs: int, size: Size, spec: Metadata) -> Metadata:
    """Draw the readout's entry in the metadata."""
    state_bits = pick(rng, (0.4, lambda: 4), (2, lambda: between(rng, 5, 12)),
                      (5, lambda: between(rng, 13, 24)), (2, lambda: between(rng, 25, 31)),
                      (1, lambda: 32))  # fmt: skip
    readout = {
        "kind": "readout",
        "inputs": inputs,
        "classes": pick(rng, (1, lambda: 2), (2, lambda: between(rng, 2, max(2, size.width // 2)))),
        "weight_bits": pick(rng, (4, lambda: between(rng, 2, 8)), (1, lambda: between(rng, 9, 16))),
        "bias_bits": pick(rng, (1, lambda: 0), (0.3, lambda: state_bits), (0.1, lambda: 1),
                          (1, lambda: between(rng, 1, state_bits))),
        "leak_frac": pick(rng, (9, lambda: between(rng, 4, 24)), (1, lambda: 4), (1, lambda: 24)),
        "guard_bits": pick(rng, (2, lambda: 0), (5, lambda: between(rng, 1, 4)),
                           (1, lambda: between(rng, 5, 16))),
        "state_bits": state_bits,
        "rounding": str(rng.choice(ROUNDINGS)),
        "overflow": "WRAP" if chance(rng, 0.3) else "SAT",
        "score": str(rng.choice(SCORES)),
    }  # fmt: skip
    fewest = fewest_score_bits(readout, spec)
    readout["score_bits"] = pick(
        rng, (3, lambda: fewest), (2, lambda: between(rng, fewest, 64)), (1, lambda: 64)
    )
    return readout


def room_for_current(rng: Generator, layer: Metadata, low: int, high: int, peak: int) -> int:
    """Choose the largest weight of a layer so that the currents fill a part of the state.

    ``guard_bits`` may be lowered, and ``state_bits`` widened for ``WRAP``, so that a weight exists.

    low, high   range of the integers that enter the layer
    peak        largest sum of their magnitudes in one step of the samples
    """
    largest = 2 ** (layer["weight_bits"] - 1) - 1
    if layer["overflow"] == "WRAP":  # must not overflow for any input, at a gain of up to about 10
        box = layer["inputs"] * max(-low, high, 1)
        while box * 2 ** layer["guard_bits"] > 2 ** (layer["state_bits"] - 1) / 24:
            if layer["guard_bits"] > 0 and (layer["state_bits"] == 32 or chance(rng, 0.5)):
                layer["guard_bits"] -= 1
            elif layer["state_bits"] < 32:
                layer["state_bits"] += 1
            else:
                layer["overflow"] = "SAT"
                return 1
        room = 2 ** (layer["state_bits"] - 1) / 24 / (box * 2 ** layer["guard_bits"])
        return max(1, min(largest, int(room)))
    if layer["guard_bits"] == 16 or chance(rng, 0.25):
        return largest
    part = 2 ** (layer["state_bits"] - 1) * 2.0 ** -between(rng, 0, 4)
    while layer["guard_bits"] > 0 and peak * 2 ** layer["guard_bits"] > part:
        layer["guard_bits"] -= 1
    return max(1, min(largest, int(2 * part / (max(peak, 1) * 2 ** layer["guard_bits"]))))


def draw_weights(rng: Generator, shape: tuple[int, int], bits: int, largest: int) -> np.ndarray:
    """Draw weights of up to ``largest``; if that fills the word, also its most negative value."""
    if largest == 2 ** (bits - 1) - 1 and chance(rng, 0.5):
        return within(extremes(rng, shape, bits), bits)
    low = -largest - 1 if largest == 2 ** (bits - 1) - 1 else -largest
    weights = rng.integers(low, largest, shape, endpoint=True)
    if chance(rng, 0.3):
        weights = weights * (rng.random(shape) < 0.5)
    return within(weights, bits)


def draw_on_state_grid(
    rng: Generator, count: int, bits: int, largest: int, mild: bool
) -> np.ndarray:
    """Draw biases or resets in words of ``bits``: of up to ``largest`` if ``mild``, else any."""
    if mild:
        return within(rng.integers(-largest, largest, count, endpoint=True), bits)
    return within(pick(rng, (1, lambda: uniform(rng, (count,), bits)),
                       (1, lambda: extremes(rng, (count,), bits))), bits)  # fmt: skip


def draw_transition(rng: Generator, layer: Metadata) -> np.ndarray:
    """Draw transitions (neurons, 2, 2): decaying, on the unit circle, outside it, and any."""
    bits, frac, n = layer["transition_bits"], layer["transition_frac"], layer["neurons"]
    one = 2.0**frac

    def rotation(radius: float, angle: float) -> np.ndarray:
        a, b = radius * math.cos(angle), radius * math.sin(angle)
        return np.trunc(np.array([[a, -b], [b, a]]) * one)

    def few_bits() -> np.ndarray:
        """Draw entries of an odd number over 2, 4 or 8: every other product ends in a half."""
        shape = (2, 2)
        parts = rng.integers(1, 3, shape, endpoint=True)
        odd = 2 * rng.integers(-(2 ** (parts - 1)), 2 ** (parts - 1), shape) + 1
        return np.where(rng.random(shape) < 0.3, 0, np.trunc(odd * one / 2.0**parts))

    def half() -> np.ndarray:
        return np.trunc(np.diag(rng.choice(np.array([-one / 2, one / 2, one / 4]), 2)))

    def circle() -> np.ndarray:
        signs = rng.choice(np.array([-one, one]), 2)
        return np.diag(signs) if chance(rng, 0.5) else np.diag(signs)[::-1]

    def leaky() -> np.ndarray:
        return np.array([[np.trunc(rng.random() * one), 0], [0, 0]])

    def adaptive() -> np.ndarray:
        alpha, beta, a = rng.uniform(0.4, 0.9), rng.uniform(0.6, 0.95), rng.uniform(-0.05, 0.1)
        return np.trunc(np.array([[alpha - a, -beta], [a, beta]]) * one)

    angle = lambda: rng.uniform(-math.pi, math.pi)  # noqa: E731 - a draw, not a function of anything
    damped = (
        (3, lambda: rotation(rng.uniform(0.3, 0.85), angle())),
        (2, half),
        (1, lambda: np.zeros((2, 2))),
        (1, lambda: np.trunc(np.array([[rng.uniform(0, 0.8), 0], [0, 0]]) * one)),
    )
    free = (
        (4, lambda: rotation(rng.uniform(0.6, 0.999), angle())),
        (4, few_bits),
        (1, half),
        (1, circle),
        (1, leaky),
        (1, adaptive),
        (0.7, lambda: rotation(rng.uniform(1.0, 1.5), angle())),
        (0.7, lambda: uniform(rng, (2, 2), bits)),
        (0.7, lambda: extremes(rng, (2, 2), bits)),
    )
    kinds = damped if layer["overflow"] == "WRAP" else free
    return np.stack([within(pick(rng, *kinds), bits) for _ in range(n)])


def draw_leaks(rng: Generator, readout: Metadata) -> np.ndarray:
    one = 2 ** readout["leak_frac"]
    if readout["overflow"] == "WRAP":
        kinds = [(1.0, lambda: between(rng, 0, one * 9 // 10)), (1.0, lambda: one // 2)]
    else:
        kinds = [(3.0, lambda: between(rng, one // 2, one - 1)), (2.0, lambda: one // 2),
                 (1.0, lambda: one * 3 // 4), (0.7, lambda: 0), (0.7, lambda: one - 1),
                 (0.7, lambda: 1)]  # fmt: skip
    return np.array([pick(rng, *kinds) for _ in range(readout["classes"])], dtype=np.int32)


def draw_threshold(rng: Generator, reached: list[list[int]], bits: int) -> int:
    """Draw a threshold near the states that a neuron reaches.

    reached   states of the neuron after each step if it never spiked, for each sample
    """
    low, high = signed_range(bits)
    values = [value for sample in reached for value in sample]
    records = []  # states above all earlier ones, which are reached before a spike can change them
    for sample in reached:
        records += [u for t, u in enumerate(sample) if t == 0 or u > max(sample[:t])]
    chosen = pick(
        rng,
        (4, lambda: int(rng.choice(records))),
        (2, lambda: int(rng.choice(records)) - 1),
        (4, lambda: int(rng.choice(values))),
        (1, lambda: between(rng, min(values) - 1, max(values) + 1)),
        (0.5, lambda: 0),
        (0.3, lambda: -1),
        (0.4, lambda: high),  # never exceeded
        (0.3, lambda: high - 1),  # exceeded by a saturated state only
        (0.4, lambda: low),  # exceeded by all but a saturated state
    )
    return min(max(chosen, low), high)


def draw_resets(rng: Generator, layer: Metadata, transition: np.ndarray, threshold: np.ndarray,
                mild: bool) -> np.ndarray:  # fmt: skip
    """Draw resets (neurons, 2)."""
    bits, n = layer["state_bits"], layer["neurons"]
    low, high = signed_range(bits)
    if chance(rng, 0.4):
        return np.zeros((n, 2), dtype=np.int32)
    if mild:
        return within(rng.integers(low // 40, high // 40, (n, 2), endpoint=True), bits)
    along = -(transition[:, :, 0] / 2.0 ** layer["transition_frac"]) * threshold[:, None]
    return within(
        pick(
            rng,
            (3, lambda: np.clip(np.round(along * rng.uniform(0.2, 1.5)), low, high)),
            (1, lambda: np.stack([-threshold.astype(np.int64), np.zeros(n)], axis=1)),
            (1, lambda: rng.integers(low // 8, high // 8, (n, 2), endpoint=True)),
            (0.5, lambda: uniform(rng, (n, 2), bits)),
            (1, lambda: extremes(rng, (n, 2), bits)),
        ),
        bits,
    )


def draw_depth(rng: Generator, size: Size) -> int:
    depth = pick(
        rng,
        (1, lambda: 0),
        (4, lambda: 1),
        (3, lambda: 2),
        (2, lambda: 3),
        (1, lambda: between(rng, 4, 9)),
        (0.4, lambda: between(rng, 10, 15)),
    )
    return min(size.depth, depth)


def draw_lanes(rng: Generator) -> Lanes:
    neuron = 2 ** between(rng, 0, 4)
    return Lanes(synapse=neuron * 2 ** between(rng, 0, 3), neuron=neuron)


def random_case(seed: int, size: Size = SMALL) -> Case:
    """Draw a network that ``IntegerNetwork.build`` accepts, with samples and lanes.

    Layers that are drawn with ``WRAP`` and may overflow become ``SAT``. Any other refusal is an
    error of ``build``, because all networks that are drawn are legal.
    """
    rng = np.random.default_rng(seed)
    spec = draw_input(rng, size)
    x, steps = draw_samples(rng, spec, size)
    longest = x.shape[1]
    spec["steps_max"] = pick(
        rng, (4, lambda: longest), (3, lambda: between(rng, longest, longest + 20)),
        (2, lambda: between(rng, longest, 65535)), (1, lambda: 65535),
    )  # fmt: skip

    depth = draw_depth(rng, size)
    width = size.width if depth <= 3 else min(size.width, 8)
    layers: list[Metadata] = []
    tensors: Tensors = {}
    low, high = input_range(spec)
    driven = chance(rng, 0.5)
    inputs = spec["channels"]
    signals: list[list[list[int]]] = []

    for i in range(depth + 1):
        last = i == depth
        if last:
            layer = draw_readout(rng, inputs, size, spec)
            rows = layer["classes"]
        else:
            layer = draw_spiking(rng, inputs, width)
            rows = layer["neurons"]
        layers.append(layer)

        if i == 0:
            signals = [sample[:count] for sample, count in zip(x.tolist(), steps, strict=True)]
        peak = max(sum(abs(value) for value in step) for sample in signals for step in sample)
        largest = room_for_current(rng, layer, low, high, peak)
        mild = layer["overflow"] == "WRAP" or chance(rng, 0.8)
        of_state = max(1, 2 ** (layer["state_bits"] - 1) // 40)
        if last:  # the state may have been widened
            layer["score_bits"] = max(layer["score_bits"], fewest_score_bits(layer, spec))

        def put(name: str, tensor: np.ndarray, i: int = i) -> None:
            tensors[f"layers.{i}.{name}"] = tensor

        shape = (rows, inputs)
        parts = ("u", "v") if not last and layer["complex_input"] else ("u",)
        for part in parts:
            put(f"weight_{part}", draw_weights(rng, shape, layer["weight_bits"], largest))
            if layer["bias_bits"]:
                put(
                    f"bias_{part}",
                    draw_on_state_grid(rng, rows, layer["bias_bits"], of_state, mild),
                )
        if i == 0 and driven:
            drive_row(rng, x, steps, tensors[f"layers.0.weight_{parts[-1]}"], spec)
            signals = [sample[:count] for sample, count in zip(x.tolist(), steps, strict=True)]

        if last:
            if chance(rng, 0.2):  # equal rows have equal scores, the first of which must win
                for name in ("weight_u", "bias_u"):
                    tensor = tensors.get(f"layers.{i}.{name}")
                    if tensor is not None:
                        tensor[1:] = tensor[0]
                put("leak", np.full(rows, draw_leaks(rng, layer)[0], dtype=np.int32))
            else:
                put("leak", draw_leaks(rng, layer))
            put("scale", np.exp(rng.normal(size=1)))
            break

        bits = layer["state_bits"]
        put("transition", draw_transition(rng, layer))
        put("threshold", np.full(rows, signed_range(bits)[1], dtype=np.int32))
        put("reset", np.zeros((rows, 2), dtype=np.int32))
        put("scale", np.exp(rng.normal(size=rows)))
        mine = reference.layer_tensors(tensors, i)
        silent = [reference.spiking_layer(layer, mine, signal).u for signal in signals]
        reached = [[[u[n] for u in sample] for sample in silent] for n in range(rows)]
        put("threshold", within([draw_threshold(rng, of_one, bits) for of_one in reached], bits))
        put("reset", draw_resets(rng, layer, tensors[f"layers.{i}.transition"],
                                 tensors[f"layers.{i}.threshold"], mild))  # fmt: skip
        mine = reference.layer_tensors(tensors, i)
        signals = [reference.spiking_layer(layer, mine, signal).output for signal in signals]
        low, high = (low, high + 1) if layer["skip"] else (0, 1)
        inputs = rows

    metadata = {
        "format": "rfssm-network",
        "version": 1,
        "name": f"random-{seed}",
        "input": spec,
        "layers": layers,
        "labels": [str(c) for c in range(layers[-1]["classes"])],
        "provenance": {"seed": seed},
    }
    wrapping = [layer for layer in layers if layer["overflow"] == "WRAP"]
    while wrapping:
        try:
            IntegerNetwork.build(metadata, tensors)
        except NetworkError:
            wrapping.pop(between(rng, 0, len(wrapping) - 1))["overflow"] = "SAT"
        else:
            break

    if chance(rng, 0.15):  # values beyond a sample's last step must be ignored
        beyond = np.arange(longest) >= steps[:, None]
        x[beyond] = rng.integers(*input_range(spec), x[beyond].shape, endpoint=True)
    return Case(seed, metadata, tensors, x, steps, tuple(draw_lanes(rng) for _ in layers))


# ---------------------------------------------------------------------------------------------
# Watching
# ---------------------------------------------------------------------------------------------


def reference_variant(edits: Mapping[str, str] | None = None) -> ModuleType:
    """Return a copy of the reference in which some text is replaced.

    edits   replacements by the text that they replace, which must occur exactly once
    """
    source = Path(reference.__file__).read_text(encoding="utf-8")
    for old, new in (edits or {}).items():
        if source.count(old) != 1:
            raise ValueError(
                f"the reference has {source.count(old)} places that read {old!r}, not one"
            )
        source = source.replace(old, new)
    module = ModuleType("reference_variant")
    exec(compile(source, "reference_variant", "exec"), module.__dict__)
    return module


def features(case: Case) -> Counter[str]:
    """Return the properties of a case: 1 for each name of a property that it has."""
    spec = case.metadata["input"]
    *spiking, readout = case.metadata["layers"]
    every = [*spiking, readout]
    tensors = [reference.layer_tensors(case.tensors, i) for i in range(len(every))]
    pairs = list(zip(spiking, case.lanes_of_each, strict=False))
    found = {
        "input of 1 bit": spec["bits"] == 1,
        "input of 2 to 8 bits": 2 <= spec["bits"] <= 8,
        "input of 9 to 16 bits": spec["bits"] > 8,
        "signed input": spec["signed"],
        "signed 1-bit input": spec["signed"] and spec["bits"] == 1,
        "1 channel": spec["channels"] == 1,
        "steps_max 1": spec["steps_max"] == 1,
        "steps_max 65535": spec["steps_max"] == 65535,
        "no spiking layer": not spiking,
        "1 to 3 spiking layers": 1 <= len(spiking) <= 3,
        "4 to 9 spiking layers": 4 <= len(spiking) <= 9,
        "10 or more spiking layers": len(spiking) >= 10,
        "skip on the first layer": bool(spiking) and spiking[0]["skip"],
        "two skips in a row": any(a["skip"] and b["skip"] for a, b in pairwise(spiking)),
        "skip before the readout": bool(spiking) and spiking[-1]["skip"],
        "1 neuron": any(layer["neurons"] == 1 for layer in spiking),
        "2 classes": readout["classes"] == 2,
        "score_bits minimal": readout["score_bits"] == fewest_score_bits(readout, spec),
        "score_bits 64": readout["score_bits"] == 64,
        "readout bias": readout["bias_bits"] > 0,
        "leak 0": 0 in tensors[-1]["leak"],
        "largest leak": 2 ** readout["leak_frac"] - 1 in tensors[-1]["leak"],
        "leak_frac 4": readout["leak_frac"] == 4,
        "leak_frac 24": readout["leak_frac"] == 24,
        "WRAP readout": readout["overflow"] == "WRAP",
        f"score {readout['score']}": True,
        f"readout {readout['rounding']}": True,
        "1-step sample": 1 in case.steps,
        "samples of different lengths": len(set(case.steps.tolist())) > 1,
        "all-zero sample": any(
            not sample[:count].any() for sample, count in zip(case.x, case.steps, strict=True)),
        "padding that is not zero": any(
            sample[count:].any() for sample, count in zip(case.x, case.steps, strict=True)),
        "neurons not a multiple of the lanes": any(
            layer["neurons"] % lanes.neuron for layer, lanes in pairs),
        "neurons not a multiple of the synapse lanes": any(
            layer["neurons"] % lanes.synapse for layer, lanes in pairs),
    }  # fmt: skip
    for layer, tensor in zip(spiking, tensors, strict=False):
        F, bits, S = layer["transition_frac"], layer["transition_bits"], layer["state_bits"]
        A = tensor["transition"]
        low, high = signed_range(S)
        a_low, a_high = signed_range(bits)
        w_low, _ = signed_range(layer["weight_bits"])
        entries = [entry for matrix in A for row in matrix for entry in row]
        here = {
            layer["rounding"]: True,
            "WRAP": layer["overflow"] == "WRAP",
            "real input": not layer["complex_input"],
            "complex input": layer["complex_input"],
            "complex bias": layer["bias_bits"] > 0 and layer["complex_input"],
            "real bias": layer["bias_bits"] > 0 and not layer["complex_input"],
            "bias of 1 bit": layer["bias_bits"] == 1,
            "bias of state_bits": layer["bias_bits"] == S,
            "no reset": not any(map(any, tensor["reset"])),
            "reset": any(map(any, tensor["reset"])),
            "guard 0": layer["guard_bits"] == 0,
            "guard above 4": layer["guard_bits"] > 4,
            "guard 16": layer["guard_bits"] == 16,
            "state of 4 bits": S == 4,
            "state of 32 bits": S == 32,
            "transition of 4 bits": bits == 4,
            "transition of 32 bits": bits == 32,
            "state and transition of 32 bits": S == bits == 32,
            "transition_frac 0": F == 0,
            "transition_frac of transition_bits or more": bits <= F,
            "weights of 2 bits": layer["weight_bits"] == 2,
            "weights of 16 bits": layer["weight_bits"] == 16,
            "most negative weight": any(w_low in row for row in tensor["weight_u"]),
            "most negative transition": a_low in entries,
            "largest transition": a_high in entries,
            "threshold at its low end": low in tensor["threshold"],
            "threshold at its high end": high in tensor["threshold"],
            "reset at an end": any(low in row or high in row for row in tensor["reset"]),
            "transition 0": any(not any(map(any, matrix)) for matrix in A),
        }
        for (a, b), (c, d) in A:
            det, trace = a * d - b * c, a + d
            inside = abs(det) < 4**F and abs(trace) * 2**F < 4**F + det
            on = not inside and abs(det) <= 4**F and abs(trace) * 2**F <= 4**F + det
            here["transition inside" if inside else "transition on" if on else "transition outside"
                 ] = True  # fmt: skip
            if (a, b) != (d, -c):
                here["transition that is not a rotation"] = True
        for name, present in here.items():
            found[name] = found.get(name, False) or present
    return Counter(name for name, present in found.items() if present)


SETTINGS: dict[str, tuple[Any, ...]] = {
    "rounding": ROUNDINGS,
    "overflow": ("SAT", "WRAP"),
    "reset": (False, True),
    "complex input": (False, True),
    "signed input": (False, True),
    "input width": ("1 bit", "2 to 8 bits", "9 bits or more"),
    "score": SCORES,
}
"""The settings of a spiking layer with their values, including those of its input and the score."""

Pair = tuple[tuple[str, Any], tuple[str, Any]]


def all_pairs() -> set[Pair]:
    """Return every pair of settings that a layer can have at once."""
    return {
        pair
        for (a, of_a), (b, of_b) in combinations(SETTINGS.items(), 2)
        for pair in product([(a, value) for value in of_a], [(b, value) for value in of_b])
    }


def pairs_of(network: IntegerNetwork) -> set[Pair]:
    """Return the pairs of settings that a network's spiking layers have."""
    found: set[Pair] = set()
    for i, layer in enumerate(network.layers):
        low, high = network.value_range(i)
        bits = max(high, -low - 1).bit_length() + (low < 0)
        values = (
            layer.rounding,
            layer.overflow,
            bool(layer.reset.any()),
            layer.complex_input,
            low < 0,
            "1 bit" if bits <= 1 else "2 to 8 bits" if bits <= 8 else "9 bits or more",
            network.readout.score,
        )
        found |= set(combinations(zip(SETTINGS, values, strict=True), 2))
    return found


def observe(case: Case) -> Counter[str]:
    """Return the ``features`` of a case and, by name, the number of events that occur in it."""
    seen = features(case)
    watched = reference_variant()

    def rounded(total: int, fraction_bits: int, mode: str) -> int:
        one = 2**fraction_bits
        if fraction_bits and 2 * (total % one) == one:
            floor_is = "even" if (total // one) % 2 == 0 else "odd"
            seen[f"tie {mode} {'below' if total < 0 else 'above'} zero, floor {floor_is}"] += 1
        elif total % one:
            seen[f"rounded {mode} {'below' if total < 0 else 'above'} zero"] += 1
        return reference.rounded(total, fraction_bits, mode)

    def fitted(value: int, bits: int, overflow: str) -> int:
        result = reference.fitted(value, bits, overflow)
        if result != value:
            end = "low" if value < result else "high"
            seen["wrapped" if overflow == "WRAP" else f"saturated {end}"] += 1
        elif value in signed_range(bits):
            seen["at an end without saturation"] += 1
        return result

    def fires(u: int, threshold: int) -> bool:
        seen["state at the threshold"] += u == threshold
        seen["state one above the threshold"] += u == threshold + 1
        seen["spikes"] += u > threshold
        seen["silences"] += u <= threshold
        return reference.fires(u, threshold)

    def argmax(scores: list[int]) -> int:
        seen["equal best scores"] += scores.count(max(scores)) > 1
        seen["a label other than 0"] += scores.index(max(scores)) > 0
        seen["negative best score"] += max(scores) < 0
        return reference.argmax(scores)

    for name, function in (("rounded", rounded), ("fitted", fitted), ("fires", fires),
                           ("argmax", argmax)):  # fmt: skip
        setattr(watched, name, function)
    result = watched.run(case.metadata, case.tensors, case.x, case.steps)
    for i in range(len(case.metadata["layers"]) - 1):
        spikes = np.array(result[f"spikes.{i}"])
        valid = np.arange(spikes.shape[1])[None, :] < case.steps[:, None]
        shares = spikes[valid].mean(axis=0)
        seen["neurons"] += shares.size
        seen["neurons that never spike"] += int((shares == 0).sum())
        seen["neurons that spike at every step"] += int((shares == 1).sum())
        seen["neurons that spike at times"] += int(((shares > 0) & (shares < 1)).sum())
        seen["deep spikes"] += int(spikes.sum()) if i >= 3 else 0
        after_reset = (spikes[:, :-1] > 0) & valid[:, 1:, None]
        has_reset = case.tensors[f"layers.{i}.reset"].any(axis=1)
        seen["steps after a spike with reset"] += int((after_reset & has_reset).sum())
    return seen
