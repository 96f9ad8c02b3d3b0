"""Check that a description and its tensors are a network; errors are plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from rfssm.errors import NetworkError, short_repr
from rfssm.quant.arithmetic import Tensor, sum_growth
from rfssm.quant.layers import (
    Header,
    InputSpec,
    Layer,
    ReadoutHeader,
    ReadoutLayer,
    SpikingHeader,
    SpikingLayer,
    Text,
    legal_range,
    shapes,
)

_LAYER_HEADER: TypeAdapter[SpikingHeader | ReadoutHeader] = TypeAdapter(
    Annotated[SpikingHeader | ReadoutHeader, Field(discriminator="kind")]
)


class NetworkHeader(Header):
    """The fields of a network file beside its layers, and the layers as they were written."""

    format: Literal["rfssm-network"]
    version: Literal[1]
    name: Text = ""
    input: InputSpec
    layers: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=16)]
    labels: list[Text] = Field(default_factory=list)
    provenance: dict[str, Any] = Field(default_factory=dict)


def checked(
    metadata: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> tuple[NetworkHeader, list[Layer]]:
    """Return the checked header and layers of a description, the readout last.

    metadata    the JSON object of the network file
    tensors     ``layers.i.name`` -> int32 array (``scale``: float64)

    Raises NetworkError, naming field, value and what is allowed.
    """
    header = parse(NetworkHeader.model_validate, dict(metadata), "")
    headers = [
        parse(_LAYER_HEADER.validate_python, raw, f"layers[{i}].")
        for i, raw in enumerate(header.layers)
    ]
    _check_chain(header.input, headers)
    remaining = dict(tensors)
    layers = [_with_tensors(i, h, remaining) for i, h in enumerate(headers)]
    if remaining:
        name = short_repr(sorted(remaining)[0]).strip("'")
        raise NetworkError(f"tensor {name}: unexpected, no layer of this network has it")
    return header, layers


def parse(validate: Any, raw: Any, prefix: str) -> Any:
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
        # behind a union pydantic names the branch, which is not a field
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
            found.append(f"{prefix}kind = {short_repr(kind)}: must be 'spiking' or 'readout'")
        elif problem["type"] in ("too_long", "too_short"):
            found.append(f"{field}: {len(problem['input'])} entries, {message}")
        else:
            found.append(f"{field} = {short_repr(problem['input'])}: {message}")
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
            needed += sum_growth(spec.steps_max)
        if header.score_bits < needed:
            raise NetworkError(
                f"layers[{i}].score_bits = {header.score_bits}: must be at least {needed} (score = "
                f"{header.score!r}, state_bits = {header.state_bits}, steps_max = {spec.steps_max})"
            )


def as_in_file(name: str, tensor: Tensor) -> Tensor:
    """Return integers as int32; ``build`` refuses other types than that and float64."""
    if tensor.dtype.kind not in "iu":
        return tensor
    narrow = tensor.astype(np.int32)
    if not np.array_equal(narrow, tensor):
        beyond = tensor[narrow != tensor][0]
        raise NetworkError(f"tensor {name}: holds {beyond}, which no 32-bit integer is")
    return narrow


def _with_tensors(
    i: int, header: SpikingHeader | ReadoutHeader, remaining: dict[str, Tensor]
) -> Layer:
    """Take layer i's tensors out of ``remaining``, check them, and make the layer."""
    found: dict[str, Tensor] = {}
    for name, shape in shapes(header).items():
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
            f"tensor {full}: shape {short_repr(list(tensor.shape))}, must be {list(shape)}"
        )
    if name == "scale":
        bad = ~np.isfinite(tensor)
        allowed = "finite"
    else:
        low, high = legal_range(header, name)
        bad = (tensor < low) | (tensor > high)
        allowed = f"between {low} and {high}"
    if bad.any():
        at = tuple(int(k) for k in np.argwhere(bad)[0])
        raise NetworkError(f"tensor {full}{list(at)} = {tensor[at]}: must be {allowed}")
    copy = tensor.astype(np.float64 if name == "scale" else np.int64)
    copy.setflags(write=False)
    return copy
