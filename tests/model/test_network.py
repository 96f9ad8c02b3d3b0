"""The float network: its structure, and the published networks' own spikes."""

import numpy as np
import pytest
import torch

from rfssm.model.cells import S5RFCell
from rfssm.model.network import FloatNetwork, SpikingLayer, build, calibrate
from rfssm.model.recipe import NetworkConfig


def network(neurons: tuple[int, ...], inputs: int = 3, **choices: object) -> FloatNetwork:
    config = NetworkConfig.model_validate({"neurons": neurons, **choices})
    return build(config, inputs, 4, torch.Generator().manual_seed(0)).double()


def spiking(net: FloatNetwork) -> list[SpikingLayer]:
    return [layer for layer in net.layers if isinstance(layer, SpikingLayer)]


@pytest.mark.parametrize(
    ("depth", "skips"), [(1, [0]), (2, [0, 0]), (3, [0, 1, 0]), (4, [0, 1, 1, 0])]
)
def test_skips_lie_between_the_first_and_the_last_layer(depth: int, skips: list[int]) -> None:
    assert [layer.skip for layer in spiking(network((8,) * depth))] == [bool(s) for s in skips]


def test_start_values_are_hippo_blocks_and_steps_in_range() -> None:
    cell = {"model": "s5rf", "step_min": 0.01, "step_max": 0.1}
    layer = spiking(network((8, 8), cell=cell))[0]
    assert isinstance(layer.cell, S5RFCell)
    assert np.allclose(layer.cell.frequency.detach()[:4], layer.cell.frequency.detach()[4:])
    assert torch.allclose(layer.cell.log_damping.exp(), torch.tensor(0.5).double())
    steps = layer.cell.gain().detach()
    assert float(steps.min()) >= 0.0099
    assert float(steps.max()) <= 0.101
    radius = torch.linalg.matrix_norm(layer.cell.transition(), 2)
    assert torch.allclose(radius, torch.exp(-0.5 * steps))


def test_logits_are_the_mean_over_a_samples_own_steps() -> None:
    net = network((8,))
    x = torch.randn(2, 20, 3, generator=torch.Generator().manual_seed(1)).double()
    together = net.run(x, torch.tensor([20, 7])).logits
    alone = net.run(x[1:, :7], torch.tensor([7])).logits
    assert torch.allclose(together[1:], alone)


def test_calibration_sets_the_spread_of_every_layer() -> None:
    net = network((32, 32), inputs=6)
    x = (torch.rand(16, 50, 6, generator=torch.Generator().manual_seed(1)) < 0.3).double()
    steps = torch.full((16,), 50)
    calibrate(spiking(net), x, steps, 0.5)
    u = spiking(net)[0].run(x)[1][:, :, 0]
    assert torch.allclose(u.square().mean((0, 1)).sqrt(), torch.tensor(0.5).double(), rtol=1e-3)
