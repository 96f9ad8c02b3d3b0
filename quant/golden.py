"""The golden model: the integer contract in NumPy, the definition of correct.

Integers only, vectorised over samples and neurons, one step after the other.  ``int64`` wherever
the numbers fit; Python integers in the few layers whose products may exceed 63 bits.
"""

from __future__ import annotations

import numpy as np

from rfssm.quant.arithmetic import Bools, IntArray, Integers, overflow, round_shift
from rfssm.quant.layers import ReadoutLayer, SpikingLayer
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples, check_call

BATCH = 256
"""Samples that are computed at once: all states of all steps of a layer are held in memory."""


def run(
    network: IntegerNetwork, samples: Samples, *, spikes: bool = False, states: bool = False
) -> Outputs:
    """Run whole samples.  Raises SamplesError for samples that the network cannot take."""
    check_call(network, samples)
    parts = range(0, len(samples), BATCH)
    return Outputs.join([_run(network, samples[k : k + BATCH], spikes, states) for k in parts])


def _run(network: IntegerNetwork, samples: Samples, spikes: bool, states: bool) -> Outputs:
    """Run a few samples at once."""
    live = np.arange(samples.x.shape[1]) < samples.steps[:, None]  # [B, T]
    x = np.where(live[..., None], samples.x, 0)
    kept_spikes: list[Bools] = []
    kept_u: list[Integers] = []
    kept_v: list[Integers] = []
    for layer in network.layers:
        s, u, v = run_spiking(layer, x)
        x = s + x if layer.skip else s.astype(np.int64)
        if spikes:
            kept_spikes.append(s & live[..., None])
        if states:
            kept_u.append(np.where(live[..., None], u, 0))
            kept_v.append(np.where(live[..., None], v, 0))
    scores, label = run_readout(network.readout, x, samples.steps)
    return Outputs(
        scores,
        label,
        tuple(kept_spikes) if spikes else None,
        tuple(kept_u) if states else None,
        tuple(kept_v) if states else None,
    )


def run_spiking(layer: SpikingLayer, x: Integers) -> tuple[Bools, Integers, Integers]:
    """Run one spiking layer from zero state.

    x          values that enter it                       [B, T, M]
    returns    spikes, states u and v after each step     [B, T, N] each
    """
    batch, steps, _ = x.shape
    shape = (batch, steps, layer.neurons)
    s_all = np.zeros(shape, dtype=bool)
    u_all = np.zeros(shape, dtype=np.int64)
    v_all = np.zeros(shape, dtype=np.int64)
    bits = layer.state_bits
    add_u = _drive(x, layer.weight_u, layer.bias_u, layer.guard_bits)
    add_v = _drive(x, layer.weight_v, layer.bias_v, layer.guard_bits)
    transition = _wide(layer.transition, bits + layer.transition_bits + 1)
    a, b, c, d = (transition[:, j, k] for j in (0, 1) for k in (0, 1))
    u: IntArray = np.zeros((batch, layer.neurons), dtype=np.int64)
    v: IntArray = np.zeros((batch, layer.neurons), dtype=np.int64)
    s: Bools = np.zeros((batch, layer.neurons), dtype=bool)
    for t in range(steps):
        linear_u = round_shift(a * u + b * v, layer.transition_frac, layer.rounding)
        linear_v = round_shift(c * u + d * v, layer.transition_frac, layer.rounding)
        after = np.where(s[..., None], layer.reset, 0)
        u = overflow(linear_u + add_u[:, t] + after[..., 0], bits, layer.overflow)
        v = overflow(linear_v + add_v[:, t] + after[..., 1], bits, layer.overflow)
        s = (u > layer.threshold).astype(bool)
        s_all[:, t], u_all[:, t], v_all[:, t] = s, u, v
    return s_all, u_all, v_all


def run_readout(layer: ReadoutLayer, x: Integers, steps: Integers) -> tuple[Integers, Integers]:
    """Run the readout: scores and labels of each sample, or with ``each`` of each step.

    x       values that enter it          [B, T, M]
    steps   steps of each sample          [B]
    """
    batch, steps_max, _ = x.shape
    add = _drive(x, layer.weight_u, layer.bias_u, layer.guard_bits)
    m: IntArray = np.zeros((batch, layer.classes), dtype=np.int64)
    score = np.zeros((batch, layer.classes), dtype=np.int64)
    each = np.zeros((batch, steps_max, layer.classes), dtype=np.int64)
    for t in range(steps_max):
        m = round_shift(layer.leak * m, layer.leak_frac, layer.rounding)
        m = overflow(m + add[:, t], layer.state_bits, layer.overflow)
        live = (t < steps)[:, None]
        if layer.score == "sum":
            score = np.where(live, score + m, score)
        elif layer.score == "max" and t > 0:
            score = np.where(live, np.maximum(score, m), score)
        else:
            score = np.where(live, m, score)
        each[:, t] = np.where(live, m, 0)
    if layer.score == "each":
        return each, each.argmax(axis=2)
    return score, score.argmax(axis=1)


def _drive(
    x: Integers, weight: Integers | None, bias: Integers | None, guard_bits: int
) -> Integers:
    """Return what each step adds to a state: the current on the state grid, plus the bias."""
    if weight is None:
        return np.zeros((*x.shape[:2], 1), dtype=np.int64)
    current = (x @ weight.T) << guard_bits
    return current if bias is None else current + bias


def _wide(transition: Integers, product_bits: int) -> IntArray:
    """Return the transition as int64, or as Python integers if 64 bits may not hold the sums."""
    return transition if product_bits <= 64 else transition.astype(object)
