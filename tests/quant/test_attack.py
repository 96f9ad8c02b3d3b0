"""A search for inputs that push states as far as they go: the bound must hold, and be near.

For each state and end the search begins with the inputs that the linear part of the cell asks for,
then changes random entries and keeps what helps: rounding, resets and the spikes that really occur
are the golden model's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from random_networks import random_case
from rtl_cases import network

from rfssm.quant import golden
from rfssm.quant.arithmetic import Integers
from rfssm.quant.layers import SpikingLayer
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.ranges import reach as bounds
from rfssm.quant.ranges.reach import decay, reachable_range

STEPS = 160


def pushed(
    network: IntegerNetwork, i: int, neuron: int, *, rounds: int = 30, seed: int = 0
) -> Integers:
    """Smallest and largest value of each state that the search finds: [states, 2]."""
    low, high = network.value_range(i)
    layer = network.all_layers[i]
    one = only(layer, neuron)
    steps = min(STEPS, network.input.steps_max)
    goals, starts = [], []
    for state in range(2 if isinstance(layer, SpikingLayer) else 1):
        x = np.where(wanted(one, state, steps) > 0, high, low)
        goals += [(state, -1), (state, 1)]
        starts += [low + high - x, x]
    found = climbed(one, goals, np.stack(starts), (low, high), rounds, seed)
    # a state begins at 0
    return np.array(
        [min(0, s * v) if s < 0 else max(0, v) for (_, s), v in zip(goals, found, strict=True)]
    ).reshape(-1, 2)


def only(layer: Any, neuron: int) -> Any:
    """The layer with one of its neurons."""
    kept = {
        name: value[neuron : neuron + 1]
        for name in ("weight_u", "weight_v", "bias_u", "bias_v", "transition", "reset",
                     "threshold", "leak")
        if (value := getattr(layer, name, None)) is not None
    }  # fmt: skip
    width = "neurons" if isinstance(layer, SpikingLayer) else "classes"
    return layer.model_copy(update={**kept, width: 1})


def wanted(layer: Any, state: int, steps: int) -> np.ndarray:
    """How much each input of each step adds to the state after the last one: [T, M]."""
    transition, frac = bounds.transition_of(layer)
    A, w = transition[0] / 2.0**frac, np.zeros((2, layer.inputs))
    w[0] = layer.weight_u[0]
    if getattr(layer, "weight_v", None) is not None:
        w[1] = layer.weight_v[0]
    row, rows = np.eye(2)[state], []
    for _ in range(steps):
        rows.append(row @ w)
        row = row @ A
    return np.array(rows[::-1])


def climbed(
    layer: Any,
    goals: list[tuple[int, int]],
    x: Integers,
    ends: tuple[int, int],
    rounds: int,
    seed: int,
) -> Integers:
    """Largest value of sign * state at any step, after so many rounds of 32 changed copies.

    goals    state and sign; all are searched at once, each with inputs of its own
    x        the inputs to begin with: [goals, T, M]
    """
    rng = np.random.default_rng(seed)
    each = np.arange(len(goals))
    # the best inputs of t steps are the last t; with a bias the farthest state may come early
    starts = np.stack([np.roll(x, t, axis=1) for t in range(1, x.shape[1] + 1)], axis=1)
    got = farthest(layer, goals, starts)
    best, x = got.max(1), starts[each, got.argmax(1)]
    for k in range(rounds):
        tries = np.repeat(x[:, None], 32, axis=1)
        mask = rng.random(tries.shape) < rng.choice([0.002, 0.01, 0.1], (len(goals), 32, 1, 1))
        if k % 2:  # whole steps at once, which is what sets off or avoids a reset
            mask = np.broadcast_to(rng.random((*tries.shape[:3], 1)) < 0.02, tries.shape)
        tries = np.where(mask, rng.choice(ends, tries.shape), tries)
        got = farthest(layer, goals, tries)
        better = got.max(1) >= best
        best = np.where(better, got.max(1), best)
        x = np.where(better[:, None, None], tries[each, got.argmax(1)], x)
    return best


def farthest(layer: Any, goals: list[tuple[int, int]], x: Integers) -> Integers:
    """Of each goal's inputs [goals, B, T, M], the largest value of sign * state: [goals, B]."""
    flat = x.reshape(-1, *x.shape[2:])
    if isinstance(layer, SpikingLayer):
        _, *states = golden.run_spiking(layer, flat)
    else:
        each = layer.model_copy(update={"score": "each"})
        states = [golden.run_readout(each, flat, np.full(len(flat), x.shape[2]))[0]]
    shaped = [state[..., 0].reshape(x.shape[:3]) for state in states]
    return np.stack([(sign * shaped[state][g]).max(1) for g, (state, sign) in enumerate(goals)])


