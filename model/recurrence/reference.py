"""The recurrence as a plain loop under autograd: slow, obvious, the oracle for every kernel."""

from __future__ import annotations

import torch
from torch import Tensor

from rfssm.model.recurrence.grid import Grid, settle
from rfssm.model.surrogate import spike


def resonate(
    current: Tensor, transition: Tensor, threshold: Tensor, unit: Tensor, grid: Grid | None
) -> tuple[Tensor, Tensor]:
    """See ``rfssm.model.recurrence.resonate``."""
    a, b, c, d = (transition[:, j, k] for j in (0, 1) for k in (0, 1))
    u = v = torch.zeros_like(current[:, 0, 0], dtype=transition.dtype)
    spikes, states = [], []
    for t in range(current.shape[1]):
        u, v = (
            settle(a * u + b * v, current[:, t, 0], grid),
            settle(c * u + d * v, current[:, t, 1], grid),
        )
        spikes.append(spike(u, threshold, unit).to(current.dtype))
        states.append(torch.stack([u, v], 1))
    return torch.stack(spikes, 1), torch.stack(states, 1).detach()


def integrate(current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
    """See ``rfssm.model.recurrence.integrate``."""
    m = torch.zeros_like(current[:, 0], dtype=leak.dtype)
    states = []
    for t in range(current.shape[1]):
        m = settle(leak * m, current[:, t], grid)
        states.append(m)
    return torch.stack(states, 1)
