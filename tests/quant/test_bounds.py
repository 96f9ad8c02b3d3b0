"""Reachable ranges against every state that small cells can reach."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import reference
from random_networks import random_case

from rfssm.errors import NetworkError
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.ranges.reach import (
    moves,
    outside_unit_circle,
    reachable_range,
    unstable_neurons,
)
from rfssm.quant.ranges.series import Cells, accumulate

Cell = dict[str, Any]


def network_of(cell: Cell, **changes: Any) -> IntegerNetwork:
    """A network whose only spiking neuron is this cell."""
    cell = cell | changes
    channels = len(cell["weight"][0])
    spiking = {
        "kind": "spiking", "model": "any", "inputs": channels, "neurons": 1, "skip": False,
        "complex_input": True, "weight_bits": 8, "bias_bits": cell.get("bias_bits", 8),
        "transition_bits": 32, "transition_frac": cell["frac"], "guard_bits": cell["guard"],
        "state_bits": cell.get("state_bits", 32), "rounding": cell["rounding"],
        "overflow": cell.get("overflow", "SAT"),
    }  # fmt: skip
    readout = {
        "kind": "readout", "inputs": 1, "classes": 2, "weight_bits": 2, "bias_bits": 0,
        "leak_frac": 4, "guard_bits": 0, "state_bits": 4, "rounding": "TRN", "overflow": "SAT",
        "score": "last", "score_bits": 4,
    }  # fmt: skip
    metadata = {
        "format": "rfssm-network", "version": 1, "name": "cell", "labels": [], "provenance": {},
        "input": {"channels": channels, "bits": cell["bits"], "signed": cell["signed"], "frac": 0,
                  "steps_max": cell["steps"]},
        "layers": [spiking, readout],
    }  # fmt: skip
    integers = {
        "layers.0.weight_u": [cell["weight"][0]], "layers.0.weight_v": [cell["weight"][1]],
        "layers.0.bias_u": [cell["bias"][0]], "layers.0.bias_v": [cell["bias"][1]],
        "layers.0.transition": [cell["transition"]], "layers.0.reset": [cell["reset"]],
        "layers.0.threshold": [0], "layers.1.weight_u": [[1], [1]], "layers.1.leak": [0, 0],
    }  # fmt: skip
    tensors = {name: np.array(values, dtype=np.int32) for name, values in integers.items()}
    tensors |= {"layers.0.scale": np.ones(1), "layers.1.scale": np.ones(1)}
    return IntegerNetwork.build(metadata, tensors)


def reached(cell: Cell) -> tuple[list[int], list[int]]:
    """Smallest and largest u and v over all inputs and, as the bound has it, all spikes."""
    bits, weight, A = cell["bits"], cell["weight"], cell["transition"]
    values = range(-(2 ** (bits - 1)), 2 ** (bits - 1)) if cell["signed"] else range(2**bits)
    added = set()
    for x in itertools.product(values, repeat=len(weight[0])):
        drive = [reference.current(list(row), list(x)) * 2 ** cell["guard"] for row in weight]
        added.add((drive[0] + cell["bias"][0], drive[1] + cell["bias"][1]))
    resets = {(0, 0), tuple(cell["reset"])}
    minimum, maximum, states = [0, 0], [0, 0], {(0, 0)}
    for step in range(cell["steps"]):
        following = set()
        for u, v in states:
            linear = [
                reference.rounded(row[0] * u + row[1] * v, cell["frac"], cell["rounding"])
                for row in A
            ]
            for r in resets if step else [(0, 0)]:
                for d in added:
                    following.add((linear[0] + r[0] + d[0], linear[1] + r[1] + d[1]))
        states = following
        for j in (0, 1):
            minimum[j] = min(minimum[j], min(state[j] for state in states))
            maximum[j] = max(maximum[j], max(state[j] for state in states))
    return minimum, maximum


def random_cell(seed: int, rounds: bool) -> Cell:
    rng = np.random.default_rng(seed)
    frac = int(rng.integers(1, 7)) if rounds else 0
    largest = int(1.25 * 2**frac)
    transition = rng.integers(-largest, largest + 1, (2, 2))
    if rng.random() < 0.3:  # a leaky integrator, nothing, a delay, a sign
        alpha = int(rng.integers(0, 2**frac + 1))
        kinds = [[[alpha, 0], [0, 0]], [[0, 0], [0, 0]], [[0, 1], [0, 0]], [[-alpha, 0], [0, 1]]]
        transition = np.array(kinds[rng.integers(len(kinds))])
    channels = int(rng.integers(1, 3))
    return {
        "bits": int(rng.integers(1, 3)) if channels == 1 else 1,
        "signed": bool(rng.integers(2)),
        "steps": int(rng.integers(1, 5)),
        "weight": rng.integers(-9, 10, (2, channels)).tolist(),
        "bias": (rng.integers(-9, 10, 2) * (rng.random() < 0.5)).tolist(),
        "reset": (rng.integers(-30, 31, 2) * (rng.random() < 0.5)).tolist(),
        "guard": int(rng.integers(0, 3)),
        "frac": frac,
        "transition": transition.tolist(),
        "rounding": ("TRN", "TRN_ZERO", "RND", "RND_CONV")[int(rng.integers(4))],
    }


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_no_reachable_state_exceeds_the_bound(first: int) -> None:
    for seed in range(first, first + 20):
        cell = random_cell(seed, rounds=True)
        minimum, maximum = reached(cell)
        reach = reachable_range(network_of(cell), 0)
        assert (reach.minimum[0] <= minimum).all(), f"seed {seed}: {cell}"
        assert (reach.maximum[0] >= maximum).all(), f"seed {seed}: {cell}"


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_the_bound_is_reached_where_nothing_rounds(first: int) -> None:
    for seed in range(first, first + 20):
        cell = random_cell(seed, rounds=False)
        minimum, maximum = reached(cell)
        reach = reachable_range(network_of(cell), 0)
        assert reach.minimum[0].tolist() == minimum, f"seed {seed}: {cell}"
        assert reach.maximum[0].tolist() == maximum, f"seed {seed}: {cell}"


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_the_bound_is_wider_by_no_more_than_the_rounding(first: int) -> None:
    """A bound counts every rounding error at its worst, which is at most 1 LSB (TRN_ZERO: 2)."""
    for seed in range(first, first + 20):
        cell = random_cell(seed, rounds=True)
        minimum, maximum = reached(cell)
        reach = reachable_range(network_of(cell), 0)
        A = np.array(cell["transition"]) / 2.0 ** cell["frac"]
        width = 2 if cell["rounding"] == "TRN_ZERO" else 1
        powers = [np.linalg.matrix_power(A, k) for k in range(cell["steps"] - 1)]
        slack = sum((np.abs(p).sum(1) * width for p in powers), np.zeros(2)) + 1
        assert (reach.maximum[0] - maximum <= slack).all(), f"seed {seed}: {cell}"
        assert (minimum - reach.minimum[0] <= slack).all(), f"seed {seed}: {cell}"


DECAYING = {
    "bits": 1, "signed": False, "steps": 65535, "weight": [[7, -5, 3], [2, 2, -1]],
    "bias": [1, 0], "reset": [-90, 0], "guard": 2, "frac": 14, "rounding": "RND",
    "transition": [[14000, -6000], [6000, 14000]],
}  # fmt: skip


def test_wrap_is_accepted_from_the_bound_on_and_refused_one_bit_below() -> None:
    bits = reachable_range(network_of(DECAYING), 0).bits
    network_of(DECAYING, state_bits=bits, overflow="WRAP")
    with pytest.raises(NetworkError, match=rf"'WRAP'.*state_bits = {bits - 1}.*{bits} bits"):
        network_of(DECAYING, state_bits=bits - 1, overflow="WRAP")


@pytest.mark.parametrize("rounding", ["TRN", "TRN_ZERO", "RND", "RND_CONV"])
def test_a_long_worst_case_comes_close_to_the_bound_and_stays_below(rounding: str) -> None:
    """The input that pushes u furthest, played to a slowly decaying resonator."""
    cell = DECAYING | {
        "rounding": rounding, "reset": [0, 0], "bias": [0, 0], "steps": 4000, "guard": 8,
        "transition": [[16000, -3000], [3000, 16000]],
    }  # fmt: skip
    network = network_of(cell)
    reach = reachable_range(network, 0)
    A, W = np.array(cell["transition"]) / 2.0**14, np.array(cell["weight"], dtype=float)
    backwards = [((np.linalg.matrix_power(A, k) @ W)[0] > 0).astype(int) for k in range(4000)]
    metadata = network.metadata()["layers"][0]
    tensors = reference.layer_tensors(network.tensors(), 0) | {"threshold": [2**31 - 1]}
    u = [step[0] for step in reference.spiking_layer(metadata, tensors, backwards[::-1]).u]
    assert 0.98 * reach.maximum[0, 0] < max(u) <= reach.maximum[0, 0]


@pytest.mark.parametrize("transition", [[[0, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]])
def test_a_reset_counts_even_where_the_cell_forgets_at_once(transition: list[list[int]]) -> None:
    cell = DECAYING | {
        "transition": transition, "frac": 0, "reset": [-5000, -5000], "steps": 4,
    }  # fmt: skip
    minimum, maximum = reached(cell)
    reach = reachable_range(network_of(cell), 0)
    assert reach.minimum[0].tolist() == minimum
    assert reach.maximum[0].tolist() == maximum
    assert reach.low <= -5000


def test_a_range_is_tight_where_an_input_is_known_to_reach_it() -> None:
    """A state that is the current alone has the bound's value; a reset may keep it from there."""
    cell: Cell = {
        "bits": 4, "signed": True, "weight": [[3, -2], [1, 5]], "bias": (0, 0), "guard": 1,
        "transition": [[0, 0], [0, 0]], "frac": 8, "reset": (0, 0), "rounding": "RND", "steps": 3,
    }  # fmt: skip
    reach = reachable_range(network_of(cell), 0)
    (bits,) = reach.neuron_bits().tolist()
    assert reach.tight(bits).tolist() == [True]
    assert reach.tight(bits - 1).tolist() == [False]
    assert reachable_range(network_of(cell, reset=(-1, 0)), 0).tight(32).tolist() == [False]


