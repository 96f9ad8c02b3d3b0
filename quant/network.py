"""The integer network: the one immutable description between training and hardware.

Every network passes through ``IntegerNetwork.build``, which checks it: those of files, of training
and of tests.  So every ``IntegerNetwork`` is a network that every engine can run.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from rfssm.errors import NetworkError, short_repr
from rfssm.quant import network_file, validation
from rfssm.quant.arithmetic import Tensor, signed_bits
from rfssm.quant.layers import (
    A_NETWORK,
    InputSpec,
    Layer,
    ReadoutLayer,
    SpikingLayer,
    header_type,
    shapes,
    weights,
)
from rfssm.quant.ranges import reach

FORMAT = "rfssm-network"
VERSION = 1

_PROOFS: dict[str, tuple[bool, ...]] = {}
"""Results of ``IntegerNetwork.saturates``, by digest."""


class IntegerNetwork(BaseModel):
    """A quantised network: input format, spiking layers, readout.

    Build one with ``build``, ``load`` or ``rfssm.quant.freeze``; no field and no integer can be set
    afterwards, and a copy with other fields (``model_copy``) is checked as a new one is.  Networks
    are equal if all that their files would hold is.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    name: str
    input: InputSpec
    layers: tuple[SpikingLayer, ...]
    readout: ReadoutLayer
    labels: tuple[str, ...]
    provenance: Mapping[str, Any]
    unknown: Mapping[str, Any]
    """Metadata of other tools: kept, never read, like ``provenance``."""

    # -- making one --------------------------------------------------------------------------------

    @classmethod
    def build(cls, metadata: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> IntegerNetwork:
        """Validate a description and its tensors.

        metadata    the JSON object of the network file
        tensors     ``layers.i.name`` -> int32 array (``scale``: float64)

        Raises NetworkError, naming field, value and what is allowed.
        """
        header, (*spiking, readout) = validation.checked(metadata, tensors)
        network = cls(
            name=header.name,
            input=header.input,
            layers=tuple(layer for layer in spiking if isinstance(layer, SpikingLayer)),
            readout=readout,
            labels=tuple(header.labels),
            provenance=copy.deepcopy(header.provenance),
            unknown=copy.deepcopy(header.model_extra or {}),
        )
        _check_wrap(network)
        return network

    @classmethod
    def load(cls, path: Path | str) -> IntegerNetwork:
        """Read a ``network.safetensors``.  Raises NetworkError, naming the file."""
        path = Path(path)
        try:
            return cls.build(*network_file.read(path))
        except FileNotFoundError:
            raise NetworkError(f"{path}: no such file") from None
        except OSError as error:
            raise NetworkError(f"{path}: cannot be read ({error.strerror})") from None
        except NetworkError as error:
            raise NetworkError(f"{path}: {error}") from None

    def save(self, path: Path | str) -> None:
        """Write a ``network.safetensors``: complete or not at all."""
        network_file.write(Path(path), self.metadata(), self.tensors())

    def model_copy(
        self, *, update: Mapping[str, Any] | None = None, deep: bool = False
    ) -> IntegerNetwork:
        """A network with these fields changed, checked as ``build`` does.  ``deep`` has no effect.

        Raises NetworkError, naming field, value and what is allowed.
        """
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        for name in update or {}:
            if name not in fields:
                raise NetworkError(
                    f"{short_repr(name)}: not a field, must be one of {list(fields)}"
                )
        draft: IntegerNetwork = validation.parse(
            type(self).model_validate, {**fields, **(update or {})}, ""
        )
        tensors = {
            f"layers.{i}.{name}": tensor
            for i, layer in enumerate(draft.all_layers)
            for name, tensor in layer
            if isinstance(tensor, np.ndarray)
        }
        return self.build(
            draft.metadata(), {k: validation.as_in_file(k, t) for k, t in tensors.items()}
        )

    def copy(  # type: ignore[override]  # pydantic's old name, which would check nothing
        self, *, update: Mapping[str, Any] | None = None, deep: bool = False
    ) -> IntegerNetwork:
        """The same as ``model_copy``."""
        return self.model_copy(update=update, deep=deep)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Unpickle as a file is read: checked, and no integer can be set afterwards."""
        return type(self).build, (self.metadata(), self.tensors())

    # -- looking at one ----------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IntegerNetwork):
            return NotImplemented
        return self.metadata() == other.metadata() and self.all_layers == other.all_layers

    def __hash__(self) -> int:
        return hash(self.digest())

    def __repr__(self) -> str:
        spec = self.input
        kind = "signed" if spec.signed else "unsigned"
        lines = [
            f"IntegerNetwork {self.name!r}: {spec.channels} channels of {spec.bits} {kind} bits, "
            f"at most {spec.steps_max} steps"
        ]
        for i, layer in enumerate(self.all_layers):
            what = layer.model or layer.kind if isinstance(layer, SpikingLayer) else layer.kind
            lines.append(
                f"  {i:2}  {what:8} {layer.inputs:4} -> {layer.outputs:4}   weights of "
                f"{layer.weight_bits:2} bits, states of {layer.state_bits:2}, {layer.rounding}"
            )
        return "\n".join(lines)

    __str__ = __repr__

    def metadata(self) -> dict[str, Any]:
        """The JSON object of the network file."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "input": self.input.model_dump(),
            "layers": [_header_dict(layer) for layer in self.all_layers],
            "labels": list(self.labels),
            "provenance": copy.deepcopy(dict(self.provenance)),
            **copy.deepcopy(dict(self.unknown)),
        }

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of the network file, int32 (``scale``: float64)."""
        return {
            f"layers.{i}.{name}": np.ascontiguousarray(
                tensor, dtype=np.float64 if name == "scale" else np.int32
            )
            for i, layer in enumerate(self.all_layers)
            for name in shapes(layer)
            if (tensor := getattr(layer, name)) is not None
        }

    def digest(self) -> str:
        """Return a hash of everything that an engine reads.

        Names, labels and what integers are worth (scales, the input's ``frac``) leave it unchanged.
        """
        spec = self.input.model_dump(include=set(InputSpec.model_fields))
        told = {"input": spec | {"frac": 0}}  # kept, so that digests of integer inputs stay
        for i, layer in enumerate(self.all_layers):
            fields = set(header_type(layer).model_fields) - {"model"}
            told[f"layers.{i}"] = layer.model_dump(include=fields)
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
        for name, tensor in sorted(self.tensors().items()):
            if not name.endswith(".scale"):
                digest.update(name.encode() + tensor.tobytes())
        return digest.hexdigest()

    @property
    def all_layers(self) -> tuple[Layer, ...]:
        """The spiking layers and the readout."""
        return (*self.layers, self.readout)

    @property
    def saturates(self) -> tuple[bool, ...]:
        """Whether a state of each layer may leave its word in a stream of any length.

        False is proved; hardware needs no saturation there.  A proof can take seconds, so that
        it is kept, under the digest of what it was made of.
        """
        digest = self.digest()
        if digest not in _PROOFS:
            proof = tuple(reach.saturates(self, i) for i in range(len(self.all_layers)))
            _PROOFS[digest] = proof
        return _PROOFS[digest]

    def value_range(self, i: int) -> tuple[int, int]:
        """Smallest and largest integer that enters layer i (the readout: ``len(layers)``)."""
        low, high = self.input.low, self.input.high
        for layer in self.layers[:i]:
            low, high = (low, high + 1) if layer.skip else (0, 1)
        return low, high

    def current_bits(self, i: int) -> int:
        """Bits of the signed word that holds each partial sum of layer i's currents (2 or more)."""
        layer = self.all_layers[i]
        low, high = self.value_range(i)
        least = most = 0
        for weight in weights(layer):
            positive = np.maximum(weight, 0).sum(axis=1)
            negative = np.minimum(weight, 0).sum(axis=1)
            most = max(most, int((positive * max(high, 0) + negative * min(low, 0)).max()))
            least = min(least, int((positive * min(low, 0) + negative * max(high, 0)).min()))
        return max(2, signed_bits(least, most))


def check_network(network: object) -> None:
    """Raise NetworkError if a value is not an IntegerNetwork, and say how to get one."""
    if not isinstance(network, IntegerNetwork):
        raise NetworkError(f"network is a {type(network).__name__}: {A_NETWORK}")


def _check_wrap(network: IntegerNetwork) -> None:
    for i, layer in enumerate(network.all_layers):
        if layer.overflow == "WRAP":
            found = reach.reachable_range(network, i)
            if found.bits > layer.state_bits:
                raise NetworkError(
                    f"layers[{i}].overflow = 'WRAP': state_bits = {layer.state_bits}, but "
                    f"states from {found.low} to {found.high} are reachable ({found.bits} bits); "
                    f"use SAT"
                )


def _header_dict(layer: Layer) -> dict[str, Any]:
    known = layer.model_dump(include=set(header_type(layer).model_fields))
    return {**known, **layer.unknown}
