"""Unroll both sides of a proof in one set of gates, over the cycles after any netlist state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from typing import NamedTuple

from rfssm.hls.synthesis.cell_kinds import Bit
from rfssm.hls.synthesis.proof.gates import FALSE, TRUE, Gates, Reading, Value
from rfssm.hls.synthesis.proof.sides import Sides

CYCLES = 1
"""The number of cycles from any state after which an equation must hold at the latest.

One cycle is needed where a block memory has a register that the RTL has elsewhere: in an arbitrary
state the register holds any value, in a state that follows another one the word that was read.
"""
ANY = Value(FALSE, TRUE)


class Equation(NamedTuple):
    """A value that must be equal on both sides.

    kind    register: the next value; output, or pin (input of a block): the present value
    name    name of the register bit in the RTL, of the output, or of block and pin
    net     net of the RTL
    """

    kind: str
    name: str
    net: Bit


class Unrolled:
    """Both sides, where the RTL's registers have the values of their counterparts in the netlist.

    counterparts    by net of the RTL's register; empty at first, see ``counterparts.match``
    """

    def __init__(self, sides: Sides) -> None:
        self.sides = sides
        self.gates = Gates()
        self.counterparts: dict[Bit, Bit] = {}
        self._cycles: list[Reading] = []
        self._unknowns = count()

    def netlist_in(self, at: int) -> Reading:
        """Return the netlist's values in a cycle; in cycle 0 its registers hold any values."""
        while len(self._cycles) <= at:
            leaf = partial(self._leaf_of_netlist, len(self._cycles))
            drivers = self.sides.netlist.drivers
            self._cycles.append(Reading(self.gates, drivers, leaf, self._unknown))
        return self._cycles[at]

    def rtl_in(self, at: int, absent: Callable[[Bit], Value] | None = None) -> Reading:
        """Return the RTL's values in a cycle, each register with the value of its counterpart.

        absent    returns the value of a register without a counterpart; by default a free input
        """
        leaf = partial(self._leaf_of_rtl, at, absent or self._anything)
        return Reading(self.gates, self.sides.rtl.drivers, leaf, lambda: ANY)

    def equations(self) -> list[Equation]:
        """Return an equation for each register with a counterpart, each output and block input."""
        rtl = self.sides.rtl
        found = [Equation("register", rtl.aliases[net][0], net) for net in self.counterparts]
        for name, net in rtl.outputs.items():
            if name in self.sides.netlist.outputs:
                found.append(Equation("pin" if name in self.sides.pins else "output", name, net))
        return found

    def literals(self, equation: Equation, rtl: Reading, at: int) -> tuple[int, int]:
        """Return the two literals that must be equal in a cycle, of the RTL and of the netlist."""
        if equation.kind == "register":
            return self.becomes(rtl, at, equation.net)
        output = self.sides.netlist.outputs[equation.name]
        return self._equal(rtl.of(equation.net), self.netlist_in(at).of(output))

    def becomes(self, rtl: Reading, at: int, register: Bit) -> tuple[int, int]:
        """Return the literals of the next values of a register of the RTL and its counterpart."""
        found = self.netlist_in(at + 1).of(self.counterparts[register])
        return self._equal(rtl.of(self.sides.rtl.registers[register]), found)

    def absent(self, literals: Iterable[int]) -> tuple[str, ...]:
        """Return the names of registers without a counterpart on which literals depend."""
        words = (name.partition(" ") for name in sorted(self.gates.inputs_of(literals)))
        return tuple(name for word, _, name in words if word == "absent")

    def _equal(self, wanted: Value, found: Value) -> tuple[int, int]:
        """Return the literals of both values, false where the RTL's value is undefined."""
        return wanted.is_one, self.gates.both(found.is_one, wanted.is_open ^ 1)

    def _unknown(self) -> Value:
        return Value(self.gates.input(f"unknown {next(self._unknowns)}"))

    def _input(self, at: int, name: str) -> Value:
        return Value(self.gates.input(f"input {name} in cycle {at}"))

    def _anything(self, register: Bit) -> Value:
        return Value(self.gates.input(f"absent {self.sides.rtl.aliases[register][0]}"))

    def _leaf_of_netlist(self, at: int, net: int) -> Value:
        side = self.sides.netlist
        if net in side.inputs:
            return self._input(at, side.inputs[net])
        if net not in side.registers:
            return self._unknown()
        if at == 0:
            return Value(self.gates.input(f"state {net}"))
        return self.netlist_in(at - 1).of(side.registers[net])

    def _leaf_of_rtl(self, at: int, absent: Callable[[Bit], Value], net: int) -> Value:
        side = self.sides.rtl
        if net in side.inputs:
            return self._input(at, side.inputs[net])
        if net not in side.registers:
            return ANY  # nothing drives it
        if net in self.counterparts:
            return self.netlist_in(at).of(self.counterparts[net])
        return absent(net)
