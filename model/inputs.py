"""Check the input of a network: samples of different lengths, zero-padded."""

from __future__ import annotations

import torch
from torch import Tensor

from rfssm.errors import NetworkError, short_repr


def alive(steps: Tensor, length: int) -> Tensor:
    """True where a step belongs to its sample.

    steps      length of each sample    (B,)
    returns                             (B, length)
    """
    return torch.arange(length, device=steps.device) < steps[:, None]


def check_input(x: Tensor, inputs: int) -> None:
    """Raise NetworkError if x is not samples with this number of inputs per step."""
    if not isinstance(x, Tensor) or x.ndim != 3 or x.shape[2] != inputs:
        found = f"shape {list(x.shape)}" if isinstance(x, Tensor) else short_repr(x)
        raise NetworkError(f"x: {found}, must be a tensor of [samples, steps, {inputs}]")


def check_steps(steps: Tensor, x: Tensor) -> None:
    """Raise NetworkError if the length of a sample does not fit x (B, T, M)."""
    if not isinstance(steps, Tensor) or steps.is_floating_point():  # 2.5 steps would be alive in 3
        raise NetworkError(f"steps: {short_repr(steps)}: must be a tensor of integers")
    if x.ndim < 2 or not x.shape[1]:
        raise NetworkError(f"x: shape {list(x.shape)}: there are no steps")
    if steps.shape != x.shape[:1]:
        raise NetworkError(
            f"steps: shape {list(steps.shape)}, must be [{len(x)}], one entry per sample"
        )
    bad = (steps < 1) | (steps > x.shape[1])
    if bad.any():
        i = int(bad.nonzero()[0])
        raise NetworkError(
            f"steps[{i}] = {int(steps[i])}: must be between 1 and the {x.shape[1]} steps of x"
        )
