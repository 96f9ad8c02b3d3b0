"""The integers of a layer in training, in floating point: the part that both kinds share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rfssm.errors import NetworkError
from rfssm.model.hooks import refresh, refuse_all_hooks
from rfssm.quant.arithmetic import signed_range

RESOLUTION = 16  # LSBs of a threshold below which a proved width is punished


@dataclass(frozen=True)
class SpikingIntegers:
    """Integers of a spiking layer in float64; those that are trained carry their gradient.

    weight        row n: u part, then v part               (N, P M)
    bias          for u (and v)                            (P, N) or None
    transition    integers * 2^-transition_frac            (N, 2, 2)
    reset                                                  (N, 2) or None
    threshold                                              (N,)
    scale         real value of one LSB of the current     (N,)
    excess        bits by which a state could leave its width if a threshold had
                  ``RESOLUTION`` LSBs; with a proved width       (N,) or None
    """

    weight: Tensor
    bias: Tensor | None
    transition: Tensor
    reset: Tensor | None
    threshold: Tensor
    scale: Tensor
    excess: Tensor | None = None


@dataclass(frozen=True)
class ReadoutIntegers:
    """Integers of the readout in float64; those that are trained carry their gradient.

    weight                                                        (C, M)
    bias                                                          (C,) or None
    leak          integers * 2^-leak_frac                         (C,)
    leak_frac
    scale         real value of one LSB of the current            ()
    """

    weight: Tensor
    bias: Tensor | None
    leak: Tensor
    leak_frac: int
    scale: Tensor


@dataclass(frozen=True)
class Seen:
    """The numbers beside its parameters from which a layer in training makes its integers.

    x       real inputs, for the statistics of batch norm    (B, T, M)
    live    where a step belongs to its sample               (B, T) or None: everywhere
    gain    what the weights make good for, because dropout left out a share of the input
    """

    x: Tensor
    live: Tensor | None
    gain: float


def check_finite(layer: str, **constants: Tensor | None) -> None:
    """Raise NetworkError for values that are not finite and so have no integer form."""
    for name, constant in constants.items():
        if constant is not None and not constant.isfinite().all():
            bad = int((~constant.isfinite()).sum())
            raise NetworkError(
                f"{layer}: {bad} of {constant.numel()} numbers of its {name} are not finite"
            )


def entering(x: Tensor, allowed: tuple[int, int]) -> Tensor:
    """Return a layer's input in floating point, which is exact for integers in this range.

    Raises NetworkError for anything else.
    """
    low, high = allowed
    if x.dtype not in (torch.float32, torch.float64):
        x = x.to(torch.float32)
    least, most = torch.aminmax(x.detach()) if x.numel() else (x.new_zeros(()),) * 2
    if not (least >= low and most <= high and torch.equal(x, x.round())):
        bad = ~((x >= low) & (x <= high) & (x == x.round()))
        at = tuple(bad.nonzero()[0].tolist())
        raise NetworkError(
            f"x{list(at)} = {float(x[at].detach()):g}: must be a whole number between {low} and "
            f"{high}, the declared range of the layer's input"
        )
    return x


def refuse_lost(layer: nn.Module, name: str) -> None:
    """Raise NetworkError for hooks, which a copy of a layer would not have."""
    refuse_all_hooks(layer, name)
    with torch.no_grad():  # a computed parameter without a graph can be copied
        refresh(layer)


class _Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, quantize: Callable[[Tensor], Tensor]) -> Tensor:
        return quantize(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


def through(x: Tensor, quantize: Callable[[Tensor], Tensor]) -> Tensor:
    """Quantise with the gradient of the identity."""
    quantized: Tensor = _Through.apply(x, quantize)  # type: ignore[no-untyped-call]
    return quantized


def round_clipped(x: Tensor, bits: int) -> Tensor:
    """Round to a signed word: straight through, zero gradient where clipped."""
    low, high = signed_range(bits)
    return through(x.clamp(low, high), torch.round)


def int32(x: Tensor) -> NDArray[np.int32]:
    """Return integers in the type of a network file."""
    integers: NDArray[np.int32] = x.cpu().numpy().astype(np.int32)
    return integers


def int64(tensors: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Return integers in the type of a network in memory."""
    return {name: t if name == "scale" else t.astype(np.int64) for name, t in tensors.items()}
