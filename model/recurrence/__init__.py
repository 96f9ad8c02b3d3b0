"""The cell over a sequence, behind one interface.

``reference`` is the plain autograd loop and the oracle; ``adjoint`` the same loop with a
hand-written backward pass, and the default.  A new kernel is a module with the two functions
``resonate`` and ``integrate``, an entry in ``KERNELS``, and the test that compares it with the
oracle.

Rounding inside the recurrence is not associative, so no parallel scan can stand in for the loop.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from rfssm.model.recurrence import adjoint, reference
from rfssm.model.recurrence.grid import Grid, Rounding

__all__ = ["KERNELS", "Grid", "Kernel", "Rounding", "integrate", "resonate"]


class Kernel(Protocol):
    """What a kernel module offers."""

    def resonate(
        self,
        current: Tensor,
        transition: Tensor,
        threshold: Tensor,
        unit: Tensor,
        grid: Grid | None,
    ) -> tuple[Tensor, Tensor]:
        """See ``resonate`` below."""

    def integrate(self, current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
        """See ``integrate`` below."""


KERNELS: dict[str, Kernel] = {"reference": reference, "adjoint": adjoint}


def resonate(
    current: Tensor,
    transition: Tensor,
    threshold: Tensor,
    unit: Tensor,
    grid: Grid | None = None,
    *,
    kernel: str = "adjoint",
) -> tuple[Tensor, Tensor]:
    """Run second-order cells over a sequence, from zero state.

    current       what is added to u and v at each step                      (B, T, 2, N)
    transition    constant 2x2 matrix of each cell                           (N, 2, 2)
    threshold     a cell spikes where u > threshold                          (N,)
    unit          thresholds per unit of u, for the surrogate gradient       (N,)
    grid          integer states, or None for real ones
    returns       spikes, 0 or 1                                             (B, T, N)
                  u and v after each step, without gradient                  (B, T, 2, N)

    With a grid, states are float64, which is exact as long as state_bits + transition_bits <= 53;
    current and threshold are then integers, the transition a multiple of a power of two.  Spikes
    and gradients have the current's dtype.
    """
    return KERNELS[kernel].resonate(current, transition, threshold, unit, grid)


def integrate(
    current: Tensor, leak: Tensor, grid: Grid | None = None, *, kernel: str = "adjoint"
) -> Tensor:
    """Run leaky integrators over a sequence, from zero state.

    current    what is added at each step        (B, T, C)
    leak       decay per step                    (C,)
    grid       integer states, or None for real ones
    returns    state after each step             (B, T, C)
    """
    return KERNELS[kernel].integrate(current, leak, grid)
