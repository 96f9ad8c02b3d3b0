"""Reachable ranges: what the states of a layer can become for any input in the declared range.

The cell is linear up to rounding and compare, so the worst case is a sum (``series``).  It runs
over ``steps_max`` steps, or until what is left is proved smaller than ``TAIL``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rfssm.contract import Rounding
from rfssm.errors import NetworkError
from rfssm.quant.arithmetic import Bools, Integers, Reals, signed_bits, signed_range
from rfssm.quant.layers import A_NETWORK, InputSpec, Layer, SpikingLayer
from rfssm.quant.ranges.series import EPSILON, MAX_STEPS, UNBOUNDED, Cells, accumulate

MAX_DECAY = 1 - 4 / MAX_STEPS  # decay per step beyond which it would still grow then
TOGETHER = 16  # neurons whose exact range is computed at once
TIGHT = 0.1  # of the farthest state


@runtime_checkable
class Chain(Protocol):
    """The part of an ``IntegerNetwork`` that the proofs read; the network's check uses them."""

    @property
    def input(self) -> InputSpec:
        """Format of the integers that enter the network."""

    @property
    def all_layers(self) -> tuple[Layer, ...]:
        """The spiking layers and the readout."""

    def value_range(self, i: int) -> tuple[int, int]:
        """Smallest and largest integer that enters layer i."""


@dataclass(frozen=True, eq=False)
class Reach:
    """Reachable states of a layer if nothing saturated.

    minimum, maximum    of each state (readout: one), its start at 0 included              [N, 2]
    slack               inputs exist that come so near to both ends: what rounding may take
                        away, infinite where a reset may                                   [N, 2]
    """

    minimum: Integers
    maximum: Integers
    slack: Reals

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

    def neuron_bits(self) -> Integers:
        """Bits of the smallest signed word that each neuron never overflows: [N]."""
        ends = zip(self.minimum.min(1).tolist(), self.maximum.max(1).tolist(), strict=True)
        return np.array([signed_bits(low, high) for low, high in ends])

    def tight(self, state_bits: int) -> Bools:
        """Neurons whose farthest states some input reaches to within 10 %, proved: [N].

        state_bits    of the layer: where states saturate on the way, nothing is promised
        """
        farthest = np.maximum(np.abs(self.minimum), np.abs(self.maximum))
        near: Bools = (self.slack <= TIGHT * farthest).all(1) & (self.neuron_bits() <= state_bits)
        return near


def reachable_range(network: Chain, i: int) -> Reach:
    """Bound the states of layer i (the readout: ``len(network.layers)``) within ``steps_max``."""
    if not isinstance(network, Chain):
        raise NetworkError(f"network is a {type(network).__name__}: {A_NETWORK}")
    layer = network.all_layers[i]
    cells, parts = _as_cells(layer), 2 if isinstance(layer, SpikingLayer) else 1
    low, high = network.value_range(i)
    sums = accumulate(cells, low, high, network.input.steps_max)
    slack = np.where((cells.reset != 0).any(1)[:, None], np.inf, sums.spread)
    return Reach(
        _whole(np.ceil(sums.minimum))[:, :parts],
        _whole(np.floor(sums.maximum))[:, :parts],
        slack[:, :parts],
    )


def saturates(network: Chain, i: int) -> bool:
    """Whether a state of layer i may leave its word in a stream of any length.

    False is proved; True means that no proof was found.  A range within ``steps_max`` is not
    enough for hardware, which nobody forces to end a sample.
    """
    layer = network.all_layers[i]
    cells, word = _as_cells(layer), signed_range(layer.state_bits)
    low, high = network.value_range(i)
    if (moves(cells) & (decay(layer) > MAX_DECAY)).any():
        return True
    # Two inputs that span the same box make a wider range, cheaply; few neurons need the exact one.
    cheap = accumulate(_boxed(cells, low, high), -1, 1, MAX_STEPS, within=word)
    undecided = np.flatnonzero(~cheap.settled)
    slowest_first = np.argsort(-decay(layer)[undecided], kind="stable")  # they saturate soonest
    undecided = undecided[slowest_first]
    for first in range(0, len(undecided), TOGETHER):
        few = cells.of(undecided[first : first + TOGETHER])
        if not accumulate(few, low, high, MAX_STEPS, within=word).settled.all():
            return True
    return False


def moves(cells: Cells) -> Bools:
    """Return the neurons whose state can leave 0: [N]."""
    drives = (cells.bias, cells.reset, cells.error_low, cells.error_high, cells.weight)
    moved: Bools = np.any([(d != 0).reshape(len(d), -1).any(1) for d in drives], axis=0)
    return moved


def _boxed(cells: Cells, low: int, high: int) -> Cells:
    """Return two inputs from -1 to 1 whose box contains all that the given inputs can add."""
    positive, negative = np.maximum(cells.weight, 0).sum(2), np.minimum(cells.weight, 0).sum(2)
    most, least = positive * high + negative * low, positive * low + negative * high
    middle = (most + least) / 2
    inexact = (cells.weight.shape[2] + 8) * EPSILON * (np.abs(most) + np.abs(least))
    half = (most - least) / 2 + inexact
    return replace(cells, weight=half[:, :, None] * np.eye(2), bias=cells.bias + middle)


def unstable_neurons(layer: SpikingLayer) -> Integers:
    """Return the neurons whose transition lies outside the unit circle."""
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


def _as_cells(layer: Layer) -> Cells:
    """A layer's integers as reals; the readout's second state is always 0."""
    n, m = layer.outputs, layer.inputs
    weight, bias = np.zeros((n, 2, m)), np.zeros((n, 2))
    reset = np.zeros((n, 2))
    weight[:, 0] = layer.weight_u
    if layer.bias_u is not None:
        bias[:, 0] = layer.bias_u
    if isinstance(layer, SpikingLayer):
        reset[:] = layer.reset
        if layer.weight_v is not None:
            weight[:, 1] = layer.weight_v
        if layer.bias_v is not None:
            bias[:, 1] = layer.bias_v
    transition, frac = transition_of(layer)
    error_low, error_high = rounding_error(transition, frac, layer.rounding)
    weight *= 2.0**layer.guard_bits
    return Cells(transition / 2.0**frac, weight, bias, reset, error_low, error_high)


def transition_of(layer: Layer) -> tuple[Integers, int]:
    """Integers of the transition of each cell [N, 2, 2], and their fractional bits."""
    if isinstance(layer, SpikingLayer):
        return layer.transition, layer.transition_frac
    transition = np.zeros((layer.classes, 2, 2), dtype=np.int64)
    transition[:, 0, 0] = layer.leak
    return transition, layer.leak_frac


def decay(layer: Layer) -> Reals:
    """Return the long-term decay of each neuron's state per step: [N]."""
    transition, frac = transition_of(layer)
    return radius(transition / 2.0**frac)


def radius(matrices: Reals) -> Reals:
    """Largest absolute eigenvalue of each matrix: [N, 2, 2] -> [N]."""
    largest: Reals = np.abs(np.linalg.eigvals(matrices)).max(1)
    return largest


def rounding_error(transition: Integers, frac: int, rounding: Rounding) -> tuple[Reals, Reals]:
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


def _whole(x: NDArray[np.float64]) -> Integers:
    return np.clip(x, -UNBOUNDED, UNBOUNDED).astype(np.int64)
