"""Read untrusted arrays from ``.npz`` and ``.npy`` files and check them as samples."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from rfssm.errors import RfssmError, first_few, one_line, printable, short_repr

Arrays = dict[str, NDArray[Any]]

_SUFFIX = ".npy"
_CHUNK = 1 << 18
_MAX_EMPTY_LENGTH = 1 << 20  # arrays made to match one without elements cost memory, too


def read_npz(
    path: Path,
    needed: Sequence[str],
    wanted: Callable[[str], bool],
    refuse: type[RfssmError],
) -> Arrays:
    """Read arrays of an ``.npz``, each as long as the file says, none of them pickled.

    needed    names that the file must have
    wanted    whether an array of this name is read; other arrays of the file are ignored
    refuse    the class of the error that is raised, naming the file
    """
    try:
        with path.open("rb") as stream:
            if stream.read(4) != b"PK\x03\x04":
                raise refuse(f"{path}: not an .npz file")
            with ZipFile(stream) as archive:
                names = [name.removesuffix(_SUFFIX) for name in archive.namelist()]
                (name, count), *_ = Counter(names).most_common(1)
                if count > 1:
                    raise refuse(f"{path}: array {short_repr(name)} twice")
                absent = [name for name in needed if name not in names]
                if absent:
                    found = first_few([printable(name[:60], keep="") for name in names])
                    raise refuse(f"{path}: has no array {absent[0]!r} (found: {found})")
                return {
                    name: _member(archive, place)
                    for name, place in zip(names, archive.namelist(), strict=True)
                    if wanted(name)
                }
    except FileNotFoundError:
        raise refuse(f"{path}: no such file") from None
    except (refuse, MemoryError):
        raise
    except OSError as error:
        raise refuse(f"{path}: cannot be read ({error.strerror or one_line(error)})") from None
    except Exception as error:  # damage makes zipfile, zlib and NumPy raise almost anything
        raise refuse(f"{path}: not a complete .npz file ({one_line(error)})") from None


def read_npy(path: Path, refuse: type[RfssmError]) -> NDArray[Any]:
    """Read the array of an ``.npy``.  Raises ``refuse``, naming the file."""
    try:
        with path.open("rb") as stream:
            return _array(stream, path.stat().st_size)
    except MemoryError:
        raise
    except OSError as error:
        raise refuse(f"{path}: cannot be read ({error.strerror or one_line(error)})") from None
    except Exception as error:  # damage makes NumPy raise almost anything
        raise refuse(f"{path}: not a complete .npy file ({one_line(error)})") from None


def integers(
    name: str,
    array: Any,
    dimensions: int,
    refuse: type[RfssmError],
    *,
    bits: bool = False,
) -> NDArray[np.integer[Any]]:
    """Return integers in the machine's byte order; raise ``refuse`` for other values.

    name    the name of the array in the message
    bits    whether True and False are read as 1 and 0, as in inputs but not in counts
    """
    array = one_array(name, array, refuse)
    if array.dtype.kind not in ("iub" if bits else "iu"):
        raise refuse(f"{name}: dtype {array.dtype}, must be integers{_an_example(name, array)}")
    if array.ndim != dimensions:
        raise refuse(f"{name}: {array.ndim} dimensions, must be {dimensions}")
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise refuse(f"{name}: holds {array.max()}, beyond 64-bit signed integers")
    kind = np.uint8 if array.dtype.kind == "b" else array.dtype.newbyteorder("=")
    whole: NDArray[np.integer[Any]] = array.astype(kind, copy=False)
    return whole


def class_numbers(
    labels: Any, refuse: type[RfssmError], dimensions: int | None = None
) -> NDArray[np.int64]:
    """Return labels as integers, of any dimensions if None; raise ``refuse`` for other labels."""
    array = one_array("labels", labels, refuse)
    if array.dtype.kind == "b":  # True and False are hardly meant as class numbers
        raise refuse("labels: dtype bool, must be integers, the numbers of classes from 0")
    whole = integers("labels", array, array.ndim if dimensions is None else dimensions, refuse)
    return whole.astype(np.int64, copy=False)


def check_samples(
    x: NDArray[Any], steps: NDArray[Any], labels: NDArray[Any] | None, refuse: type[RfssmError]
) -> None:
    """Raise ``refuse`` if the three do not belong together, naming the first that does not match.

    x         (B, T, C)
    steps     from 1 to T                         (B,)
    labels    of samples, or of their steps       (B,) or (B, T)
    """
    batch, longest, _ = x.shape
    if steps.shape != (batch,):
        raise refuse(f"steps: {len(steps)} entries, must be {batch}, one per sample")
    check_range("steps", steps, 1, longest, refuse, f", x has {longest} steps")
    if labels is not None and labels.shape not in ((batch,), (batch, longest)):
        raise refuse(
            f"labels: shape {list(labels.shape)}, must be [{batch}] or [{batch}, {longest}]"
        )


def check_classes(
    labels: NDArray[Any], steps: NDArray[Any], classes: int, refuse: type[RfssmError]
) -> None:
    """Raise ``refuse`` for the first label within its sample's steps that is not a class."""
    if labels.ndim == 2:
        labels = np.where(np.arange(labels.shape[1]) < steps[:, None], labels, 0)
    note = f": {classes} classes, counted from 0"
    check_range("labels", labels, 0, classes - 1, refuse, note)


