"""Scales under which no input can push a state beyond its width.

The worst case of ``rfssm.quant.ranges.reach``, differentiable, and a little wider than there: what
an input sends into u and what it sends into v are taken at their worst separately.  A width then
follows from the sums of a neuron's positive and of its negative weights, and the scale that keeps
a width follows from those, as in accumulator-aware quantisation, whose accumulator has no memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rfssm.contract import Rounding

LONGEST = 1024  # steps that are summed one by one; what is left is bounded by norms
SLACK = 1e-6  # relative, for the rounding of floating-point sums
FIRST_TRY, NEXT_TRY = 0.85, 1.05  # of the needed unit: rounded weights add up to less, or to more
LARGEST_ERROR = {"RND": 0.5, "RND_CONV": 0.5, "TRN": 1.0, "TRN_ZERO": 1.0}  # of a state, LSB
RESET_ERROR = BIAS_ERROR = 0.5


@dataclass(frozen=True)
class WorstCase:
    """The farthest states of neurons, as a function of the real value of their LSB.

    up, down      of what enters plane p in each step, what states u and v add up to
                  at most when they may take it or leave it, above and below zero       (N, 2, P)
    above, below  the same of resets and bias, real                                     (N, 2)
    room          LSBs that all roundings leave of the largest state                    (N, 2)
    low, high     range of an input
    """

    up: Tensor
    down: Tensor
    above: Tensor
    below: Tensor
    room: Tensor
    low: int
    high: int

    def needed_unit(self, weight: Tensor) -> Tensor:
        """The LSB under which no state passes the limit, but for the weights' own rounding.

        weight     real, of one LSB of the input    (N, P, M)
        returns    infinite where roundings alone may carry a state to the limit    (N,)
        """
        above, below = self._driven(weight)
        reach = torch.maximum(above + self.above, below + self.below)
        return torch.where(self.room > 0, reach / self.room, torch.inf).amax(1)

    @torch.no_grad()
    def fitting_unit(self, weight: Tensor, guard: float, smallest: Tensor) -> Tensor:
        """The first LSB tried, from below, under which integer weights stay within the limit.

        weight      as above                                                  (N, P, M)
        guard       LSBs of the state in one of the current
        smallest    LSB that is wanted for other reasons, at least            (N,)
                    of one element: all neurons shall have the same           (1,)
        returns                                                               (N,) or (1,)
        """
        needed = FIRST_TRY * self.needed_unit(weight)
        together = len(smallest) == 1
        unit = torch.maximum(needed.amax(0, keepdim=True) if together else needed, smallest)
        while True:  # ends: no rounding more than doubles a weight
            above, below = self._driven((weight / (unit * guard)[:, None, None]).round() * guard)
            above, below = above + self.above / unit[:, None], below + self.below / unit[:, None]
            beyond = (torch.maximum(above, below) > self.room).any(1)
            beyond = beyond.any(0, keepdim=True) if together else beyond
            if not beyond.any():
                return unit
            unit = torch.where(beyond, unit * NEXT_TRY, unit)

    def _driven(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far inputs alone push the states above and below zero.    (N, 2) each"""
        positive = weight.relu().sum(2)
        negative = positive - weight.sum(2)
        forward = (positive * self.high - negative * self.low)[:, None]
        backward = (negative * self.high - positive * self.low)[:, None]
        above = (self.up * forward + self.down * backward).sum(2)
        below = (self.up * backward + self.down * forward).sum(2)
        return above, below


def worst_case(
    transition: Tensor,
    reset: Tensor | None,
    bias: Tensor | None,
    *,
    planes: int,
    takes: tuple[int, int],
    steps: int,
    limit: int,
    rounding: Rounding,
) -> WorstCase:
    """Sum the effect of a push over all steps after it.

    transition    as it will be computed with        (N, 2, 2)
    reset         real, in a step or not             (N, 2) or None
    bias          real, in every step                (P, N) or None
    takes         smallest and largest input
    steps         of the longest sample
    limit         largest state, LSB
    """
    count = min(steps, LONGEST)
    unit = torch.eye(2, dtype=transition.dtype, device=transition.device)
    unit = unit.expand(len(transition), 2, 2)
    pushes = [unit[:, :, :planes]]
    if reset is not None:
        pushes.append(reset[:, :, None])
    if bias is not None:
        pushes.append(nn.functional.pad(bias.T, (0, 2 - planes))[:, :, None])
    echoes = _echoes(transition, torch.cat(pushes, 2), count)
    up, down = _Parts.apply(echoes)  # type: ignore[no-untyped-call]
    with torch.no_grad():  # the others only carry rounding errors
        others = _echoes(transition, unit[:, :, planes:], count)
        later = torch.zeros_like(up[:, :1, 0])
        if count < steps:
            powers = torch.cat([echoes[:, :, :planes], others], 2)
            later = _later(powers, transition)[:, None]
    above = below = torch.zeros_like(up[:, :, 0])
    error = LARGEST_ERROR[rounding]
    if reset is not None:
        most = later * reset.abs().amax(1, keepdim=True)
        above, below = above + up[:, :, planes] + most, below + down[:, :, planes] + most
        error += RESET_ERROR
    errors = torch.full_like(unit[0, 0], error)
    if bias is not None:
        drift = _partial_sums(echoes[:, :, -1])
        most = later * bias.T.abs().amax(1, keepdim=True)
        above = above + drift.relu().amax(2) + most
        below = below + (-drift).relu().amax(2) + most
        errors[:planes] += BIAS_ERROR
    up, down = up[:, :, :planes] + later[:, :, None], down[:, :, :planes] + later[:, :, None]
    sizes = torch.cat([up + down, others.abs().sum(3) + later[:, :, None]], 2)
    room = limit * (1 - SLACK) - sizes @ errors
    return WorstCase(up, down, above, below, room, *takes)


def _echoes(transition: Tensor, pushes: Tensor, count: int) -> Tensor:
    """A^0 p .. A^(count - 1) p for each push p.    (N, 2, 2), (N, 2, Q) -> (N, 2, Q, count)"""
    echoes = pushes[..., None]
    ahead = transition  # to the power of how many there are
    while (have := echoes.shape[3]) < count:
        first = echoes[..., : count - have]
        following = (ahead @ first.flatten(2)).view_as(first)
        echoes = torch.cat([echoes, following], 3)
        ahead = ahead @ ahead
    return echoes


def _later(powers: Tensor, transition: Tensor) -> Tensor:
    """Bound the sum of the norms of all powers from A^K on; infinite if no bound is proved.

    powers     A^0 .. A^(K - 1)    (N, 2, 2, K)
    returns                        (N,)
    """
    total = powers.abs().sum(2).amax(1).sum(1)
    left = (powers[..., -1] @ transition).abs().sum(2).amax(1)
    return torch.where(left < 1, total * left / (1 - left), torch.inf)


class _Parts(torch.autograd.Function):
    """Sums over the steps of the positive and of the negative parts, both as absolute values.

    One pass over (N, 2, Q, K) for the gradient instead of four.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x)
        positive = x.relu().sum(3)
        return positive, positive - x.sum(3)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        positive, negative = (grad[..., None] for grad in grads)
        return torch.where(x > 0, positive, -negative)


def _partial_sums(x: Tensor) -> Tensor:
    """Return partial sums over the last axis; ``torch.cumsum`` is not deterministic on GPUs."""
    shift = 1
    while shift < x.shape[-1]:
        x = torch.cat([x[..., :shift], x[..., shift:] + x[..., :-shift]], -1)
        shift *= 2
    return x
