"""Start values of every neuron model, as its authors draw them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rfssm.model import hippo
from rfssm.model.neurons import (
    ADLIF,
    CADLIF,
    LEAKS,
    AdLIFCell,
    CSiLIFCell,
    LIFCell,
    Neuron,
    PRFCell,
    RFCell,
    S5RFCell,
    SiLIFCell,
)
from rfssm.model.recipe import (
    AdLIFConfig,
    CellConfig,
    CSiLIFConfig,
    LIFConfig,
    PRFConfig,
    RFConfig,
    S5RFConfig,
    SiLIFConfig,
    StepRange,
)


def cell(
    config: CellConfig, neurons: int, random: torch.Generator, *, first: bool
) -> tuple[Neuron, Tensor | None]:
    """Draw the cells of a layer; also its eigenvectors for zoh, complex (N, N)."""

    def uniform(low: float, high: float) -> Tensor:
        return low + torch.rand(neurons, generator=random) * (high - low)

    def log_step(range_: StepRange) -> Tensor:
        return uniform(math.log(range_.step_min), math.log(range_.step_max))

    match config:
        case S5RFConfig():
            poles, vectors = hippo.eigenvalues(config.block)
            blocks = neurons // config.block
            resonator = S5RFCell(
                log_step(config),
                torch.tensor(-poles.real, dtype=torch.float32).repeat(blocks).log(),
                torch.tensor(poles.imag, dtype=torch.float32).repeat(blocks),
                config.discretization if first else "dirac",
            )
            if resonator.discretization != "zoh":
                return resonator, None
            basis = torch.tensor(vectors, dtype=torch.complex64)
            mixing: Tensor = torch.block_diag(*[basis] * blocks)  # type: ignore[no-untyped-call]
            return resonator, mixing
        case PRFConfig():
            frequency = uniform(1e-3 * config.frequency_max, config.frequency_max)
            return PRFCell(log_step(config), frequency.log()), None
        case CSiLIFConfig():
            half, pi = torch.full((neurons,), 0.5), torch.full((neurons,), math.pi)
            return CSiLIFCell(log_step(config), half.log(), pi, uniform(0, 1)), None
        case SiLIFConfig():
            alpha, beta = uniform(math.log(10), math.log(250)), uniform(math.log(2.5), math.log(10))
            step = torch.full((neurons,), math.log(0.004))
            return SiLIFCell(step, alpha, beta, uniform(0, 1), uniform(0, 2)), None
        case AdLIFConfig():
            limits = CADLIF if config.model == "cadlif" else ADLIF
            spans = limits.alpha, limits.beta, limits.a, (0.0, 2.0)
            alpha, beta, a, b = (uniform(*span) for span in spans)
            a = torch.where(a < 0, a.abs() * (beta - 1), a)  # stable, not on the brink
            return AdLIFCell(alpha, beta, a, b, limits), None
        case LIFConfig():
            before = config.reset == "before_decay"
            return LIFCell(uniform(*LEAKS), before, config.unit_gain), None
        case RFConfig():
            frequency = uniform(config.frequency_min, config.frequency_max)
            turn = frequency * config.step
            stable = (1 - (1 - turn.square()).sqrt()) / config.step
            damping = stable + uniform(config.damping_min, config.damping_max)
            return RFCell(frequency.log(), damping.log(), config.step), None


def weight(config: CellConfig, neurons: int, inputs: int, random: torch.Generator) -> Tensor:
    """LeCun-normal; S5-RF's are complex, turned into the eigenbasis of its blocks.    (N, P M)"""
    if not isinstance(config, S5RFConfig):
        return torch.randn(neurons, inputs, generator=random) / math.sqrt(inputs)
    shape = 2, neurons // config.block, config.block, inputs
    real, imaginary = torch.randn(shape, generator=random) / math.sqrt(inputs)
    _, vectors = hippo.eigenvalues(config.block)
    basis = torch.tensor(vectors.conj().T, dtype=torch.complex64)
    turned = (basis @ torch.complex(real, imaginary)).reshape(neurons, inputs)
    return torch.cat([turned.real, turned.imag], 1)
