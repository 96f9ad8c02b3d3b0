"""The series that bounds the states of a layer, summed term by term in floating point.

With z = (u, v) on the state grid,

    z_t = sum_k A^k (W x_{t-k} 2^G + B) + A^(k-1) (s_{t-k} R + e_{t-k}),    k = 0 .. t-1, A^-1 = 0:

each input x_m lies in its own interval, a spike s is 0 or 1 and the rounding error e is bounded by
its mode; neither spike nor rounding precedes the first step.  Each term takes its largest
(smallest) value on its own.  What floating point leaves out is added, so that the bounds hold.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from rfssm.quant.arithmetic import Bools, Integers, Reals

TAIL = 1e-6  # of one LSB of the state
UNBOUNDED = float(1 << 62)  # states that leave this are called unbounded
EPSILON = 2.0**-53  # relative error of one floating-point operation
MAX_STEPS = 1 << 16  # steps after which a range that still grows counts as unbounded


@dataclass(frozen=True, eq=False)
class Cells:
    """A layer as z' = A z + W x + B + s R + e, on the state grid.

    transition                A                               [N, 2, 2]
    weight                    W, guard bits included          [N, 2, M]
    bias, reset               B, R                            [N, 2]
    error_low, error_high     smallest and largest e          [N, 2]
    """

    transition: Reals
    weight: Reals
    bias: Reals
    reset: Reals
    error_low: Reals
    error_high: Reals

    def of(self, neurons: Integers | Bools) -> Cells:
        """Return some of the neurons."""
        return Cells(*(getattr(self, field.name)[neurons] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class Sums:
    """Result of ``accumulate``; the ends hold for every t so far and, with the tail, for all.

    minimum, maximum    ends of the range            [N, 2]
    spread              what rounding adds to it     [N, 2]
    settled             the series has an end and, if asked, stays within the word    [N]
    """

    minimum: Reals
    maximum: Reals
    spread: Reals
    settled: Bools


@dataclass(eq=False)
class Series:
    """The first terms of the series of some neurons, as in the head of this file.

    low, high          range of the inputs
    push               most that one step adds to a state                            [N]
    driven_*           sums of what inputs, spikes and rounding add at most, least   [N, 2]
    biased, spread     sums of what the bias adds, and of what rounding may          [N, 2]
    power, before      A^k of the next term, and A^(k-1)                             [N, 2, 2]
    summed, largest    sum and largest of |A^j| so far, what A^j is off by included  [N]
    inexact            sum of what A^j is off by                                     [N]
    size               |A^(k-1)|, of the last term, what it is off by included       [N]
    """

    cells: Cells
    low: int
    high: int
    push: Reals
    driven_min: Reals
    driven_max: Reals
    biased: Reals
    spread: Reals
    power: Reals
    before: Reals
    summed: Reals
    largest: Reals
    inexact: Reals
    size: Reals
    terms: int = 0

    @classmethod
    def begun(cls, cells: Cells, low: int, high: int) -> Series:
        """Begin a series without terms: z_0 = 0."""
        n = len(cells.transition)
        farthest = np.abs(cells.weight).sum(2) * max(high, -low)
        farthest = farthest + np.abs(cells.bias) + np.abs(cells.reset)
        push = (farthest + np.maximum(cells.error_high, -cells.error_low)).max(1)
        return cls(
            cells,
            low,
            high,
            push,
            driven_min=np.zeros((n, 2)),
            driven_max=np.zeros((n, 2)),
            biased=np.zeros((n, 2)),
            spread=np.zeros((n, 2)),
            power=np.tile(np.eye(2), (n, 1, 1)),
            before=np.zeros((n, 2, 2)),
            summed=np.zeros(n),
            largest=np.zeros(n),
            inexact=np.zeros(n),
            size=np.zeros(n),
        )

    def of(self, neurons: Integers | Bools) -> Series:
        """Return the series of some of the neurons."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays = {name: x[neurons] for name, x in values.items() if isinstance(x, np.ndarray)}
        return Series(**(values | arrays | {"cells": self.cells.of(neurons)}))

    def add_term(self) -> None:
        """Add term k: its largest and smallest values, and the error of their computation.

        A^k is off by the errors of all multiplications before, each carried on by a power of A: by
        at most 4 eps |A| times the largest |A^j| times the sum of all |A^j|.
        """
        p, q = self.power, self.before
        w = p @ self.cells.weight
        r = (q @ self.cells.reset[:, :, None])[..., 0]
        positive, negative = np.maximum(w, 0).sum(2), np.minimum(w, 0).sum(2)
        up, down = np.maximum(q, 0), np.minimum(q, 0)
        e_low, e_high = self.cells.error_low[:, None], self.cells.error_high[:, None]
        self.driven_max += positive * self.high + negative * self.low + np.maximum(r, 0)
        self.driven_max += (up * e_high + down * e_low).sum(2)
        self.driven_min += positive * self.low + negative * self.high + np.minimum(r, 0)
        self.driven_min += (up * e_low + down * e_high).sum(2)
        self.biased += (p @ self.cells.bias[:, :, None])[..., 0]
        self.spread += ((up - down) * (e_high - e_low)).sum(2)
        error = self._error_of_power()
        self.inexact += error
        self.size = norm(p) + error
        self.summed += self.size
        self.largest = np.maximum(self.largest, self.size)
        self.before, self.power = p, self.cells.transition @ p
        self.terms += 1

    def ends(self) -> tuple[Reals, Reals]:
        """Smallest and largest state after this many steps, widened by the sums' own rounding."""
        operations = 2 * (self.cells.weight.shape[2] + self.terms - 1) + 16
        slack = self.push * (self.inexact + operations * EPSILON * self.summed)
        return (
            self.driven_min + self.biased - slack[:, None],
            self.driven_max + self.biased + slack[:, None],
        )

    def tail(self) -> Reals:
        """Bound the sum of all later terms: [N]; infinite if no bound is proved.

        They begin with A^k for the inputs, and with A^(k-1) for spikes and rounding.  Where r is
        the larger of |A^k| and |A^(k-1)|, each block of k powers is at most r times the block
        before, so that all to come are at most r / (1 - r) times the sum of |A^j| so far.
        """
        r = np.maximum(norm(self.power) + self._error_of_power(), self.size)
        with np.errstate(divide="ignore"):
            return np.where(r < 1, self.push * self.summed * r / (1 - r), np.inf)

    def _error_of_power(self) -> Reals:
        error: Reals = 4 * EPSILON * norm(self.cells.transition) * self.largest * self.summed
        return error


