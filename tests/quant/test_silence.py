"""Limit cycles of silent neurons: every state of small words, every transition of a small grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rtl_cases import network

from rfssm.contract import Rounding
from rfssm.quant import golden
from rfssm.quant.arithmetic import ROUNDINGS, round_shift, saturate, signed_range
from rfssm.quant.ranges import silence
from rfssm.quant.ranges.reach import rounding_error
from rfssm.quant.ranges.silence import contracts, cycles, remainders

BITS, FRAC = 4, 2
NONE = np.zeros(2, dtype=np.int64)


def grid(frac: int = FRAC) -> np.ndarray:
    """All transitions with entries from -1 to 1: [N, 2, 2]."""
    entries = np.arange(-(1 << frac), (1 << frac) + 1)
    return np.stack(np.meshgrid(*[entries] * 4, indexing="ij"), -1).reshape(-1, 2, 2)


def played(
    transition: np.ndarray, frac: int, bias: np.ndarray, mode: Rounding, bits: int = BITS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Play every state of the word until it is on a cycle, with the golden model's arithmetic.

    returns    the states so reached [K, 2]; for each transition and start, which of them  [N, K];
               whether that cycle is free of clipping                                      [N, K]
    """
    low, high = signed_range(bits)
    word = np.arange(low, high + 1)
    states = np.stack(np.meshgrid(word, word, indexing="ij"), -1).reshape(-1, 2)
    exact = states @ transition.transpose(0, 2, 1)  # [N, K, 2]
    sums = round_shift(exact, frac, mode) + bias
    after = saturate(sums, bits)
    clips = (after != sums).any(2)
    step = (after[..., 0] - low) * len(word) + after[..., 1] - low
    clipped = clips  # within the next 1, 2, 4, .. steps
    for _ in range(2 * bits):  # as many steps as there are states
        clipped = clipped | np.take_along_axis(clipped, step, 1)
        step = np.take_along_axis(step, step, 1)
    return states, step, ~np.take_along_axis(clipped, step, 1)


def excess(
    transition: np.ndarray, frac: int, bias: np.ndarray, mode: Rounding, *, free: bool
) -> tuple[int, int, int]:
    """Cycles beyond the bound, cycles within one that is neither 0 nor the word, bounds met."""
    left = cycles(transition, frac, np.broadcast_to(bias, (len(transition), 2)).astype(float),
                  signed_range(BITS), free=free)[mode]  # fmt: skip
    states, step, unclipped = played(transition, frac, bias, mode)
    far = np.abs(states[step] - left.rest[:, None])
    claimed = left.bounded[:, None] & (unclipped | (not free))
    beyond = claimed & (far > left.amplitude[:, None]).any(2)
    met = claimed & (far == left.amplitude[:, None]).any(2) & (far > 0).any(2)
    within = claimed & (far > 0).any(2) & ~beyond
    return int(beyond.sum()), int(within.sum()), int(met.any(1).sum())


@pytest.mark.parametrize("mode", ROUNDINGS)
@pytest.mark.parametrize("free", [True, False])
def test_no_cycle_exceeds_the_bound(mode: Rounding, free: bool) -> None:
    """All 6,561 transitions, all 256 states; with ``free``, cycles without clipping only."""
    beyond, within, met = excess(grid(), FRAC, NONE, mode, free=free)
    assert beyond == 0
    if mode != "TRN_ZERO":
        assert within > 10_000
        assert met > 100  # so many transitions have a cycle as large as the bound


@pytest.mark.parametrize("mode", ROUNDINGS)
@pytest.mark.parametrize("bias", [(1, 0), (-2, 1), (0, 3)])
def test_no_cycle_around_the_resting_point_of_a_bias_exceeds_the_bound(
    mode: Rounding, bias: tuple[int, int]
) -> None:
    for free in (True, False):
        assert excess(grid()[::4], FRAC, np.array(bias), mode, free=free)[0] == 0


