"""Float models of resonate-and-fire state space networks, their data and their training."""

from typing import TYPE_CHECKING

from rfssm.lazy import lazy

if TYPE_CHECKING:
    from rfssm.model.calibrate import Calibrated
    from rfssm.model.layers import Normalization, Readout, SpikingLayer
    from rfssm.model.network import FloatNetwork, build
    from rfssm.model.neurons import (
        AdLIFCell,
        CSiLIFCell,
        LIFCell,
        Neuron,
        PRFCell,
        RFCell,
        S5RFCell,
        SiLIFCell,
    )
    from rfssm.model.published import PublishedNetwork, load_published
    from rfssm.model.recipe import NetworkConfig, TrainingConfig

__all__ = [
    "AdLIFCell",
    "CSiLIFCell",
    "Calibrated",
    "FloatNetwork",
    "LIFCell",
    "NetworkConfig",
    "Neuron",
    "Normalization",
    "PRFCell",
    "PublishedNetwork",
    "RFCell",
    "Readout",
    "S5RFCell",
    "SiLIFCell",
    "SpikingLayer",
    "TrainingConfig",
    "build",
    "load_published",
]
__getattr__ = lazy(__name__)
