"""Convolutions over time against the loops that they stand for, in float64."""

from typing import Any

import pytest
import torch

from rfssm.errors import NetworkError
from rfssm.model.layers import SpikingLayer
from rfssm.model.network import build
from rfssm.model.neurons import LIFCell, Neuron, PRFCell
from rfssm.model.recipe import NetworkConfig
from rfssm.model.recurrence import Cell
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


def cells(decay: torch.Tensor, threshold: torch.Tensor, reset: torch.Tensor) -> Cell:
    """LIF neurons with what a spike adds to u one step later."""
    transition = torch.zeros(len(decay), 2, 2, dtype=decay.dtype)
    transition[:, 0, 0] = decay
    kick = torch.stack([reset, torch.zeros_like(reset)], -1)
    return Cell(transition, threshold, 1 / threshold, kick)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("before_decay", [True, False])
def test_decoupled_reset_spikes_as_the_sequential_neuron(
    before_decay: bool, dtype: torch.dtype
) -> None:
    random = torch.Generator().manual_seed(0)
    current = torch.rand(4, 400, 8, generator=random, dtype=dtype) * 0.6
    decay = torch.linspace(0.3, 0.98, 8, dtype=dtype)
    threshold = torch.linspace(0.5, 2.0, 8, dtype=dtype)
    cell = cells(decay, threshold, -threshold * (decay if before_decay else 1))
    spikes, states = decoupled_reset(current, cell)
    u = s = torch.zeros_like(current[:, 0])
    assert cell.reset is not None
    for t in range(current.shape[1]):
        u = decay * u + (current[:, t] + cell.reset[:, 0] * s)
        s = (u > threshold).to(dtype)
        assert torch.equal(spikes[:, t], s), f"step {t}"
        assert torch.allclose(states[:, t], u, rtol=1e-4 if dtype == torch.float32 else 1e-9)
    assert 0.02 < float(spikes.mean()) < 0.6


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("reset", ["before_decay", "after_decay"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_in_parallel_a_neuron_meets_its_threshold_as_step_by_step(
    dtype: torch.dtype, reset: str, inclusive: bool
) -> None:
    """Sums of eighths: states hit the threshold exactly, after spikes too, and rounding is near."""
    random = torch.Generator().manual_seed(0)
    alpha = torch.tensor([0.875, 0.9, 0.95] * 8)
    cell = LIFCell(alpha, reset == "before_decay", unit_gain=True)
    cell.inclusive = inclusive
    weight = torch.eye(24)
    x = torch.randint(0, 9, (40, 12, 24), generator=random).to(dtype) / 8
    x[:, ::3] = 0
    x[:20, 1] = 1  # from rest: u is the threshold
    loop, convolution = (
        SpikingLayer(cell, weight, parallel=parallel).to(dtype).run(x)[0]
        for parallel in (False, True)
    )
    assert torch.equal(loop, convolution)
    assert bool((loop[:20, 1] == inclusive).all())
    assert 0.05 < float(loop.detach().mean()) < 0.5


@pytest.mark.parametrize(
    ("cell", "choices", "message"),
    [
        (PRFCell(torch.zeros(2), torch.zeros(2)), {"parallel": True}, "parallel = True: .*'prf'"),
        (LIFCell(torch.ones(2)), {"mixing": torch.eye(2)}, "mixing: .*'lif', must be 's5rf'"),
    ],
)
def test_what_a_cell_cannot_do_is_refused(
    cell: Neuron, choices: dict[str, Any], message: str
) -> None:
    with pytest.raises(NetworkError, match=message):
        SpikingLayer(cell, torch.ones(2, 3), **choices)


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
