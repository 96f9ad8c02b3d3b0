"""Training of a network: the loop, checkpoints, curves."""

from typing import TYPE_CHECKING

from rfssm.lazy import lazy

if TYPE_CHECKING:
    from rfssm.model.training.checkpoint import Metrics
    from rfssm.model.training.health import DivergenceWarning, GradientWarning, SilenceWarning
    from rfssm.model.training.loop import fit

__all__ = [
    "DivergenceWarning",
    "GradientWarning",
    "Metrics",
    "SilenceWarning",
    "fit",
]
__getattr__ = lazy(__name__)
