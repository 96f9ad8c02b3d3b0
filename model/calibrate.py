"""Scale start weights so that neurons come near their thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from rfssm.errors import NetworkError
from rfssm.model.inputs import alive, check_steps


class Calibrated(Protocol):
    """A layer whose weights can be scaled according to its states on a batch."""

    def run(self, x: Tensor, live: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Spikes (B, T, N) and states (B, T, 2, N)."""

    def unit(self) -> Tensor:
        """Thresholds per unit of u.    (N,)"""

    def rows(self) -> Tensor:
        """The parameter that scales a neuron's current, one row per neuron."""

    @property
    def skip(self) -> bool:
        """Whether the layer adds its input to its spikes."""


@torch.no_grad()
def calibrate(layers: Sequence[Calibrated], x: Tensor, steps: Tensor, deviation: float) -> None:
    """Scale each neuron's weights so that its u has this standard deviation, in thresholds.

    Layer after layer, because each changes what the next one sees; twice, because quantisation
    makes the response not quite proportional.

    Raises NetworkError for steps beyond x, and where there is nothing to measure: no sample, or
    states that are not finite.
    """
    check_steps(steps, x)
    live = alive(steps, x.shape[1])
    for i, each in enumerate(layers):
        for _ in range(2):
            u = each.run(x, live)[1][:, :, 0] * each.unit()
            spread = ((u.square() * live[..., None]).sum((0, 1)) / live.sum()).sqrt()
            if not spread.isfinite().all():
                what = "its states are not finite" if len(x) else "there are no samples"
                raise NetworkError(f"layers[{i}]: cannot be calibrated, {what}")
            factor = (deviation / spread.clamp(min=1e-4)).clamp(max=300)
            each.rows().mul_(factor.to(each.rows().dtype)[:, None])
        spikes = each.run(x)[0]
        x = spikes + x if each.skip else spikes
