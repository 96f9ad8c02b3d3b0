"""Every neuron model against its published equations, written out once more, in real numbers."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rfssm.model import start
from rfssm.model.layers import Normalization, SpikingLayer
from rfssm.model.neurons import (
    ADLIF,
    LEAKS,
    AdaptiveCell,
    AdLIFCell,
    ClampedLeakCell,
    CSiLIFCell,
    Dynamics,
    LeakCell,
    LIFCell,
    Neuron,
    PRFCell,
    RFCell,
    S5RFCell,
    SiLIFCell,
)
from rfssm.model.recipe import NetworkConfig

N, M, T = 24, 6, 80
Step = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


def cell_of(model: str, **choices: object) -> Neuron:
    config = NetworkConfig.model_validate({"neurons": [N], "cell": {"model": model, **choices}})
    cell, _ = start.cell(config.cell, N, torch.Generator().manual_seed(0), first=True)
    return cell.double()


def adaptive(cell: AdaptiveCell) -> Step:
    alpha, beta = cell.decays()
    a, b = cell.coupling(), cell.b.clamp(0, 2)

    def step(u: Tensor, w: Tensor, s: Tensor, current: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        w = beta * w + a * u + b * s
        u = alpha * (u - s) + (1 - alpha) * (current - w)
        return u, w, u > 1

    return step


def s5rf(cell: S5RFCell) -> Step:
    eigenvalue = -cell.log_damping.exp() + 1j * cell.frequency
    eta = cell.log_step.exp()

    def step(u: Tensor, v: Tensor, s: Tensor, current: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = torch.exp(eta * eigenvalue) * torch.complex(u, v) + eta * current
        return z.real, z.imag, z.real > 1

    return step


def prf(cell: PRFCell) -> Step:
    eigenvalue = -0.5 + 1j * cell.log_frequency.exp()
    dt = cell.log_step.exp()

    def step(u: Tensor, v: Tensor, s: Tensor, current: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = torch.exp(dt * eigenvalue) * torch.complex(u, v) + dt * current
        return z.real, z.imag, z.real >= 1

    return step


def csilif(cell: CSiLIFCell) -> Step:
    eigenvalue = -cell.log_damping.exp() + 1j * cell.frequency
    pole = torch.exp(cell.log_step.exp() * eigenvalue)

    def step(u: Tensor, v: Tensor, s: Tensor, current: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = pole * (torch.complex(u, v) - 0.5 * s) + cell.b * current
        return z.real, z.imag, 2 * z.real > 1

    return step


def lif(cell: LIFCell) -> Step:
    alpha = cell.alpha.clamp(math.exp(-1 / 5), math.exp(-1 / 25))
    gain = 1 if cell.unit_gain else 1 - alpha

    def step(u: Tensor, v: Tensor, s: Tensor, current: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u = alpha * (u - s) if cell.reset_before_decay else alpha * u - s
        u = u + gain * current
        return u, torch.zeros_like(u), u > 1

    return step


def rf(cell: RFCell) -> Step:
    dt, omega = cell.step, cell.log_frequency.exp()
    smallest = (1 - (1 - (dt * omega) ** 2).sqrt()) / dt
    damping = torch.maximum(cell.log_damping.exp(), smallest)

    def step(u: Tensor, v: Tensor, s: Tensor, current: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = torch.complex(u, v)
        z = z + dt * ((-damping + 1j * omega) * z + current)
        return z.real, z.imag, z.real > 1

    return step


MODELS: list[tuple[str, dict[str, object], Callable[..., Step]]] = [
    ("s5rf", {}, s5rf),
    ("prf", {}, prf),
    ("csilif", {}, csilif),
    ("silif", {}, adaptive),
    ("cadlif", {}, adaptive),
    ("adlif", {}, adaptive),
    ("lif", {}, lif),
    ("lif", {"reset": "after_decay", "unit_gain": True}, lif),
    ("rf", {}, rf),
]


@pytest.mark.parametrize(("model", "choices", "equations"), MODELS)
def test_a_layer_computes_its_published_equations(
    model: str, choices: dict[str, object], equations: Callable[..., Step]
) -> None:
    random = torch.Generator().manual_seed(1)
    cell = cell_of(model, **choices)
    assert cell.model == model
    planes = 2 if cell.complex_input else 1
    size = 1 / cell.gain().detach().mean()
    weight = size * torch.randn(N, planes * M, generator=random, dtype=torch.float64)
    x = (torch.rand(3, T, M, generator=random) < 0.2).double()
    got, states = SpikingLayer(cell, weight).double().run(x)

    current = x @ weight[:, :M].T
    if planes == 2:
        current = torch.complex(current, x @ weight[:, M:].T)
    step = equations(cell)
    u = v = s = torch.zeros(3, N, dtype=torch.float64)
    for t in range(T):
        u, v, spiked = step(u, v, s, current[:, t])
        s = spiked.double()
        assert torch.equal(got[:, t], s), f"step {t}"
        assert torch.allclose(states[:, t, 0], u, rtol=1e-9, atol=1e-9)
    assert 0.01 < got.mean() < 0.9


def test_prf_spikes_on_the_threshold_and_others_do_not() -> None:
    one = torch.ones(1)
    cells = PRFCell(0 * one, one), RFCell(0 * one, one, 1.0)  # a gain of exactly 1
    for cell, expected in zip(cells, (1.0, 0.0), strict=True):
        layer = SpikingLayer(cell, torch.ones(1, 1)).double()
        spikes, states = layer.run(torch.ones(1, 1, 1).double())
        assert (states[0, 0, 0] == 1).all()
        assert (spikes == expected).all()


def test_no_model_starts_unstable() -> None:
    for model, choices, _ in MODELS:
        transition = cell_of(model, **choices).transition().detach()
        assert float(torch.linalg.eigvals(transition).abs().max()) < 1


def test_adlif_is_kept_stable_where_its_published_box_is_not() -> None:
    shape = (1000,)
    random = torch.Generator().manual_seed(0)
    alpha, beta = torch.full(shape, 0.9), torch.full(shape, 0.97)
    a = torch.rand(shape, generator=random) * 2 - 1
    radius = {}
    for stable in (False, True):
        cell = AdLIFCell(alpha, beta, a, a, ADLIF, stable)
        radius[stable] = torch.linalg.eigvals(cell.transition().detach()).abs().amax(1)
    assert 0.3 < float((radius[False] > 1).double().mean()) < 0.7
    assert float(radius[True].max()) <= 1 + 1e-9


def test_rf_damping_never_falls_below_the_stable_one() -> None:
    cell = RFCell(torch.linspace(-5, 6, 100), torch.full((100,), -9.0), 0.01)
    assert float(torch.linalg.eigvals(cell.transition().detach()).abs().max()) <= 1 + 1e-9


@pytest.mark.parametrize("rule", ["dirac", "zoh", "bilinear"])
def test_discretizations_of_s5rf(rule: str) -> None:
    cell = cell_of("s5rf", discretization=rule)
    assert isinstance(cell, S5RFCell)
    eta, eigenvalue = cell.log_step.exp(), -cell.log_damping.exp() + 1j * cell.frequency
    pole = torch.exp(eta * eigenvalue)
    gain: Tensor = eta
    if rule == "zoh":
        gain = (pole - 1) / eigenvalue
    if rule == "bilinear":
        pole = (1 + eta * eigenvalue / 2) / (1 - eta * eigenvalue / 2)
        gain = eta / (1 - eta * eigenvalue / 2)
    assert torch.allclose(cell.pole(), pole)
    assert torch.allclose(cell.gain(), gain)


def single_constants() -> dict[str, tuple[Dynamics, Callable[[Any], Tensor], Tensor]]:
    """A cell, one of its constants, and what the authors' operations give for it in float32."""
    random = torch.Generator().manual_seed(0)
    log_damping, log_step, other = (torch.randn(64, generator=random) for _ in range(3))
    frequency, step = 100 * other, log_step.exp()
    eigenvalue = torch.complex(-log_damping.exp(), frequency)
    turned = torch.exp(step * eigenvalue)
    half = 1 / (1 - step * eigenvalue / 2)
    s5rf = {
        rule: S5RFCell(log_step, log_damping, frequency, rule)  # type: ignore[arg-type]
        for rule in ("dirac", "bilinear", "zoh")
    }
    csilif = CSiLIFCell(log_step, log_damping, frequency, other)
    silif = SiLIFCell(log_step, log_damping, other, other, other)
    lowest = torch.zeros(64)
    return {
        "dirac pole": (s5rf["dirac"], lambda cell: cell.pole(), turned),
        "dirac gain": (s5rf["dirac"], lambda cell: cell.gain(), step),
        "bilinear pole": (
            s5rf["bilinear"],
            lambda cell: cell.pole(),
            half * (1 + step * eigenvalue / 2),
        ),
        "bilinear gain": (s5rf["bilinear"], lambda cell: cell.gain(), half * step),
        "zoh gain": (s5rf["zoh"], lambda cell: cell.gain(), (turned - 1) / eigenvalue),
        "csilif pole": (csilif, lambda cell: cell.pole(), turned),
        "silif alpha": (silif, lambda cell: cell.decays()[0], (-log_damping.exp() * step).exp()),
        "silif beta": (silif, lambda cell: cell.decays()[1], (-other.exp() * step).exp()),
        "adlif alpha": (
            AdLIFCell(lowest, lowest, other, other, ADLIF),
            lambda cell: cell.decays()[0],
            lowest.clamp(*ADLIF.alpha),
        ),
        "lif": (LIFCell(lowest), lambda cell: cell.decay(), lowest.clamp(*LEAKS)),
        "leak": (LeakCell(other), lambda cell: cell.leak(), other.sigmoid()),
        "clamped leak": (ClampedLeakCell(lowest), lambda cell: cell.leak(), lowest.clamp(*LEAKS)),
    }