@pytest.mark.parametrize("mode", ROUNDINGS)
def test_finer_transitions(mode: Rounding) -> None:
    """Rotations and leaks of 1/16 parts that decay slowly."""
    a, b = (x.ravel() for x in np.meshgrid(np.arange(-16, 17), np.arange(-16, 17)))
    rotations = np.stack([np.stack([a, -b], 1), np.stack([b, a], 1)], 1)
    leaks = np.zeros((33, 2, 2), dtype=np.int64)
    leaks[:, 0, 0] = np.arange(-16, 17)
    for transition in (rotations, leaks):
        assert excess(transition, 4, NONE, mode, free=False)[0] == 0


def test_toward_zero_leaves_nothing_where_the_cell_contracts() -> None:
    """Every start ends in exactly 0; of the other cells some never do."""
    transition = grid()
    shrinks = contracts(transition, FRAC)
    assert shrinks.sum() > 2000
    states, step, _ = played(transition, FRAC, NONE, "TRN_ZERO")
    silent = (states[step] == 0).all((1, 2))
    assert silent[shrinks].all()
    assert not silent[~shrinks].all()
    left = cycles(transition, FRAC, np.zeros((len(transition), 2)), signed_range(BITS), free=False)
    assert not left["TRN_ZERO"].amplitude[shrinks].any()
    for mode in ("TRN", "RND"):  # here rounding does keep some alive
        states, step, _ = played(transition[shrinks], FRAC, NONE, mode)
        assert (states[step] != 0).any()


def test_rotations_contract_up_to_the_circle() -> None:
    def rotation(a: int, b: int) -> np.ndarray:
        return np.array([[[a, -b], [b, a]]])

    one = 1 << 14
    assert contracts(rotation(0, one - 1), 14)[0]
    assert not contracts(rotation(0, one), 14)[0]
    assert contracts(rotation(9830, 13106), 14)[0]  # 3/5, 4/5, each toward zero
    assert contracts(np.array([[[(1 << 30) - 1, 0], [1 << 31, 0]]]), 30)[0]  # a leak that drives


FAULTS: dict[str, tuple[str, Any, tuple[Rounding, ...]]] = {
    "a third of the rounding error": (
        "rounding_error",
        lambda *given: tuple(e / 3 for e in rounding_error(*given)),
        ("TRN", "RND", "RND_CONV"),
    ),
    "every cell contracts": ("contracts", lambda t, _: np.ones(len(t), dtype=bool), ("TRN_ZERO",)),
    "powers end early": ("MAX_STEPS", 2, ("TRN", "RND")),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, wrong, modes = FAULTS[fault]
    monkeypatch.setattr(silence, name, wrong)
    if fault == "powers end early":  # and pass for the whole
        monkeypatch.setattr("rfssm.quant.ranges.series.MAX_STEPS", 3)
    for mode in modes:
        assert excess(grid()[::5], FRAC, NONE, mode, free=False)[0] > 0


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_a_network_falls_as_silent_as_it_is_said_to(rounding: Rounding) -> None:
    """A burst of input, then a long silence; no neuron can spike."""
    never = np.full(40, 2047)
    net = network(
        [{"neurons": 40, "rounding": rounding, "rotation": False}], channels=6,
        steps_max=600, score="last", tensors={"layers.0.threshold": never},
    )  # fmt: skip
    left = remainders(net, 0)[rounding]
    x = np.zeros((8, 600, 6), dtype=np.int64)
    x[:, :40] = np.random.default_rng(0).integers(0, 2, (8, 40, 6))
    _, u, v = golden.run_spiking(net.layers[0], x)
    assert (np.abs(u[:, 30:40]).max((0, 1)) > left.amplitude[:, 0]).any()
    rest = np.stack([u[:, -100:], v[:, -100:]], -1)
    assert (np.abs(rest) <= left.amplitude).all()
    assert left.bounded.all()
    assert left.none == (rounding == "TRN_ZERO")
    assert bool((rest == 0).all()) == left.none
    readout = remainders(net, 1)
    assert readout["TRN_ZERO"].none
    assert readout[rounding].amplitude.shape == (3, 1)
