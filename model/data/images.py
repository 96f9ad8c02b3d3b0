"""Handwritten digits as 784 steps of one pixel: sequential MNIST, in order or permuted."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rfssm.arrays import check_classes, read_npy
from rfssm.errors import DataError, one_line
from rfssm.model.data import files
from rfssm.model.data.split import Data, Split, full_length
from rfssm.model.recipe import MnistConfig, PsmnistConfig

PIXELS = 28 * 28
_LARGEST = 1 << 28  # bytes of an unpacked file: more than five times MNIST
ORIGIN = "ossci-datasets.s3.amazonaws.com/mnist, torchvision's mirror"


def load(config: MnistConfig) -> Data:
    """The leading ``bits`` of every pixel as a fraction: words worth 0 to below 1."""
    order = _order(config) if isinstance(config, PsmnistConfig) else slice(None)
    splits = []
    for part in ("train", "t10k"):
        images = files.find(config, f"mnist/{part}-images-idx3-ubyte.gz", ORIGIN)
        labels = files.find(config, f"mnist/{part}-labels-idx1-ubyte.gz", ORIGIN)
        pixels, classes = _read_idx(images, (28, 28)), _read_idx(labels, ())
        if len(pixels) != len(classes) or not len(pixels):
            raise DataError(f"{labels}: {len(classes)} labels for {len(pixels)} images")
        x = (pixels.reshape(-1, PIXELS)[:, order] >> (8 - config.bits))[..., None]
        with files.naming(labels):
            check_classes(classes, full_length(x), 10, DataError)
        splits.append(Split(x, full_length(x), classes.astype(np.int64)))
    return Data(config.bits, config.bits, PIXELS, tuple(map(str, range(10))), *splits)


def _order(config: PsmnistConfig) -> NDArray[np.int64]:
    """The pixel that each step shows."""
    if config.order == "bit_reversal":
        return bit_reversal(PIXELS)
    path = files.find(config, "mnist/psmnist_permutation.npy")
    order = read_npy(path, DataError)
    if (
        order.dtype.kind not in "iu"
        or order.ndim != 1
        or not np.array_equal(np.sort(order), np.arange(PIXELS))
    ):
        raise DataError(f"{path}: must hold each of 0 to {PIXELS - 1} once")
    return np.asarray(order, dtype=np.int64)


def bit_reversal(count: int) -> NDArray[np.int64]:
    """0 to count - 1, sorted by their bits read backwards, as S5-RF has it.

    >>> bit_reversal(6)
    array([0, 4, 2, 1, 5, 3])
    """
    bits = (count - 1).bit_length()
    backwards = [int(f"{k:0{bits}b}"[::-1], 2) for k in range(2**bits)]
    return np.array([k for k in backwards if k < count])


def _read_idx(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Bytes in the IDX format: type and rank, dimensions, values."""
    try:
        with gzip.open(path) as file:
            content = file.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a complete gzip file ({one_line(error)})") from None
    head = 4 * (2 + len(shape))
    sizes = np.frombuffer(content[4:head], dtype=">u4").tolist()
    if content[:4] != bytes((0, 0, 8, 1 + len(shape))) or sizes[1:] != list(shape):
        raise DataError(f"{path}: not an IDX file of bytes, each entry {list(shape)}")
    if len(content) != head + math.prod(sizes):
        raise DataError(f"{path}: {len(content)} bytes, its head says {head + math.prod(sizes)}")
    return np.frombuffer(content, dtype=np.uint8, offset=head).reshape(sizes)
