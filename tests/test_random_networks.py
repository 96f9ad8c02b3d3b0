"""Random networks: golden model against reference, every other engine against golden model.

And the other way round: faults planted in the reference, each of which these networks must notice.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from fuzzing import sibling
from random_networks import (
    LARGE,
    SMALL,
    Case,
    Size,
    all_pairs,
    observe,
    pairs_of,
    random_case,
    reference_variant,
)

from rfssm.hls import engines
from rfssm.hls.design import Lanes
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import compare

GOLDEN_CASES = 400
CHUNK = 20

COVERING = (0, 46, 67, 115, 256, 278, 286, 330, 336, 373, 405, 410, 580, 585, 599, 764, 815, 873)
"""Seeds that between them reach all that the first hundred do, and notice every fault below.

What takes time is compiling, once for each shape: of the first 900 networks these are the ones that
compile fastest.  ``make fuzz`` draws shapes without end.
"""
ENGINE_SEEDS: dict[str, Sequence[int]] = {
    "icarus": sorted({*COVERING, *range(32)}),
    "verilator": COVERING,
    "csim": COVERING,
}
SIBLINGS = {"icarus": 0, "verilator": 5, "csim": 5}
"""More networks of each case's shape: where compiling takes most of the time, they cost little."""
ENGINE_CHUNK = 4
LARGE_CASES = 8

FEATURES = """
    input of 1 bit; input of 2 to 8 bits; input of 9 to 16 bits; signed input; signed 1-bit input;
    1 channel; steps_max 1; steps_max 65535; 1-step sample; samples of different lengths;
    all-zero sample; padding that is not zero;
    no spiking layer; 1 to 3 spiking layers; 4 to 9 spiking layers; 10 or more spiking layers;
    skip on the first layer; two skips in a row; skip before the readout;
    1 neuron; 2 classes; neurons not a multiple of the lanes;
    neurons not a multiple of the synapse lanes;
    real input; complex input; real bias; complex bias; bias of 1 bit; bias of state_bits;
    reset; no reset; reset at an end; WRAP; WRAP readout; readout bias;
    TRN; TRN_ZERO; RND; RND_CONV;
    readout TRN; readout TRN_ZERO; readout RND; readout RND_CONV;
    score sum; score last; score max; score each; score_bits minimal; score_bits 64;
    leak 0; largest leak; leak_frac 4; leak_frac 24;
    guard 0; guard above 4; guard 16; weights of 2 bits; weights of 16 bits;
    state of 4 bits; state of 32 bits; transition of 4 bits; transition of 32 bits;
    state and transition of 32 bits;
    transition_frac 0; transition_frac of transition_bits or more;
    transition 0; transition inside; transition on; transition outside;
    transition that is not a rotation;
    most negative weight; most negative transition; largest transition;
    threshold at its low end; threshold at its high end
"""
EVENTS = {
    "spikes": 5000,
    "silences": 5000,
    "deep spikes": 500,
    "neurons that spike at times": 500,
    "neurons that never spike": 100,
    "neurons that spike at every step": 50,
    "state at the threshold": 1000,
    "state one above the threshold": 500,
    "steps after a spike with reset": 2000,
    "saturated high": 1000,
    "saturated low": 1000,
    "at an end without saturation": 50,
    "equal best scores": 100,
    "a label other than 0": 200,
    "negative best score": 50,
} | {
    f"tie {mode} {side} zero, floor {floor}": 50
    for mode in ("TRN", "TRN_ZERO", "RND", "RND_CONV")
    for side in ("below", "above")
    for floor in ("even", "odd")
}


def first_difference(
    case: Case, expected: dict[str, np.ndarray], got: dict[str, np.ndarray]
) -> str:
    """Where two answers differ, or an empty string."""
    if expected.keys() != got.keys():
        return f"seed {case.seed}: arrays {sorted(expected)} and {sorted(got)}"
    for key, array in expected.items():
        if got[key].shape != array.shape or got[key].dtype != array.dtype:
            return (
                f"seed {case.seed}: {key} is {array.dtype} {array.shape}, "
                f"found {got[key].dtype} {got[key].shape}"
            )
        if (got[key] != array).any():
            at = tuple(int(k) for k in np.argwhere(got[key] != array)[0])
            return f"seed {case.seed}: {key}{list(at)} is {array[at]}, found {got[key][at]}"
    return ""


@functools.cache
def drawn(seed: int) -> tuple[Case, dict[str, np.ndarray]]:
    """A case and the golden model's answer."""
    case = random_case(seed)
    return case, golden_arrays(case)


