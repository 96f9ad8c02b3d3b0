"""The two products of a layer's backward pass, in C++: see ``product.cpp``.

Both are of the gradient's precision, unless it may be rounded, to the order of their sums, which
is always the same: no bit depends on the number of threads.  The gradient of the weights adds rows
for what is not zero in a layer's input, where that is little, as with spikes.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from rfssm.model.recurrence import memory, native


def input_gradient(
    grad: Tensor, weight: Tensor, gain: float = 1.0, *, rounded: bool = False
) -> Tensor:
    """Of x, from that of x W^T * gain.

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
    """Of W, from that of x W^T.

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