def check_range(
    name: str, array: NDArray[Any], low: int, high: int, refuse: type[RfssmError], note: str = ""
) -> None:
    """Raise ``refuse`` for the first value below ``low`` or above ``high``."""
    if array.size == 0 or (array.min() >= low and array.max() <= high):
        return
    at = tuple(int(k) for k in np.argwhere((array < low) | (array > high))[0])
    raise refuse(
        f"{name}{list(at) if at else ''} = {array[at]}: must be between {low} and {high}{note}"
    )


def one_array(name: str, values: Any, refuse: type[RfssmError]) -> NDArray[Any]:
    """Return values as an array; raise ``refuse`` if they are not an array or are masked."""
    if isinstance(values, np.ma.MaskedArray):
        raise refuse(f"{name}: a masked array, must be a plain one: choose values with filled()")
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged rows; tensors of torch's own
        raise refuse(f"{name}: must be an array ({one_line(error)})") from None


def _an_example(name: str, array: NDArray[Any]) -> str:
    """Return a note that shows the first value of a real array that is not an integer."""
    if array.dtype.kind != "f":
        return ""
    fraction = np.argwhere(~(np.isfinite(array) & (array == np.floor(array))))
    if not len(fraction):
        return " (each of its values is one: use astype)"
    at = tuple(int(k) for k in fraction[0])
    return f" ({name}{list(at) if at else ''} = {array[at]:g})"


def _member(archive: ZipFile, place: str) -> NDArray[Any]:
    try:
        with archive.open(place) as stream:
            return _array(stream, archive.getinfo(place).file_size)
    except ValueError as error:
        raise ValueError(f"{short_repr(place.removesuffix(_SUFFIX))}: {error}") from None


def _array(stream: IO[bytes], size: int) -> NDArray[Any]:
    """Read an array that fills its stream to the byte, and check every claim of its header."""
    version = npy.read_magic(stream)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in read_header:
        raise ValueError(f"format {version[0]}.{version[1]}, must be 1.0 or 2.0")
    shape, fortran, dtype = read_header[version](stream)
    if dtype.hasobject:
        raise ValueError(f"dtype {dtype}: objects are not read")
    count = math.prod(shape)
    if dtype.itemsize == 0 or (count == 0 and max(shape) > _MAX_EMPTY_LENGTH):
        raise ValueError(f"shape {short_repr(shape)} of {dtype} holds nothing")
    if min(shape, default=1) < 0 or stream.tell() + count * dtype.itemsize != size:
        raise ValueError(f"shape {short_repr(shape)} of {dtype} does not fill its {size:,} bytes")
    data = bytearray(count * dtype.itemsize)
    done = 0
    while done < len(data):
        chunk = stream.read(min(_CHUNK, len(data) - done))
        if not chunk:
            raise ValueError(f"cut off after {done:,} of {len(data):,} bytes")
        data[done : done + len(chunk)] = chunk
        done += len(chunk)
    stream.read(1)  # reach the end, where the archive compares its checksum
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
