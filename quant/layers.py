"""The layers of an integer network: their formats, and the integers in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from rfssm.contract import Rounding, Score
from rfssm.quant.arithmetic import Integers, Overflow, Reals, signed_range
from rfssm.words import printable_text

Width = Annotated[int, Field(ge=1, le=4096)]
Text = Annotated[str, Field(max_length=256), AfterValidator(printable_text)]

A_NETWORK = (
    "must be an IntegerNetwork; IntegerNetwork.load reads one, rfssm.quant.freeze.freeze makes one "
    "of a QATNetwork"
)


class Header(BaseModel):
    """A strict, frozen description, which keeps the fields that it does not know."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="allow", arbitrary_types_allowed=True, allow_inf_nan=False
    )


class InputSpec(Header):
    """The integers that enter the network; their real value is x * 2^-frac."""

    channels: Width
    bits: Annotated[int, Field(ge=1, le=16)]
    signed: bool
    frac: Annotated[int, Field(ge=-64, le=64)]
    steps_max: Annotated[int, Field(ge=1, le=65535)]

    @property
    def low(self) -> int:
        """Smallest input value."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest input value."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1


class _Layer(Header):
    """The common part of spiking layers and the readout."""

    inputs: Width
    weight_bits: Annotated[int, Field(ge=2, le=16)]
    bias_bits: Annotated[int, Field(ge=0, le=32)]
    guard_bits: Annotated[int, Field(ge=0, le=16)]
    state_bits: Annotated[int, Field(ge=4, le=32)]
    rounding: Rounding
    overflow: Overflow

    @model_validator(mode="after")
    def _bias_fits_the_state(self) -> _Layer:
        if self.bias_bits > self.state_bits:
            raise ValueError(
                f"bias_bits = {self.bias_bits}: must be at most state_bits = {self.state_bits}"
            )
        return self

    def __eq__(self, other: object) -> bool:
        """Whether type, formats, tensors and unknown metadata are the same."""
        if not isinstance(other, _Layer) or type(self) is not type(other):
            return NotImplemented
        return all(
            np.array_equal(mine, theirs) if isinstance(mine, np.ndarray) else mine == theirs
            for (_, mine), (_, theirs) in zip(self, other, strict=True)
        )

    def __hash__(self) -> int:
        return hash(
            tuple(
                value.tobytes() if isinstance(value, np.ndarray) else value
                for _, value in self
                if not isinstance(value, Mapping)
            )
        )


class SpikingHeader(_Layer):
    """Formats of a spiking layer."""

    kind: Literal["spiking"]
    model: Text = ""
    neurons: Width
    complex_input: bool
    skip: bool
    transition_bits: Annotated[int, Field(ge=4, le=32)]
    transition_frac: Annotated[int, Field(ge=0, le=32)]

    @model_validator(mode="after")
    def _skip_needs_equal_widths(self) -> SpikingHeader:
        if self.skip and self.inputs != self.neurons:
            raise ValueError(
                f"skip = true: needs inputs = neurons, found inputs = {self.inputs} and "
                f"neurons = {self.neurons}"
            )
        return self


class SpikingLayer(SpikingHeader):
    """Formats and integers of a spiking layer of N neurons and M inputs.

    weight_u, weight_v    input weights of both states                    [N, M]
    bias_u, bias_v        added every step, on the state grid             [N]
    transition            constant 2x2 matrix of each cell                [N, 2, 2]
    reset                 added to both states after a spike              [N, 2]
    threshold             a cell spikes where u > threshold               [N]
    scale                 real value of one LSB of the current            [N]
    unknown               metadata of other tools: kept, never read
    """

    weight_u: Integers
    weight_v: Integers | None = None
    bias_u: Integers | None = None
    bias_v: Integers | None = None
    transition: Integers
    reset: Integers
    threshold: Integers
    scale: Reals
    unknown: Mapping[str, Any] = {}

    @property
    def outputs(self) -> int:
        """Width of what the layer emits."""
        return self.neurons


class ReadoutHeader(_Layer):
    """Formats of the readout."""

    kind: Literal["readout"]
    classes: Annotated[int, Field(ge=2, le=1024)]
    leak_frac: Annotated[int, Field(ge=4, le=24)]
    score: Score
    score_bits: Annotated[int, Field(ge=1, le=64)]


class ReadoutLayer(ReadoutHeader):
    """Formats and integers of the readout, one leaky integrator for each of C classes.

    weight_u    input weights, one scale for all classes    [C, M]
    bias_u      added every step, on the state grid         [C]
    leak        decay per step, in units of 2^-leak_frac    [C]
    scale       real value of one LSB of the current        [1]
    unknown     metadata of other tools: kept, never read
    """

    weight_u: Integers
    bias_u: Integers | None = None
    leak: Integers
    scale: Reals
    unknown: Mapping[str, Any] = {}

    @property
    def outputs(self) -> int:
        """Width of what the layer emits."""
        return self.classes


Layer = SpikingLayer | ReadoutLayer


def header_type(layer: Layer) -> type[SpikingHeader] | type[ReadoutHeader]:
    """The part of a layer's type that holds formats only."""
    return SpikingHeader if isinstance(layer, SpikingLayer) else ReadoutHeader


def weights(layer: Layer) -> list[Integers]:
    """Input weights of each state that takes input: [N, M] each."""
    if isinstance(layer, SpikingLayer) and layer.weight_v is not None:
        return [layer.weight_u, layer.weight_v]
    return [layer.weight_u]


def shapes(header: SpikingHeader | ReadoutHeader) -> dict[str, tuple[int, ...]]:
    """Every tensor that a layer has, with its shape."""
    if isinstance(header, ReadoutHeader):
        n = header.classes
        found: dict[str, tuple[int, ...]] = {"weight_u": (n, header.inputs)}
        if header.bias_bits:
            found["bias_u"] = (n,)
        return found | {"leak": (n,), "scale": (1,)}
    n = header.neurons
    parts = ("u", "v") if header.complex_input else ("u",)
    found = {f"weight_{part}": (n, header.inputs) for part in parts}
    if header.bias_bits:
        found |= {f"bias_{part}": (n,) for part in parts}
    return found | {"transition": (n, 2, 2), "reset": (n, 2), "threshold": (n,), "scale": (n,)}


def legal_range(header: SpikingHeader | ReadoutHeader, name: str) -> tuple[int, int]:
    """Smallest and largest legal value of a tensor."""
    if name.startswith("weight"):
        return signed_range(header.weight_bits)
    if name.startswith("bias"):
        return signed_range(header.bias_bits)
    if isinstance(header, ReadoutHeader):
        return 0, (1 << header.leak_frac) - 1
    return signed_range(header.transition_bits if name == "transition" else header.state_bits)
