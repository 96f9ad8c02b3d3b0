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
EPSILON = 2.0**-53  # relative error of one floating-point operation


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
    transition, weight, bias, reset, error_low, error_high = _as_cells(layer)
    weight = weight * 2.0**layer.guard_bits
    low, high = network.value_range(i)

    n = len(transition)
    maximum, minimum = np.zeros((n, 2)), np.zeros((n, 2))  # over all t so far; z_0 = 0
    driven_max, driven_min = np.zeros((n, 2)), np.zeros((n, 2))  # inputs, resets, rounding
    biased = np.zeros((n, 2))
    power = np.tile(np.eye(2), (n, 1, 1))  # A^k
    before = np.zeros((n, 2, 2))  # A^(k-1): neither spike nor rounding precedes the first step
    farthest = np.abs(weight).sum(2) * max(high, -low) + np.abs(bias) + np.abs(reset)
    push = (farthest + np.maximum(error_high, -error_low)).max(1)  # at most this per step
    size_of_a = _norm(transition)
    summed, largest, inexact = np.zeros(n), np.zeros(n), np.zeros(n)  # of |A^j|, j = 0 .. k
    active = np.flatnonzero(push > 0)  # neurons whose tail still matters
    for k in range(network.input.steps_max):
        if not len(active):
            break
        p, q = power[active], before[active]
        w = p @ weight[active]
        r = (q @ reset[active, :, None])[..., 0]
        positive, negative = np.maximum(w, 0).sum(2), np.minimum(w, 0).sum(2)
        up, down = np.maximum(q, 0), np.minimum(q, 0)
        e_low, e_high = error_low[active, None], error_high[active, None]
        driven_max[active] += positive * high + negative * low + np.maximum(r, 0)
        driven_max[active] += (up * e_high + down * e_low).sum(2)
        driven_min[active] += positive * low + negative * high + np.minimum(r, 0)
        driven_min[active] += (up * e_low + down * e_high).sum(2)
        biased[active] += (p @ bias[active, :, None])[..., 0]

        # A^k as computed is off by the errors of all multiplications before, each carried on by
        # a power of A; the sums are off by their own rounding.
        carried = 4 * EPSILON * size_of_a[active]
        error = carried * largest[active] * summed[active]
        size = _norm(p) + error
        summed[active] += size
        largest[active] = np.maximum(largest[active], size)
        inexact[active] += error
        terms = 2 * (layer.inputs + k) + 16
        slack = push[active] * (inexact[active] + terms * EPSILON * summed[active])
        reached_max = (driven_max + biased)[active] + slack[:, None]
        reached_min = (driven_min + biased)[active] - slack[:, None]
        maximum[active] = np.maximum(maximum[active], reached_max)
        minimum[active] = np.minimum(minimum[active], reached_min)

        ahead = transition[active] @ p  # A^(k+1)
        ratio = np.maximum(_norm(ahead) + carried * largest[active] * summed[active], size)
        with np.errstate(divide="ignore"):
            tail = np.where(ratio < 1, push[active] * summed[active] * ratio / (1 - ratio), np.inf)
        done = tail < TAIL
        maximum[active[done]] += tail[done, None]
        minimum[active[done]] -= tail[done, None]
        lost = np.maximum(maximum[active], -minimum[active]).max(1) > BEYOND
        lost |= size > BEYOND  # the next powers might not be numbers
        maximum[active[lost]], minimum[active[lost]] = BEYOND, -BEYOND
        before[active], power[active] = p, ahead
        active = active[~(done | lost)]
    parts = 2 if isinstance(layer, SpikingLayer) else 1
    return Reach(_whole(np.ceil(minimum))[:, :parts], _whole(np.floor(maximum))[:, :parts])


def unstable_neurons(layer: SpikingLayer) -> Integers:
    """Neurons whose transition lies outside the unit circle."""
    return outside_unit_circle(layer.transition, layer.transition_frac)


def outside_unit_circle(transition: Integers, frac: int) -> Integers:
    """Matrices some power of which grows: the 2x2 Jury test, on integers.

    transition    integers * 2^-frac    (N, 2, 2)
    returns       their indices
    """
    one = 1 << frac
    largest = max(int(np.abs(transition).max(initial=0)), one)
    exact = np.int64 if largest < 1 << 30 else object
    (a, b), (c, d) = transition.astype(exact).transpose(1, 2, 0)
    determinant, trace = a * d - b * c, a + d
    stable = (abs(determinant) <= one * one) & (abs(trace) * one <= one * one + determinant)
    return np.flatnonzero(~stable.astype(bool))


def _as_cells(layer: Layer) -> tuple[Reals, Reals, Reals, Reals, Reals, Reals]:
    """Transition [N, 2, 2], weight [N, 2, M]; bias, reset, smallest and largest error [N, 2]."""
    n, m = layer.outputs, layer.inputs
    weight, bias = np.zeros((n, 2, m)), np.zeros((n, 2))
    reset, transition = np.zeros((n, 2)), np.zeros((n, 2, 2), dtype=np.int64)
    weight[:, 0] = layer.weight_u
    if layer.bias_u is not None:
        bias[:, 0] = layer.bias_u
    if isinstance(layer, SpikingLayer):
        frac = layer.transition_frac
        transition[:] = layer.transition
        reset[:] = layer.reset
        if layer.weight_v is not None:
            weight[:, 1] = layer.weight_v
        if layer.bias_v is not None:
            bias[:, 1] = layer.bias_v
    else:
        frac = layer.leak_frac
        transition[:, 0, 0] = layer.leak
    error_low, error_high = _rounding_error(transition, frac, layer.rounding)
    return transition / 2.0**frac, weight, bias, reset, error_low, error_high


def _rounding_error(transition: Integers, frac: int, rounding: Rounding) -> tuple[Reals, Reals]:
    """Smallest and largest (rounded - exact) of each row, in LSBs of the state: [N, 2] each.

    A row's sums are multiples of the lowest bit set in its entries: where that is an LSB of the
    state, as with zeros, nothing is rounded.
    """
    bits = transition[:, :, 0] | transition[:, :, 1]
    unit = (bits & -bits) / 2.0**frac
    fraction = 1 - unit
    half, under_half = np.full(unit.shape, 0.5), 0.5 - unit
    zero = np.zeros(unit.shape)
    error_low, error_high = {
        "TRN": (-fraction, zero),
        "TRN_ZERO": (-fraction, fraction),
        "RND": (-under_half, half),
        "RND_CONV": (-half, half),
    }[rounding]
    rounds = (bits != 0) & (unit < 1)
    return np.where(rounds, error_low, 0.0), np.where(rounds, error_high, 0.0)


def _norm(matrices: Reals) -> Reals:
    """Largest absolute row sum of each matrix: [N, 2, 2] -> [N]."""
    norms: Reals = np.abs(matrices).sum(2).max(1)
    return norms


def _whole(x: NDArray[np.float64]) -> Integers:
    return np.clip(x, -BEYOND, BEYOND).astype(np.int64)
