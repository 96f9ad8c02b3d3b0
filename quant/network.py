"""The integer network: the one immutable description between training and hardware.

``IntegerNetwork.build`` is the only validator.  Files, trained networks and tests all pass through
it, so whatever holds an ``IntegerNetwork`` holds a network that every engine can run.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from rfssm.model.errors import NetworkError, brief, check_kind, said
from rfssm.model.files import write_atomically
from rfssm.model.strict import parse_json, printable_text
from rfssm.quant.qformat import Overflow, Rounding, signed_bits, signed_range

FORMAT = "rfssm-network"
VERSION = 1

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Tensor = NDArray[Any]
Score = Literal["sum", "last", "max", "each"]

_PROOFS: dict[str, tuple[bool, ...]] = {}
"""``IntegerNetwork.saturates`` by digest."""

Width = Annotated[int, Field(ge=1, le=4096)]
Text = Annotated[str, Field(max_length=256), AfterValidator(printable_text)]

_LARGEST_HEADER = 100_000_000  # safetensors' own limit
_LARGEST_FILE = 1 << 32  # above the largest legal network


class _Header(BaseModel):
    """Strict, frozen, and keeping what it does not know."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="allow", arbitrary_types_allowed=True, allow_inf_nan=False
    )


class InputSpec(_Header):
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


class _Layer(_Header):
    """What spiking layers and the readout have in common."""

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
_LAYER_HEADER: TypeAdapter[SpikingHeader | ReadoutHeader] = TypeAdapter(
    Annotated[SpikingHeader | ReadoutHeader, Field(discriminator="kind")]
)


def check_network(network: object) -> None:
    """Raise NetworkError for what is no IntegerNetwork, with the way to one."""
    way = "IntegerNetwork.load reads one, rfssm.quant.freeze.freeze makes one of a QATNetwork"
    check_kind("network", network, IntegerNetwork, way, NetworkError)


class _NetworkHeader(_Header):
    format: Literal["rfssm-network"]
    version: Literal[1]
    name: Text = ""
    input: InputSpec
    layers: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=16)]
    labels: list[Text] = []
    provenance: dict[str, Any] = {}


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
        header = _parse(_NetworkHeader.model_validate, dict(metadata), "")
        headers = [
            _parse(_LAYER_HEADER.validate_python, raw, f"layers[{i}].")
            for i, raw in enumerate(header.layers)
        ]
        _check_chain(header.input, headers)
        remaining = dict(tensors)
        layers = [_with_tensors(i, h, remaining) for i, h in enumerate(headers)]
        if remaining:
            name = brief(sorted(remaining)[0]).strip("'")
            raise NetworkError(f"tensor {name}: unexpected, no layer of this network has it")
        *spiking, readout = layers
        network = cls(
            name=header.name,
            input=header.input,
            layers=tuple(layer for layer in spiking if isinstance(layer, SpikingLayer)),
            readout=_as_readout(readout),
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
            with path.open("rb") as file:
                data, header = _read(file)
            return cls.build(_metadata_of(header), _tensors_of(data, header))
        except FileNotFoundError:
            raise NetworkError(f"{path}: no such file") from None
        except OSError as error:
            raise NetworkError(f"{path}: cannot be read ({error.strerror})") from None
        except SafetensorError as error:
            raise NetworkError(f"{path}: not a complete safetensors file ({said(error)})") from None
        except NetworkError as error:
            raise NetworkError(f"{path}: {error}") from None

    def save(self, path: Path | str) -> None:
        """Write a ``network.safetensors``: complete or not at all."""
        path = Path(path)
        data = save_tensors(self.tensors(), metadata={"rfssm": json.dumps(self.metadata())})
        write_atomically(path, data)

    def model_copy(
        self, *, update: Mapping[str, Any] | None = None, deep: bool = False
    ) -> IntegerNetwork:
        """A network with these fields changed, checked as ``build`` does.  ``deep`` makes no odds.

        Raises NetworkError, naming field, value and what is allowed.
        """
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        for name in update or {}:
            if name not in fields:
                raise NetworkError(f"{brief(name)}: not a field, must be one of {list(fields)}")
        draft: IntegerNetwork = _parse(type(self).model_validate, {**fields, **(update or {})}, "")
        tensors = {
            f"layers.{i}.{name}": tensor
            for i, layer in enumerate(draft.all_layers)
            for name, tensor in layer
            if isinstance(tensor, np.ndarray)
        }
        return self.build(draft.metadata(), {k: _as_in_file(k, t) for k, t in tensors.items()})

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
        """Unpickled as a file is read: checked, and no integer can be set afterwards."""
        return type(self).build, (self.metadata(), self.tensors())

    # -- looking at one ----------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IntegerNetwork):
            return NotImplemented
        return self.metadata() == other.metadata() and self.all_layers == other.all_layers

    def __hash__(self) -> int:
        return hash(self.digest())

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
            for name in _shapes(layer)
            if (tensor := getattr(layer, name)) is not None
        }

    def digest(self) -> str:
        """Hash of everything that an engine reads.

        Names, labels and what integers are worth (scales, the input's ``frac``) leave it unchanged.
        """
        spec = self.input.model_dump(include=set(InputSpec.model_fields))
        told = {"input": spec | {"frac": 0}}  # kept, so that digests of integer inputs stay
        for i, layer in enumerate(self.all_layers):
            fields = set(_header_type(layer).model_fields) - {"model"}
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
        """Of each layer: whether a state may leave its word, however long a stream runs.

        False is proved; hardware needs no saturation there.  A proof can take seconds, so that
        it is kept, under the digest of what it was made of.
        """
        from rfssm.quant import bounds  # bounds reads networks; this is the way back

        digest = self.digest()
        if digest not in _PROOFS:
            proof = tuple(bounds.saturates(self, i) for i in range(len(self.all_layers)))
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
        for weight in _weights(layer):
            positive = np.maximum(weight, 0).sum(axis=1)
            negative = np.minimum(weight, 0).sum(axis=1)
            most = max(most, int((positive * max(high, 0) + negative * min(low, 0)).max()))
            least = min(least, int((positive * min(low, 0) + negative * max(high, 0)).min()))
        return max(2, signed_bits(least, most))


