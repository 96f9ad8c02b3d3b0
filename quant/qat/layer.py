"""The common part of spiking layers and the readout in quantization-aware training."""

from __future__ import annotations

import copy
from typing import Any

import torch
from brevitas.nn import QuantLinear
from torch import Tensor, nn
from torch.fx import Proxy

from rfssm.errors import NetworkError, first_few
from rfssm.model import layers as model
from rfssm.model.inputs import check_input
from rfssm.model.modes import drop
from rfssm.model.neurons import LeakCell, Neuron
from rfssm.model.recurrence import Synapse
from rfssm.quant import tracing
from rfssm.quant.arithmetic import signed_range
from rfssm.quant.layers import InputSpec
from rfssm.quant.qat.integers import Seen, entering, refuse_lost
from rfssm.quant.qat.scale import worst_case
from rfssm.quant.recipe import QuantizationConfig, ReadoutConfig


class QATLayer(nn.Module):
    """A float layer's cell, bias and norm, copied, around weights that Brevitas quantises.

    takes    least and largest integer that is fed to the layer
    where    what messages call the layer

    Tracing with torch.fx, as hls4ml's frontend does, makes the layer one node.
    """

    cell: Neuron | LeakCell
    formats: QuantizationConfig | ReadoutConfig
    dense: QuantLinear

    def __init__(
        self,
        layer: model.SpikingLayer | model.Readout,
        where: str,
        spec: InputSpec,
        index: int,
        takes: tuple[int, int],
    ) -> None:
        super().__init__()
        refuse_lost(layer, where)
        self.input_spec, self.index = spec, index
        self.inputs, self.dropout = layer.inputs, layer.dropout
        self.planes = layer.planes if isinstance(layer, model.SpikingLayer) else 1
        self.takes, self.largest_input = takes, max(takes[1], -takes[0])
        self.input_frac = spec.frac if index == 0 else 0
        self.cell, self.norm = copy.deepcopy(layer.cell), copy.deepcopy(layer.norm)
        self.bias = copy.deepcopy(layer.bias)

    def __call__(self, x: Any, *args: Any, **options: Any) -> Any:
        """Run the layer; in a trace, which passes proxies around, make a node."""
        tracer: Any = x.tracer if isinstance(x, Proxy) else None
        if tracer is None or tracer.root is self:
            return super().__call__(x, *args, **options)
        for observer in tracing.OBSERVERS:
            observer()
        return tracer.create_proxy("call_module", tracer.path_of_module(self), (x,), {})

    def quantizing(self, weight: Tensor, quantizer: Any, **options: Any) -> QuantLinear:
        """Return quantised weights that start as a float layer's.    (N, M)"""
        rows, columns = weight.shape
        dense = QuantLinear(
            columns,
            rows,
            bias=False,
            weight_quant=quantizer,
            weight_bit_width=self.formats.weight_bits,
            **options,
        )
        with torch.no_grad():
            dense.to(weight.device).weight.copy_(weight)
        return dense

    @property
    def bias_bits(self) -> int:
        """Bits of the bias in the network file, 0 if there is none."""
        return 0 if self.bias is None and self.norm is None else self.formats.bias_bits

    def seen(self, x: Tensor, live: Tensor | None, gain: float) -> Seen | None:
        """Return the batch that training adds to the making of the integers; None in evaluation."""
        if not self.training or (self.norm is None and gain == 1):
            return None
        return Seen(x if self.norm is None else x * 2.0**-self.input_frac, live, gain)

    def folded(self, seen: Seen | None) -> tuple[Tensor, Tensor | None]:
        """Weights and bias with gain and batch norm in them, float64."""
        if seen is None:
            return model.fold(self, self.dense.weight)
        return model.fold(self, self.dense.weight * seen.gain, seen.x, seen.live)

    def quantize_under(self, like: Any, scale: Tensor, weight: Tensor) -> Tensor:
        """Quantise weights with Brevitas' quantiser under another scale than its own."""
        quantize = self.dense.weight_quant.tensor_quant.int_quant
        value: Tensor = quantize(scale, like.zero_point, like.bit_width, weight)
        return value

    def feed(self, x: Tensor) -> tuple[Tensor, Tensor, float]:
        """Check a layer's input; return it, the part that is fed to the weights, and the gain."""
        check_input(x, self.inputs)
        if self.index == 0 or self._forward_pre_hooks:
            x = entering(x, self.takes)
        return x, *drop(x, self.dropout, self.training)

    def synapse(self, weight: Tensor, bias: Tensor | None) -> Synapse:
        """Return the integer weights as the kernels take them: the rows of u, then those of v."""
        return Synapse(
            weight,
            bias,
            self.planes,
            self.formats.guard_bits,
            self.largest_input,
            2 ** (self.formats.weight_bits - 1) - 1,
        )


class Fit:
    """The scale that keeps a layer's states within their width for every input."""

    def __init__(
        self,
        layer: QATLayer,
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
                f"layers[{layer.index}]: no scale keeps the states of neurons {first_few(slow)} "
                "within "
                f"state_bits = {formats.state_bits}, because they forget so slowly that rounding "
                "alone may carry them beyond; train with more state_bits, shorter samples, or "
                "proved = false"
            )

    def scale(self, smallest: Tensor, bias_bits: int) -> Tensor:
        """Return the scale of each row, or of all: at least the smallest; no bias is clipped."""
        unit = smallest * self.unit
        if self.bias is not None:
            _, highest = signed_range(bias_bits)
            needed = self.bias.detach().abs().amax(0) / highest
            unit = torch.maximum(unit, needed if len(unit) > 1 else needed.amax(0, keepdim=True))
        return self.worst.fitting_unit(self.rows, self.guard, unit) / self.unit
