"""The loss and the schedule; whole runs are tested where networks are frozen."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rfssm.model import data
from rfssm.model.data import Batch, Data
from rfssm.model.network import Activity, build
from rfssm.model.recipe import DigitsConfig, NetworkConfig, TrainingConfig
from rfssm.model.train import Tensors, TrainingLoop


@pytest.fixture(scope="module")
def digits() -> Data:
    return data.load(DigitsConfig(set="digits"))


def loop(digits: Data, **training: object) -> TrainingLoop:
    network = build(NetworkConfig(neurons=(8, 8)), 1, 10, torch.Generator().manual_seed(0), 1.0)
    config = TrainingConfig.model_validate({"epochs": 4, **training})
    return TrainingLoop(network, digits, config, seed=0, folder=Path("unused"))


def tensors(batch: Batch) -> Tensors:
    x, steps, target = (torch.from_numpy(a) for a in (batch.x, batch.steps, batch.target))
    return Tensors(x.float(), steps, target, batch.weights)


def test_rates_count_live_steps_only() -> None:
    spikes = torch.zeros(2, 5, 4)
    spikes[0] = 1
    spikes[1, 3:] = 1  # beyond the second sample's end
    activity = Activity(torch.zeros(2, 3), (spikes, torch.zeros(2, 5, 8)))
    assert activity.rates(torch.tensor([5, 3])).tolist() == [5 / 8, 0]


def test_layers_above_the_rate_target_are_punished(digits: Data) -> None:
    free, punished = loop(digits), loop(digits, rate_target=0.001, rate_weight=10.0)
    batch = tensors(free.epoch_batches(0)[0])
    loss, higher = free.training_step(batch, 0), punished.training_step(batch, 0)
    network = free.network
    rates = network.run(batch.x, batch.steps).rates(batch.steps)
    assert (rates > 0.001).any()
    penalty = 10 * (rates - 0.001).relu().square().sum() / 0.001
    assert torch.isclose(higher, loss + penalty)


def test_rates_below_the_target_cost_nothing(digits: Data) -> None:
    free, bounded = loop(digits), loop(digits, rate_target=1.0)
    batch = tensors(free.epoch_batches(0)[0])
    assert torch.equal(free.training_step(batch, 0), bounded.training_step(batch, 0))


def test_schedule_warms_up_for_an_epoch_and_ends_near_zero(digits: Data) -> None:
    chosen = loop(
        digits, batch=128, learning_rate=0.5, cell_learning_rate=0.1
    ).configure_optimizers()
    optimizer, schedule = chosen["optimizer"], chosen["lr_scheduler"]["scheduler"]
    weights, cells = optimizer.param_groups
    assert cells["weight_decay"] == 0
    assert len(cells["params"]) == 2 * 3 + 1
    assert len(weights["params"]) == 3
    rates = []
    for _ in range(4 * 11):  # 1,347 samples in batches of 128
        rates.append((weights["lr"], cells["lr"]))
        optimizer.step()
        schedule.step()
    assert rates[0] == (0.5 / 11, 0.1 / 11)
    assert max(r[0] for r in rates) > 0.4
    assert rates[-1][0] < 0.001
