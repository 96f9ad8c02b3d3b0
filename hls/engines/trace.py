"""Hold spikes and states of every layer in arrays that an engine fills."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rfssm.quant.arithmetic import Bools, Integers
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs


@dataclass(frozen=True, eq=False)
class Trace:
    """The arrays of each spiking layer, [..., N]: spikes, and states u and v after each step."""

    spikes: tuple[Bools, ...]
    u: tuple[Integers, ...]
    v: tuple[Integers, ...]

    @classmethod
    def zeros(cls, network: IntegerNetwork, *shape: int) -> Trace:
        """Return arrays of zeros, which take no memory until they are written.

        shape    shape of an array without its last axis, the neurons
        """
        shapes = [(*shape, layer.neurons) for layer in network.layers]
        u, v = (tuple(np.zeros(s, dtype=np.int64) for s in shapes) for _ in "uv")
        return cls(tuple(np.zeros(s, dtype=bool) for s in shapes), u, v)

    def layers(self) -> Iterator[tuple[Bools, Integers, Integers]]:
        """Return an iterator over spikes, u and v of each layer."""
        return zip(self.spikes, self.u, self.v, strict=True)

    def keep(self, sample: int, found: Trace, steps: int) -> None:
        """Copy the first steps of one sample's arrays, [T, N] each, into these arrays."""
        for own, given in zip(self.layers(), found.layers(), strict=True):
            for kept, array in zip(own, given, strict=True):
                kept[sample, :steps] = array[:steps]

    def outputs(self, scores: Integers, label: Integers, *, spikes: bool, states: bool) -> Outputs:
        """Return an engine's outputs, with the arrays that were requested."""
        u, v = (self.u, self.v) if states else (None, None)
        return Outputs(scores, label, self.spikes if spikes else None, u, v)
