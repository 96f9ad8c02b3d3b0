"""Read and write the bytes of a network file; what is read may come from anybody.

What they mean is checked elsewhere (``rfssm.quant.validation``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from rfssm.errors import NetworkError, one_line, short_repr
from rfssm.files import write_atomically
from rfssm.quant.arithmetic import Tensor
from rfssm.strict import parse_json

NETWORK = "network.safetensors"
"""Name of the file in the folder of a run and in an hls4ml project."""
_LARGEST_HEADER = 100_000_000  # safetensors' own limit
_LARGEST_FILE = 1 << 32  # above the largest legal network


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Metadata and tensors of a ``network.safetensors``.

    Raises NetworkError for what is not one, OSError where there is nothing to read.
    """
    try:
        with path.open("rb") as file:
            data, header = _read(file)
        return _metadata_of(header), _tensors_of(data, header)
    except SafetensorError as error:
        raise NetworkError(f"not a complete safetensors file ({one_line(error)})") from None


def write(path: Path, metadata: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a ``network.safetensors``: complete or not at all."""
    data = save_tensors(dict(tensors), metadata={"rfssm": json.dumps(metadata)})
    write_atomically(path, data)


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
        raise SafetensorError(f"its header is cut off or no JSON: {one_line(error)}") from None
    if not isinstance(header, dict):
        raise SafetensorError("its header is not a JSON object")
    return data + _take(file, _end(header) + 1), header


def _take(file: BinaryIO, count: int) -> bytes:
    """Read at most this many bytes: memory for what the file has, not for what it claims."""
    pieces: list[bytes] = []
    while count > 0 and (piece := file.read(min(count, 1 << 20))):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _end(header: dict[str, Any]) -> int:
    """Return the bytes to read behind the header; safetensors refuses places that are not legal."""
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
            f"tensor {short_repr(name)}: dtype {dtype}, must be int32 (scale: float64)"
        ) from None
    except (TypeError, ValueError) as error:  # shapes that NumPy cannot hold
        raise NetworkError(f"its tensors cannot be read: {one_line(error)}") from None


def _metadata_of(header: dict[str, Any]) -> dict[str, Any]:
    """The ``rfssm`` object in a safetensors header."""
    strings = header.get("__metadata__")
    text = strings.get("rfssm") if isinstance(strings, dict) else None
    if text is None:
        raise NetworkError("metadata has no key 'rfssm': not an integer network")
    if not isinstance(text, str):
        raise NetworkError(
            f"metadata 'rfssm' = {short_repr(text)}: must be a string that holds JSON"
        )
    try:
        metadata = parse_json(text)
    except ValueError as error:
        raise NetworkError(f"metadata 'rfssm' is not valid JSON ({one_line(error)})") from None
    if not isinstance(metadata, dict):
        raise NetworkError(f"metadata 'rfssm' = {one_line(text)}: must be a JSON object")
    return metadata
