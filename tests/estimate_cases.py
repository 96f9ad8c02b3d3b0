"""Define networks and lanes of all formats whose estimates are compared with synthesis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rtl_cases import network

from rfssm.hls.design import Design, Lanes
from rfssm.quant.network import IntegerNetwork

DEPLOYED = {"weight_bits": 6, "transition_bits": 16, "transition_frac": 14, "guard_bits": 2,
            "state_bits": 16}  # fmt: skip
"""The formats of the networks in the recipes."""


def _wrap() -> IntegerNetwork:
    """Return a network with such small weights that bounds prove that nothing overflows."""
    weight = np.tile([1, -1, 0, 1], (18, 3))
    return network(
        [{"neurons": 18, "overflow": "WRAP", "state_bits": 18, "weight_bits": 3, "guard_bits": 2}],
        channels=12, overflow="WRAP", state_bits=18, score_bits=28, leak_frac=8, score="last",
        tensors={"layers.0.weight_u": weight, "layers.0.weight_v": -weight,
                 "layers.1.weight_u": np.tile([1, -1], (3, 9))},
    )  # fmt: skip


CASES: dict[str, tuple[Callable[[], IntegerNetwork], Lanes]] = {
    "complex": (lambda: network([{"neurons": 24}], channels=20), Lanes(4, 1)),
    "bias, reset, TRN": (lambda: network(
        [{"neurons": 12, "bias_bits": 7, "reset": True, "rounding": "TRN", "state_bits": 14},
         {"neurons": 10, "reset": True, "state_bits": 14, "transition_bits": 12}],
        channels=12, bias_bits=6), Lanes(4, 1)),
    "real, general 2x2, RND_CONV": (lambda: network(
        [{"neurons": 20, "complex_input": False, "rotation": False, "reset": True,
          "rounding": "RND_CONV"}], channels=12, bits=2, rounding="RND_CONV"), Lanes(4, 2)),
    "skips, signed input": (lambda: network(
        [{"neurons": 10, "skip": True}, {"neurons": 10, "skip": True}], channels=10, bits=4,
        signed=True), Lanes(2, 1)),
    "readout alone, wide input": (lambda: network(
        [], channels=24, bits=12, signed=True, classes=10, state_bits=18, score_bits=30,
        score="last", leak_frac=12), Lanes(4, 1)),
    "narrow state, score of each step, whole row": (lambda: network(
        [{"neurons": 8, "state_bits": 8, "transition_bits": 8, "transition_frac": 6}],
        channels=24, score="each", classes=4, state_bits=8, score_bits=8), Lanes(8, 2)),
    "wide state, largest score, TRN_ZERO": (lambda: network(
        [{"neurons": 16, "state_bits": 20, "transition_bits": 18, "transition_frac": 16,
          "rounding": "TRN_ZERO", "guard_bits": 6}],
        channels=16, score="max", state_bits=20, score_bits=20, leak_frac=15), Lanes(4, 1)),
    "wrapping": (_wrap, Lanes(4, 2)),
    "many neurons, states in block memory": (lambda: network(
        [{"neurons": 70, "reset": True, "bias_bits": 6}], channels=16), Lanes(2, 1)),
    "whole row": (lambda: network(
        [{"neurons": 16, **DEPLOYED}], channels=32, classes=10, state_bits=16, leak_frac=15,
        score_bits=24, guard_bits=0), Lanes(16, 2)),
    "one lane, three layers": (lambda: network(
        [{"neurons": 12}, {"neurons": 9, "complex_input": False}, {"neurons": 14}], channels=8,
        classes=5), Lanes(1, 1)),
    "many classes": (lambda: network(
        [{"neurons": 12}], channels=12, classes=35, bias_bits=8, state_bits=16, score_bits=26,
        leak_frac=10), Lanes(4, 1)),
    "two layers as deployed": (lambda: network(
        [{"neurons": 24, **DEPLOYED}, {"neurons": 20, **DEPLOYED}], channels=32, classes=10,
        state_bits=16, leak_frac=15, score_bits=24, guard_bits=0), Lanes(8, 2)),
    "all neurons at once": (lambda: network(
        [{"neurons": 4, "reset": True}, {"neurons": 3}], channels=9, classes=2), Lanes(4, 4)),
    "many inputs": (lambda: network(
        [{"neurons": 12, **DEPLOYED}], channels=200, classes=3, rounding="TRN"), Lanes(2, 1)),
    "byte input": (lambda: network([{"neurons": 16, "weight_bits": 8}], channels=16, bits=8),
                   Lanes(4, 1)),
}  # fmt: skip


def design(name: str) -> Design:
    """Return a case's network with its lanes."""
    make, lanes = CASES[name]
    return Design.of(make(), lanes, "dut")
