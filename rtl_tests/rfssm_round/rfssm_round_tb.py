"""rfssm_round against the golden model: exhaustively at small widths, at corners of real ones."""

import random
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Timer
from harness import claims, expect, parameters, signed, test, unpack, unsigned

from rfssm.quant.arithmetic import ROUNDINGS, round_shift

P = parameters()


@test
async def every_input_of_every_small_width(dut: Any) -> None:
    claims("rfssm_round", "Combinational.")
    widths, shifts = P["WIDTHS"], P["SHIFTS"]
    cases = [
        (w, s, mode) for w in range(1, widths + 1) for s in range(shifts) for mode in ROUNDINGS
    ]
    compared = ties = 0
    for a in range(1 << widths):
        dut.a.value = a
        await Timer(1, "ns")
        got = [signed(word, 16) for word in unpack(int(dut.q.value), len(cases), 16)]
        inputs = [signed(a & ((1 << w) - 1), w) for w, _, _ in cases]
        expected = []
        for x, (_, shift, mode) in zip(inputs, cases, strict=True):
            expected.append(int(round_shift(np.int64(x), shift, mode)))
            ties += shift > 0 and x % (1 << shift) == 1 << (shift - 1)
        expect(got, expected, f"input {a}, result")
        compared += len(got)
    assert compared == widths * shifts * 4 << widths
    assert ties > 1000


@test
async def ends_ties_and_random_words_of_real_widths(dut: Any) -> None:
    width, shift = P["A_W"], P["SHIFT"]
    inputs = corners(random.Random(cocotb.RANDOM_SEED), width, shift)
    got = []
    for word in inputs:
        dut.a.value = unsigned(word, width)
        await Timer(1, "ns")
        got.append([signed(q, width + 1) for q in unpack(int(dut.q.value), 4, width + 1)])
    by_mode = [round_shift(np.array(inputs, dtype=object), shift, mode) for mode in ROUNDINGS]
    expect(got, np.stack(by_mode, axis=1).tolist(), "results of the four modes")
    assert len(got) > 200


def corners(rng: random.Random, width: int, shift: int) -> list[int]:
    """Both ends, exact halves and their neighbours, and random words."""
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    half = 1 << max(shift - 1, 0)
    ties = [(rng.randrange(low, high) >> shift << shift) + half for _ in range(200)]
    near = [tie + d for tie in ties for d in (-1, 0, 1)]
    found = [low, low + 1, -1, 0, 1, high - 1, high, *near]
    return [word for word in found if low <= word <= high] + [
        rng.randrange(low, high) for _ in range(200)
    ]
