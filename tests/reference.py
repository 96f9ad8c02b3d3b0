"""Implement the integer contract independently in plain Python, as the reference for all engines.

This file does not use the project. It reads the metadata and the tensors of a network file and
computes with Python's unbounded integers and plain loops, one sample, step and neuron at a time,
with the names of the contract. A number has a width only if the contract gives it one, so nothing
can overflow by accident. The code is slow on purpose.

Names: ``x`` the integers entering a layer at one step, ``u`` and ``v`` the states, ``s`` the spikes
of the previous step, ``A`` the transition, ``I`` currents, ``B`` biases, ``R`` reset, ``T``
threshold, ``G`` guard bits, ``F`` fractional bits of the transition, ``S`` bits of the state,
``m`` the readout's state.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Vector = list[int]  # one integer per channel, neuron or class
Sequence = list[Vector]  # one vector per step


class Trace(NamedTuple):
    """The spikes, states and outputs of one spiking layer in one sample, as one vector per step."""

    spikes: Sequence
    u: Sequence
    v: Sequence
    output: Sequence  # input of the next layer: the spikes, with ``skip`` plus the layer's input


def rounded(total: int, fraction_bits: int, mode: str) -> int:
    """Return ``total / 2**fraction_bits``, rounded to an integer by one of the four modes."""
    one = 2**fraction_bits
    floor, rest = total // one, total % one  # floor toward minus infinity, 0 <= rest < one
    if mode == "TRN":
        return floor
    if mode == "TRN_ZERO":
        return floor + 1 if total < 0 and rest > 0 else floor
    if mode == "RND":
        return floor + 1 if 2 * rest >= one else floor
    if mode == "RND_CONV":
        if 2 * rest == one:
            return floor if floor % 2 == 0 else floor + 1
        return floor + 1 if 2 * rest > one else floor
    raise ValueError(f"rounding {mode!r} is not one of the contract's")


def fitted(value: int, bits: int, overflow: str) -> int:
    """Fit ``value`` into a signed word of ``bits``: clip (``SAT``) or take low bits (``WRAP``)."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    if overflow == "SAT":
        return low if value < low else high if value > high else value
    if overflow == "WRAP":
        return (value - low) % 2**bits + low
    raise ValueError(f"overflow {overflow!r} is not one of the contract's")


def current(weights: Vector, x: Vector) -> int:
    """Return the exact sum of products."""
    total = 0
    for weight, value in zip(weights, x, strict=True):
        total += weight * value
    return total


def fires(u: int, threshold: int) -> bool:
    """Whether a state spikes: strictly above the threshold."""
    return u > threshold


def spiking_layer(layer: dict[str, Any], tensor: dict[str, Any], inputs: Sequence) -> Trace:
    """Compute one spiking layer over one sample.

    layer    the layer's entry in the metadata's ``layers``
    tensor   the layer's tensors as nested lists, by the last part of their names
    inputs   the layer's input at each step                                  (T, inputs)
    """
    neurons = layer["neurons"]
    F, G, S = layer["transition_frac"], layer["guard_bits"], layer["state_bits"]
    has_v, has_bias = layer["complex_input"], layer["bias_bits"] > 0
    A, R, T = tensor["transition"], tensor["reset"], tensor["threshold"]

    u, v, s = [0] * neurons, [0] * neurons, [0] * neurons
    trace = Trace([], [], [], [])
    for x in inputs:
        next_u, next_v, next_s = [], [], []
        for n in range(neurons):
            I_u = current(tensor["weight_u"][n], x)
            I_v = current(tensor["weight_v"][n], x) if has_v else 0
            B_u = tensor["bias_u"][n] if has_bias else 0
            B_v = tensor["bias_v"][n] if has_bias and has_v else 0

            linear_u = A[n][0][0] * u[n] + A[n][0][1] * v[n]
            linear_v = A[n][1][0] * u[n] + A[n][1][1] * v[n]
            round_u = rounded(linear_u, F, layer["rounding"])
            round_v = rounded(linear_v, F, layer["rounding"])
            sum_u = round_u + I_u * 2**G + B_u + s[n] * R[n][0]
            sum_v = round_v + I_v * 2**G + B_v + s[n] * R[n][1]
            next_u.append(fitted(sum_u, S, layer["overflow"]))
            next_v.append(fitted(sum_v, S, layer["overflow"]))
            next_s.append(1 if fires(next_u[n], T[n]) else 0)

        u, v, s = next_u, next_v, next_s
        trace.spikes.append(s)
        trace.u.append(u)
        trace.v.append(v)
        trace.output.append([s[n] + x[n] for n in range(neurons)] if layer["skip"] else s)
    return trace


