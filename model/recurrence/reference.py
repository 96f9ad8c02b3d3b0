"""The recurrence as a plain loop under autograd: slow, obvious, the oracle for every kernel."""

from __future__ import annotations

import torch
from torch import Tensor

from rfssm.model.recurrence.cell import Cell, Synapse
from rfssm.model.recurrence.grid import Grid, settle
from rfssm.model.surrogate import spike


def resonate(current: Tensor, cell: Cell, grid: Grid | None) -> tuple[Tensor, Tensor]:
    """See ``rfssm.model.recurrence.resonate``."""
    a, b, c, d = (cell.transition[:, j, k] for j in (0, 1) for k in (0, 1))
    u = v = s = torch.zeros_like(current[:, 0, 0], dtype=cell.transition.dtype)
    into_u, into_v = current[:, :, 0], current[:, :, 1] if current.shape[2] == 2 else None
    spikes, states = [], []
    for t in range(current.shape[1]):
        drive_u = into_u[:, t]
        drive_v = torch.zeros_like(drive_u) if into_v is None else into_v[:, t]
        if cell.reset is not None:
            drive_u, drive_v = drive_u + s * cell.reset[:, 0], drive_v + s * cell.reset[:, 1]
        u, v = settle(a * u + b * v, drive_u, grid), settle(c * u + d * v, drive_v, grid)
        s = spike(u, cell.threshold, cell.unit, cell.surrogate)
        spikes.append(s.to(current.dtype))
        states.append(torch.stack([u, v], 1))
    return torch.stack(spikes, 1), torch.stack(states, 1).detach()


def layer(x: Tensor, synapse: Synapse, cell: Cell, grid: Grid | None) -> tuple[Tensor, Tensor]:
    """See ``rfssm.model.recurrence.layer``."""
    spikes, states = resonate(synapse.current(x, grid), cell, grid)
    return spikes.to(x.dtype), states


def current(x: Tensor, synapse: Synapse, grid: Grid | None) -> Tensor:
    """See ``rfssm.model.recurrence.current``."""
    return synapse.current(x, grid)


def integrate(current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
    """See ``rfssm.model.recurrence.integrate``."""
    m = torch.zeros_like(current[:, 0], dtype=leak.dtype)
    states = []
    for t in range(current.shape[1]):
        m = settle(leak * m, current[:, t], grid)
        states.append(m)
    return torch.stack(states, 1)
