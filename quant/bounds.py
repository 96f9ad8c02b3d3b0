"""Reachable ranges: what the states of a layer can become for any input in the declared range.

The cell is linear up to rounding and compare, so the worst case is a sum.  With z = (u, v) on the
state grid,

    z_t = sum_k A^k (W x_{t-k} 2^G + B + s_{t-k} R + e_{t-k}),    k = 0 .. t-1,

each input x_m lies in its own interval, a spike s is 0 or 1 and the rounding error e is bounded by
its mode; each term takes its largest (smallest) value on its own.  The sum runs over ``steps_max``
steps, or until what is left is proved smaller than ``TAIL``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rfssm.quant.network import IntegerNetwork, Integers, Layer, Reals, SpikingLayer
from rfssm.quant.qformat import Rounding, signed_bits

TAIL = 1e-6  # of one LSB of the state
BEYOND = float(1 << 62)  # states that leave this are called unbounded


@dataclass(frozen=True, eq=False)
class Reach:
    """Reachable states of a layer if nothing saturated.

    minimum, maximum    of each state (readout: one)    [N, 2]
    """

    minimum: Integers
    maximum: Integers

    @property
    def low(self) -> int:
        """Smallest state of any neuron."""
        return int(self.minimum.min())

    @property
    def high(self) -> int:
        """Largest state of any neuron."""
        return int(self.maximum.max())

    @property
    def bits(self) -> int:
        """Bits of the smallest signed word that never overflows."""
        return signed_bits(self.low, self.high)


def reachable_range(network: IntegerNetwork, i: int) -> Reach:
    """Bound the states of layer i (the readout: ``len(network.layers)``)."""
    layer = network.all_layers[i]
    transition, weight, bias, reset, frac = _as_cells(layer)
    weight = weight * 2.0**layer.guard_bits
    low, high = network.value_range(i)
    error_low, error_high = _rounding_error(layer.rounding, frac)

    n = len(transition)
    maximum, minimum = np.zeros((n, 2)), np.zeros((n, 2))  # over all t so far; z_0 = 0
    driven_max, driven_min = np.zeros((n, 2)), np.zeros((n, 2))  # inputs, resets, rounding
    biased = np.zeros((n, 2))
    partial = np.zeros(n)  # sum of the largest |contribution| of each k
    power = np.tile(np.eye(2), (n, 1, 1))  # A^k
    before = np.zeros((n, 2, 2))  # A^(k-1); before the first step no spike and no rounding
    active = np.arange(n)  # neurons whose tail still matters
    left = np.zeros(n)  # the tail of each neuron, once it does not
    for k in range(network.input.steps_max):
        p = power[active]
        w = p @ weight[active]
        positive, negative = np.maximum(w, 0).sum(2), np.minimum(w, 0).sum(2)
        q = before[active]
        qr = (q @ reset[active, :, None])[..., 0]
        up, down = np.maximum(q, 0), np.minimum(q, 0)
        driven_max[active] += (
            positive * high
            + negative * low
            + np.maximum(qr, 0)
            + (up * error_high + down * error_low).sum(2)
        )
        driven_min[active] += (
            positive * low
            + negative * high
            + np.minimum(qr, 0)
            + (up * error_low + down * error_high).sum(2)
        )
        biased[active] += (p @ bias[active, :, None])[..., 0]
        slack = (k + 1) * 1e-14 * (np.abs(driven_max) + np.abs(driven_min) + np.abs(biased))
        maximum[active] = np.maximum(maximum, driven_max + biased + slack)[active]
        minimum[active] = np.minimum(minimum, driven_min + biased - slack)[active]
        if np.abs(maximum).max() > BEYOND or np.abs(minimum).max() > BEYOND:
            break
        size = np.abs(p).sum(2).max(1)
        once = np.abs(w).sum(2).max(1) * max(high, -low) + size * (
            np.abs(bias[active]).max(1) + np.abs(reset[active]).max(1) + max(error_high, -error_low)
        )
        partial[active] += once
        before[active] = p
        power[active] = transition[active] @ p
        ahead = np.abs(power[active]).sum(2).max(1)  # |A^(k+1)|
        with np.errstate(divide="ignore", invalid="ignore"):
            tail = np.where(ahead < 1, ahead * partial[active] / (1 - ahead), np.inf)
        done = tail < TAIL
        left[active[done]] = tail[done]
        active = active[~done]
        if not len(active):
            break
    maximum, minimum = maximum + left[:, None], minimum - left[:, None]
    if isinstance(layer, SpikingLayer):
        return Reach(_whole(np.ceil(minimum)), _whole(np.floor(maximum)))
    return Reach(_whole(np.ceil(minimum))[:, :1], _whole(np.floor(maximum))[:, :1])


def unstable_neurons(layer: SpikingLayer) -> Integers:
    """Neurons whose transition lies outside the unit circle (2x2 Jury test, on integers)."""
    (a, b), (c, d) = layer.transition.astype(object).transpose(1, 2, 0)
    one = 1 << layer.transition_frac
    determinant, trace = a * d - b * c, a + d
    stable = (abs(determinant) <= one * one) & (abs(trace) * one <= one * one + determinant)
    return np.flatnonzero(~stable.astype(bool))


def _as_cells(layer: Layer) -> tuple[Reals, Reals, Reals, Reals, int]:
    """Transition [N, 2, 2], weight [N, 2, M], bias and reset [N, 2], fractional bits."""
    n, m = layer.outputs, layer.inputs
    weight, bias = np.zeros((n, 2, m)), np.zeros((n, 2))
    weight[:, 0] = layer.weight_u
    if layer.bias_u is not None:
        bias[:, 0] = layer.bias_u
    if not isinstance(layer, SpikingLayer):
        transition = np.zeros((n, 2, 2))
        transition[:, 0, 0] = layer.leak / 2.0**layer.leak_frac
        return transition, weight, bias, np.zeros((n, 2)), layer.leak_frac
    if layer.weight_v is not None:
        weight[:, 1] = layer.weight_v
    if layer.bias_v is not None:
        bias[:, 1] = layer.bias_v
    frac = layer.transition_frac
    return layer.transition / 2.0**frac, weight, bias, layer.reset.astype(float), frac


def _rounding_error(rounding: Rounding, frac: int) -> tuple[float, float]:
    """Smallest and largest (rounded - exact), in LSBs of the state."""
    if frac == 0:
        return 0.0, 0.0
    lsb = 2.0**-frac
    return {
        "TRN": (-(1 - lsb), 0.0),
        "TRN_ZERO": (-(1 - lsb), 1 - lsb),
        "RND": (-(0.5 - lsb), 0.5),
        "RND_CONV": (-0.5, 0.5),
    }[rounding]


def _whole(x: NDArray[np.float64]) -> Integers:
    return np.clip(x, -BEYOND, BEYOND).astype(np.int64)
