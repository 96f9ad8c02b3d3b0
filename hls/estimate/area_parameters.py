"""Hold the module parameters from which ``area`` computes cells, spelt as in the RTL."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from rfssm.hls.design import Parameters, address_bits
from rfssm.hls.memories import Fields

Images = dict[str, Fields]
"""The contents of a module's memories, by the parameters that name their files."""


@dataclass(frozen=True)
class Common:
    """The parameters that ``rfssm_layer`` and ``rfssm_readout`` have in common."""

    N_IN: int
    SYNAPSE_LANES: int
    VALUE_W: int
    VALUE_SIGNED: int
    WEIGHT_W: int
    CURRENT_W: int
    STATE_W: int
    GUARD: int
    BIAS_W: int
    ROUND: int
    SATURATE: int

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        """Select the parameters of this class by name from those of a design."""
        return cls(**{field.name: int(parameters[field.name]) for field in fields(cls)})


@dataclass(frozen=True)
class LayerParameters(Common):
    """The parameters of ``rfssm_layer`` on which the number of cells depends."""

    N_OUT: int
    NEURON_LANES: int
    OUT_W: int
    SKIP: int
    COMPLEX: int
    TRANS_W: int
    TRANS_FRAC: int
    RESET: int
    STATE_RAM: int

    @property
    def chunks(self) -> int:
        """The number of chunks of neurons; one chunk is updated per cycle."""
        return -(-self.N_OUT // self.NEURON_LANES)


@dataclass(frozen=True)
class ReadoutParameters(Common):
    """The parameters of ``rfssm_readout`` on which the number of cells depends."""

    CLASSES: int
    LEAK_FRAC: int
    SCORE_W: int


def index_bits(count: int) -> int:
    """Return the bits of an index, which is a constant of no bits if there is only one word."""
    return address_bits(count) if count > 1 else 0
