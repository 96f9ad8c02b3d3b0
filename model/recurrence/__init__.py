"""The cell over a sequence, behind one interface.

``reference`` is the plain autograd loop: the oracle, and what runs where nothing faster can.
``cpu`` is compiled C++, ``gpu`` is Triton.  Where no kernel is named, the fastest for the tensor's
device runs.  A new kernel is a module with the functions of ``Kernel``, an entry in ``KERNELS``,
and the test that compares it with the oracle.

Rounding inside the recurrence is not associative, so no parallel scan can stand in for the loop.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from rfssm.model.recurrence import cpu, gpu, reference
from rfssm.model.recurrence.cell import Cell, Synapse
from rfssm.model.recurrence.grid import Grid

__all__ = ["KERNELS", "Cell", "Grid", "Kernel", "Synapse"]
__all__ += ["current", "fastest", "integrate", "layer", "resonate"]


class Kernel(Protocol):
    """The functions of a kernel module."""

    def resonate(self, current: Tensor, cell: Cell, grid: Grid | None) -> tuple[Tensor, Tensor]:
        """See ``resonate`` below."""

    def layer(
        self, x: Tensor, synapse: Synapse, cell: Cell, grid: Grid | None
    ) -> tuple[Tensor, Tensor]:
        """See ``layer`` below."""

    def current(self, x: Tensor, synapse: Synapse, grid: Grid | None) -> Tensor:
        """See ``current`` below."""

    def integrate(self, current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
        """See ``integrate`` below."""


KERNELS: dict[str, Kernel] = {
    "reference": reference,
    "cpu": cpu,
    "gpu": gpu,
}


def fastest(device: torch.device) -> str:
    """Return the name of the default kernel of a device."""
    if device.type == "cpu" and cpu.available():
        return "cpu"
    if device.type == "cuda" and gpu.available():
        return "gpu"
    return "reference"


def resonate(
    current: Tensor, cell: Cell, grid: Grid | None = None, *, kernel: str | None = None
) -> tuple[Tensor, Tensor]:
    """Run second-order cells over a sequence, from zero state.

    current    what is added to u, and to v where P = 2, at each step     (B, T, P, N)
    grid       integer states, or None for real ones
    returns    spikes, 0 or 1                                             (B, T, N)
               u and v after each step, without gradient                  (B, T, 2, N)

    With a grid, current, threshold and reset are integers, held in floating point, the transition
    a multiple of 2^-frac, and the result is exact as long as the products of state and transition
    stay within 53 bits.  Spikes and gradients have the current's dtype; states any that holds them.
    """
    return _kernel(kernel, current).resonate(current, cell, grid)


def layer(
    x: Tensor,
    synapse: Synapse,
    cell: Cell,
    grid: Grid | None = None,
    *,
    kernel: str | None = None,
) -> tuple[Tensor, Tensor]:
    """Run a whole layer: ``resonate`` on the current that ``synapse`` makes of x.

    x          with a grid integers, held in floating point     (B, T, M)
    returns    spikes, in the dtype of x                        (B, T, N)
               u and v after each step, without gradient        (B, T, 2, N)
    """
    return _kernel(kernel, x).layer(x, synapse, cell, grid)


def current(
    x: Tensor, synapse: Synapse, grid: Grid | None = None, *, kernel: str | None = None
) -> Tensor:
    """Compute the current that ``synapse`` makes of a layer's input.

    x          with a grid integers, held in floating point      (B, T, M)
    returns    with a grid integers, held in floating point      (B, T, P, N)
    """
    return _kernel(kernel, x).current(x, synapse, grid)


def integrate(
    current: Tensor, leak: Tensor, grid: Grid | None = None, *, kernel: str | None = None
) -> Tensor:
    """Run leaky integrators over a sequence, from zero state.

    current    what is added at each step        (B, T, C)
    leak       decay per step                    (C,)
    grid       integer states, or None for real ones
    returns    state after each step             (B, T, C)
    """
    return _kernel(kernel, current).integrate(current, leak, grid)


def _kernel(name: str | None, x: Tensor) -> Kernel:
    return KERNELS[fastest(x.device) if name is None else name]
