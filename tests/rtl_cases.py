"""Define small networks, each with one corner case, for the tests of the RTL engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rfssm.quant.arithmetic import signed_range
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

Metadata = dict[str, Any]
Tensors = dict[str, np.ndarray]

NARROW = {"state_bits": 8, "weight_bits": 3, "transition_bits": 5, "transition_frac": 4}
"""Narrow formats for layers whose width does not matter: gates cost time in every tool."""


def network(
    layers: list[Metadata],
    *,
    channels: int = 5,
    bits: int = 1,
    signed: bool = False,
    steps_max: int = 12,
    seed: int = 0,
    tensors: Tensors | None = None,
    **readout: Any,
) -> IntegerNetwork:
    """Return a network of random integers in given formats; ``tensors`` replace some of them."""
    rng = np.random.default_rng(seed)
    headers: list[Metadata] = []
    drawn: Tensors = {}
    inputs = channels
    for i, fields in enumerate(layers):
        header = {
            "kind": "spiking",
            "inputs": inputs,
            "neurons": 6,
            "complex_input": True,
            "skip": False,
            "weight_bits": 5,
            "bias_bits": 0,
            "transition_bits": 10,
            "transition_frac": 8,
            "guard_bits": 1,
            "state_bits": 12,
            "rounding": "RND",
            "overflow": "SAT",
            **{k: v for k, v in fields.items() if k not in ("rotation", "reset")},
        }
        headers.append(header)
        n = header["neurons"]
        drawn |= {
            f"layers.{i}.{k}": v for k, v in layer_tensors(rng, header, **_kind(fields)).items()
        }
        inputs = n
    head = {
        "kind": "readout",
        "inputs": inputs,
        "classes": 3,
        "weight_bits": 6,
        "bias_bits": 0,
        "leak_frac": 5,
        "guard_bits": 1,
        "state_bits": 12,
        "rounding": "RND",
        "overflow": "SAT",
        "score": "sum",
        "score_bits": 20,
        **readout,
    }
    headers.append(head)
    classes = head["classes"]
    last = f"layers.{len(layers)}."
    drawn[last + "weight_u"] = uniform(rng, (classes, inputs), head["weight_bits"])
    drawn[last + "leak"] = rng.integers(0, 1 << head["leak_frac"], classes)
    drawn[last + "scale"] = np.ones(1)
    if head["bias_bits"]:
        drawn[last + "bias_u"] = uniform(rng, (classes,), head["bias_bits"])
    drawn |= tensors or {}
    metadata = {
        "format": "rfssm-network",
        "version": 1,
        "name": "corner",
        "input": {
            "channels": channels,
            "bits": bits,
            "signed": signed,
            "frac": 0,
            "steps_max": steps_max,
        },
        "layers": headers,
        "labels": [],
        "provenance": {},
    }
    typed = {
        name: tensor.astype(np.float64 if name.endswith("scale") else np.int32)
        for name, tensor in drawn.items()
    }
    return IntegerNetwork.build(metadata, typed)


def _kind(fields: Metadata) -> dict[str, bool]:
    return {name: fields[name] for name in ("rotation", "reset") if name in fields}


def uniform(rng: np.random.Generator, shape: tuple[int, ...], bits: int) -> np.ndarray:
    return rng.integers(*signed_range(bits), shape, endpoint=True)


def layer_tensors(
    rng: np.random.Generator, header: Metadata, *, rotation: bool = True, reset: bool = False
) -> Tensors:
    n, m, one = header["neurons"], header["inputs"], 2.0 ** header["transition_frac"]
    tensors: Tensors = {"weight_u": uniform(rng, (n, m), header["weight_bits"])}
    if header["complex_input"]:
        tensors["weight_v"] = uniform(rng, (n, m), header["weight_bits"])
    if header["bias_bits"]:
        tensors["bias_u"] = uniform(rng, (n,), header["bias_bits"])
        if header["complex_input"]:
            tensors["bias_v"] = uniform(rng, (n,), header["bias_bits"])
    angle = rng.uniform(0.1, 3, n)
    a, b = np.trunc(0.93 * np.cos(angle) * one), np.trunc(0.93 * np.sin(angle) * one)
    transition = np.stack([np.stack([a, -b], 1), np.stack([b, a], 1)], 1)
    if not rotation:
        transition[:, 0, 1] = np.trunc(0.6 * transition[:, 0, 1])
    tensors["transition"] = np.clip(transition, *signed_range(header["transition_bits"]))
    grid = 1 << (header["state_bits"] - 6)
    tensors["threshold"] = rng.integers(-grid // 4, 2 * grid, n)
    tensors["reset"] = rng.integers(-2 * grid, 1, (n, 2)) if reset else np.zeros((n, 2))
    tensors["scale"] = np.ones(n)
    return tensors


def _threshold_ends() -> IntegerNetwork:
    """Return neurons that always or never spike, in all places of a chunk; padding never does."""
    low, high = signed_range(12)
    threshold = np.array([low, high, low, high, low])
    return network(
        [{"neurons": 5}, {"neurons": 3, "skip": False}], tensors={"layers.0.threshold": threshold}
    )


def _wrap() -> IntegerNetwork:
    """Return a network whose bounds prove that nothing overflows."""
    weight = np.array([[1, -1, 0, 1, 0]] * 6)
    return network(
        [{"overflow": "WRAP", "state_bits": 16, "rounding": "TRN_ZERO"}],
        overflow="WRAP",
        state_bits=16,
        score_bits=24,
        tensors={"layers.0.weight_u": weight, "layers.0.weight_v": -weight,
                 "layers.1.weight_u": weight[:3].repeat(2, axis=1)[:, :6]},
    )  # fmt: skip


# Networks that several tests synthesise have one name, so that the tests share their netlists.


def placed_network() -> IntegerNetwork:
    """Return a network of a layer with a reset."""
    return network([{"reset": True, **NARROW}]).model_copy(update={"name": "dut"})


def lone_readout() -> IntegerNetwork:
    """Return a readout alone, which is placed in a third of the time."""
    return network([]).model_copy(update={"name": "dut"})


def vendor_network() -> IntegerNetwork:
    """Return a network with weights of more than 1 kbit per layer, for Xilinx' block memories."""
    net = network([{"neurons": 16, **NARROW}], channels=16, classes=12)
    return net.model_copy(update={"name": "dut"})


