"""Represent logic as one-bit gates with equal gates shared, read it from Yosys' JSON, simulate it.

A literal is an even number for a node, and the next odd number for the node's complement; FALSE and
TRUE are 0 and 1.  Functions with the same literal are equal; functions with different literals may
be equal, too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rfssm.hls.synthesis.cell_kinds import Bit, Cell

FALSE, TRUE = 0, 1
PATTERNS = 4096
"""The number of states that a simulation tries at once."""


class Gates:
    """A set of distinct nodes: inputs, and AND, XOR and MUX of two or three literals."""

    def __init__(self) -> None:
        self.nodes: list[tuple[str, ...] | tuple[int, ...]] = [("false",)]
        self._known: dict[tuple[int, ...], int] = {}
        self._inputs: dict[str, int] = {}

    def input(self, name: str) -> int:
        """Return the literal of a free input; each name has one input."""
        if name not in self._inputs:
            self._inputs[name] = 2 * len(self.nodes)
            self.nodes.append(("input", name))
        return self._inputs[name]

    def both(self, a: int, b: int) -> int:
        """Return the literal of a AND b."""
        if a > b:
            a, b = b, a
        if a == FALSE or a == b ^ 1:
            return FALSE
        if a in (TRUE, b):
            return b
        return self._node(a, b)

    def either(self, a: int, b: int) -> int:
        """Return the literal of a OR b."""
        return self.both(a ^ 1, b ^ 1) ^ 1

    def differ(self, a: int, b: int) -> int:
        """Return the literal of a XOR b."""
        flip = (a ^ b) & 1
        a, b = sorted((a & ~1, b & ~1))
        if a == b:
            return flip
        return (b if a == FALSE else self._node(-1, a, b)) ^ flip

    def choose(self, s: int, low: int, high: int) -> int:
        """Return the literal of ``high if s else low``."""
        if s & 1:
            s, low, high = s ^ 1, high, low
        if s == FALSE or low == high:
            return low
        if low in (FALSE, s):
            return self.both(s, high)
        if high == FALSE or high == s ^ 1:
            return self.both(s ^ 1, low)
        if high in (TRUE, s):
            return self.either(s, low)
        if low in (TRUE, s ^ 1):
            return self.either(s ^ 1, high)
        if low == high ^ 1:
            return self.differ(s, low)
        flip = low & 1
        return self._node(s, low ^ flip, high ^ flip) ^ flip

    def _node(self, *inputs: int) -> int:
        if inputs not in self._known:
            self._known[inputs] = 2 * len(self.nodes)
            self.nodes.append(inputs)
        return self._known[inputs]

    def cone(self, literals: Iterable[int]) -> list[int]:
        """Return the nodes on which literals depend, each after the nodes that it is made of."""
        wanted: set[int] = set()
        stack = [literal >> 1 for literal in literals]
        while stack:
            node = stack.pop()
            if node not in wanted:
                wanted.add(node)
                stack += [literal >> 1 for literal in self.made_of(node)]
        return sorted(wanted)

    def made_of(self, node: int) -> tuple[int, ...]:
        """Return the literals from which a node is computed."""
        entry = self.nodes[node]
        return tuple(x for x in entry if isinstance(x, int) and x >= 0)

    def inputs_of(self, literals: Iterable[int]) -> set[str]:
        """Return the names of the inputs on which literals depend structurally."""
        found = (self.nodes[node] for node in self.cone(literals))
        return {str(entry[1]) for entry in found if entry[0] == "input"}

    def simulate(self, literals: Sequence[int], seed: int = 0) -> list[int]:
        """Return the literals' values in PATTERNS random states, one bit for each state."""
        ones = (1 << PATTERNS) - 1
        values: dict[int, int] = {}

        def value(literal: int) -> int:
            return values[literal >> 1] ^ (ones if literal & 1 else 0)

        for node in self.cone(literals):
            entry = self.nodes[node]
            if entry[0] == "input":
                values[node] = random.Random(f"{seed} {entry[1]}").getrandbits(PATTERNS)
            elif entry[0] == "false":
                values[node] = 0
            elif len(entry) == 2:
                values[node] = value(int(entry[0])) & value(int(entry[1]))
            elif entry[0] == -1:
                values[node] = value(int(entry[1])) ^ value(int(entry[2]))
            else:
                s, low, high = (value(int(x)) for x in entry)
                values[node] = (low & ~s) | (high & s)
        return [value(literal) for literal in literals]

    def module(
        self, side: str, outputs: Mapping[str, int], inputs: Iterable[str]
    ) -> dict[str, Any]:
        """Return a module of Yosys' JSON that computes ``outputs``, with ports for all ``inputs``.

        side    prefix of the cells' names: Yosys assumes that cells of one name are equal
        """
        cells: dict[str, Cell] = {}
        bits: dict[int, Bit] = {FALSE: "0", TRUE: "1"}
        ports: dict[str, Any] = {}
        free = 2
        for name in sorted(inputs):
            literal = self.input(name)
            bits[literal] = free
            ports[f"i{literal}"] = {"direction": "input", "bits": [free]}
            free += 1

        def gate(kind: str, *pins: Bit) -> int:
            nonlocal free
            names = (*"AB", "S")[: len(pins)] if kind == "$_MUX_" else "AB"[: len(pins)]
            cells[f"{side}{free}"] = {
                "type": kind,
                "parameters": {},
                "attributes": {},
                "port_directions": {**dict.fromkeys(names, "input"), "Y": "output"},
                "connections": {**{n: [p] for n, p in zip(names, pins, strict=True)}, "Y": [free]},
            }
            free += 1
            return free - 1

        def bit(literal: int) -> Bit:
            if literal not in bits:
                bits[literal] = gate("$_NOT_", bits[literal ^ 1])
            return bits[literal]

        for node in self.cone(outputs.values()):
            entry = self.nodes[node]
            if entry[0] in ("input", "false"):
                continue
            pins = [int(x) for x in entry]
            if len(pins) == 2:
                bits[2 * node] = gate("$_AND_", *map(bit, pins))
            elif pins[0] == -1:
                bits[2 * node] = gate("$_XOR_", *map(bit, pins[1:]))
            else:
                bits[2 * node] = gate("$_MUX_", bit(pins[1]), bit(pins[2]), bit(pins[0]))
        for name, literal in outputs.items():
            ports[name] = {"direction": "output", "bits": [bit(literal)]}
        return {"attributes": {}, "ports": ports, "cells": cells, "netnames": {}}


