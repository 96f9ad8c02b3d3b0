"""The products of a layer's weights: forward, exact; of the backward pass, in ``product.cpp``.

The gradients are of the gradient's precision, unless it may be rounded, to the order of their sums,
which is always the same: no bit depends on the number of threads.  The gradient of the weights adds
rows for what is not zero in a layer's input, where that is little, as with spikes.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from rfssm.model.recurrence import memory, native
from rfssm.model.recurrence.cell import Synapse

INT8 = 127
"""The largest integer that enters the product of bytes."""


def largest_sum(synapse: Synapse) -> int:
    """Return a bound on every sum of integer inputs times weights."""
    return synapse.largest_input * synapse.largest_weight * synapse.weight.shape[1]


def product(x: Tensor, weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Compute x W^T."""
    out = memory.empty((len(x), len(weight)), dtype)
    return torch.mm(x.to(dtype), weight.to(dtype).T, out=out)


def exact_product(x: Tensor, weight: Tensor, synapse: Synapse) -> Tensor:
    """x W^T of integers: in int8 if they fit and the processor has instructions for it, else in
    the narrowest type that holds every sum."""
    largest = largest_sum(synapse)
    small = synapse.largest_input <= INT8 and synapse.largest_weight <= INT8
    small = small and x.shape[-1] > 1  # torch 2.13 gives wrong products of a single column
    if small and x.dtype == torch.float32 and largest < 2**31 and _int8_pays():
        out = memory.empty((len(x), len(weight)), torch.int32)
        return torch._int_mm(x.to(torch.int8), weight.to(torch.int8).T, out=out)
    single = x.dtype == torch.float32 and largest < 2**24
    dtype = torch.float32 if single else torch.float64
    return product(x, weight, dtype)


@cache
def _int8_pays() -> bool:
    """Return whether torch's int8 product is right, and faster than that in float32.

    Without instructions for it (VNNI, AMX) torch multiplies int8 in a plain loop, which takes some
    sixty times as long as float32.
    """
    if not _int8_works():
        return False
    a, b = torch.ones(256, 128), torch.ones(128, 128)

    def seconds(a: Tensor, b: Tensor, multiply: Callable[[Tensor, Tensor], Tensor]) -> float:
        begun = time.perf_counter()
        multiply(a, b)
        return time.perf_counter() - begun

    int8 = min(seconds(a.to(torch.int8), b.to(torch.int8), torch._int_mm) for _ in range(3))
    return int8 < min(seconds(a, b, torch.mm) for _ in range(3))


@cache
def _int8_works() -> bool:
    """Return whether torch has its private int8 product, and exact on odd shapes."""
    random = torch.Generator().manual_seed(0)
    try:
        for rows, inner, columns in ((1, 1, 1), (5, 140, 7), (33, 513, 20)):
            a = torch.randint(-128, 128, (rows, inner), generator=random)
            b = torch.randint(-128, 128, (columns, inner), generator=random)
            got = torch._int_mm(a.to(torch.int8), b.to(torch.int8).T)
            if not torch.equal(got.long(), a @ b.T):
                return False
    except (AttributeError, RuntimeError, TypeError):
        return False
    return True


def input_gradient(
    grad: Tensor, weight: Tensor, gain: float = 1.0, *, rounded: bool = False
) -> Tensor:
    """Compute the gradient of x from that of x W^T * gain.

    grad       float32 or float64    (R, N)
    weight                           (N, M)
    rounded    the weights are integers of 8 bits, and grad, float32, may be rounded to 16: each
               row in a unit of its own, 512 columns at a time
    returns                          (R, M)
    """
    x_grad = memory.empty((len(grad), weight.shape[1]), grad.dtype)
    _call("rfssm_input_gradient", x_grad, grad, weight, ctypes.c_double(gain), rounded)
    return x_grad


def weight_gradient(grad: Tensor, x: Tensor) -> Tensor:
    """Compute the gradient of W from that of x W^T.

    grad       float32 or float64    (R, N)
    x                                (R, M)
    returns                          (N, M)
    """
    weight_grad = memory.empty((grad.shape[1], x.shape[1]), grad.dtype)
    _call("rfssm_weight_gradient", weight_grad, grad, x)
    return weight_grad


def _call(function: str, out: Tensor, grad: Tensor, other: Tensor, *more: object) -> None:
    grad, other = grad.contiguous(), other.to(grad.dtype).contiguous()
    sizes = [ctypes.c_int64(n) for n in (*grad.shape, other.shape[1])]
    arrays = [ctypes.c_void_p(array.data_ptr()) for array in (out, grad, other)]
    single = grad.dtype == torch.float32
    getattr(native.library(), function)(single, torch.get_num_threads(), *sizes, *arrays, *more)
