# mypy: ignore-errors
# Triton is a language of its own, in the syntax of Python.
"""The GPU's loops, in Triton: a program runs one sample of a block of neurons, states in registers.

Loads of a group of steps are issued before the group is computed, since no load depends on a
state.  Nothing is summed across programs, so results do not depend on their order.
"""

import torch
import triton
import triton.language as tl

from rfssm.model.recurrence.triton_arithmetic import (
    derivative,
    entering,
    is_there,
    load_integer,
    load_level,
    load_real_transition,
    load_transition,
    settled,
    unclipped,
)

# Integers stay below: a quarter of the range, so that a sum of two of them fits
NARROW = tl.constexpr(2**30)
WIDE = tl.constexpr(2**62)


def dtype(torch_dtype: torch.dtype) -> tl.dtype:
    """Triton's name for a type of torch's."""
    return getattr(tl, str(torch_dtype).removeprefix("torch."))


@triton.jit
def resonate(
    current,
    bias,
    transition,
    reset,
    threshold,
    spikes,
    states,
    length,
    neurons,
    row,
    largest,
    ROUNDING: tl.constexpr,
    LOW: tl.constexpr,
    HIGH: tl.constexpr,
    FRAC: tl.constexpr,
    GUARD: tl.constexpr,
    PLANES: tl.constexpr,
    FLOAT: tl.constexpr,
    BLOCK: tl.constexpr,
    GROUP: tl.constexpr,
):
    """Spikes and states of second-order cells.

    current       real or integer, ``row`` elements per step    (B, T, row)
    bias          integers or None                              (P, N)
    GUARD         integer currents are shifted left by it
    largest       no |integer current| is larger, after the shift
    ROUNDING      None for real states, of the type FLOAT
    """
    sample = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    here = n < neurons
    current += sample * length * row + n
    spikes += sample * length * neurons + n
    states += sample * length * 2 * neurons + n
    if ROUNDING is None:
        _resonate(current, bias, transition, reset, threshold, spikes, states, n, here, length,
                  neurons, row, ROUNDING, LOW, HIGH, FRAC, GUARD, PLANES, FLOAT, WIDE, BLOCK,
                  GROUP)  # fmt: skip
    elif _fits(largest, bias, transition, reset, n, here, neurons, LOW, HIGH, FRAC, PLANES):
        _resonate(current, bias, transition, reset, threshold, spikes, states, n, here, length,
                  neurons, row, ROUNDING, LOW, HIGH, FRAC, GUARD, PLANES, tl.int32, NARROW, BLOCK,
                  GROUP)  # fmt: skip
    else:
        _resonate(current, bias, transition, reset, threshold, spikes, states, n, here, length,
                  neurons, row, ROUNDING, LOW, HIGH, FRAC, GUARD, PLANES, tl.int64, WIDE, BLOCK,
                  GROUP)  # fmt: skip


@triton.jit
def _fits(
    largest,
    bias,
    transition,
    reset,
    n,
    here,
    neurons,
    LOW: tl.constexpr,
    HIGH: tl.constexpr,
    FRAC: tl.constexpr,
    PLANES: tl.constexpr,
):
    """Return whether 32 bits hold every value of this program's cells."""
    a, b, c, d = load_transition(transition, n, here, FRAC, tl.int64)
    rows = tl.maximum(tl.abs(a) + tl.abs(b), tl.abs(c) + tl.abs(d))
    linear = rows * max(-LOW, HIGH) + (1 << FRAC)
    added = (linear >> FRAC) + max(-LOW, HIGH) + largest
    if reset is not None:
        added += tl.maximum(
            tl.abs(load_integer(reset + 2 * n, here, 0, tl.int64)),
            tl.abs(load_integer(reset + 2 * n + 1, here, 0, tl.int64)),
        )
    if bias is not None:
        for plane in tl.static_range(PLANES):
            added += tl.abs(load_integer(bias + plane * neurons + n, here, 0, tl.int64))
    return (tl.max(linear, 0) < 2 * NARROW) & (tl.max(added, 0) < NARROW)


