"""The values that states can take: reachable ranges, narrower words, silence."""

from typing import TYPE_CHECKING

from rfssm.lazy import lazy

if TYPE_CHECKING:
    from rfssm.quant.ranges.narrow import (
        LayerWidth,
        WideNeuron,
        narrowed,
        wide_neurons,
        with_state_bits,
    )
    from rfssm.quant.ranges.reach import Reach, reachable_range, saturates
    from rfssm.quant.ranges.silence import contracts, cycles, remainders

__all__ = [
    "LayerWidth",
    "Reach",
    "WideNeuron",
    "contracts",
    "cycles",
    "narrowed",
    "reachable_range",
    "remainders",
    "saturates",
    "wide_neurons",
    "with_state_bits",
]
__getattr__ = lazy(__name__)