CASES: dict[str, Callable[[], IntegerNetwork]] = {
    "two complex layers": lambda: network([{}, {"neurons": 9}]),
    "everything once": lambda: network(
        [{"neurons": 1}], channels=1, classes=2, steps_max=1, score="max"
    ),
    "lone readout, signed wide input": lambda: network([], bits=16, signed=True, state_bits=30,
                                                       score_bits=40, score="last"),
    "lone readout, each": lambda: network([], bits=3, score="each", classes=2),
    "skip first, signed wide input": lambda: network(
        [{"neurons": 5, "skip": True, "state_bits": 24, "threshold": 0}, {"neurons": 4}],
        bits=12, signed=True),
    "signed bit, skip": lambda: network(
        [{"neurons": 5, "skip": True}, {"neurons": 5, "skip": True}], bits=1, signed=True),
    "skips in a row, before the readout": lambda: network(
        [{"neurons": 5, "skip": True}, {"neurons": 5, "skip": True}, {"neurons": 5, "skip": True}],
        score="each", rounding="TRN_ZERO"),
    "real input, reset, general 2x2": lambda: network(
        [{"complex_input": False, "rotation": False, "reset": True, "rounding": "RND_CONV"},
         {"complex_input": False, "reset": True, "bias_bits": 7}], bits=2),
    "no fraction": lambda: network(
        [{"transition_frac": 0, "rounding": "RND_CONV"}, {"transition_frac": 0}], bits=2),
    "fraction beyond the product": lambda: network(
        [{"transition_frac": 32, "transition_bits": 4, "state_bits": 8, "rounding": "RND_CONV"}]),
    "32-bit states and transitions": lambda: network(
        [{"state_bits": 32, "transition_bits": 32, "transition_frac": 30, "weight_bits": 16,
          "guard_bits": 16, "reset": True, "bias_bits": 32}],
        bits=8, state_bits=32, score_bits=64, leak_frac=24, bias_bits=32, guard_bits=16,
        rounding="RND_CONV"),
    "WRAP": _wrap,
    "bias wider than the currents": lambda: network(
        [{"bias_bits": 12, "weight_bits": 2}], bias_bits=12, weight_bits=2, score="max"),
    "thresholds at both ends": _threshold_ends,
    "saturation": lambda: network(
        [{"state_bits": 6, "guard_bits": 3}], bits=4, state_bits=6, score="last", rounding="TRN"),
    "fifteen layers": lambda: network([{"neurons": 3}] * 15, channels=3, bits=2),
}  # fmt: skip


def samples_for(net: IntegerNetwork, seed: int = 0, count: int = 5) -> Samples:
    """Return random samples, including one of zeros and one of a single step."""
    rng = np.random.default_rng(seed)
    spec = net.input
    longest = min(spec.steps_max, 12)
    shape = (count, longest, spec.channels)
    x = rng.integers(spec.low, spec.high, shape, endpoint=True) * (rng.random(shape) < 0.6)
    x[0] = 0
    steps = rng.integers(1, longest, count, endpoint=True)
    steps[1], steps[2] = 1, longest
    return Samples(x=x, steps=steps)