# -- reading the header ----------------------------------------------------------------------------


def _read(file: BinaryIO) -> tuple[bytes, dict[str, Any]]:
    """A safetensors file and its JSON header: each tensor's dtype, shape and place, metadata.

    No more is read than the header speaks of, and one byte: what is longer is refused.
    """
    data = file.read(8)
    size = int.from_bytes(data, "little")
    if size > _LARGEST_HEADER:
        raise SafetensorError(f"its header cannot be {size:,} bytes long")
    data += _take(file, size)
    try:
        header = parse_json(data[8:].decode())
    except ValueError as error:
        raise SafetensorError(f"its header is cut off or no JSON: {said(error)}") from None
    if not isinstance(header, dict):
        raise SafetensorError("its header is no JSON object")
    return data + _take(file, _end(header) + 1), header


def _take(file: BinaryIO, count: int) -> bytes:
    """So many bytes, or all there are: memory for what is there, not for what is claimed."""
    pieces: list[bytes] = []
    while count > 0 and (piece := file.read(min(count, 1 << 20))):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _end(header: dict[str, Any]) -> int:
    """Bytes behind the header, as far as it is legal; safetensors refuses what is not."""
    places = (entry.get("data_offsets") for entry in header.values() if isinstance(entry, dict))
    ends = (n for place in places if isinstance(place, list) for n in place if isinstance(n, int))
    return min(max(0, 0, *ends), _LARGEST_FILE)


def _tensors_of(data: bytes, header: dict[str, Any]) -> dict[str, Tensor]:
    try:
        return load_tensors(data)
    except KeyError:  # safetensors knows dtypes that NumPy does not
        name, dtype = next(
            (name, entry["dtype"])
            for name, entry in header.items()
            if name != "__metadata__" and entry["dtype"] not in ("I32", "F64")
        )
        raise NetworkError(
            f"tensor {brief(name)}: dtype {dtype}, must be int32 (scale: float64)"
        ) from None
    except (TypeError, ValueError) as error:  # shapes that NumPy cannot hold
        raise NetworkError(f"its tensors cannot be read: {said(error)}") from None