def golden_arrays(case: Case) -> dict[str, np.ndarray]:
    return golden.run(case.network(), case.samples(), spikes=True, states=True).arrays()


def golden_equals_reference(case: Case) -> int:
    """Check one case; returns the number of values compared."""
    expected = case.expected()
    assert first_difference(case, expected, golden_arrays(case)) == ""
    return sum(array.size for array in expected.values())


def chunks(seeds: Sequence[int], size: int) -> list[Sequence[int]]:
    return [seeds[first : first + size] for first in range(0, len(seeds), size)]


def seeds_of(seeds: Sequence[int]) -> str:
    if isinstance(seeds, range):
        return f"seeds {seeds.start}-{seeds.stop - 1}"
    return f"seeds {' '.join(map(str, seeds))}"


@pytest.mark.parametrize("seeds", chunks(range(GOLDEN_CASES), CHUNK), ids=seeds_of)
def test_golden_equals_the_reference(seeds: Sequence[int]) -> None:
    checked = sum(golden_equals_reference(random_case(seed)) for seed in seeds)
    assert checked > 100 * len(seeds)


@pytest.mark.parametrize("seed", range(LARGE_CASES))
def test_golden_equals_the_reference_on_larger_networks(seed: int) -> None:
    golden_equals_reference(random_case(seed, LARGE))


def test_the_same_seed_gives_the_same_network() -> None:
    for seed in range(20):
        one, two = random_case(seed), random_case(seed)
        assert one.metadata == two.metadata
        assert one.network().digest() == two.network().digest()
        np.testing.assert_array_equal(one.x, two.x)
        np.testing.assert_array_equal(one.steps, two.steps)
        assert one.lanes_of_each == two.lanes_of_each


def test_random_networks_reach_every_field_and_corner() -> None:
    seen: Counter[str] = Counter()
    for seed in COVERING:
        seen += observe(drawn(seed)[0])
    wanted = dict.fromkeys((name.strip() for name in FEATURES.split(";")), 1) | EVENTS
    too_rare = {name: (seen[name], least) for name, least in wanted.items() if seen[name] < least}
    assert not too_rare
    assert seen["wrapped"] == 0  # WRAP is legal only where it never acts


def test_every_two_settings_meet() -> None:
    """In the cases that every engine runs; in the first ten they do not yet."""
    assert all(set(COVERING) <= set(seeds) for seeds in ENGINE_SEEDS.values())
    seen = [pairs_of(drawn(seed)[0].network()) for seed in COVERING]
    assert all_pairs() == set().union(*seen)
    assert all_pairs() > set().union(*seen[:10])


# ---------------------------------------------------------------------------------------------
# Engines
# ---------------------------------------------------------------------------------------------


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """An engine that can run here; a missing one is a skip, and in CI a failure."""
    name: str = request.param
    why = engines.missing(name)
    if why and os.environ.get("CI"):
        pytest.fail(f"engine {name}: {why}")
    if why:
        pytest.skip(f"engine {name}: {why}")
    return name


def engine_cases() -> list[object]:
    """Chunks of small networks, and larger ones, for each engine."""
    params = []
    for name, every in ENGINE_SEEDS.items():
        mark = pytest.mark.hls if name == "csim" else pytest.mark.rtl
        for seeds in chunks(every, ENGINE_CHUNK):
            params.append(
                pytest.param(name, SMALL, seeds, marks=mark, id=f"{name} {seeds_of(seeds)}")
            )
        for seeds in chunks(range(LARGE_CASES), 2):
            params.append(
                pytest.param(name, LARGE, seeds, marks=mark, id=f"{name} large, {seeds_of(seeds)}")
            )
    return params


EVERY_ENGINE = [
    pytest.param(name, marks=pytest.mark.hls if name == "csim" else pytest.mark.rtl)
    for name in ENGINE_SEEDS
]


@pytest.mark.parametrize(("engine", "size", "seeds"), engine_cases(), indirect=["engine"])
def test_engine_equals_golden(engine: str, size: Size, seeds: Sequence[int]) -> None:
    for seed in seeds:
        case = random_case(seed, size)
        name = f"random_case({seed}, {'SMALL' if size == SMALL else 'LARGE'}), engine {engine}"
        for k, network in enumerate(family(case, SIBLINGS[engine] if size == SMALL else 0)):
            where = f"{name}, sibling {k}" if k else name
            samples, lanes = case.samples(), case.lanes_of_each
            expected = golden.run(network, samples, spikes=True, states=True)
            try:
                got = engines.run(network, samples, engine, spikes=True, states=True, lanes=lanes)
            except Exception as error:
                raise AssertionError(f"{where}: does not run: {error}") from error
            differences = "; ".join(map(str, compare(expected, got)))
            assert differences == "", f"{where}: {differences}"