def accumulate(
    cells: Cells,
    low: int,
    high: int,
    steps: int,
    *,
    within: tuple[int, int] | None = None,
    precision: float = 0.0,
) -> Sums:
    """Sum the series of each neuron.

    low, high    range of the inputs
    steps        of the longest sample; MAX_STEPS: of any
    within       stop each neuron once it is known whether it stays within this word
    precision    let the tail be this share of the range
    """
    series = Series.begun(cells, low, high)
    nothing = np.zeros_like(cells.bias)  # z_0 = 0
    found = Sums(nothing, nothing.copy(), nothing.copy(), series.push <= 0)
    at = np.flatnonzero(series.push > 0)  # neurons whose tail still matters
    series = series.of(at)
    for _ in range(steps):
        if not len(at):
            break
        series.add_term()
        smallest, largest = series.ends()
        maximum = np.maximum(found.maximum[at], largest)
        minimum = np.minimum(found.minimum[at], smallest)
        spread, tail = series.spread.copy(), series.tail()

        width = np.maximum(maximum, -minimum).max(1)
        done = tail < np.maximum(TAIL, precision * width)
        over = np.zeros(len(at), dtype=bool)
        if within is not None:
            room = np.minimum(within[1] + 1 - maximum, minimum - within[0] + 1).min(1)
            over = room <= 0
            done = (done | (tail < room)) & ~over
        maximum[done] += tail[done, None]
        minimum[done] -= tail[done, None]
        spread[done] += 2 * tail[done, None]
        lost = (width > UNBOUNDED) | (
            series.size > UNBOUNDED
        )  # the next powers might not be numbers
        maximum[lost], minimum[lost], spread[lost] = UNBOUNDED, -UNBOUNDED, np.inf
        found.maximum[at], found.minimum[at], found.spread[at] = maximum, minimum, spread
        found.settled[at] = done & ~lost
        if (ended := done | lost | over).any():
            at, series = at[~ended], series.of(~ended)
    if steps >= MAX_STEPS:  # no end was found for these
        found.maximum[at], found.minimum[at], found.spread[at] = UNBOUNDED, -UNBOUNDED, np.inf
    return found


def norm(matrices: Reals) -> Reals:
    """Largest absolute row sum of each matrix: [N, 2, 2] -> [N]."""
    norms: Reals = np.abs(matrices).sum(2).max(1)
    return norms
