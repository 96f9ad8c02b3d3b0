"""Estimate the cells, memories, cycles and clock rate of a design without synthesis."""

from typing import TYPE_CHECKING

from rfssm.lazy import lazy

if TYPE_CHECKING:
    from rfssm.hls.estimate.cycle_model import Activity
    from rfssm.hls.estimate.estimate import Estimate, activity_of, fmax_mhz
    from rfssm.hls.estimate.fit import fit_lanes, fits

__all__ = [
    "Activity",
    "Estimate",
    "activity_of",
    "fit_lanes",
    "fits",
    "fmax_mhz",
]
__getattr__ = lazy(__name__)