def family(case: Case, siblings: int) -> Iterator[IntegerNetwork]:
    """A network, and others with its numbers in another order: of one shape, so compiled once."""
    yield case.network()
    rng = np.random.default_rng([case.seed, 2])
    for _ in range(siblings):
        other = sibling(case, rng)
        if other is not None:
            yield other


def test_a_hundred_networks_reach_the_compiling_engines() -> None:
    """Different ones; a few have no other order."""
    for engine in ("verilator", "csim"):
        digests = {
            network.digest()
            for seed in ENGINE_SEEDS[engine]
            for network in family(drawn(seed)[0], SIBLINGS[engine])
        }
        assert len(digests) > 100


def full_scores(steps: int) -> Case:
    """One class at each end of 32 bits all the time: scores that need their last bit."""
    one = {"guard_bits": 16, "state_bits": 32, "rounding": "RND", "overflow": "SAT"}
    readout = one | {
        "kind": "readout", "inputs": 1, "classes": 2, "weight_bits": 16, "bias_bits": 32,
        "leak_frac": 24, "score": "sum",
        "score_bits": 32 + (steps - 1).bit_length(),
    }  # fmt: skip
    metadata = {
        "format": "rfssm-network", "version": 1, "name": "full", "labels": [], "provenance": {},
        "input": {"channels": 1, "bits": 16, "signed": False, "frac": 0, "steps_max": steps},
        "layers": [readout],
    }  # fmt: skip
    integers = {"weight_u": [[-(2**15)], [2**15 - 1]], "bias_u": [-1, 1], "leak": [0, 2**24 - 1]}
    tensors = {f"layers.0.{name}": np.array(v, dtype=np.int32) for name, v in integers.items()}
    x = np.full((1, steps, 1), 65535, dtype=np.int64)
    return Case(
        0, metadata, tensors | {"layers.0.scale": np.ones(1)}, x, np.array([steps]), (Lanes(1, 1),)
    )


def test_the_longest_sample_fills_its_score_to_the_last_bit() -> None:
    got = golden_arrays(full_scores(65535))["scores"].tolist()
    assert got == [[-(2**31) * 65535, (2**31 - 1) * 65535]]
    assert max(map(int.bit_length, got[0])) == 47  # and a sign


@pytest.mark.parametrize("engine", EVERY_ENGINE, indirect=True)
def test_engine_fills_its_score_to_the_last_bit(engine: str) -> None:
    case = full_scores(256)
    expected = golden.run(case.network(), case.samples())
    assert expected.scores[0, 0] == -(2**39)  # 40 bits
    got = engines.run(case.network(), case.samples(), engine, lanes=case.lanes())
    assert compare(expected, got) == []


# ---------------------------------------------------------------------------------------------
# Planted faults: text of the reference, and the faulty text in its place
# ---------------------------------------------------------------------------------------------

SUM_U = "sum_u = round_u + I_u * 2**G + B_u + s[n] * R[n][0]"
SUM_V = "sum_v = round_v + I_v * 2**G + B_v + s[n] * R[n][1]"
LINEAR_U = "linear_u = A[n][0][0] * u[n] + A[n][0][1] * v[n]"
LINEAR_V = "linear_v = A[n][1][0] * u[n] + A[n][1][1] * v[n]"
ROUND_U = 'round_u = rounded(linear_u, F, layer["rounding"])'
ROUND_V = 'round_v = rounded(linear_v, F, layer["rounding"])'
RND = "        return floor + 1 if 2 * rest >= one else floor\n"
RND_CONV = "            return floor if floor % 2 == 0 else floor + 1\n"
TRN_ZERO = "        return floor + 1 if total < 0 and rest > 0 else floor\n"
TRN = '    if mode == "TRN":\n        return floor\n'
CLIP = "        return low if value < low else high if value > high else value\n"
CLEAR = "u, v, s = [0] * neurons, [0] * neurons, [0] * neurons"
NEXT = "u, v, s = next_u, next_v, next_s"
ADD_M = "next_m.append(fitted(round_m + I * 2**G + B, S, layer["
BITS = 'layer["current_bits"] - 1, "WRAP")'

