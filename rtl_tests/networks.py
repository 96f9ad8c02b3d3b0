"""Small networks with a corner each, samples that lead into it, counts of how often they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rfssm.hls.design import Design, Lanes
from rfssm.hls.emit.project import design_files
from rfssm.quant import golden
from rfssm.quant.arithmetic import Integers, round_shift, signed_range
from rfssm.quant.layers import ReadoutLayer, SpikingLayer
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

LANES = Lanes(synapse=4, neuron=2)
Tensors = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One network, samples for it, lanes to build it with, and parameters to build it otherwise."""

    network: IntegerNetwork
    samples: Samples
    lanes: Lanes = LANES
    parameters: Mapping[str, int] = field(default_factory=dict)


def write(case: Case, folder: Path) -> Design:
    """What a bench needs of a case: memories, network and samples in its folder."""
    design = Design.of(case.network, case.lanes)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in design_files(design):
        if name.endswith(".mem"):
            (folder / name).write_text(text)
    case.network.save(folder / "network.safetensors")
    case.samples.save(folder / "samples.npz")
    return design


def spiking(rng: np.random.Generator, inputs: int, neurons: int = 6, **fields: Any) -> Tensors:
    """A spiking layer of random integers; ``fields`` are metadata or whole tensors."""
    header = {
        "kind": "spiking",
        "model": "s5rf",
        "inputs": inputs,
        "neurons": neurons,
        "complex_input": True,
        "skip": False,
        "weight_bits": 5,
        "bias_bits": 0,
        "transition_bits": 8,
        "transition_frac": 6,
        "guard_bits": 1,
        "state_bits": 9,
        "rounding": "RND",
        "overflow": "SAT",
    }
    header.update({name: fields[name] for name in header if name in fields})
    weights = signed_range(header["weight_bits"])
    tensors = {"weight_u": rng.integers(*weights, (neurons, inputs), endpoint=True)}
    if header["complex_input"]:
        tensors["weight_v"] = rng.integers(*weights, (neurons, inputs), endpoint=True)
    if header["bias_bits"]:
        for name in ("bias_u", "bias_v")[: 1 + header["complex_input"]]:
            tensors[name] = rng.integers(*signed_range(header["bias_bits"]), neurons, endpoint=True)
    angle = rng.uniform(0.2, 2.5, neurons)
    a, b = (
        np.trunc(0.95 * part(angle) * 2.0 ** header["transition_frac"]) for part in (np.cos, np.sin)
    )
    tensors["transition"] = np.stack([np.stack([a, -b], 1), np.stack([b, a], 1)], 1)
    tensors["threshold"] = np.full(neurons, 1 << (header["state_bits"] - 4))
    tensors["reset"] = np.zeros((neurons, 2))
    tensors["scale"] = np.ones(neurons)
    return {"header": header, "tensors": {**tensors, **_own(tensors, fields)}}


def readout(rng: np.random.Generator, inputs: int, classes: int = 3, **fields: Any) -> Tensors:
    """A readout of random integers; ``fields`` are metadata or whole tensors."""
    header = {
        "kind": "readout",
        "inputs": inputs,
        "classes": classes,
        "weight_bits": 5,
        "bias_bits": 0,
        "leak_frac": 4,
        "guard_bits": 1,
        "state_bits": 10,
        "rounding": "RND",
        "overflow": "SAT",
        "score": "sum",
        "score_bits": 20,
    }
    header.update({name: fields[name] for name in header if name in fields})
    weights = signed_range(header["weight_bits"])
    tensors = {"weight_u": rng.integers(*weights, (classes, inputs), endpoint=True)}
    if header["bias_bits"]:
        tensors["bias_u"] = rng.integers(*signed_range(header["bias_bits"]), classes, endpoint=True)
    tensors["leak"] = rng.integers(0, 1 << header["leak_frac"], classes)
    tensors["scale"] = np.ones(1)
    return {"header": header, "tensors": {**tensors, **_own(tensors, fields)}}


def _own(tensors: Tensors, fields: Mapping[str, Any]) -> Tensors:
    return {name: np.asarray(fields[name]) for name in tensors if name in fields}


def network(
    layers: Sequence[Tensors], *, bits: int = 1, signed: bool = False, steps_max: int = 40
) -> IntegerNetwork:
    """Layers, the readout last, as one network."""
    metadata = {
        "format": "rfssm-network",
        "version": 1,
        "name": "corner",
        "input": {
            "channels": layers[0]["header"]["inputs"],
            "bits": bits,
            "signed": signed,
            "frac": 0,
            "steps_max": steps_max,
        },
        "layers": [layer["header"] for layer in layers],
    }
    tensors = {
        f"layers.{i}.{name}": np.asarray(value, np.float64 if name == "scale" else np.int32)
        for i, layer in enumerate(layers)
        for name, value in layer["tensors"].items()
    }
    return IntegerNetwork.build(metadata, tensors)