@triton.jit
def _resonate(
    current,
    bias,
    transition,
    reset,
    threshold,
    spikes,
    states,
    n,
    here,
    length,
    neurons,
    row,
    ROUNDING: tl.constexpr,
    LOW: tl.constexpr,
    HIGH: tl.constexpr,
    FRAC: tl.constexpr,
    GUARD: tl.constexpr,
    PLANES: tl.constexpr,
    WORK: tl.constexpr,
    LIMIT: tl.constexpr,
    BLOCK: tl.constexpr,
    GROUP: tl.constexpr,
):
    if ROUNDING is None:
        a, b, c, d = load_real_transition(transition, n, here, WORK)
        level = tl.load(threshold + n, mask=here, other=0)
    else:
        a, b, c, d = load_transition(transition, n, here, FRAC, WORK)
        level = load_level(threshold + n, here, LOW, HIGH, WORK)
    zero = tl.zeros([BLOCK], WORK)
    bias_u, bias_v = zero, zero
    reset_u, reset_v = zero, zero
    if bias is not None:
        bias_u = load_integer(bias + n, here, 0, WORK)
        if PLANES == 2:
            bias_v = load_integer(bias + neurons + n, here, 0, WORK)
    if reset is not None:
        if ROUNDING is None:
            reset_u = tl.load(reset + 2 * n, mask=here, other=0).to(WORK)
            reset_v = tl.load(reset + 2 * n + 1, mask=here, other=0).to(WORK)
        else:
            reset_u = load_integer(reset + 2 * n, here, 0, WORK)
            reset_v = load_integer(reset + 2 * n + 1, here, 0, WORK)
    u, v = zero, zero
    spike = tl.zeros([BLOCK], tl.int1)
    for start in range(0, length, GROUP):
        into_u = ()
        into_v = ()
        for i in tl.static_range(GROUP):
            at = current + (start + i) * row
            there = is_there(n, start + i, neurons, length)
            into_u += (tl.load(at, mask=there, other=0),)
            if PLANES == 2:
                into_v += (tl.load(at + neurons, mask=there, other=0),)
        for i in tl.static_range(GROUP):
            t = start + i
            drive_u = entering(into_u[i], bias_u, ROUNDING, GUARD, WORK, LIMIT)
            if PLANES == 2:
                drive_v = entering(into_v[i], bias_v, ROUNDING, GUARD, WORK, LIMIT)
            else:
                drive_v = zero
            if reset is not None:
                drive_u += tl.where(spike, reset_u, 0)
                drive_v += tl.where(spike, reset_v, 0)
            next_u = settled(a * u + b * v, drive_u, ROUNDING, LOW, HIGH, FRAC)
            v = settled(c * u + d * v, drive_v, ROUNDING, LOW, HIGH, FRAC)
            u = next_u
            spike = u > level
            there = is_there(n, t, neurons, length)
            tl.store(spikes + t * neurons, spike.to(spikes.dtype.element_ty), mask=there)
            tl.store(states + t * 2 * neurons, u.to(states.dtype.element_ty), mask=there)
            tl.store(states + (t * 2 + 1) * neurons, v.to(states.dtype.element_ty), mask=there)


@triton.jit
def resonate_adjoint(
    spike_grad,
    states,
    transition,
    reset,
    threshold,
    unit,
    current_grad,
    sums,
    length,
    neurons,
    ROUNDING: tl.constexpr,
    LOW: tl.constexpr,
    HIGH: tl.constexpr,
    FRAC: tl.constexpr,
    PLANES: tl.constexpr,
    SURROGATE: tl.constexpr,
    WORK: tl.constexpr,
    BLOCK: tl.constexpr,
    GROUP: tl.constexpr,
):
    """Gradients of currents, and of transition and reset for each sample.

    sums    gradients of a, b, c, d, then of the resets of u and v    (B, 6, N)
    """
    sample = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    here = n < neurons
    spike_grad += sample * length * neurons + n
    states += sample * length * 2 * neurons + n
    current_grad += sample * length * PLANES * neurons + n
    sums += sample * 6 * neurons + n
    a, b, c, d = load_real_transition(transition, n, here, WORK)
    scale = tl.load(unit + n, mask=here, other=0)
    if ROUNDING is None:
        level = tl.load(threshold + n, mask=here, other=0)
    else:
        level = load_level(threshold + n, here, LOW, HIGH, tl.int64)
    zero = tl.zeros([BLOCK], WORK)
    later_u, later_v = zero, zero
    grad_a, grad_b, grad_c, grad_d = zero, zero, zero, zero
    reset_u, reset_v = zero, zero
    grad_reset_u, grad_reset_v = zero, zero
    if reset is not None:
        reset_u = tl.load(reset + 2 * n, mask=here, other=0).to(WORK)
        reset_v = tl.load(reset + 2 * n + 1, mask=here, other=0).to(WORK)
    groups = tl.cdiv(length, GROUP)
    for group in range(groups):
        last = (groups - group) * GROUP - 1  # steps beyond the end come first and add nothing
        us = ()
        vs = ()
        kicks = ()
        for i in tl.static_range(GROUP):
            t = last - i
            there = is_there(n, t, neurons, length)
            us += (tl.load(states + t * 2 * neurons, mask=there, other=0),)
            vs += (tl.load(states + (t * 2 + 1) * neurons, mask=there, other=0),)
            kicks += (tl.load(spike_grad + t * neurons, mask=there, other=0),)
        for i in tl.static_range(GROUP):
            t = last - i
            u = us[i].to(WORK)
            v = vs[i].to(WORK)
            grad_a += later_u * u
            grad_b += later_u * v
            grad_c += later_v * u
            grad_d += later_v * v
            kick = kicks[i].to(WORK)
            if reset is not None:
                spike = us[i] > level
                grad_reset_u += tl.where(spike, later_u, 0)
                grad_reset_v += tl.where(spike, later_v, 0)
                kick += later_u * reset_u + later_v * reset_v
            distance = (us[i].to(scale.dtype) * scale - 1).to(WORK)
            slope = derivative(distance, SURROGATE) * scale.to(WORK)
            next_u = a * later_u + c * later_v + kick * slope
            next_v = b * later_u + d * later_v
            later_u = unclipped(next_u, us[i], ROUNDING, LOW, HIGH)
            later_v = unclipped(next_v, vs[i], ROUNDING, LOW, HIGH)
            there = is_there(n, t, neurons, length)
            at = current_grad + t * PLANES * neurons
            tl.store(at, later_u.to(current_grad.dtype.element_ty), mask=there)
            if PLANES == 2:
                tl.store(at + neurons, later_v.to(current_grad.dtype.element_ty), mask=there)
    tl.store(sums, grad_a, mask=here)
    tl.store(sums + neurons, grad_b, mask=here)
    tl.store(sums + 2 * neurons, grad_c, mask=here)
    tl.store(sums + 3 * neurons, grad_d, mask=here)
    if reset is not None:
        tl.store(sums + 4 * neurons, grad_reset_u, mask=here)
        tl.store(sums + 5 * neurons, grad_reset_v, mask=here)