FAULTS: dict[str, dict[str, str]] = {
    "floor for round": {RND: "        return floor\n"},
    "half up for half even": {RND_CONV: "            return floor + 1\n"},
    "half even for half up": {
        RND: "        return floor + (2 * rest > one or 2 * rest == one and floor % 2 == 1)\n"
    },
    "half away from zero for half up": {
        RND: "        return floor + (2 * rest > one or 2 * rest == one and total > 0)\n"
    },
    "half down for half up": {RND: "        return floor + 1 if 2 * rest > one else floor\n"},
    "floor for toward zero": {TRN_ZERO: "        return floor\n"},
    "toward zero for floor": {TRN: TRN.replace("floor", "floor + (total < 0 < rest)")},
    "each product truncated on its own": {
        ROUND_U: ROUND_U.replace("linear_u", "A[n][0][0] * u[n]")
        + ROUND_U.replace("round_u = ", " + ").replace("linear_u", "A[n][0][1] * v[n]"),
        ROUND_V: ROUND_V.replace("linear_v", "A[n][1][0] * u[n]")
        + ROUND_V.replace("round_v = ", " + ").replace("linear_v", "A[n][1][1] * v[n]"),
    },
    "current added before rounding": {
        ROUND_U: ROUND_U.replace("linear_u", "linear_u + I_u * 2**(G + F)") + " - I_u * 2**G"
    },
    "rounding twice": {
        ROUND_U: "half = F // 2\n            "
        'round_u = rounded(rounded(linear_u, half, layer["rounding"]), F - half, layer["rounding"])'
    },
    "at least for above": {"return u > threshold": "return u >= threshold"},
    "spike from the state before": {"1 if fires(next_u[n], T[n])": "1 if fires(u[n], T[n])"},
    "spike from the sum before saturation": {"fires(next_u[n], T[n])": "fires(sum_u, T[n])"},
    "saturation missing": {CLIP: "        return value\n"},
    "saturation wraps": {CLIP: "        return (value - low) % 2**bits + low\n"},
    "saturation one LSB early at the low end": {
        CLIP: "        return low + 1 if value <= low else high if value > high else value\n"
    },
    "current saturated before the sum": {
        SUM_U: SUM_U.replace("I_u * 2**G", 'fitted(I_u * 2**G, S, layer["overflow"])')
    },
    "bias added after saturation": {
        SUM_U: 'sum_u = fitted(round_u + I_u * 2**G + s[n] * R[n][0], S, layer["overflow"]) + B_u'
    },
    "bias before the shift": {
        SUM_U: SUM_U.replace("I_u * 2**G + B_u", "(I_u + B_u) * 2**G"),
    },
    "bias once per sample": {SUM_U: SUM_U.replace("B_u", "B_u * (len(trace.u) == 0)")},
    "bias of v missing": {SUM_V: SUM_V.replace(" + B_v", "")},
    "guard shift of v missing": {SUM_V: SUM_V.replace("I_v * 2**G", "I_v")},
    "reset one step late": {
        CLEAR: CLEAR + "\n    late = [0] * neurons",
        NEXT: "late = s\n        " + NEXT,
        SUM_U: SUM_U.replace("s[n]", "late[n]"),
        SUM_V: SUM_V.replace("s[n]", "late[n]"),
    },
    "reset in the step of the spike": {
        "next_s.append(1 if fires(next_u[n], T[n]) else 0)": (
            "next_s.append(1 if fires(next_u[n], T[n]) else 0)\n"
            "            next_u[n] += next_s[n] * R[n][0]"
        ),
        SUM_U: SUM_U.replace(" + s[n] * R[n][0]", ""),
    },
    "reset of v missing": {SUM_V: SUM_V.replace(" + s[n] * R[n][1]", "")},
    "states not cleared between samples": {
        CLEAR: "u, v, s = KEPT.get(id(layer), ([0] * neurons, [0] * neurons, [0] * neurons))",
        "    return trace\n": "    KEPT[id(layer)] = (u, v, s)\n    return trace\n",
        "class Trace(": "KEPT = {}\n\n\nclass Trace(",
    },
    "spikes not cleared between samples": {
        CLEAR: "u, v, s = [0] * neurons, [0] * neurons, KEPT.get(id(layer), [0] * neurons)",
        "    return trace\n": "    KEPT[id(layer)] = s\n    return trace\n",
        "class Trace(": "KEPT = {}\n\n\nclass Trace(",
    },
    "readout not cleared between samples": {
        "    m = [0] * classes\n": "    m = KEPT.get(id(layer), [0] * classes)\n",
        "    return values\n\n\n": "    KEPT[id(layer)] = m\n    return values\n\n\n",
        "class Trace(": "KEPT = {}\n\n\nclass Trace(",
    },
    "a lost carry in the currents": {
        'I_u = current(tensor["weight_u"][n], x)': (
            'I_u = fitted(current(tensor["weight_u"][n], x), ' + BITS
        ),
        'I_v = current(tensor["weight_v"][n], x)': (
            'I_v = fitted(current(tensor["weight_v"][n], x), ' + BITS
        ),
    },
    "a lost carry in the readout's currents": {
        'I = current(tensor["weight_u"][c], x)': (
            'I = fitted(current(tensor["weight_u"][c], x), ' + BITS
        ),
    },
    "a lost carry in the sum of products": {
        LINEAR_U: LINEAR_U.replace("= ", "= fitted(")
        + ', S + layer["transition_bits"] - 1, "WRAP")'
    },
    "rows of the transition exchanged": {
        LINEAR_U: LINEAR_U.replace("A[n][0]", "A[n][1]"),
        LINEAR_V: LINEAR_V.replace("A[n][1]", "A[n][0]"),
    },
    "transition transposed": {
        LINEAR_U: LINEAR_U.replace("A[n][0][1]", "A[n][1][0]"),
        LINEAR_V: LINEAR_V.replace("A[n][1][0]", "A[n][0][1]"),
    },
    "transition taken for a rotation": {LINEAR_V: LINEAR_V.replace("A[n][1][1]", "A[n][0][0]")},
    "v updated from the new u": {
        LINEAR_V: LINEAR_V.replace(
            "u[n]",
            "fitted(rounded(linear_u, F, layer['rounding']) + "
            "I_u * 2**G + B_u + s[n] * R[n][0], S, layer['overflow'])",
        )
    },
    "input of v missing": {SUM_V: SUM_V.replace("I_v * 2**G + ", "")},
    "input magnitude for signed input": {
        "signal = sample[:count]": "signal = [list(map(abs, step)) for step in sample[:count]]"
    },
    "only the low bit of a skip": {"s[n] + x[n] for n": "(s[n] + x[n]) % 2 for n"},
    "skip missing": {"[s[n] + x[n] for n in range(neurons)] if": "s if"},
    "skip in place of the spikes": {"s[n] + x[n] for n": "x[n] for n"},
    "leak rounded down": {
        'rounded(leak[c] * m[c], F, layer["rounding"])': "leak[c] * m[c] // 2**F"
    },
    "leak of class 0 for all": {"leak[c] * m[c]": "leak[0] * m[c]"},
    "readout bias before the shift": {ADD_M: ADD_M.replace("I * 2**G + B", "(I + B) * 2**G")},
    "readout not saturated": {ADD_M + '"overflow"]))': "next_m.append(round_m + I * 2**G + B)"},
    "last of equal scores wins": {
        "return scores.index(max(scores))": (
            "return len(scores) - 1 - scores[::-1].index(max(scores))"
        )
    },
    "maximum starts at zero": {"[[max(steps) for": "[[max(0, *steps) for"},
    "maximum of the magnitude": {"[[max(steps) for": "[[max(steps, key=abs) for"},
    "last step missing in the sum": {"[[sum(steps) for": "[[sum(steps[:-1]) for"},
    "sum in a word without room for its steps": {
        "[[sum(steps) for": "[[fitted(sum(steps), 16, 'WRAP') for"
    },
    "steps beyond a sample's last": {
        "signal = sample[:count]": "signal = sample",
        "labels + [0] * (longest - count)": "labels",
    },
}


