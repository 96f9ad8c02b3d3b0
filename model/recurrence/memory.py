"""Memory for large arrays that are made and dropped at every training step.

The C library returns such memory to the system and takes it back page by page, each page zeroed
first: that costs more than the kernel that fills it.  Here blocks are kept for the next step, in
huge pages where the system has them.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import mmap
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rfssm.lock import Lock

SMALL = 1 << 20  # bytes; what is smaller the C library keeps itself
MAX_WAITING_BYTES = 2 << 30  # bytes that may wait for their next use
_NUMPY = {
    torch.int8: np.int8,
    torch.int16: np.int16,
    torch.int32: np.int32,
    torch.float32: np.float32,
    torch.float64: np.float64,
}
_lock = Lock()  # a lease may end, by garbage collection, while another begins
_waiting: list[mmap.mmap] = []  # the latest last


def empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return a tensor as ``torch.empty`` does; its memory is reused once nothing refers to it."""
    size = math.prod(shape) * dtype.itemsize
    if size < SMALL or dtype not in _NUMPY:
        return torch.empty(shape, dtype=dtype)
    return torch.from_numpy(np.asarray(_Lease(_take(size), shape, np.dtype(_NUMPY[dtype]))))


def add(a: Tensor, b: Tensor) -> Tensor:
    """Return ``a + b``, of one shape and dtype; blocks are kept for the CPU only."""
    if a.device.type != "cpu":
        return a + b
    total: Tensor = _Add.apply(a, b)  # type: ignore[no-untyped-call]
    return total


class _Add(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        return torch.add(a, b, out=empty(tuple(a.shape), a.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        return grads[0], grads[0]


class _Lease:
    """Owner of a block of memory, which returns the block when the last reference goes."""

    def __init__(self, block: mmap.mmap, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.block = block
        address = ctypes.addressof(ctypes.c_char.from_buffer(block))
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": dtype.str,
            "data": (address, False),
        }

    def __del__(self) -> None:
        _give(self.block)


def _take(size: int) -> mmap.mmap:
    """The smallest waiting block that holds this and is at most twice as large, or a new one.

    Of equals the latest, which may still be in cache.
    """
    with _lock:
        fitting = [i for i, block in enumerate(_waiting) if size <= len(block) <= 2 * size]
        if fitting:
            return _waiting.pop(min(reversed(fitting), key=lambda i: len(_waiting[i])))
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            block.madvise(mmap.MADV_HUGEPAGE)
    return block


def _give(block: mmap.mmap) -> None:
    with _lock:
        _waiting.append(block)
        while sum(map(len, _waiting)) > MAX_WAITING_BYTES:
            _waiting.pop(0)
