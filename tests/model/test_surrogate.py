import math

import torch

from rfssm.model.surrogate import multi_gaussian, spike


def test_surrogate_at_the_threshold_and_its_symmetry() -> None:
    wings = 2 * 0.15 * math.exp(-(0.5**2) / (2 * 3.0**2))
    x = torch.linspace(-4, 4, 81, dtype=torch.float64)
    assert math.isclose(float(multi_gaussian(torch.zeros(()).double())), 1.15 - wings)
    assert torch.allclose(multi_gaussian(x), multi_gaussian(-x))
    assert float(multi_gaussian(x).min()) < 0  # the negative wings


def test_surrogate_is_three_gaussians_and_vanishes_far_away() -> None:
    def gaussian(x: torch.Tensor, mean: float, deviation: float) -> torch.Tensor:
        return torch.exp(-((x - mean) ** 2) / (2 * deviation**2))

    x = torch.linspace(-60, 60, 2401, dtype=torch.float64)
    wings = gaussian(x, 0.5, 3.0) + gaussian(x, -0.5, 3.0)
    expected = 1.15 * gaussian(x, 0, 0.5) - 0.15 * wings
    assert torch.allclose(multi_gaussian(x), expected, rtol=0, atol=1e-15)
    for far in (100.0, 1e5, 1e30, -1e30):
        assert float(multi_gaussian(torch.tensor(far))) == 0


def test_state_exactly_at_the_threshold_does_not_spike() -> None:
    u = torch.tensor([6.0, 7.0, 8.0])
    assert spike(u, torch.full((3,), 7.0), torch.ones(3)).tolist() == [0, 0, 1]


def test_gradient_is_the_surrogate_relative_to_the_threshold() -> None:
    u = torch.tensor([300.0, 420.0], requires_grad=True)
    unit = torch.tensor([1 / 400, 1 / 400])
    spike(u, torch.full((2,), 400.0), unit).sum().backward()
    assert u.grad is not None
    assert torch.allclose(u.grad, multi_gaussian(u.detach() * unit - 1) * unit)