@dataclass(frozen=True)
class Value:
    """The literal of a value, and a literal that is true where the value is undefined (x)."""

    is_one: int
    is_open: int = FALSE


class Reading:
    """The values of the nets of a module of gates, given those of its registers and inputs.

    leaf       returns the value of a net that no gate drives, by its number
    unknown    returns the value of a constant x
    """

    def __init__(
        self,
        gates: Gates,
        drivers: Mapping[Bit, Cell],
        leaf: Callable[[int], Value],
        unknown: Callable[[], Value],
    ) -> None:
        self._gates = gates
        self._drivers = drivers
        self._leaf = leaf
        self._unknown = unknown
        self._values: dict[Bit, Value] = {"0": Value(FALSE), "1": Value(TRUE)}

    def of(self, bit: Bit) -> Value:
        """Return the value of a net."""
        if bit in ("x", "z"):
            return self._unknown()
        stack = [bit]
        while stack:
            at = stack[-1]
            if at in self._values:
                stack.pop()
                continue
            cell = self._drivers.get(at)
            if cell is None:
                assert isinstance(at, int)
                self._values[at] = self._leaf(at)
                continue
            pins = [cell["connections"][p][0] for p in "ABS" if p in cell["connections"]]
            waiting = [p for p in pins if p not in self._values and p not in ("x", "z")]
            if waiting:
                stack += waiting
                continue
            values = [self._values.get(p) or self._unknown() for p in pins]
            self._values[at] = self._gate(cell["type"], values)
        return self._values[bit]

    def _gate(self, kind: str, pins: Sequence[Value]) -> Value:
        if all(pin.is_open == FALSE for pin in pins):
            return Value(self._known(kind, [pin.is_one for pin in pins]))
        return self._open(kind, pins)

    def _known(self, kind: str, pins: Sequence[int]) -> int:
        g = self._gates
        if kind == "$_NOT_":
            return pins[0] ^ 1
        if kind == "$_BUF_":
            return pins[0]
        if kind == "$_MUX_":
            return g.choose(pins[2], pins[0], pins[1])
        a, b = pins
        made = {
            "$_AND_": lambda: g.both(a, b),
            "$_OR_": lambda: g.either(a, b),
            "$_XOR_": lambda: g.differ(a, b),
            "$_XNOR_": lambda: g.differ(a, b) ^ 1,
            "$_NAND_": lambda: g.both(a, b) ^ 1,
            "$_NOR_": lambda: g.either(a, b) ^ 1,
            "$_ANDNOT_": lambda: g.both(a, b ^ 1),
            "$_ORNOT_": lambda: g.either(a, b ^ 1),
        }
        return made[kind]()

    def _open(self, kind: str, pins: Sequence[Value]) -> Value:
        """Compute with three values: a result is open unless the defined pins determine it."""
        g = self._gates
        if kind == "$_MUX_":
            low, high, s = pins
            one = g.choose(s.is_one, low.is_one, high.is_one)
            is_open = g.choose(s.is_one, low.is_open, high.is_open)
            agree = g.both(
                g.differ(low.is_one, high.is_one) ^ 1, g.either(low.is_open, high.is_open) ^ 1
            )
            is_open = g.choose(s.is_open, is_open, agree ^ 1)
        elif kind in ("$_NOT_", "$_BUF_"):
            one, is_open = self._known(kind, [pins[0].is_one]), pins[0].is_open
        elif kind in ("$_XOR_", "$_XNOR_"):
            one = self._known(kind, [pin.is_one for pin in pins])
            is_open = g.either(pins[0].is_open, pins[1].is_open)
        else:
            # as an AND of pins, where pins and result may be complemented
            flips = {
                "$_AND_": (0, 0, 0), "$_NAND_": (0, 0, 1), "$_OR_": (1, 1, 1), "$_NOR_": (1, 1, 0),
                "$_ANDNOT_": (0, 1, 0), "$_ORNOT_": (1, 0, 1),
            }[kind]  # fmt: skip
            a, b = (Value(p.is_one ^ f, p.is_open) for p, f in zip(pins, flips, strict=False))
            a_zero = g.both(a.is_one ^ 1, a.is_open ^ 1)
            b_zero = g.both(b.is_one ^ 1, b.is_open ^ 1)
            is_open = g.both(g.either(a.is_open, b.is_open), g.either(a_zero, b_zero) ^ 1)
            one = g.both(a.is_one, b.is_one) ^ flips[2]
        return Value(g.both(one, is_open ^ 1), is_open)