def samples(network: IntegerNetwork, seed: int, count: int = 6, longest: int = 16) -> Samples:
    """Samples of 1 to ``longest`` steps: dense, sparse, some steps silent, one of zeros only."""
    rng = np.random.default_rng(seed)
    spec = network.input
    x = rng.integers(spec.low, spec.high, (count, longest, spec.channels), endpoint=True)
    x *= rng.random(x.shape) < rng.choice([0.1, 0.4, 1.0], (count, 1, 1))
    x *= rng.random((count, longest, 1)) < 0.8  # silent steps
    x[-1] = 0
    steps = rng.integers(1, longest, count, endpoint=True)
    steps[0], steps[1], steps[2] = longest, 1, 1
    x[np.arange(longest) >= steps[:, None]] = 0
    return Samples(x, steps)


def at_threshold(network: IntegerNetwork, samples: Samples) -> Integers:
    """Thresholds that layer 0's states meet exactly (even neurons) or exceed by one (odd)."""
    _, u, _ = golden.run_spiking(network.layers[0], samples.x)
    reached = u[0, samples.steps[0] // 2]
    return np.maximum(
        reached - np.arange(len(reached)) % 2, signed_range(network.layers[0].state_bits)[0]
    )


def layer_corners(layer: SpikingLayer, samples: Samples) -> Counter[str]:
    """How often a layer's run over samples meets what tests promise to show."""
    s, u, v = golden.run_spiking(layer, samples.x)
    live = (np.arange(samples.x.shape[1]) < samples.steps[:, None])[..., None]
    low, high = signed_range(layer.state_bits)
    before_u, before_v = (np.pad(a, [(0, 0), (1, 0), (0, 0)])[:, :-1] for a in (u, v))
    one = 1 << layer.transition_frac
    seen: Counter[str] = Counter()
    for row in (0, 1):
        a, b = layer.transition[:, row, 0], layer.transition[:, row, 1]
        seen += _ties(a * before_u + b * before_v, one, live)
    seen["at the threshold"] = int(((u == layer.threshold) & live).sum())
    seen["one above the threshold"] = int(((u == layer.threshold + 1) & live).sum())
    for state in (u, v):
        seen["low end"] += int(((state == low) & live).sum())
        seen["high end"] += int(((state == high) & live).sum())
    seen["spikes"] = int((s & live).sum())
    return seen + _sample_corners(samples)


def readout_corners(layer: ReadoutLayer, samples: Samples) -> Counter[str]:
    """The same for a readout that takes the samples directly."""
    each = layer.model_copy(update={"score": "each"})
    m, _ = golden.run_readout(each, samples.x, samples.steps)
    scores, _ = golden.run_readout(layer, samples.x, samples.steps)
    live = (np.arange(samples.x.shape[1]) < samples.steps[:, None])[..., None]
    low, high = signed_range(layer.state_bits)
    before = np.pad(m, [(0, 0), (1, 0), (0, 0)])[:, :-1]
    seen = _ties(layer.leak * before, 1 << layer.leak_frac, live)
    seen["low end"] = int(((m == low) & live).sum())
    seen["high end"] = int(((m == high) & live).sum())
    best = scores == scores.max(axis=-1, keepdims=True)
    seen["equal best scores"] = int((best.sum(axis=-1) > 1).sum())
    return seen + _sample_corners(samples)


def _ties(total: Integers, one: int, live: Any) -> Counter[str]:
    tie = (2 * (total % one) == one) & live
    floor = round_shift(total, one.bit_length() - 1, "TRN")
    return Counter(
        {
            f"tie {sign} zero, floor {parity}": int((tie & where & (floor % 2 == odd)).sum())
            for sign, where in (("above", total > 0), ("below", total < 0))
            for parity, odd in (("even", 0), ("odd", 1))
        }
    )


def _sample_corners(samples: Samples) -> Counter[str]:
    live = np.arange(samples.x.shape[1]) < samples.steps[:, None]
    silent = ~samples.x.any(axis=2) & live
    return Counter(
        {
            "silent steps": int(silent.sum()),
            "1-step samples": int((samples.steps == 1).sum()),
            "silent samples": int((silent.sum(axis=1) == samples.steps).sum()),
        }
    )


TIES = tuple(
    f"tie {sign} zero, floor {parity}" for sign in ("above", "below") for parity in ("even", "odd")
)


def require(seen: Counter[str], *names: str) -> None:
    """Assert that each corner has been met."""
    missing = [name for name in names if not seen[name]]
    assert not missing, f"the samples never meet: {', '.join(missing)} (met: {dict(seen)})"
