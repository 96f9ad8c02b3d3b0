"""Training of a network: the loop, checkpoints, curves."""

from typing import TYPE_CHECKING

from rfssm.lazy import lazy

if TYPE_CHECKING:
    from rfssm.model.training.loop import (
        DivergenceWarning,
        GradientWarning,
        Metrics,
        SilenceWarning,
        evaluate,
        fit,
    )

__all__ = [
    "DivergenceWarning",
    "GradientWarning",
    "Metrics",
    "SilenceWarning",
    "evaluate",
    "fit",
]
__getattr__ = lazy(__name__)