def test_a_state_that_grows_without_end_is_told_without_a_warning() -> None:
    growing = DECAYING | {"transition": [[2**16, 0], [0, 2**16]]}
    assert reachable_range(network_of(growing), 0).bits > 32
    silent = growing | {
        "weight": [[0], [0]], "reset": [0, 0], "bias": [0, 0], "frac": 0
    }  # fmt: skip
    reach = reachable_range(network_of(silent), 0)
    assert (reach.low, reach.high) == (0, 0)


def test_nearly_cancelling_products_do_not_slip_through_floating_point() -> None:
    """A^2 is small while the products that make it are beyond 53 bits."""
    a, b, c, d = 2**30 + 1, 2**30 - 1, -(2**30) - 3, -(2**30)
    cell = DECAYING | {
        "transition": [[a, b], [c, d]], "frac": 0, "weight": [[1], [-1]], "guard": 0,
        "reset": [0, 0], "bias": [0, 0], "steps": 3,
    }  # fmt: skip
    minimum, maximum = reached(cell)
    reach = reachable_range(network_of(cell), 0)
    assert (reach.minimum[0] <= minimum).all()
    assert (reach.maximum[0] >= maximum).all()


def test_the_readouts_bound_holds_and_is_reached() -> None:
    """Leaks of a half and weights without a remainder: the sum is 2 - 2^(1-T) times the input."""
    metadata = network_of(DECAYING | {"steps": 3}).metadata()
    tensors = network_of(DECAYING).tensors()
    metadata["layers"][1] |= {"weight_bits": 8, "state_bits": 16, "score_bits": 16}
    tensors["layers.1.weight_u"] = np.array([[64], [-32]], dtype=np.int32)
    tensors["layers.1.leak"] = np.array([8, 8], dtype=np.int32)
    reach = reachable_range(IntegerNetwork.build(metadata, tensors), 1)
    assert reach.minimum.shape == reach.maximum.shape == (2, 1)
    assert reach.maximum[0, 0] == 112
    assert reach.minimum[1, 0] == -56


