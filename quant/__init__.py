"""From a trained network to integers: QAT, the integer network, the golden model."""

from typing import TYPE_CHECKING

from rfssm.lazy import lazy

if TYPE_CHECKING:
    from rfssm.quant.layers import InputSpec, ReadoutLayer, SpikingLayer
    from rfssm.quant.network import IntegerNetwork
    from rfssm.quant.ptq import Calibration, LayerChange, QuantizationReport, quantize
    from rfssm.quant.recipe import (
        QuantizationConfig,
        ReadoutConfig,
        Recipe,
        parse_recipe,
        read_recipe,
    )
    from rfssm.quant.run import Summary, TrainingResult, train
    from rfssm.quant.samples import Difference, Outputs, Samples, compare

__all__ = [
    "Calibration",
    "Difference",
    "InputSpec",
    "IntegerNetwork",
    "LayerChange",
    "Outputs",
    "QuantizationConfig",
    "QuantizationReport",
    "ReadoutConfig",
    "ReadoutLayer",
    "Recipe",
    "Samples",
    "SpikingLayer",
    "Summary",
    "TrainingResult",
    "compare",
    "parse_recipe",
    "quantize",
    "read_recipe",
    "train",
]
__getattr__ = lazy(__name__)
