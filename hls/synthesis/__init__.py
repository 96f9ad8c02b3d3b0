"""Synthesise designs with Yosys, nextpnr or Vivado's scripts, and examine the netlists."""

from typing import TYPE_CHECKING

from rfssm.lazy import lazy

if TYPE_CHECKING:
    from rfssm.hls.synthesis.equivalence import Equivalence, prove
    from rfssm.hls.synthesis.flow import Synthesis, synth
    from rfssm.hls.synthesis.netlist_cells import CellReport, Cells
    from rfssm.hls.synthesis.nextpnr import Placement, place
    from rfssm.hls.synthesis.targets import TARGETS, Target, target
    from rfssm.hls.synthesis.yosys import Netlist, synthesize

__all__ = [
    "TARGETS",
    "CellReport",
    "Cells",
    "Equivalence",
    "Netlist",
    "Placement",
    "Synthesis",
    "Target",
    "place",
    "prove",
    "synth",
    "synthesize",
    "target",
]
__getattr__ = lazy(__name__)
