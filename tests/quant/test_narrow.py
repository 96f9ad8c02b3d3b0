"""State words as wide as a proof needs: no number changes, and what does not fit is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from random_networks import random_case
from rtl_cases import CASES, network, samples_for

from rfssm.errors import NetworkError
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.ranges.narrow import narrowed, with_state_bits
from rfssm.quant.ranges.reach import reachable_range
from rfssm.quant.samples import Samples, compare


def answers_alike(one: IntegerNetwork, other: IntegerNetwork, samples: Samples) -> bool:
    first, second = (golden.run(n, samples, spikes=True, states=True) for n in (one, other))
    return not compare(first, second)


def test_no_number_changes_and_no_word_can_be_smaller() -> None:
    """Random networks; their thresholds lie inside and outside of what states can reach."""
    narrower = kept = moved = 0
    for seed in range(80):
        case = random_case(seed)
        case.metadata["input"]["steps_max"] = case.x.shape[1]
        net = case.network()
        small, widths = narrowed(net)
        assert answers_alike(net, small, case.samples()), f"seed {seed}"
        for i, (old, new, width) in enumerate(
            zip(net.all_layers, small.all_layers, widths, strict=True)
        ):
            assert new.state_bits == width.chosen <= old.state_bits == width.declared
            needed = reachable_range(net, i).bits
            assert width.saturates == (needed > old.state_bits)
            assert new.state_bits >= needed or new.state_bits == old.state_bits
            if width.saturates:
                assert new.state_bits == old.state_bits
                assert width.beyond > 0
                assert width.widest[0].bits == needed
            narrower += new.state_bits < old.state_bits
            kept += width.saturates
        moved += any(
            (old.threshold != new.threshold).any()
            for old, new in zip(net.layers, small.layers, strict=True)
        )
        again, _ = narrowed(small)
        assert again.digest() == small.digest()
    assert narrower > 120
    assert kept > 25
    assert moved > 10


@pytest.mark.parametrize("name", CASES)
def test_corner_networks_keep_their_numbers(name: str) -> None:
    net = CASES[name]()
    assert answers_alike(net, narrowed(net)[0], samples_for(net, count=12))


def test_thresholds_beyond_the_range_mean_always_and_never() -> None:
    threshold = np.array([-2048, -2000, 2047, 1500, 3, -1])
    net = network([{"weight_bits": 2}], tensors={"layers.0.threshold": threshold})
    small, (width, _) = narrowed(net)
    assert width.chosen < 9
    spikes = [golden.run(n, samples_for(net), spikes=True).spikes for n in (net, small)]
    assert spikes[0] is not None
    assert spikes[1] is not None
    assert (spikes[0][0] == spikes[1][0]).all()
    assert spikes[1][0][..., :2].any(axis=(0, 1)).all()
    assert not spikes[1][0][..., 2:4].any()


def test_a_threshold_that_is_cut_off_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant the fault: clip thresholds to the range itself, so that its lowest state is silent."""
    threshold = np.full(6, -2048)
    net = network(
        [{"weight_bits": 2, "transition_frac": 0, "neurons": 6}], channels=1, bits=1,
        tensors={"layers.0.threshold": threshold, "layers.0.transition": np.zeros((6, 2, 2)),
                 "layers.0.weight_u": np.full((6, 1), -1)},
    )  # fmt: skip
    samples = samples_for(net)
    assert answers_alike(net, narrowed(net)[0], samples)
    real = np.clip
    monkeypatch.setattr(
        "rfssm.quant.ranges.narrow.np.clip", lambda x, low, high: real(x, low + 1, high)
    )
    assert not answers_alike(net, narrowed(net)[0], samples)


def never_spiking() -> IntegerNetwork:
    """Neurons whose threshold is their word's largest state, which they saturate at."""
    return network(
        [{"state_bits": 6, "guard_bits": 3}], bits=4,
        tensors={"layers.0.threshold": np.full(6, 31)},
    )  # fmt: skip


def test_a_wider_limit_widens_and_ends_saturation() -> None:
    net = network([{"state_bits": 6, "guard_bits": 3}], bits=4)
    wide, widths = narrowed(net, limit=20)
    assert widths[0].chosen == wide.layers[0].state_bits > 6
    assert not widths[0].saturates
    assert with_state_bits(net, 20)[0].saturates == (False, False)
    same, kept = narrowed(net, limit=8)
    assert kept[0].saturates
    assert (kept[0].chosen, same.layers[0].overflow) == (6, "SAT")
    assert kept[0].beyond == 6
    silent = never_spiking()
    spikes = golden.run(narrowed(silent, limit=20)[0], samples_for(silent), spikes=True).spikes
    assert spikes is not None
    assert not spikes[0].any()


def test_a_given_width_saturates_where_it_must() -> None:
    net = network([{}, {}])
    narrow, widths = with_state_bits(net, 8)
    assert [layer.state_bits for layer in narrow.all_layers] == [8, 8, 8]
    assert [w.saturates for w in widths] == [reachable_range(net, i).bits > 8 for i in range(3)]
    assert any(w.saturates for w in widths)
    wide, _ = with_state_bits(net, 20)
    assert wide.readout.score_bits >= 24
    assert answers_alike(net, wide, samples_for(net))  # which never saturated
    silent = never_spiking()
    nine, _ = with_state_bits(silent, 9)
    spikes = golden.run(nine, samples_for(silent), spikes=True).spikes
    assert spikes is not None
    assert not spikes[0].any()


def test_biases_as_wide_as_the_state_become_narrower_with_it() -> None:
    net = network([{"bias_bits": 12, "weight_bits": 2}], bias_bits=12,
                  tensors={"layers.0.bias_u": np.arange(6), "layers.0.bias_v": -np.arange(6),
                           "layers.1.bias_u": np.arange(3)})  # fmt: skip
    small, widths = narrowed(net)
    assert all(w.chosen < 12 for w in widths)
    assert [layer.bias_bits for layer in small.all_layers] == [w.chosen for w in widths]
    assert answers_alike(net, small, samples_for(net))


@pytest.mark.parametrize(
    ("bits", "tensors", "said"),
    [
        (3, {}, "state_bits = 3: must be 4 to 32"),
        (33, {}, "state_bits = 33: must be 4 to 32"),
        (6, {"layers.0.reset": np.full((6, 2), -200)}, "resets and biases of layer 0 need 9 bits"),
        (6, {"layers.0.threshold": np.full(6, -90)}, "layer 0 have thresholds below -32: 0, 1"),
    ],
)
def test_a_width_that_cannot_be_is_refused(bits: int, tensors: dict[str, Any], said: str) -> None:
    with pytest.raises(NetworkError, match=said):
        with_state_bits(network([{}], tensors=tensors), bits)


def test_a_limit_that_cannot_be_is_refused() -> None:
    with pytest.raises(NetworkError, match="limit = 40: must be 4 to 32"):
        narrowed(network([{}]), limit=40)


def test_wrapping_layers_stay_proved() -> None:
    net = CASES["WRAP"]()
    small, widths = narrowed(net)
    assert small.layers[0].overflow == "WRAP"
    assert widths[0].chosen < 16
    tensors = {**net.tensors(), "layers.0.threshold": np.zeros(6, np.int32)}
    with pytest.raises(NetworkError, match="'WRAP'"):
        with_state_bits(IntegerNetwork.build(net.metadata(), tensors), 6)