def _metadata_of(header: dict[str, Any]) -> dict[str, Any]:
    """The ``rfssm`` object in a safetensors header."""
    strings = header.get("__metadata__")
    text = strings.get("rfssm") if isinstance(strings, dict) else None
    if text is None:
        raise NetworkError("metadata has no key 'rfssm': not an integer network")
    if not isinstance(text, str):
        raise NetworkError(f"metadata 'rfssm' = {brief(text)}: must be a string that holds JSON")
    try:
        metadata = parse_json(text)
    except ValueError as error:
        raise NetworkError(f"metadata 'rfssm' is no JSON ({said(error)})") from None
    if not isinstance(metadata, dict):
        raise NetworkError(f"metadata 'rfssm' = {said(text)}: must be a JSON object")
    return metadata


def _parse(validate: Any, raw: Any, prefix: str) -> Any:
    """Run a pydantic validator; its complaints become one NetworkError."""
    try:
        return validate(raw)
    except ValidationError as error:
        complaints = _complaints(error, prefix)
        more = f"; and {len(complaints) - 8} more" if len(complaints) > 8 else ""
        raise NetworkError("; ".join(complaints[:8]) + more) from None


def _complaints(error: ValidationError, prefix: str) -> list[str]:
    found = []
    for problem in error.errors(include_url=False, include_context=False):
        # behind a union pydantic names the branch, which is no field
        place = [p for p in problem["loc"] if p not in ("spiking", "readout")] or problem["loc"]
        field = prefix + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).lstrip(
            "."
        )
        message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        if problem["type"] == "missing":
            found.append(f"{field}: missing")
        elif problem["type"] == "value_error" and not isinstance(problem["input"], str):
            found.append(f"{prefix}{message}")
        elif problem["type"].startswith("union_tag"):
            kind = problem["input"].get("kind") if isinstance(problem["input"], dict) else None
            found.append(f"{prefix}kind = {brief(kind)}: must be 'spiking' or 'readout'")
        elif problem["type"] in ("too_long", "too_short"):
            found.append(f"{field}: {len(problem['input'])} entries, {message}")
        else:
            found.append(f"{field} = {brief(problem['input'])}: {message}")
    return found


def _check_chain(spec: InputSpec, headers: list[SpikingHeader | ReadoutHeader]) -> None:
    width = spec.channels
    for i, header in enumerate(headers):
        if header.inputs != width:
            source = f"layers[{i - 1}].neurons" if i else "input.channels"
            raise NetworkError(f"layers[{i}].inputs = {header.inputs}: must be {source} = {width}")
        if isinstance(header, ReadoutHeader) != (i == len(headers) - 1):
            raise NetworkError(
                f"layers[{i}].kind = {header.kind!r}: the last layer, and only it, is the readout"
            )
        if isinstance(header, SpikingHeader):
            width = header.neurons
            continue
        needed = header.state_bits
        if header.score == "sum":
            needed += (spec.steps_max - 1).bit_length()
        if header.score_bits < needed:
            raise NetworkError(
                f"layers[{i}].score_bits = {header.score_bits}: must be at least {needed} (score = "
                f"{header.score!r}, state_bits = {header.state_bits}, steps_max = {spec.steps_max})"
            )


def _check_wrap(network: IntegerNetwork) -> None:
    from rfssm.quant.bounds import reachable_range  # bounds reads networks; this is the way back

    for i, layer in enumerate(network.all_layers):
        if layer.overflow == "WRAP":
            reach = reachable_range(network, i)
            if reach.bits > layer.state_bits:
                raise NetworkError(
                    f"layers[{i}].overflow = 'WRAP': state_bits = {layer.state_bits}, but "
                    f"states from {reach.low} to {reach.high} are reachable ({reach.bits} bits); "
                    f"use SAT"
                )


# -- tensors ---------------------------------------------------------------------------------------


def _header_type(layer: Layer) -> type[SpikingHeader] | type[ReadoutHeader]:
    return SpikingHeader if isinstance(layer, SpikingLayer) else ReadoutHeader