@triton.jit
def integrate(
    current,
    leak,
    states,
    length,
    neurons,
    ROUNDING: tl.constexpr,
    LOW: tl.constexpr,
    HIGH: tl.constexpr,
    FRAC: tl.constexpr,
    WORK: tl.constexpr,
    BLOCK: tl.constexpr,
    GROUP: tl.constexpr,
):
    """States of leaky integrators, stored as real numbers, computed as ``WORK``."""
    sample = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    here = n < neurons
    current += sample * length * neurons + n
    states += sample * length * neurons + n
    if ROUNDING is None:
        factor = tl.load(leak + n, mask=here, other=0).to(WORK)
    else:
        factor = load_integer(leak + n, here, FRAC, WORK)
    zero = tl.zeros([BLOCK], WORK)
    m = zero
    for start in range(0, length, GROUP):
        into = ()
        for i in tl.static_range(GROUP):
            there = is_there(n, start + i, neurons, length)
            into += (tl.load(current + (start + i) * neurons, mask=there, other=0),)
        for i in tl.static_range(GROUP):
            drive = entering(into[i], zero, ROUNDING, 0, WORK, WIDE)
            m = settled(factor * m, drive, ROUNDING, LOW, HIGH, FRAC)
            at = states + (start + i) * neurons
            tl.store(
                at, m.to(states.dtype.element_ty), mask=is_there(n, start + i, neurons, length)
            )


@triton.jit
def integrate_adjoint(
    state_grad,
    states,
    leak,
    current_grad,
    sums,
    length,
    neurons,
    ROUNDING: tl.constexpr,
    LOW: tl.constexpr,
    HIGH: tl.constexpr,
    FRAC: tl.constexpr,
    WORK: tl.constexpr,
    BLOCK: tl.constexpr,
    GROUP: tl.constexpr,
):
    """Gradients of currents, and of the leak for each sample.

    sums    gradient of the leak    (B, C)
    """
    sample = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    here = n < neurons
    state_grad += sample * length * neurons + n
    states += sample * length * neurons + n
    current_grad += sample * length * neurons + n
    factor = tl.load(leak + n, mask=here, other=0).to(WORK)
    zero = tl.zeros([BLOCK], WORK)
    later, grad = zero, zero
    groups = tl.cdiv(length, GROUP)
    for group in range(groups):
        last = (groups - group) * GROUP - 1
        ms = ()
        kicks = ()
        for i in tl.static_range(GROUP):
            there = is_there(n, last - i, neurons, length)
            ms += (tl.load(states + (last - i) * neurons, mask=there, other=0),)
            kicks += (tl.load(state_grad + (last - i) * neurons, mask=there, other=0),)
        for i in tl.static_range(GROUP):
            grad += later * ms[i].to(WORK)
            later = unclipped(kicks[i].to(WORK) + factor * later, ms[i], ROUNDING, LOW, HIGH)
            at = current_grad + (last - i) * neurons
            tl.store(
                at,
                later.to(current_grad.dtype.element_ty),
                mask=is_there(n, last - i, neurons, length),
            )
    tl.store(sums + sample * neurons + n, grad, mask=here)
