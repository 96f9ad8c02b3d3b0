"""Recurrences in real numbers that can be computed for all steps at once, by convolution.

Only what is linear between spikes has such a form, and only without rounding: a float option for
long sequences, never an engine.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rfssm.model.surrogate import Surrogate, spike


def convolve(current: Tensor, pole: Tensor) -> Tensor:
    """z <- pole z + current, from zero, as a convolution with the powers of the pole.

    current    real or complex                  (B, T, N)
    pole       real or complex, |pole| <= 1     (N,)
    returns    z after each step                (B, T, N)
    """
    length = current.shape[1]
    powers = pole ** torch.arange(length, device=pole.device)[:, None]
    padded = 2 * length
    spectrum = torch.fft.fft(current, padded, dim=1) * torch.fft.fft(powers, padded, dim=0)
    states: Tensor = torch.fft.ifft(spectrum, dim=1)[:, :length]
    if current.is_complex() or pole.is_complex():
        return states
    return states.real


def decoupled_reset(
    current: Tensor, decay: Tensor, threshold: Tensor, surrogate: Surrogate = "multi_gaussian"
) -> tuple[Tensor, Tensor]:
    """LIF with soft reset as a state without reset and a threshold that moves instead.

    u <- decay (u - threshold * spike) + current, spike where u >= threshold, is the convolution
    u' of the current compared with threshold * (1 + A), A <- decay (A + spike); algorithm 2 of
    arXiv 2410.03530.

    current, decay, threshold                                    (B, T, N), (N,), (N,)
    returns    spikes, and u = u' - threshold * A, each          (B, T, N)
    """
    free = convolve(current, decay)
    moved = torch.zeros_like(free[:, 0])
    below = torch.nextafter(threshold, torch.zeros_like(threshold))  # u > below is u >= threshold
    spikes, states = [], []
    for u in free.unbind(1):
        state = u - threshold * moved
        s = spike(state, below, 1 / threshold, surrogate)
        moved = decay * (moved + s)
        spikes.append(s)
        states.append(state)
    return torch.stack(spikes, 1), torch.stack(states, 1)
