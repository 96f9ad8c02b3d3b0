"""Spikes and states of every layer, in arrays that an engine fills."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rfssm.quant.arithmetic import Bools, Integers
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs


@dataclass(frozen=True, eq=False)
class Trace:
    """Arrays of each spiking layer, [..., N]: spikes, and states u and v after each step."""

    spikes: tuple[Bools, ...]
    u: tuple[Integers, ...]
    v: tuple[Integers, ...]

    @classmethod
    def zeros(cls, network: IntegerNetwork, *shape: int) -> Trace:
        """Arrays that nothing has been written to; they take no memory before that.

        shape    of an array, without its neurons
        """
        shapes = [(*shape, layer.neurons) for layer in network.layers]
        u, v = (tuple(np.zeros(s, dtype=np.int64) for s in shapes) for _ in "uv")
        return cls(tuple(np.zeros(s, dtype=bool) for s in shapes), u, v)

    def layers(self) -> Iterator[tuple[Bools, Integers, Integers]]:
        """Spikes, u and v of one layer after the other."""
        return zip(self.spikes, self.u, self.v, strict=True)

    def keep(self, sample: int, found: Trace, steps: int) -> None:
        """Copy the first steps of one sample's arrays, [T, N] each, to its place in these."""
        for ours, theirs in zip(self.layers(), found.layers(), strict=True):
            for kept, array in zip(ours, theirs, strict=True):
                kept[sample, :steps] = array[:steps]

    def outputs(self, scores: Integers, label: Integers, *, spikes: bool, states: bool) -> Outputs:
        """What an engine returns: of the arrays those that were asked for."""
        u, v = (self.u, self.v) if states else (None, None)
        return Outputs(scores, label, self.spikes if spikes else None, u, v)
