"""The fixed-point vocabulary of the contract: rounding, saturation and wrap-around on integers.

All functions take and return NumPy integer arrays: ``int64`` where the numbers fit, ``object``
(Python integers) where they may not.  The modes carry their HLS names.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rfssm.contract import Rounding

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]
Tensor = NDArray[Any]
"""``int32`` or ``float64``, as in a network file."""
IntArray = NDArray[Any]
"""``int64``, or ``object`` holding Python integers."""

Overflow = Literal["SAT", "WRAP"]
ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)
OVERFLOWS: tuple[Overflow, ...] = get_args(Overflow)


def signed_range(bits: int) -> tuple[int, int]:
    """Smallest and largest value of a two's-complement word.

    >>> signed_range(4)
    (-8, 7)
    """
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def unsigned_range(bits: int) -> tuple[int, int]:
    """Smallest and largest value of an unsigned word.

    >>> unsigned_range(4)
    (0, 15)
    """
    return 0, (1 << bits) - 1


def signed_bits(low: int, high: int) -> int:
    """Bits of the smallest two's-complement word that holds every value from ``low`` to ``high``.

    >>> signed_bits(-8, 7), signed_bits(0, 8), signed_bits(0, 0)
    (4, 5, 1)
    """
    return (
        max((~low if low < 0 else low).bit_length(), (~high if high < 0 else high).bit_length()) + 1
    )


def smallest_word(low: int, high: int) -> tuple[int, bool]:
    """Bits of the smallest word that holds ``low`` to ``high``, and whether that word is signed.

    >>> smallest_word(-8, 7), smallest_word(0, 8), smallest_word(0, 0)
    ((4, True), (4, False), (1, False))
    """
    return (signed_bits(low, high), True) if low < 0 else (max(1, high.bit_length()), False)


def sum_growth(steps: int) -> int:
    """Bits by which a sum of ``steps`` words is wider than one of the words.

    >>> sum_growth(1), sum_growth(4), sum_growth(5)
    (0, 2, 3)
    """
    return (steps - 1).bit_length()


def round_shift(x: IntArray, shift: int, rounding: Rounding) -> IntArray:
    """Divide by ``2**shift`` and round to an integer, once.

    ``TRN`` floor; ``TRN_ZERO`` toward zero; ``RND`` floor(x + 1/2); ``RND_CONV`` half to even.

    >>> x = np.array([-3, -2, -1, 1, 2, 3])
    >>> [round_shift(x, 1, mode).tolist() for mode in ("TRN", "TRN_ZERO")]
    [[-2, -1, -1, 0, 1, 1], [-1, -1, 0, 0, 1, 1]]
    >>> [round_shift(x, 1, mode).tolist() for mode in ("RND", "RND_CONV")]
    [[-1, -1, 0, 1, 1, 2], [-2, -1, 0, 0, 1, 2]]
    """
    if shift == 0:
        return x
    if rounding == "TRN":
        return x >> shift
    if rounding == "TRN_ZERO":
        return (x + np.where(x < 0, (1 << shift) - 1, 0)) >> shift
    half_up = (x + (1 << (shift - 1))) >> shift
    if rounding == "RND":
        return half_up
    tie = (x & ((1 << shift) - 1)) == 1 << (shift - 1)
    return half_up - np.where(tie, half_up & 1, 0)


def saturate(x: IntArray, bits: int) -> IntArray:
    """Clip to the range of a signed word.

    >>> saturate(np.array([-9, -8, 7, 8]), 4)
    array([-8, -8,  7,  7])
    """
    low, high = signed_range(bits)
    return np.clip(x, low, high)


def wrap(x: IntArray, bits: int) -> IntArray:
    """Keep the low bits of a signed word.

    >>> wrap(np.array([-9, -8, 7, 8]), 4)
    array([ 7, -8,  7, -8])
    """
    low, _ = signed_range(bits)
    return ((x - low) & ((1 << bits) - 1)) + low


def overflow(x: IntArray, bits: int, mode: Overflow) -> IntArray:
    """Bring ``x`` into a signed word of ``bits``, by saturation or by wrap-around."""
    return saturate(x, bits) if mode == "SAT" else wrap(x, bits)
