"""Compute resonators in real numbers by an associative scan: a baseline for the benchmark.

The scan computes z <- p z + drive with constant p under autograd: it separates odd and even steps
and is log2(T) levels deep.  The kernel is for cells with a rotation as transition and no reset.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rfssm.model.recurrence import Cell, Grid, Synapse
from rfssm.model.surrogate import spike


def scan(pole: Tensor, drive: Tensor) -> Tensor:
    """Return the states of z <- pole z + drive from zero.    (N,), (B, T, N) -> (B, T, N)"""
    length = drive.shape[1]
    if length == 1:
        return drive
    even, odd = drive[:, ::2], drive[:, 1::2]
    odds = scan(pole * pole, torch.addcmul(odd, pole, even[:, : odd.shape[1]]))
    later = torch.addcmul(even[:, 1:], pole, odds[:, : even.shape[1] - 1])
    evens = torch.cat([even[:, :1], later], 1)
    pairs = torch.stack([evens[:, : odds.shape[1]], odds], 2).flatten(1, 2)
    return pairs if length % 2 == 0 else torch.cat([pairs, evens[:, -1:]], 1)


def resonate(current: Tensor, cell: Cell, grid: Grid | None) -> tuple[Tensor, Tensor]:
    assert grid is None
    assert cell.reset is None
    pole = torch.complex(cell.transition[:, 0, 0], cell.transition[:, 1, 0])
    z = scan(pole, torch.complex(current[:, :, 0], current[:, :, 1]))
    spikes = spike(z.real, cell.threshold, cell.unit, cell.surrogate)
    return spikes, torch.view_as_real(z.detach()).permute(0, 1, 3, 2)


def layer(x: Tensor, synapse: Synapse, cell: Cell, grid: Grid | None) -> tuple[Tensor, Tensor]:
    current = nn.functional.linear(x, synapse.weight)
    return resonate(current.view(*x.shape[:-1], synapse.planes, -1), cell, grid)


def current(x: Tensor, synapse: Synapse, grid: Grid | None) -> Tensor:
    return synapse.current(x, grid)


def integrate(current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
    assert grid is None
    return scan(leak, current)