def faulty_answer(case: Case, edits: dict[str, str]) -> dict[str, np.ndarray]:
    """What the reference answers with some of its text exchanged."""
    network = case.network()
    layers = [
        layer | {"current_bits": network.current_bits(i)}
        for i, layer in enumerate(case.metadata["layers"])
    ]
    faulty = reference_variant(edits)
    answer = faulty.run(case.metadata | {"layers": layers}, case.tensors, case.x, case.steps)
    return {
        key: np.array(rows, dtype=bool if key.startswith("spikes") else np.int64)
        for key, rows in answer.items()
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_random_networks_notice(fault: str) -> None:
    noticed = 0
    for seed in COVERING:
        case, expected = drawn(seed)
        noticed += first_difference(case, expected, faulty_answer(case, FAULTS[fault])) != ""
        if noticed == 3:
            return
    pytest.fail(f"{fault}: noticed by {noticed} of {len(COVERING)} networks, expected 3 or more")


def test_words_of_current_bits_hold_every_current() -> None:
    """The fault 'a lost carry' takes one bit away; with that bit back nothing may differ."""
    edits = {
        old: new.replace('["current_bits"] - 1', '["current_bits"]')
        for name in ("a lost carry in the currents", "a lost carry in the readout's currents")
        for old, new in FAULTS[name].items()
    }
    for seed in COVERING:
        case, expected = drawn(seed)
        assert first_difference(case, expected, faulty_answer(case, edits)) == ""
