"""Cycles of whole test sets: what the header of ``rfssm_layer`` states, measured on the RTL."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from estimate_cases import DEPLOYED
from rtl_cases import network

from rfssm.hls.design import Design, Lanes
from rfssm.hls.engines.timing import measure
from rfssm.hls.estimate import cycle_model
from rfssm.hls.estimate.cycle_model import Activity
from rfssm.model import data
from rfssm.model.recipe import FsddConfig
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

pytestmark = pytest.mark.rtl

SAMPLES, STEPS = 100, 40
WIDTHS = (70, 64, 48)  # channels and neurons


@pytest.fixture(scope="module")
def net() -> IntegerNetwork:
    rng = np.random.default_rng(1)
    threshold = {
        f"layers.{i}.threshold": rng.integers(1 << 8, 1 << 11, n) for i, n in enumerate(WIDTHS[1:])
    }
    return network(
        [{"neurons": n, **DEPLOYED, "reset": True} for n in WIDTHS[1:]], channels=WIDTHS[0],
        classes=10, state_bits=16, leak_frac=15, score_bits=24, guard_bits=0, steps_max=STEPS,
        tensors=threshold)  # fmt: skip


@pytest.fixture(scope="module")
def samples() -> Samples:
    """As spoken digits: events per step vary as much as their mean, and go on for some steps."""
    rng = np.random.default_rng(2)
    loud = rng.lognormal(0, 0.7, (SAMPLES, STEPS // 10, 1)).repeat(10, axis=1)
    loud *= rng.lognormal(-2.7, 0.5, (SAMPLES, 1, 1))
    x = (rng.random((SAMPLES, STEPS, WIDTHS[0])) < loud).astype(np.int64)
    return Samples(x, rng.integers(STEPS // 2, STEPS + 1, SAMPLES))


@pytest.mark.parametrize("lanes", [Lanes(4, 1), Lanes(16, 2), Lanes(64, 8)], ids=str)
def test_a_test_set_takes_what_the_header_says(
    net: IntegerNetwork, samples: Samples, lanes: Lanes
) -> None:
    """Within 5 % of the formula: the sum over steps of the slowest layer, and c for each step."""
    design = Design.of(net, lanes)
    activity = Activity.of(net, samples)
    assert all(0.02 < rate < 0.4 for rate in activity.rates())
    cycles = measure(net, samples, lanes)
    formula = cycle_model.formula(design, activity)
    assert cycle_model.STEP_OVERHEAD <= 2
    assert cycles.per_sample == pytest.approx(formula, rel=0.05)
    # the layers work at the same time: the whole takes what the slowest takes, not the sum
    alone = cycle_model.layers_alone(design, activity)
    assert cycles.per_sample < 0.8 * sum(alone)
    assert cycles.per_sample >= 0.98 * max(alone)
    # and what the model computes is nearer still
    assert cycle_model.cycles(design, activity).per_sample == pytest.approx(
        cycles.per_sample, rel=0.02
    )


@pytest.fixture(scope="module")
def spoken(data_root: Path) -> tuple[IntegerNetwork, Samples]:
    """The test set of spoken digits, and a network of its recipe's shape that spikes at 5 %."""
    split = data.load(FsddConfig(set="fsdd", root=str(data_root))).test
    digits = Samples(split.x[:, : split.steps.max()].astype(np.int64), split.steps)
    live = np.arange(digits.x.shape[1]) < digits.steps[:, None]
    thresholds: dict[str, np.ndarray] = {}
    for i in range(2):
        states = golden.run(_spoken(thresholds), digits[:40], states=True).u
        assert states is not None
        thresholds[f"layers.{i}.threshold"] = np.quantile(
            states[i][live[:40]], 0.95, axis=0, method="lower"
        ).astype(np.int64)
    return _spoken(thresholds), digits


def _spoken(thresholds: dict[str, np.ndarray]) -> IntegerNetwork:
    return network(
        [{"neurons": 128, **DEPLOYED}] * 2, channels=140, classes=10, state_bits=16, leak_frac=15,
        score_bits=24, guard_bits=0, steps_max=250, tensors=thresholds)  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize(
    ("lanes", "count"),
    [(Lanes(16, 4), 60), (Lanes(128, 8), 60), (Lanes(128, 16), 300)],
    ids=["Lanes(synapse=16, neuron=4)", "Lanes(synapse=128, neuron=8)", "all 300"],
)
def test_spoken_digits_take_what_the_header_says(
    spoken: tuple[IntegerNetwork, Samples], lanes: Lanes, count: int
) -> None:
    net, digits = spoken
    digits = digits[:: len(digits) // count]
    activity = Activity.of(net, digits)
    design = Design.of(net, lanes)
    assert all(0.02 < rate < 0.1 for rate in activity.rates())
    cycles = measure(net, digits, lanes)
    assert cycles.samples == count
    assert cycles.per_sample == pytest.approx(cycle_model.formula(design, activity), rel=0.05)