def readout_layer(layer: dict[str, Any], tensor: dict[str, Any], inputs: Sequence) -> Sequence:
    """Return the state of the leaky integrators after each step of a sample, (T, classes)."""
    classes = layer["classes"]
    F, G, S = layer["leak_frac"], layer["guard_bits"], layer["state_bits"]
    leak, has_bias = tensor["leak"], layer["bias_bits"] > 0

    m = [0] * classes
    values = []
    for x in inputs:
        next_m = []
        for c in range(classes):
            I = current(tensor["weight_u"][c], x)  # noqa: E741 - the contract's name
            B = tensor["bias_u"][c] if has_bias else 0
            round_m = rounded(leak[c] * m[c], F, layer["rounding"])
            next_m.append(fitted(round_m + I * 2**G + B, S, layer["overflow"]))
        m = next_m
        values.append(m)
    return values


def argmax(scores: Vector) -> int:
    """Return the index of the largest score; of equal scores the first."""
    return scores.index(max(scores))


def score_rows(values: Sequence, score: str) -> Sequence:
    """Return the scores from the readout's states: one row, or with ``each`` one per step."""
    if score == "each":
        return values
    if score == "last":
        return [values[-1]]
    per_class = [[m[c] for m in values] for c in range(len(values[0]))]
    if score == "sum":
        return [[sum(steps) for steps in per_class]]
    if score == "max":
        return [[max(steps) for steps in per_class]]
    raise ValueError(f"score {score!r} is not one of the contract's")


def layer_tensors(tensors: dict[str, Any], index: int) -> dict[str, Any]:
    """Return a layer's tensors as nested lists of integers, by the last part of their names."""
    prefix = f"layers.{index}."
    return {
        name.removeprefix(prefix): tensor.tolist()
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def run(metadata: dict[str, Any], tensors: dict[str, Any], x: Any, steps: Any) -> dict[str, Any]:
    """Return all outputs that an engine may have, by the names in an engine's output file.

    metadata   the JSON object under ``rfssm``
    tensors    the file's tensors, by name
    x          input integers, zero-padded                                   (B, T, channels)
    steps      steps of each sample                                          (B,)
    returns    nested lists: ``scores``, ``label``, and for each spiking layer ``spikes.i``, ``u.i``
               and ``v.i``; zero beyond a sample's last step
    """
    *spiking, readout = metadata["layers"]
    longest = x.shape[1]
    result: dict[str, Any] = {"scores": [], "label": []}
    for i in range(len(spiking)):
        result |= {f"spikes.{i}": [], f"u.{i}": [], f"v.{i}": []}

    def padded(rows: Sequence) -> Sequence:
        return rows + [[0] * len(rows[0])] * (longest - len(rows))

    for sample, count in zip(x.tolist(), steps.tolist(), strict=True):
        signal = sample[:count]
        for i, layer in enumerate(spiking):
            trace = spiking_layer(layer, layer_tensors(tensors, i), signal)
            result[f"spikes.{i}"].append(padded(trace.spikes))
            result[f"u.{i}"].append(padded(trace.u))
            result[f"v.{i}"].append(padded(trace.v))
            signal = trace.output

        values = readout_layer(readout, layer_tensors(tensors, len(spiking)), signal)
        rows = score_rows(values, readout["score"])
        labels = [argmax(row) for row in rows]
        if readout["score"] == "each":
            result["scores"].append(padded(rows))
            result["label"].append(labels + [0] * (longest - count))
        else:
            result["scores"].append(rows[0])
            result["label"].append(labels[0])
    return result