def test_states_of_random_networks_stay_within_their_bounds() -> None:
    checked = 0
    for seed in range(60):
        case = random_case(seed)
        case.metadata["input"]["steps_max"] = case.x.shape[1]
        for layer in case.metadata["layers"]:
            layer["overflow"] = "SAT"
        network = case.network()
        answer = reference.run(case.metadata, case.tensors, case.x, case.steps)
        for i, layer in enumerate(network.layers):
            reach = reachable_range(network, i)
            if reach.bits > layer.state_bits:  # saturates, so the bound says nothing
                continue
            for j, name in enumerate("uv"):
                states = np.array(answer[f"{name}.{i}"]).reshape(-1, layer.neurons)
                assert (states.min(axis=0) >= reach.minimum[:, j]).all(), f"seed {seed}"
                assert (states.max(axis=0) <= reach.maximum[:, j]).all(), f"seed {seed}"
                checked += states.size
    assert checked > 10_000


@pytest.mark.parametrize(
    ("transition", "unstable"),
    [
        ([[0, -(2**14)], [2**14, 0]], False),  # on the circle
        ([[0, -(2**14) - 1], [2**14, 0]], True),
        ([[2**14, 0], [0, 2**14]], False),
        ([[2**14 + 1, 0], [0, 0]], True),
        ([[-(2**14), 0], [0, -(2**14)]], False),
        ([[-(2**14) - 1, 0], [0, 2**13]], True),
        ([[2**13, 2**20], [0, 2**13]], False),  # far from normal, yet it decays
        ([[18022, 0], [0, 9830]], True),  # 1.1 and 0.6: only the sum of both is too large
    ],
)
def test_the_jury_test_is_exact_at_the_circle(transition: Any, unstable: bool) -> None:
    network = network_of(DECAYING | {"transition": transition})
    assert unstable_neurons(network.layers[0]).tolist() == ([0] if unstable else [])


