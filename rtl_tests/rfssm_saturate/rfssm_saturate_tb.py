"""rfssm_saturate, exhaustively at small widths, against the golden model's saturate and wrap."""

from typing import Any

import numpy as np
from cocotb.triggers import Timer
from harness import claims, expect, parameters, signed, test, unpack

from rfssm.quant.arithmetic import saturate, wrap

WIDTH = parameters()["WIDTH"]


@test
async def both_ends_are_clipped_or_wrapped(dut: Any) -> None:
    claims("rfssm_saturate", "Combinational.")
    pairs = [(i, o) for i in range(3, WIDTH + 1) for o in range(2, i)]
    clipped_low = clipped_high = 0
    for a in range(1 << WIDTH):
        dut.a.value = a
        await Timer(1, "ns")
        words = unpack(int(dut.y.value), (WIDTH + 1) ** 2 * 2, 16)
        got, expected = [], []
        for i, o in pairs:
            x = signed(a & ((1 << i) - 1), i)
            at = (i * (WIDTH + 1) + o) * 2
            got += [signed(words[at], 16), signed(words[at + 1], 16)]
            expected += [int(wrap(np.int64(x), o)), int(saturate(np.int64(x), o))]
            clipped_low += x < expected[-1]
            clipped_high += x > expected[-1]
        expect(got, expected, f"input {a}, result")
    assert clipped_low > 100
    assert clipped_high > 100