def _header_dict(layer: Layer) -> dict[str, Any]:
    known = layer.model_dump(include=set(_header_type(layer).model_fields))
    return {**known, **layer.unknown}


def _as_readout(layer: Layer) -> ReadoutLayer:
    assert isinstance(layer, ReadoutLayer)  # _check_chain saw to it
    return layer


def _as_in_file(name: str, tensor: Tensor) -> Tensor:
    """Integers as int32; ``build`` refuses what is neither that nor float64."""
    if tensor.dtype.kind not in "iu":
        return tensor
    narrow = tensor.astype(np.int32)
    if not np.array_equal(narrow, tensor):
        beyond = tensor[narrow != tensor][0]
        raise NetworkError(f"tensor {name}: holds {beyond}, which no 32-bit integer is")
    return narrow


def _weights(layer: Layer) -> list[Integers]:
    if isinstance(layer, SpikingLayer) and layer.weight_v is not None:
        return [layer.weight_u, layer.weight_v]
    return [layer.weight_u]


def _shapes(header: SpikingHeader | ReadoutHeader) -> dict[str, tuple[int, ...]]:
    """Every tensor that a layer has, with its shape."""
    if isinstance(header, ReadoutHeader):
        n = header.classes
        shapes: dict[str, tuple[int, ...]] = {"weight_u": (n, header.inputs)}
        if header.bias_bits:
            shapes["bias_u"] = (n,)
        return shapes | {"leak": (n,), "scale": (1,)}
    n = header.neurons
    parts = ("u", "v") if header.complex_input else ("u",)
    shapes = {f"weight_{part}": (n, header.inputs) for part in parts}
    if header.bias_bits:
        shapes |= {f"bias_{part}": (n,) for part in parts}
    return shapes | {"transition": (n, 2, 2), "reset": (n, 2), "threshold": (n,), "scale": (n,)}


def _range(header: SpikingHeader | ReadoutHeader, name: str) -> tuple[int, int]:
    """Smallest and largest legal value of a tensor."""
    if name.startswith("weight"):
        return signed_range(header.weight_bits)
    if name.startswith("bias"):
        return signed_range(header.bias_bits)
    if isinstance(header, ReadoutHeader):
        return 0, (1 << header.leak_frac) - 1
    return signed_range(header.transition_bits if name == "transition" else header.state_bits)


def _with_tensors(
    i: int, header: SpikingHeader | ReadoutHeader, remaining: dict[str, Tensor]
) -> Layer:
    """Take layer i's tensors out of ``remaining``, check them, and make the layer."""
    found: dict[str, Tensor] = {}
    for name, shape in _shapes(header).items():
        full = f"layers.{i}.{name}"
        if full not in remaining:
            raise NetworkError(f"tensor {full}: missing")
        found[name] = _checked(full, remaining.pop(full), shape, header, name)
    kind = SpikingLayer if isinstance(header, SpikingHeader) else ReadoutLayer
    fields: dict[str, Any] = header.model_dump(include=set(type(header).model_fields))
    layer: Layer = kind.model_construct(**fields | found, unknown=header.model_extra or {})
    return layer


def _checked(
    full: str,
    tensor: Tensor,
    shape: tuple[int, ...],
    header: SpikingHeader | ReadoutHeader,
    name: str,
) -> Tensor:
    dtype = np.dtype(np.float64 if name == "scale" else np.int32)
    if tensor.dtype != dtype:
        raise NetworkError(f"tensor {full}: dtype {tensor.dtype}, must be {dtype}")
    if tensor.shape != shape:
        raise NetworkError(
            f"tensor {full}: shape {brief(list(tensor.shape))}, must be {list(shape)}"
        )
    if name == "scale":
        bad = ~np.isfinite(tensor)
        allowed = "finite"
    else:
        low, high = _range(header, name)
        bad = (tensor < low) | (tensor > high)
        allowed = f"between {low} and {high}"
    if bad.any():
        at = tuple(int(k) for k in np.argwhere(bad)[0])
        raise NetworkError(f"tensor {full}{list(at)} = {tensor[at]}: must be {allowed}")
    copy = tensor.astype(np.float64 if name == "scale" else np.int64)
    copy.setflags(write=False)
    return copy
