"""Parameters of the modules, as their sources spell them, of which ``area`` computes cells."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from rfssm.hls.design import Parameters, address_bits
from rfssm.hls.memories import Fields

Images = dict[str, Fields]
"""What the memories of a module hold, by the parameters that name their files."""


@dataclass(frozen=True)
class Common:
    """What the parameters of ``rfssm_layer`` and ``rfssm_readout`` have in common."""

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
        """Those of a design, by name."""
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
        """Chunks of neurons, one of which is updated per cycle."""
        return -(-self.N_OUT // self.NEURON_LANES)


@dataclass(frozen=True)
class ReadoutParameters(Common):
    """The parameters of ``rfssm_readout`` on which the number of cells depends."""

    CLASSES: int
    LEAK_FRAC: int
    SCORE_W: int


def index_bits(count: int) -> int:
    """Bits of an index that is a constant where there is one word only."""
    return address_bits(count) if count > 1 else 0
