"""Convolutions over time against the loops that they stand for, in float64."""

import pytest
import torch

from rfssm.model.cells import LIFCell
from rfssm.model.network import SpikingLayer, build
from rfssm.model.recipe import NetworkConfig
from rfssm.model.recurrence.parallel import convolve, decoupled_reset


@pytest.mark.parametrize("length", [1, 2, 300])
def test_convolution_is_the_recurrence(length: int) -> None:
    random = torch.Generator().manual_seed(0)
    current = torch.randn(2, length, 4, generator=random, dtype=torch.complex128)
    pole = torch.polar(torch.tensor([0.2, 0.9, 0.999, 1.0]), torch.arange(4.0)).to(current.dtype)
    state = torch.zeros_like(current[:, 0])
    states = convolve(current, pole)
    for t in range(length):
        state = pole * state + current[:, t]
        assert torch.allclose(states[:, t], state, rtol=1e-10, atol=1e-10)


def test_decoupled_reset_spikes_as_the_sequential_neuron() -> None:
    random = torch.Generator().manual_seed(0)
    current = torch.rand(4, 400, 8, generator=random, dtype=torch.float64) * 0.6
    decay = torch.linspace(0.3, 0.98, 8, dtype=torch.float64)
    threshold = torch.linspace(0.5, 2.0, 8, dtype=torch.float64)
    spikes, states = decoupled_reset(current, decay, threshold)
    u = s = torch.zeros_like(current[:, 0])
    for t in range(current.shape[1]):
        u = decay * (u - threshold * s) + current[:, t]
        s = (u >= threshold).double()
        assert torch.equal(spikes[:, t], s), f"step {t}"
        assert torch.allclose(states[:, t], u, rtol=1e-9, atol=1e-9)
    assert 0.02 < float(spikes.mean()) < 0.6


def test_decoupled_reset_spikes_on_the_threshold() -> None:
    one = torch.ones(1, dtype=torch.float64)
    spikes, _ = decoupled_reset(one.view(1, 1, 1), 0.5 * one, one)
    assert spikes.item() == 1


def test_decoupled_reset_gives_the_gradient_of_the_sequential_neuron() -> None:
    random = torch.Generator().manual_seed(0)
    weight = torch.rand(6, 3, generator=random).double() * 8
    alpha = torch.linspace(0.82, 0.95, 6, dtype=torch.float64)
    x = (torch.rand(2, 60, 3, generator=random) < 0.3).double()
    gradients = []
    for parallel in (False, True):
        layer = SpikingLayer(LIFCell(alpha), weight, parallel=parallel).double()
        spikes, _ = layer.run(x)
        (spikes * torch.linspace(0, 1, 60)[:, None]).sum().backward()
        assert layer.weight.grad is not None
        gradients.append((spikes.detach(), layer.weight.grad))
    assert torch.equal(gradients[0][0], gradients[1][0])
    assert torch.allclose(gradients[0][1], gradients[1][1], rtol=1e-7)


def test_zoh_first_layer_has_its_mixing_and_a_gradient() -> None:
    config = NetworkConfig.model_validate(
        {"neurons": [8, 8], "cell": {"model": "s5rf", "discretization": "zoh"}}
    )
    network = build(config, 1, 3, torch.Generator().manual_seed(0)).double()
    first, second = network.spiking()
    assert first.mixing is not None
    assert second.mixing is None
    x = torch.rand(2, 50, 1, generator=torch.Generator().manual_seed(1)).double()
    network.run(x, torch.tensor([50, 30])).logits.sum().backward()
    assert first.weight.grad is not None
    assert float(first.weight.grad.abs().max()) > 0
