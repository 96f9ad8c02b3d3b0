"""How a layer in training makes its integers, in floating point: what both kinds of layer share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rfssm.errors import NetworkError, some
from rfssm.model.hooks import refresh, refuse_all_hooks
from rfssm.model.layers import fold
from rfssm.quant.arithmetic import signed_range
from rfssm.quant.qat.scale import worst_case

if TYPE_CHECKING:
    from rfssm.quant.qat.readout import QATReadout
    from rfssm.quant.qat.spiking import QATSpiking

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
    """What a layer in training makes its integers of, beside its parameters.

    x       real inputs, for the statistics of batch norm    (B, T, M)
    live    where a step belongs to its sample               (B, T) or None: everywhere
    gain    what the weights make good for, because dropout left out a share of the input
    """

    x: Tensor
    live: Tensor | None
    gain: float


def check_finite(layer: str, **constants: Tensor | None) -> None:
    """Raises NetworkError for what training has lost: it has no integer form."""
    for name, constant in constants.items():
        if constant is not None and not constant.isfinite().all():
            bad = int((~constant.isfinite()).sum())
            raise NetworkError(
                f"{layer}: {bad} of {constant.numel()} numbers of its {name} are not finite"
            )


def entering(x: Tensor, allowed: tuple[int, int]) -> Tensor:
    """What is fed to a layer, in floating point; only integers in this range are exact there.

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
    """Raises NetworkError for hooks, which a copy of a layer would not have."""
    refuse_all_hooks(layer, name)
    with torch.no_grad():  # a computed parameter without a graph can be copied
        refresh(layer)


class Fit:
    """What scale keeps a layer's states within their width, whatever the input."""

    def __init__(
        self,
        layer: QATSpiking | QATReadout,
        weight: Tensor,
        bias: Tensor | None,
        transition: Tensor,
        reset: Tensor | None,
    ) -> None:
        formats = layer.formats
        self.guard = 2.0**formats.guard_bits
        self.unit = 2.0**-layer.input_frac / self.guard  # scale -> LSB of the state
        self.rows = weight.view(len(weight), layer.planes, layer.inputs) * 2.0**-layer.input_frac
        self.bias = bias
        self.worst = worst_case(
            transition,
            reset,
            bias,
            planes=layer.planes,
            takes=layer.takes,
            steps=layer.input_spec.steps_max,
            limit=signed_range(formats.state_bits)[1],
            rounding=formats.rounding,
        )
        self.needed = self.worst.needed_unit(self.rows)
        slow = (~self.needed.isfinite()).nonzero().view(-1).tolist()
        if slow:
            raise NetworkError(
                f"layers[{layer.index}]: no scale keeps the states of neurons {some(slow)} within "
                f"state_bits = {formats.state_bits}, because they forget so slowly that rounding "
                "alone may carry them beyond; train with more state_bits, shorter samples, or "
                "proved = false"
            )

    def scale(self, smallest: Tensor, bias_bits: int) -> Tensor:
        """At least the smallest, one each or one for all, and no bias is clipped."""
        unit = smallest * self.unit
        if self.bias is not None:
            _, highest = signed_range(bias_bits)
            needed = self.bias.detach().abs().amax(0) / highest
            unit = torch.maximum(unit, needed if len(unit) > 1 else needed.amax(0, keepdim=True))
        return self.worst.fitting_unit(self.rows, self.guard, unit) / self.unit


def quantize_under(
    layer: QATSpiking | QATReadout, like: Any, scale: Tensor, weight: Tensor
) -> Tensor:
    """Brevitas' quantiser under another scale than its own."""
    quantize = layer.dense.weight_quant.tensor_quant.int_quant
    value: Tensor = quantize(scale, like.zero_point, like.bit_width, weight)
    return value


def seen_by(
    layer: QATSpiking | QATReadout, x: Tensor, live: Tensor | None, gain: float
) -> Seen | None:
    """What training adds to the integers' making, if it does."""
    if not layer.training or (layer.norm is None and gain == 1):
        return None
    return Seen(x if layer.norm is None else x * 2.0**-layer.input_frac, live, gain)


def folded(layer: QATSpiking | QATReadout, seen: Seen | None) -> tuple[Tensor, Tensor | None]:
    """Weights and bias with gain and batch norm in them, float64."""
    if seen is None:
        return fold(layer, layer.dense.weight)
    return fold(layer, layer.dense.weight * seen.gain, seen.x, seen.live)


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
    """As a network file holds them."""
    integers: NDArray[np.int32] = x.cpu().numpy().astype(np.int32)
    return integers


def int64(tensors: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """As a network in memory holds them."""
    return {name: t if name == "scale" else t.astype(np.int64) for name, t in tensors.items()}