def test_the_jury_test_does_not_overflow() -> None:
    """-1 and a trifle, in units of 2^-31: the trace times one is 2^63."""
    assert outside_unit_circle(np.array([[[-(2**31), 1], [1, -(2**31)]]]), 31).tolist() == [0]
    assert outside_unit_circle(np.array([[[-(2**31), 0], [0, -(2**31)]]]), 31).tolist() == []


@pytest.mark.parametrize(("weight", "acts"), [(-1, True), (1, False), (0, False)])
def test_a_negative_weight_reaches_as_high_as_the_lowest_input(weight: int, acts: bool) -> None:
    """Inputs are -8 to 7, states as well: only 8 does not fit."""
    cell: Cell = {
        "bits": 4, "signed": True, "weight": [[weight], [0]], "bias": (0, 0), "guard": 0,
        "transition": [[0, 0], [0, 0]], "frac": 8, "reset": (0, 0), "rounding": "RND", "steps": 3,
        "state_bits": 4, "bias_bits": 1,
    }  # fmt: skip
    assert network_of(cell).saturates[0] == acts


def test_a_state_that_nothing_moves_stays_at_zero() -> None:
    cell: Cell = {
        "bits": 4, "signed": True, "weight": [[0], [0]], "bias": (0, 0), "guard": 0,
        "transition": [[2**8, 0], [0, 2**8]], "frac": 8, "reset": (0, 0), "rounding": "RND",
        "steps": 3, "state_bits": 4, "bias_bits": 1,
    }  # fmt: skip
    assert not network_of(cell).saturates[0]
    assert network_of(cell, weight=[[-1], [0]]).saturates[0]


def lone(transition: Any, **parts: Any) -> Cells:
    """One neuron with one input; nothing drives it but the given parts."""
    still = {"bias": [0, 0], "reset": [0, 0], "error_low": [0, 0], "error_high": [0, 0]}
    given = {"transition": transition, "weight": [[0], [0]]} | still | parts
    return Cells(**{name: np.array([value], dtype=float) for name, value in given.items()})


def test_rounding_alone_can_leave_the_word() -> None:
    """Half an LSB in each step, of which 0.999 is left after the next one: 500 LSB at last."""
    drifting = lone([[0.999, 0], [0, 0]], error_low=[-0.5, 0], error_high=[0.5, 0])
    for word, stays in ((-128, 127), False), ((-512, 511), True):
        found = accumulate(drifting, 0, 1, 1 << 16, within=word)
        assert found.settled.tolist() == [stays]


@pytest.mark.parametrize("drive", ["weight", "bias", "reset", "error_low", "error_high"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_every_drive_of_either_sign_moves_a_neuron(drive: str, sign: int) -> None:
    value = [[0], [sign]] if drive == "weight" else [0, sign]
    assert not moves(lone(np.eye(2))).any()
    assert moves(lone(np.eye(2), **{drive: value})).all()


def test_the_bound_in_floating_point_is_not_below_the_exact_one() -> None:
    """The sum as computed is below the exact one for many of these; its slack makes it good."""
    steps, high, rng = 30, 255, np.random.default_rng(5)
    for _ in range(40):
        turn, size = rng.uniform(0.1, 3), rng.uniform(0.98, 0.999)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        matrix = np.rint(rotation * size * 2**14).astype(int)
        weight = rng.integers(-(2**7), 2**7, (2, 3))
        found = accumulate(lone(matrix / 2**14, weight=weight), 0, high, steps)
        power = [[Fraction(1), Fraction(0)], [Fraction(0), Fraction(1)]]
        most = [Fraction(0), Fraction(0)]
        for _ in range(steps):
            for row in range(2):
                for w_u, w_v in weight.T.tolist():
                    most[row] += high * max(0, power[row][0] * w_u + power[row][1] * w_v)
            power = [
                [sum(row[k] * Fraction(int(matrix[k, j]), 2**14) for k in (0, 1)) for j in (0, 1)]
                for row in power
            ]
        assert all(
            Fraction(float(got)) >= end for got, end in zip(found.maximum[0], most, strict=True)
        )
        assert found.maximum[0] == pytest.approx([float(end) for end in most], rel=1e-9)
