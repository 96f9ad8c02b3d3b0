"""Rounding and overflow against exact fractions, every value of every small width."""

import math
from fractions import Fraction

import numpy as np
import pytest

from rfssm.quant import arithmetic


def exact(value: Fraction, rounding: str) -> int:
    """The contract's own words, on exact fractions."""
    floor = math.floor(value)
    match rounding:
        case "TRN":
            return floor
        case "TRN_ZERO":
            return math.trunc(value)
        case "RND":
            return math.floor(value + Fraction(1, 2))
        case "RND_CONV":
            return round(value)
    raise AssertionError(rounding)


@pytest.mark.parametrize("rounding", arithmetic.ROUNDINGS)
@pytest.mark.parametrize("shift", range(6))
@pytest.mark.parametrize("dtype", [np.int64, object])
def test_rounding_is_exact_for_every_small_value(rounding, shift, dtype):
    values = list(range(-200, 201))
    got = arithmetic.round_shift(np.array(values, dtype=dtype), shift, rounding)
    assert got.tolist() == [exact(Fraction(v, 1 << shift), rounding) for v in values]


@pytest.mark.parametrize("rounding", arithmetic.ROUNDINGS)
def test_rounding_with_a_shift_wider_than_the_value(rounding):
    values = [-(1 << 31), -(1 << 30), -1, 0, 1, 1 << 30, (1 << 31), (1 << 31) + 1, 3 << 31]
    got = arithmetic.round_shift(np.array(values, dtype=np.int64), 32, rounding)
    assert got.tolist() == [exact(Fraction(v, 1 << 32), rounding) for v in values]


def test_the_four_modes_are_four_different_functions():
    x = np.arange(-8, 9)
    results = {m: tuple(arithmetic.round_shift(x, 2, m).tolist()) for m in arithmetic.ROUNDINGS}
    assert len(set(results.values())) == 4


@pytest.mark.parametrize("bits", [1, 2, 4, 7])
def test_saturation_and_wrap_of_every_value(bits):
    low, high = arithmetic.signed_range(bits)
    x = np.arange(-300, 301)
    assert arithmetic.saturate(x, bits).tolist() == [min(max(v, low), high) for v in x.tolist()]
    wrapped = arithmetic.wrap(x, bits)
    assert (wrapped >= low).all()
    assert (wrapped <= high).all()
    assert ((wrapped - x) % (1 << bits) == 0).all()


def test_signed_bits_is_the_smallest_word():
    for low in range(-20, 20):
        for high in range(low, 20):
            bits = arithmetic.signed_bits(low, high)
            fits = [b for b in range(1, 9) if -(1 << (b - 1)) <= low and high < 1 << (b - 1)]
            assert bits == fits[0]
