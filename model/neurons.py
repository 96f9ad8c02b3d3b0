"""Neuron models: trained parameters -> the constants of the second-order cell.

Every model is [u; v] <- A [u; v] + gain * input + R * (spike of the step before), spike where
u > threshold; what differs is how A, gain, R and the threshold come from what is trained.
Equations follow the authors' code; all constants are float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rfssm.model.recipe import Discretization

PRF_TIME_CONSTANT = 2.0


class Dynamics(nn.Module):
    """The trained constants of a cell, with a learning rate of their own and no weight decay.

    precision    what decays and poles are computed in from parameters; they are float64 then
    """

    precision = torch.float64

    def is_finite(self) -> bool:
        """Return whether all parameters and all constants that follow from them are finite."""
        makers = (getattr(self, name, None) for name in ("gain", "transition", "reset", "leak"))
        made = [make() for make in makers if make is not None]
        numbers = [n.detach() for n in (*self.parameters(), *made) if n is not None]
        return all(bool(n.isfinite().all()) for n in numbers)


class Neuron(Dynamics):
    """A spiking neuron as a second-order cell.

    model            its name in recipes and network files
    threshold        of u
    inclusive        spikes where u >= threshold, not only above it
    complex_input    the current into v has weights of its own
    """

    model = ""
    threshold = 1.0
    inclusive = False
    complex_input = False

    def gain(self) -> Tensor:
        """The factor of the current; complex only with complex input.    (N,)"""
        raise NotImplementedError

    def transition(self) -> Tensor:
        """The matrix A, which maps u and v to their values one step later.    (N, 2, 2)"""
        raise NotImplementedError

    def reset(self) -> Tensor | None:
        """The reset R, which a spike adds to u and v one step later, or None.    (N, 2)"""
        return None


class S5RFCell(Neuron):
    """S5-RF (arXiv 2504.00719): z <- exp(step * eigenvalue) z + gain * current, z = u + iv.

    eigenvalue = -damping + i frequency; damping and step are trained as logarithms, so every cell
    is stable.  The gain is the step (dirac), (exp(step * eigenvalue) - 1) / eigenvalue (zoh), or
    the bilinear rule's; a real-valued first layer takes one of the last two.
    """

    model = "s5rf"
    complex_input = True

    def __init__(
        self,
        log_step: Tensor,
        log_damping: Tensor,
        frequency: Tensor,
        discretization: Discretization = "dirac",
    ) -> None:
        super().__init__()
        self.log_step = nn.Parameter(log_step.clone())
        self.log_damping = nn.Parameter(log_damping.clone())
        self.frequency = nn.Parameter(frequency.clone())
        self.discretization = discretization

    def eigenvalue(self) -> Tensor:
        """The complex eigenvalue of the continuous cell.    (N,)"""
        damping = self.log_damping.to(self.precision).exp()
        return torch.complex(-damping, self.frequency.to(self.precision))

    def _pole(self) -> Tensor:
        advance = self.log_step.to(self.precision).exp() * self.eigenvalue()
        if self.discretization == "bilinear":
            return 1 / (1 - advance / 2) * (1 + advance / 2)
        return torch.exp(advance)

    def pole(self) -> Tensor:
        """The complex factor of z in one step.    (N,)"""
        return self._pole().to(torch.complex128)

    def gain(self) -> Tensor:
        """See ``Neuron.gain``."""
        step = self.log_step.to(self.precision).exp()
        if self.discretization == "dirac":
            return step.double()
        if self.discretization == "zoh":
            gain = (self._pole() - 1) / self.eigenvalue()
        else:
            gain = 1 / (1 - step * self.eigenvalue() / 2) * step
        return gain.to(torch.complex128)

    def transition(self) -> Tensor:
        """See ``Neuron.transition``."""
        return rotation(self.pole())


class PRFCell(Neuron):
    """PRF (arXiv 2410.03530): z <- exp(step * (-1/tau + i frequency)) z + step * current, tau = 2.

    Spikes where u >= 1 and is not reset: the imaginary part takes the reset's place.
    """

    model = "prf"
    inclusive = True

    def __init__(self, log_step: Tensor, log_frequency: Tensor) -> None:
        super().__init__()
        self.log_step = nn.Parameter(log_step.clone())
        self.log_frequency = nn.Parameter(log_frequency.clone())

    def gain(self) -> Tensor:
        """See ``Neuron.gain``."""
        return self.log_step.double().exp()

    def transition(self) -> Tensor:
        """See ``Neuron.transition``."""
        frequency = self.log_frequency.double().exp()
        damping = torch.full_like(frequency, 1 / PRF_TIME_CONSTANT)
        return rotation(torch.exp(self.gain() * torch.complex(-damping, frequency)))


class CSiLIFCell(Neuron):
    """C-SiLIF (arXiv 2506.06374): z <- L (z - spike / 2) + b * current, spike where 2 u > 1.

    L = exp(step * (-damping + i frequency)).  The published names are log_dt, log_log_alpha (log of
    the damping), alpha_img (the frequency) and b.
    """

    model = "csilif"
    threshold = 0.5

    def __init__(self, log_step: Tensor, log_damping: Tensor, frequency: Tensor, b: Tensor) -> None:
        super().__init__()
        self.log_step = nn.Parameter(log_step.clone())
        self.log_damping = nn.Parameter(log_damping.clone())
        self.frequency = nn.Parameter(frequency.clone())
        self.b = nn.Parameter(b.clone())

    def pole(self) -> Tensor:
        """The complex factor of z in one step.    (N,)"""
        damping = self.log_damping.to(self.precision).exp()
        eigenvalue = torch.complex(-damping, self.frequency.to(self.precision))
        step = self.log_step.to(self.precision).exp()
        return torch.exp(step * eigenvalue).to(torch.complex128)

    def gain(self) -> Tensor:
        """See ``Neuron.gain``."""
        return self.b.double()

    def transition(self) -> Tensor:
        """See ``Neuron.transition``."""
        return rotation(self.pole())

    def reset(self) -> Tensor:
        """See ``Neuron.reset``."""
        return -0.5 * torch.view_as_real(self.pole())


class AdaptiveCell(Neuron):
    """A leaky neuron with an adaptation current w, the common part of AdLIF and SiLIF.

    w <- beta w + a u + b s; u <- alpha (u - s) + (1 - alpha) (current - w), the new w.  With v =
    (1 - alpha) w: A = [[alpha - a', -beta], [a', beta]], R = (-alpha - b', b'), a' = (1 - alpha) a,
    b' = (1 - alpha) b.  det A = alpha beta, so A is stable where a >= -(1 - beta).
    """

    def __init__(self, a: Tensor, b: Tensor) -> None:
        super().__init__()
        self.a = nn.Parameter(a.clone())
        self.b = nn.Parameter(b.clone())

    def decays(self) -> tuple[Tensor, Tensor]:
        """The decays alpha and beta.    (N,), (N,)"""
        raise NotImplementedError

    def coupling(self) -> Tensor:
        """The coupling a after its clamp.    (N,)"""
        return self.a.double().clamp(0, 1)

    def gain(self) -> Tensor:
        """See ``Neuron.gain``."""
        return 1 - self.decays()[0]

    def transition(self) -> Tensor:
        """See ``Neuron.transition``."""
        alpha, beta = self.decays()
        a = (1 - alpha) * self.coupling()
        rows = torch.stack([alpha - a, -beta], -1), torch.stack([a, beta], -1)
        return torch.stack(rows, -2)

    def reset(self) -> Tensor:
        """See ``Neuron.reset``."""
        alpha, _ = self.decays()
        b = (1 - alpha) * self.b.double().clamp(0, 2)
        return torch.stack([-alpha - b, b], -1)


class SiLIFCell(AdaptiveCell):
    """SiLIF (arXiv 2506.06374): alpha and beta are exp(-rate * step), logarithms are trained.

    The published names are dt (log of the step), alpha and beta (logs of the rates), a and b.
    """

    model = "silif"

    def __init__(
        self, log_step: Tensor, log_alpha_rate: Tensor, log_beta_rate: Tensor, a: Tensor, b: Tensor
    ) -> None:
        super().__init__(a, b)
        self.log_step = nn.Parameter(log_step.clone())
        self.log_alpha_rate = nn.Parameter(log_alpha_rate.clone())
        self.log_beta_rate = nn.Parameter(log_beta_rate.clone())

    def decays(self) -> tuple[Tensor, Tensor]:
        """See ``AdaptiveCell.decays``."""
        step = self.log_step.to(self.precision).exp()
        alpha = self.log_alpha_rate.to(self.precision).exp()
        beta = self.log_beta_rate.to(self.precision).exp()
        return torch.exp(-alpha * step).double(), torch.exp(-beta * step).double()


@dataclass(frozen=True)
class Limits:
    """Limits to which the forward pass clamps the parameters of an adaptive neuron."""

    alpha: tuple[float, float]
    beta: tuple[float, float]
    a: tuple[float, float]


LEAKS = math.exp(-1 / 5), math.exp(-1 / 25)
"""Limits to which the published code clamps every leak of LIF, AdLIF and the readout."""
CADLIF = Limits(alpha=(0.36, 0.96), beta=(0.96, 0.99), a=(0.0, 1.0))
ADLIF = Limits(alpha=LEAKS, beta=(math.exp(-1 / 30), math.exp(-1 / 120)), a=(-1.0, 1.0))


class AdLIFCell(AdaptiveCell):
    """AdLIF and cAdLIF, the baselines of arXiv 2506.06374; they differ in their limits.

    ``stable`` keeps a >= -(1 - beta), without which half of AdLIF's box grows without bound.
    """

    model = "adlif"

    def __init__(
        self,
        alpha: Tensor,
        beta: Tensor,
        a: Tensor,
        b: Tensor,
        limits: Limits,
        stable: bool = True,
    ) -> None:
        super().__init__(a, b)
        self.alpha = nn.Parameter(alpha.clone())
        self.beta = nn.Parameter(beta.clone())
        self.limits, self.stable = limits, stable
        self.model = "cadlif" if limits == CADLIF else "adlif"

    def decays(self) -> tuple[Tensor, Tensor]:
        """See ``AdaptiveCell.decays``."""
        alpha, beta = self.alpha.to(self.precision), self.beta.to(self.precision)
        return alpha.clamp(*self.limits.alpha).double(), beta.clamp(*self.limits.beta).double()

    def coupling(self) -> Tensor:
        """See ``AdaptiveCell.coupling``."""
        a = self.a.double().clamp(*self.limits.a)
        return torch.maximum(a, self.decays()[1] - 1) if self.stable else a


class LIFCell(Neuron):
    """LIF with soft reset: u <- alpha u + gain * current, minus alpha or 1 after a spike.

    reset_before_decay    the reset decays with u (alpha), else it is subtracted whole (1)
    unit_gain             the current enters as it is, else times 1 - alpha
    """

    model = "lif"

    def __init__(
        self, alpha: Tensor, reset_before_decay: bool = True, unit_gain: bool = False
    ) -> None:
        super().__init__()
        self.alpha = nn.Parameter(alpha.clone())
        self.reset_before_decay, self.unit_gain = reset_before_decay, unit_gain

    def decay(self) -> Tensor:
        """The decay alpha, clamped as in the published code.    (N,)"""
        return self.alpha.to(self.precision).clamp(*LEAKS).double()

    def gain(self) -> Tensor:
        """See ``Neuron.gain``."""
        return torch.ones_like(self.decay()) if self.unit_gain else 1 - self.decay()

    def transition(self) -> Tensor:
        """See ``Neuron.transition``; v is not used."""
        alpha = self.decay()
        none = torch.zeros_like(alpha)
        rows = torch.stack([alpha, none], -1), torch.stack([none, none], -1)
        return torch.stack(rows, -2)

    def reset(self) -> Tensor:
        """See ``Neuron.reset``."""
        alpha = self.decay()
        size = alpha if self.reset_before_decay else torch.ones_like(alpha)
        return torch.stack([-size, torch.zeros_like(alpha)], -1)


class RFCell(Neuron):
    """Vanilla resonate-and-fire by Euler steps, no reset: z <- z + dt ((-b + i w) z + current).

    The baseline of Higuchi et al. (ICML 2024), with b never below (1 - sqrt(1 - (dt w)^2)) / dt:
    their smallest stable damping, without which trained cells grow.
    """

    model = "rf"

    def __init__(self, log_frequency: Tensor, log_damping: Tensor, step: float) -> None:
        super().__init__()
        self.log_frequency = nn.Parameter(log_frequency.clone())
        self.log_damping = nn.Parameter(log_damping.clone())
        self.step = step

    def gain(self) -> Tensor:
        """See ``Neuron.gain``."""
        return torch.full_like(self.log_frequency, self.step, dtype=torch.float64)

    def transition(self) -> Tensor:
        """See ``Neuron.transition``."""
        turn = (self.log_frequency.double().exp() * self.step).clamp(max=0.999)
        loss = self.log_damping.double().exp() * self.step
        loss = torch.maximum(loss, 1 - (1 - turn.square()).sqrt())
        return rotation(torch.complex(1 - loss, turn))


class LeakCell(Dynamics):
    """Leaky integrator of a readout: m <- leak * m + current, leak = sigmoid of what is trained."""

    complex_input = False

    def __init__(self, logit: Tensor) -> None:
        super().__init__()
        self.logit = nn.Parameter(logit.clone())

    def leak(self) -> Tensor:
        """Decay per step.    (C,)"""
        return self.logit.to(self.precision).sigmoid().double()

    def gain(self) -> Tensor:
        """The factor of the current.    (C,)"""
        return torch.ones_like(self.leak())


class ClampedLeakCell(LeakCell):
    """The readout of arXiv 2506.06374: m <- leak * m + (1 - leak) * current, leak clamped."""

    def __init__(self, alpha: Tensor) -> None:
        super().__init__(alpha)

    def leak(self) -> Tensor:
        """See ``LeakCell.leak``."""
        return self.logit.to(self.precision).clamp(*LEAKS).double()

    def gain(self) -> Tensor:
        """See ``LeakCell.gain``."""
        return 1 - self.leak()


def rotation(pole: Tensor) -> Tensor:
    """z <- pole z on u and v: [[a, -b], [b, a]].    (N,) -> (N, 2, 2)"""
    a, b = pole.real, pole.imag
    return torch.stack([torch.stack([a, -b], -1), torch.stack([b, a], -1)], -2)