def attacked(
    network: IntegerNetwork, i: int, neurons: Any, **search: int
) -> tuple[int, list[float]]:
    """Attack neurons of a layer.

    returns    how many of their states were said to be tight; the share of the farthest end that
               the search reached, of each state that cannot saturate
    """
    layer = network.all_layers[i]
    reach = reachable_range(network, i)
    tight, shares = reach.tight(layer.state_bits), []
    held = reach.neuron_bits() <= layer.state_bits
    count = 0
    for n in neurons:
        for j, (low, high) in enumerate(pushed(network, i, n, **search).tolist()):
            ends = int(reach.minimum[n, j]), int(reach.maximum[n, j])
            if not held[n]:  # it saturates, so the bound is its word's
                continue
            assert ends[0] <= low, f"layer {i} neuron {n} state {j}"
            assert high <= ends[1], f"layer {i} neuron {n} state {j}"
            if ends == (0, 0):  # nothing drives it
                continue
            share = max(-low, high) / max(-ends[0], ends[1])
            if tight[n]:
                count += 1
                assert share >= 0.9, f"layer {i} neuron {n} state {j}: {low}, {high} of {ends}"
                assert max(low - ends[0], ends[1] - high) <= reach.slack[n, j] + 1
            shares.append(share)
    return count, shares


def trained_like(reset: bool = False, rounding: str = "RND", seed: int = 0) -> IntegerNetwork:
    """Formats of the recipes, decays from fast to slow, a word that holds every state."""
    rng = np.random.default_rng(seed)
    n, one = 24, 1 << 14
    r, angle = 1 - 10 ** rng.uniform(-1.7, -0.5, n), rng.uniform(0.05, 1.5, n)
    a, b = np.trunc(r * np.cos(angle) * one), np.trunc(r * np.sin(angle) * one)
    tensors: dict[str, np.ndarray] = {}
    fields = {
        "neurons": n, "weight_bits": 6, "transition_bits": 16, "transition_frac": 14,
        "guard_bits": 2, "state_bits": 22, "rounding": rounding,
    }  # fmt: skip
    for i in (0, 1):
        tensors[f"layers.{i}.transition"] = np.stack([np.stack([a, -b], 1), np.stack([b, a], 1)], 1)
        tensors[f"layers.{i}.threshold"] = rng.integers(100, 4000, n)
        if reset:  # C-SiLIF: a soft reset by the threshold, turned and decayed with the state
            r_u, r_v = -a / one, -b / one
            tensors[f"layers.{i}.reset"] = np.trunc(
                np.stack([r_u, r_v], 1) * tensors[f"layers.{i}.threshold"][:, None]
            )
    return network([fields, fields], channels=20, steps_max=STEPS, leak_frac=10, state_bits=16,
                   score_bits=26, tensors=tensors, seed=seed)  # fmt: skip


@pytest.mark.parametrize("rounding", ["TRN", "TRN_ZERO", "RND", "RND_CONV"])
def test_bounds_of_trained_formats_are_tight_and_hold(rounding: str) -> None:
    net = trained_like(rounding=rounding)
    for i in (0, 1):
        reach = reachable_range(net, i)
        assert reach.tight(22).mean() > 0.5
        count, _ = attacked(net, i, range(0, 24, 6), rounds=6)
        assert count >= 4
    assert attacked(net, 2, range(3), rounds=6)[0] == 3


def test_resets_that_really_occur_do_not_break_the_bound() -> None:
    net = trained_like(reset=True)
    assert not reachable_range(net, 0).tight(22).any()  # nothing is promised here
    _, shares = attacked(net, 0, range(0, 24, 6), rounds=15)
    assert max(shares) > 0.5


def test_random_networks_keep_within_their_bounds() -> None:
    tight = states = 0
    for seed in range(60):
        case = random_case(seed)
        spec = case.metadata["input"]
        spec["steps_max"] = min(12, spec["steps_max"])
        for layer in case.metadata["layers"]:
            layer["overflow"] = "SAT"
        net = case.network()
        for i, layer in enumerate(net.all_layers):
            count, shares = attacked(net, i, range(min(2, layer.outputs)), rounds=4, seed=seed)
            tight, states = tight + count, states + len(shares)
    assert states > 300
    assert tight > 60


def test_a_bound_that_forgets_the_rounding_or_the_resets_is_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The search must be able to fail: take a term of the sum away and it finds more."""
    slow = 1 - 2.0**-7
    tensors = {
        "layers.0.transition": np.tile(np.array([[int(slow * 256), 0], [0, 0]]), (6, 1, 1)),
        "layers.0.reset": np.tile([40, 0], (6, 1)), "layers.0.threshold": np.full(6, 90),
    }  # fmt: skip
    net = network([{"state_bits": 16, "weight_bits": 2, "rounding": "TRN"}], steps_max=STEPS,
                  tensors=tensors, state_bits=16, score_bits=26)  # fmt: skip
    assert decay(net.layers[0]).max() < 1
    attacked(net, 0, range(3), rounds=4)
    real = bounds._as_cells
    for term in ("reset", "error_low"):

        def without(layer: Any, term: str = term) -> bounds.Cells:
            cells = real(layer)
            gone = {term: np.zeros_like(getattr(cells, term))}
            return bounds.replace(cells, **gone)

        monkeypatch.setattr(bounds, "_as_cells", without)
        with pytest.raises(AssertionError):
            attacked(net, 0, range(3), rounds=4)
