"""The readout on the integer contract: Brevitas weights around the float layer's leaky cell."""

from __future__ import annotations

import math
from typing import Any

import torch
from brevitas.quant import Int8WeightPerTensorFloat
from numpy.typing import NDArray
from torch import Tensor

from rfssm.contract import Score
from rfssm.model import network, recurrence
from rfssm.model.hooks import refresh
from rfssm.model.inputs import alive
from rfssm.model.layers import Readout
from rfssm.model.neurons import LeakCell
from rfssm.model.recurrence import Grid
from rfssm.quant.arithmetic import signed_range, sum_growth
from rfssm.quant.layers import InputSpec, ReadoutLayer
from rfssm.quant.qat.integers import (
    ReadoutIntegers,
    Seen,
    check_finite,
    int32,
    int64,
    round_clipped,
    through,
)
from rfssm.quant.qat.layer import Fit, QATLayer
from rfssm.quant.recipe import EXACT_BITS, ReadoutConfig

SIGNIFICANT_BITS = 3  # of 1 - leak


class QATReadout(QATLayer):
    """The readout on the integer contract."""

    cell: LeakCell
    formats: ReadoutConfig

    def __init__(
        self,
        readout: Readout,
        formats: ReadoutConfig,
        spec: InputSpec,
        index: int,
        takes: tuple[int, int],
    ) -> None:
        super().__init__(readout, "readout", spec, index, takes)
        self.formats, self.classes, self.score = formats, readout.classes, readout.score
        self.bounds = signed_range(formats.state_bits)
        # scores are compared: one scale for all classes
        self.dense = self.quantizing(readout.weight, Int8WeightPerTensorFloat)

    def integers(self, seen: Seen | None = None) -> ReadoutIntegers:
        """Make the integers, in float64: the one place for training, evaluation and freezing."""
        refresh(self)
        weight, bias = self.folded(seen)
        leak = self.cell.leak()
        check_finite("readout", weight=weight, bias=bias, leak=leak)
        leak_frac = self._leak_frac(leak.detach())
        one = 2.0**leak_frac
        leak = through(leak * one, lambda x: x.round().clamp(max=one - 1)) / one
        quantized = self.dense.weight_quant(weight)
        value, scale = quantized.value, quantized.scale.detach()
        if self.formats.proved:
            scale = self._proved(weight, bias, leak, scale)
            value = self.quantize_under(quantized, scale, weight)
        current_lsb = scale * 2.0**-self.input_frac
        state_lsb = current_lsb * 2.0**-self.formats.guard_bits
        return ReadoutIntegers(
            through(value / scale, torch.round),
            None if bias is None else round_clipped(bias[0] / state_lsb, self.formats.bias_bits),
            leak,
            leak_frac,
            current_lsb,
        )

    @torch.no_grad()
    def _proved(
        self, weight: Tensor, bias: Tensor | None, leak: Tensor, smallest: Tensor
    ) -> Tensor:
        """Return a scale under which no input saturates a state."""
        transition = torch.zeros(self.classes, 2, 2, dtype=leak.dtype, device=leak.device)
        transition[:, 0, 0] = leak
        fit = Fit(self, weight, bias, transition, None)
        return fit.scale(smallest.view(1), self.formats.bias_bits).view(())

    def _leak_frac(self, leak: Tensor) -> int:
        """Return the fractional bits for three significant bits of every 1 - leak, at most 24."""
        smallest = max(float((1 - leak).min()), 2.0**-24)
        needed = math.ceil(math.log2(2 ** (SIGNIFICANT_BITS - 1) / smallest))
        return min(max(needed, self.formats.leak_frac), 24, EXACT_BITS - self.formats.state_bits)

    def run(
        self, x: Tensor, live: Tensor | None = None, gain: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Integer states (B, T, C), float64, and the real value of their LSB."""
        integers = self.integers(self.seen(x, live, gain))
        grid = Grid(self.formats.rounding, *self.bounds, integers.leak_frac)
        bias = None if integers.bias is None else integers.bias[None]
        synapse = self.synapse(integers.weight, bias)
        current = recurrence.current(x, synapse, grid)[:, :, 0].double()
        lsb = integers.scale * 2.0**-self.formats.guard_bits
        return recurrence.integrate(current, integers.leak, grid), lsb

    def forward(
        self,
        x: Tensor,
        *,
        live: Tensor | None = None,
        steps: Tensor | None = None,
        record: list[Any] | None = None,
    ) -> Tensor:
        """Return the scores, integers held in float64; in training with dropout of the input.

        x          (B, T, M)
        live       see ``QATSpiking.run``
        steps      length of each sample, all of x's if absent    (B,)
        record     what ``run`` returns is appended to it
        returns    (B, C), or (B, T, C) where the score is ``each``
        """
        _, fed, gain = self.feed(x)
        m, lsb = self.run(fed, live, gain)
        if record is not None:
            record.append((m, lsb))
        if steps is None:
            steps = torch.full((len(m),), m.shape[1], device=m.device)
        return scores(m, steps, self.score)

    @torch.no_grad()
    def described(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the layer's entry in a network file and its tensors, from integers made once."""
        integers = self.integers()
        return self._header(integers), self._tensors(integers)

    def _header(self, integers: ReadoutIntegers) -> dict[str, Any]:
        formats = self.formats
        steps = self.input_spec.steps_max
        grows = sum_growth(steps) if self.score == "sum" else 0
        return {
            "kind": "readout",
            "inputs": self.inputs,
            "classes": self.classes,
            "weight_bits": formats.weight_bits,
            "bias_bits": self.bias_bits,
            "leak_frac": integers.leak_frac,
            "guard_bits": formats.guard_bits,
            "state_bits": formats.state_bits,
            "rounding": formats.rounding,
            "overflow": "SAT",
            "score": self.score,
            "score_bits": formats.state_bits + grows,
        }

    def _tensors(self, integers: ReadoutIntegers) -> dict[str, NDArray[Any]]:
        tensors = {
            "weight_u": int32(integers.weight),
            "leak": int32(integers.leak * 2.0**integers.leak_frac),
            "scale": integers.scale.view(1).cpu().numpy(),
        }
        if integers.bias is not None:
            tensors["bias_u"] = int32(integers.bias)
        return tensors

    def frozen(self) -> ReadoutLayer:
        """Return the layer as engines see it."""
        header, tensors = self.described()
        return ReadoutLayer(**header, **int64(tensors))


def scores(m: Tensor, steps: Tensor, kind: Score) -> Tensor:
    """Return the scores by the contract, from the readout's integer states (B, T, C).

    returns    (B, C), or (B, T, C) where the score is ``each``, zero beyond a sample's last step
    """
    if kind == "each":
        return m * alive(steps, m.shape[1])[..., None]
    if kind == "sum":
        return (m * alive(steps, m.shape[1])[..., None]).sum(1)
    return network.score(m, steps, kind)
