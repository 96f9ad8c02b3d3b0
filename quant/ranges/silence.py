"""Limit cycles of silent neurons, which rounding can keep alive without input.

Without input and spikes a cell is z' = sat(A z + B + e).  It comes to rest where A z + B = z, up to
the errors e of the rounding, which may carry it around that point for ever.  With P = sum_k |A^k| e
no such cycle leaves the point by more than P, unless saturation takes part.  It does not

- where no state can leave its word at all (``rfssm.quant.ranges.reach.saturates``), or
- where A contracts a scaled length |(u, s v)|, which clipping never lengthens, and the states that
  the errors can keep up lie within the word.

Rounding toward zero never lengthens (u, s v) either: where A contracts, a silent neuron without
bias decays to exactly 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rfssm.contract import Rounding
from rfssm.quant.arithmetic import ROUNDINGS, Bools, Integers, Reals, signed_range
from rfssm.quant.layers import SpikingLayer
from rfssm.quant.network import IntegerNetwork, check_network
from rfssm.quant.ranges.reach import MAX_DECAY, radius, rounding_error, transition_of
from rfssm.quant.ranges.series import MAX_STEPS, UNBOUNDED, Cells, accumulate

PRECISION = 1 / 16  # to which |A^k| are summed; what is left out is added as a bound
MARGIN = 1e-6  # relative, of floating-point decisions


@dataclass(frozen=True, eq=False)
class Remainder:
    """The states that each neuron of a layer can keep in silence.

    rest         where the states come to rest without rounding: 0 without a bias    [N, 2]
    amplitude    no state leaves that point by more, in LSBs of the state            [N, 2]
    bounded      False: only the word ends it, ``amplitude`` means nothing           [N]
    """

    rest: Reals
    amplitude: Integers
    bounded: Bools

    @property
    def none(self) -> bool:
        """Whether every neuron falls silent, its states at rest for good."""
        return bool(self.bounded.all() and not self.amplitude.any())

    @property
    def largest(self) -> int | None:
        """Amplitude of the worst neuron; None where only the word ends it."""
        return int(self.amplitude.max()) if self.bounded.all() else None


def remainders(network: IntegerNetwork, i: int) -> dict[Rounding, Remainder]:
    """Bound the silence of layer i (the readout: ``len(network.layers)``), in each mode."""
    check_network(network)
    layer = network.all_layers[i]
    transition, frac = transition_of(layer)
    bias = np.zeros((layer.outputs, 2))
    for j, part in enumerate((layer.bias_u, getattr(layer, "bias_v", None))):
        if part is not None:
            bias[:, j] = part
    word = None if layer.overflow == "WRAP" else signed_range(layer.state_bits)
    found = cycles(transition, frac, bias, word, free=not network.saturates[i])
    parts = 2 if isinstance(layer, SpikingLayer) else 1
    return {
        mode: Remainder(one.rest[:, :parts], one.amplitude[:, :parts], one.bounded)
        for mode, one in found.items()
    }


def cycles(
    transition: Integers, frac: int, bias: Reals, word: tuple[int, int] | None, *, free: bool
) -> dict[Rounding, Remainder]:
    """Bound the limit cycles of cells without input and spikes, in each mode.

    transition    integers * 2^-frac                        [N, 2, 2]
    bias          added every step                          [N, 2]
    word          where states are clipped; None: never
    free          no state that a cell can have leaves its word
    """
    A = transition / 2.0**frac
    up, down, decays = _powers(A)
    rest = np.zeros(bias.shape)
    biased = decays & (bias != 0).any(1)
    rest[biased] = np.linalg.solve((np.eye(2) - A)[biased], bias[biased, :, None])[..., 0]
    clipped = contracts(transition, frac) & (word is not None)
    found: dict[Rounding, Remainder] = {}
    for mode in ROUNDINGS:
        low, high = rounding_error(transition, frac, mode)
        most = (up @ high[..., None] - down @ low[..., None])[..., 0]
        least = (up @ low[..., None] - down @ high[..., None])[..., 0]
        farthest = np.maximum(most, -least) * (1 + MARGIN)
        amplitude = np.where(biased[:, None], np.ceil(farthest), np.floor(farthest))
        bounded = decays & free
        if word is not None:
            bounded |= decays & clipped & _kept_within(A, np.maximum(high, -low), rest, word)
        if mode == "TRN_ZERO":
            dies = ~biased & (clipped | (free & contracts(transition, frac)))
            amplitude[dies], bounded = 0, bounded | dies
        amplitude = np.where(bounded[:, None], amplitude, UNBOUNDED).astype(np.int64)
        found[mode] = Remainder(rest, amplitude, bounded)
    return found


def contracts(transition: Integers, frac: int) -> Bools:
    """Return the cells for which |(u, s v)| shrinks in every step, for some s > 0; exact: [N].

    transition    integers * 2^-frac    [N, 2, 2]
    """
    one = 1 << 2 * frac
    (a, b), (c, d) = transition.astype(object).transpose(1, 2, 0)
    # at the best s the off-diagonal entries are equally large
    squares, determinant = a * a + d * d + 2 * abs(b * c), a * d - b * c
    room = np.minimum(2 * one - squares, one * one - squares * one + determinant**2)
    return np.array(room > 0, dtype=bool)


def _kept_within(A: Reals, error: Reals, rest: Reals, word: tuple[int, int]) -> Bools:
    """Cells whose errors cannot keep a state alive that leaves the word: [N].

    error    largest absolute rounding error    [N, 2]
    """
    b, c = np.abs(A[:, 0, 1]), np.abs(A[:, 1, 0])
    spare = np.maximum(1 - np.abs(A[:, [0, 1], [0, 1]]).max(1), 2.0**-40) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.select([(b > 0) & (c > 0), b > 0, c > 0], [np.sqrt(b / c), b / spare, spare / c], 1)
    scaled = A.copy()
    scaled[:, 0, 1] /= s
    scaled[:, 1, 0] *= s
    norm = np.linalg.norm(scaled, 2, axis=(1, 2)) * (1 + MARGIN**2)
    with np.errstate(divide="ignore", invalid="ignore"):  # no length where nothing contracts
        length = np.hypot(error[:, 0], s * error[:, 1]) / np.maximum(1 - norm, 0)
    far = np.stack([length, length / s], axis=1) * (1 + MARGIN)
    within: Bools = np.all((rest - far >= word[0]) & (rest + far <= word[1]), axis=1)
    return within


def _powers(A: Reals) -> tuple[Reals, Reals, Bools]:
    """Sums over k of the positive and the negative parts of A^k [N, 2, 2]; where they end [N]."""
    ends = radius(A) <= MAX_DECAY
    up, down = np.zeros(A.shape), np.zeros(A.shape)
    fading = A[ends]
    for column in (0, 1):  # errors of u, then of v, as inputs
        none = np.zeros((len(fading), 2))
        errors = np.broadcast_to(np.eye(2)[:, column, None], (len(fading), 2, 1))
        cells = Cells(fading, errors, none, none, none, none)
        sums = accumulate(cells, 0, 1, MAX_STEPS, precision=PRECISION)
        up[ends, :, column], down[ends, :, column] = sums.maximum, -sums.minimum
    return up, down, ends & (np.maximum(up, down) < UNBOUNDED).all((1, 2))