@pytest.mark.parametrize("name", single_constants())
def test_constants_of_float32_are_rounded_as_by_the_authors(name: str) -> None:
    cell, constant, expected = single_constants()[name]
    cell.double()  # as load_published does; the values stay those of float32
    exact = constant(cell)
    cell.precision = torch.float32
    rounded = constant(cell)
    assert rounded.dtype == exact.dtype
    assert torch.equal(rounded, expected.to(exact.dtype))
    assert not torch.equal(rounded, exact)


def test_parameters_of_silif_outside_their_limits_count_as_the_limits() -> None:
    one = torch.ones(1)
    inside, outside = (
        SiLIFCell(one * math.log(0.004), one * 3, one, one * a, one * b)
        for a, b in ((1.0, 2.0), (1.5, 2.5))
    )
    assert torch.equal(inside.transition(), outside.transition())
    assert torch.equal(inside.reset(), outside.reset())


def test_batch_norm_folds_to_what_torch_computes() -> None:
    torch.manual_seed(0)
    ours, theirs = Normalization(5), torch.nn.BatchNorm1d(5, momentum=0.05)
    for norm in (ours, theirs):
        torch.nn.init.uniform_(norm.weight, 0.5, 2, generator=torch.Generator().manual_seed(1))
        torch.nn.init.normal_(norm.bias, generator=torch.Generator().manual_seed(2))
    for _ in range(3):
        x = torch.randn(200, 5) * 3 + 1
        scale, shift = ours.affine(x)
        assert torch.allclose((x * scale + shift).float(), theirs(x), atol=1e-5)
    assert torch.allclose(ours.running_mean, theirs.running_mean)
    assert torch.allclose(ours.running_var, theirs.running_var)
    scale, shift = ours.affine()
    assert torch.allclose((x * scale + shift).float(), theirs.eval()(x), atol=1e-5)
