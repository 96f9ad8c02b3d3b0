"""Prove in parts that a netlist is equivalent to its RTL; ``equivalence`` combines the parts.

gates           represents logic as one-bit gates, with equal gates shared
sides           reads RTL and netlist by Yosys, as gates and registers
unrolled        computes the nets of both sides in the cycles after any state of the netlist
counterparts    finds the net of the netlist that stands for a register of the RTL
memory_cells    finds the words of a memory in the cells of a family
equations       decides which equations hold
"""

from rfssm.hls.synthesis.proof import (
    counterparts,
    equations,
    gates,
    memory_cells,
    sides,
    unrolled,
)

__all__ = ["counterparts", "equations", "gates", "memory_cells", "sides", "unrolled"]
