"""Signs that a training goes wrong, each with what to change."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from rfssm.errors import RfssmError
from rfssm.model.neurons import Dynamics
from rfssm.model.recipe import TrainingConfig

DIVERGED = 10
"""Ratio of the loss to that of guessing above which a warning is given."""


class GradientWarning(UserWarning):
    """Steps were skipped because their gradient is not finite."""


class SilenceWarning(UserWarning):
    """A layer emits no spike at all."""


class DivergenceWarning(UserWarning):
    """The loss is far above that of guessing."""


@dataclass(frozen=True)
class Health:
    """Watches one training.

    classes    of the data
    """

    network: nn.Module
    config: TrainingConfig
    classes: int

    def warn_of_silence(
        self, epoch: int, rates: Sequence[float], before: Sequence[float] | None
    ) -> None:
        """Name the layers that have fallen silent in this epoch, or never emitted a spike.

        rates     of each layer
        before    after the last epoch; None in the first
        """
        for i, rate in enumerate(rates):
            if rate or (before and not before[i]):
                continue
            if i and not rates[i - 1]:
                change = f"layer {i - 1} gives it nothing"
            elif before:
                change = "lower training.learning_rate"
                if self.config.rate_target is not None:
                    change += " or training.rate_weight, or raise training.rate_target"
            else:
                verb = "set" if self.config.calibration is None else "raise"
                change = f"{verb} training.calibration, which scales the start weights"
            warnings.warn(
                f"epoch {epoch}: layer {i} emits no spike in the whole test set, so "
                f"that what comes after it receives nothing from it; {change}",
                SilenceWarning,
                stacklevel=1,
            )

    def warn(self, epoch: int, left_out: int, steps: int, loss: float) -> None:
        """Warn of skipped steps, and of a loss far above that of guessing."""
        if left_out:
            warnings.warn(
                f"epoch {epoch}: {left_out} of {steps} steps left out, because their gradient is "
                "not finite; if there are many, train with a smaller training.cell_learning_rate",
                GradientWarning,
                stacklevel=1,
            )
        guessing = math.log(self.classes)
        if loss > DIVERGED * guessing:
            warnings.warn(
                f"epoch {epoch}: the loss is {loss:.3g}, that of guessing is {guessing:.3g}; "
                f"training diverges, lower {self._rates()}",
                DivergenceWarning,
                stacklevel=1,
            )

    def diverged(self, epoch: int, found: str) -> RfssmError:
        """Return the error for a network with numbers that are not finite, with the remedy."""
        return RfssmError(
            f"epoch {epoch}: training has diverged ({found}); start a new run with a "
            f"smaller {self._rates()}"
        )

    def _rates(self) -> str:
        """Return the learning rates of the parameters that are not finite, or the high rates."""
        weights, _ = parameters_of(self.network)
        lost = {
            "learning_rate": not all(bool(p.isfinite().all()) for p in weights),
            "cell_learning_rate": not all(cell.is_finite() for cell in _cells(self.network)),
        }
        rates = {name: getattr(self.config, name) for name in lost}
        if not any(lost.values()):  # a step moves a parameter by its rate
            lost = {name: rate >= max(rates.values()) / 8 for name, rate in rates.items()}
        return " or ".join(f"training.{name} = {rates[name]:g}" for name in rates if lost[name])


def parameters_of(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the weights, and the parameters of the cells' dynamics, which have their own rate."""
    cells = [p for cell in _cells(network) for p in cell.parameters()]
    own = {id(p) for p in cells}
    return [p for p in network.parameters() if id(p) not in own], cells


def _cells(network: nn.Module) -> list[Dynamics]:
    return [m for m in network.modules() if isinstance(m, Dynamics)]
