"""The second-order cell and the weights before it, as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rfssm.model.recurrence.grid import Grid
from rfssm.model.surrogate import Surrogate


@dataclass(frozen=True)
class Cell:
    """Second-order cells: [u; v] <- A [u; v] + current + R * (spike of the step before).

    transition    A, constant                                                (N, 2, 2)
    threshold     a cell spikes where u > threshold, 0 or more: at rest none (N,)
    unit          thresholds per unit of u: the surrogate sees u * unit - 1  (N,)
    reset         R, what a spike adds to u and v one step later             (N, 2) or None
    surrogate     stands in for the derivative of the spike
    """

    transition: Tensor
    threshold: Tensor
    unit: Tensor
    reset: Tensor | None = None
    surrogate: Surrogate = "multi_gaussian"


@dataclass(frozen=True)
class Synapse:
    """Weights that turn a layer's input into current: x W^T * 2^guard_bits + bias.

    weight            first the rows of u, then, where P = 2, those of v     (P N, M)
    bias                                                                     (P, N) or None
    planes            P: 2 where the current into v has weights of its own, else 1
    guard_bits        0 without a grid
    largest_input     with a grid: no |x| is larger
    largest_weight    with a grid: no |weight| is larger
    """

    weight: Tensor
    bias: Tensor | None = None
    planes: int = 1
    guard_bits: int = 0
    largest_input: int = 1
    largest_weight: int = 1

    def current(self, x: Tensor, grid: Grid | None) -> Tensor:
        """Return the current that enters the cells: (B, T, M) -> (B, T, P, N).

        With a grid all are integers: in float32 if no partial sum can exceed its 24 exact bits and
        products are not cut to TF32, otherwise in float64.
        """
        weight, bias = self.weight, self.bias
        dtype = x.dtype
        if grid is not None:
            weight = weight * 2.0**self.guard_bits
            largest = self.largest_input * self.largest_weight * x.shape[-1] << self.guard_bits
            whole = torch.get_float32_matmul_precision() == "highest"
            dtype = torch.float32 if largest < 2**24 and whole else torch.float64
        current = nn.functional.linear(x.to(dtype), weight.to(dtype))
        current = current.view(*x.shape[:-1], self.planes, len(self.weight) // self.planes)
        if bias is None:
            return current
        return current + bias if grid is None else current.double() + bias
