# mypy: ignore-errors
# Triton is a language of its own, in the syntax of Python.
"""The arithmetic of the GPU's loops, in Triton: what a cell computes in one step."""

import math

import triton
import triton.language as tl

from rfssm.model import surrogate

PI = tl.constexpr(math.pi)
HEIGHT = tl.constexpr(surrogate.HEIGHT)
CENTRE = tl.constexpr(0.5 / surrogate.SIGMA**2)
WINGS = tl.constexpr(0.5 / (surrogate.WIDENING * surrogate.SIGMA) ** 2)
SIGMA = tl.constexpr(surrogate.SIGMA)


@triton.jit
def is_there(n, t, cells, length):
    """Return the mask of the cells and steps that exist."""
    return n < tl.where(t < length, cells, 0)


@triton.jit
def load_integer(at, here, FRAC: tl.constexpr, WORK: tl.constexpr):
    """Load real numbers as integers, in units of 2^-FRAC."""
    return (tl.load(at, mask=here, other=0).to(tl.float64) * (1 << FRAC)).to(WORK)


@triton.jit
def load_transition(transition, n, here, FRAC: tl.constexpr, WORK: tl.constexpr):
    """Load the matrices A of some cells, row by row, in units of 2^-FRAC."""
    return (
        load_integer(transition + 4 * n, here, FRAC, WORK),
        load_integer(transition + 4 * n + 1, here, FRAC, WORK),
        load_integer(transition + 4 * n + 2, here, FRAC, WORK),
        load_integer(transition + 4 * n + 3, here, FRAC, WORK),
    )


@triton.jit
def load_real_transition(transition, n, here, WORK: tl.constexpr):
    """Load the matrices A of some cells, row by row."""
    return (
        tl.load(transition + 4 * n, mask=here, other=0).to(WORK),
        tl.load(transition + 4 * n + 1, mask=here, other=0).to(WORK),
        tl.load(transition + 4 * n + 2, mask=here, other=0).to(WORK),
        tl.load(transition + 4 * n + 3, mask=here, other=0).to(WORK),
    )


@triton.jit
def load_level(at, here, LOW: tl.constexpr, HIGH: tl.constexpr, WORK: tl.constexpr):
    """The integer that a state exceeds exactly where it exceeds the threshold."""
    level = tl.floor(tl.load(at, mask=here, other=0).to(tl.float64))
    return tl.minimum(tl.maximum(level, LOW - 1), HIGH).to(WORK)


@triton.jit
def entering(
    x,
    bias,
    ROUNDING: tl.constexpr,
    GUARD: tl.constexpr,
    WORK: tl.constexpr,
    LIMIT: tl.constexpr,
):
    """The current as it is added: a real one beyond LIMIT saturates the state at LIMIT too."""
    if ROUNDING is None:
        result = x.to(WORK)
    elif x.dtype.is_floating():
        result = tl.minimum(tl.maximum(x, -LIMIT), LIMIT).to(WORK)
    else:
        result = (x.to(WORK) << GUARD) + bias
    return result


@triton.jit
def settled(
    linear,
    drive,
    ROUNDING: tl.constexpr,
    LOW: tl.constexpr,
    HIGH: tl.constexpr,
    FRAC: tl.constexpr,
):
    """Return the new state of a cell."""
    if ROUNDING is None:
        result = linear + drive
    else:
        result = rounded(linear, ROUNDING, FRAC) + drive
        result = tl.minimum(tl.maximum(result, LOW), HIGH)
    return result


@triton.jit
def rounded(x, ROUNDING: tl.constexpr, FRAC: tl.constexpr):
    """x * 2^-FRAC as an integer, by the contract's modes."""
    if FRAC > 0:
        floor = x >> FRAC
        if ROUNDING == "TRN":
            x = floor
        elif ROUNDING == "TRN_ZERO":
            x = tl.where(x < 0, -((-x) >> FRAC), floor)
        elif ROUNDING == "RND":
            x = (x + (1 << (FRAC - 1))) >> FRAC
        else:
            tl.static_assert(ROUNDING == "RND_CONV")
            x = (x + ((1 << (FRAC - 1)) - 1) + (floor & 1)) >> FRAC
    return x


@triton.jit
def unclipped(grad, state, ROUNDING: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr):
    """The gradient, 0 where the state is clipped."""
    if ROUNDING is not None:
        grad = tl.where((state > LOW) & (state < HIGH), grad, 0)
    return grad


@triton.jit
def derivative(x, SURROGATE: tl.constexpr):
    """See ``rfssm.model.surrogate``."""
    if SURROGATE == "boxcar":
        result = tl.where((x > -0.5) & (x <= 0.5), 1.0, 0.0).to(x.dtype)
    elif SURROGATE == "arctan":
        result = 1 / (1 + (x * PI) * (x * PI))
    else:
        tl.static_assert(SURROGATE == "multi_gaussian")
        left, right = x + SIGMA, x - SIGMA
        wings = tl.exp(left * left * -WINGS) + tl.exp(right * right * -WINGS)
        result = tl.exp(x * x * -CENTRE) * (1 + HEIGHT) - wings * HEIGHT
    return result
