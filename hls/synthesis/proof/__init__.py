"""The parts of the proof that a netlist does what its RTL says; ``equivalence`` puts them together.

gates           logic of one-bit gates in which equal gates are one
sides           RTL and netlist, read by Yosys, as gates and registers
unrolled        what the nets of both sides are in the cycles after any state of the netlist
counterparts    which net of the netlist stands for a register of the RTL
memory_cells    where the words of a memory lie in the cells of a family
equations       which equations hold
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
