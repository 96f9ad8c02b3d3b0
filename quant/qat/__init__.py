"""Quantization-aware training on the integer contract.  The only package that imports Brevitas."""

from rfssm.quant.qat.integers import RESOLUTION
from rfssm.quant.qat.network import IntegerActivity, QATNetwork, ScaleFloorWarning
from rfssm.quant.qat.readout import QATReadout
from rfssm.quant.qat.spiking import HEADROOM, QATSpiking

__all__ = [
    "HEADROOM",
    "RESOLUTION",
    "IntegerActivity",
    "QATNetwork",
    "QATReadout",
    "QATSpiking",
    "ScaleFloorWarning",
]
