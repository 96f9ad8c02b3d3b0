"""Recurrences in real numbers that can be computed for all steps at once, by convolution.

Only what is linear between spikes has such a form, and only without rounding: a float option for
long sequences, never an engine.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rfssm.model.recurrence import resonate
from rfssm.model.recurrence.cell import Cell
from rfssm.model.surrogate import spike


def convolve(current: Tensor, pole: Tensor) -> Tensor:
    """z <- pole z + current, from zero, as a convolution with the powers of the pole.

    current    real or complex                  (B, T, N)
    pole       real or complex, |pole| <= 1     (N,)
    returns    z after each step                (B, T, N)
    """
    if not len(current):
        return current * pole
    length = current.shape[1]
    powers = pole ** torch.arange(length, device=pole.device)[:, None]
    padded = 2 * length
    spectrum = torch.fft.fft(current, padded, dim=1) * torch.fft.fft(powers, padded, dim=0)
    states: Tensor = torch.fft.ifft(spectrum, dim=1)[:, :length]
    if current.is_complex() or pole.is_complex():
        return states
    return states.real


def decoupled_reset(current: Tensor, cell: Cell) -> tuple[Tensor, Tensor]:
    """LIF with soft reset as a state without reset, and what all resets add up to.

    u <- decay u + current + reset * (spike of the step before) is the convolution u' of the current
    plus A, A <- decay A + reset * spike.  With reset = -decay * threshold that is algorithm 2 of
    arXiv 2410.03530, which moves the threshold by -A.  Neurons that come within rounding of their
    threshold are computed again step by step: the spikes are those of ``resonate``.

    current    into u; what a cell's v does is left out     (B, T, N)
    returns    spikes, and u, without gradient, each        (B, T, N)
    """
    decay = cell.transition[:, 0, 0].double()
    reset = torch.zeros_like(decay) if cell.reset is None else cell.reset[:, 0].double()
    threshold, unit = cell.threshold.double(), cell.unit.double()
    free = convolve(current.double(), decay)
    added = torch.zeros_like(free[:, 0])
    spikes, states = [], []
    for u in free.unbind(1):
        state = u + added
        s = spike(state, threshold, unit, cell.surrogate)
        added = decay * added + reset * s
        spikes.append(s)
        states.append(state)
    spiked, state = torch.stack(spikes, 1).to(current.dtype), torch.stack(states, 1)
    near = (state - threshold).abs().amin(1) <= _rounding(current, state, decay, reset)
    return _again(near, current, cell, spiked, state.detach().to(current.dtype))


@torch.no_grad()
def _rounding(current: Tensor, state: Tensor, decay: Tensor, reset: Tensor) -> Tensor:
    """Bound the difference between the loop's states and the convolution's.    (B, N)

    The loop rounds three times per step, by half an eps of what it adds, and forgets by the decay;
    the error of a Fourier transform is in units of its input's norm.
    """
    largest = state.abs().amax(1) + current.double().abs().amax(1) + reset.abs()
    loop = 4 * torch.finfo(current.dtype).eps * largest / (1 - decay)
    norm = current.double().square().sum(1).sqrt() / (1 - decay.square()).sqrt()
    length = 2 * current.shape[1]
    return loop + 8 * torch.finfo(torch.float64).eps * math.log2(length) * norm


def _again(
    chosen: Tensor, current: Tensor, cell: Cell, spikes: Tensor, states: Tensor
) -> tuple[Tensor, Tensor]:
    """Spikes and states, those of the chosen samples and neurons (B, N) by the loop."""
    if not chosen.any():
        return spikes, states
    places = _, neuron = chosen.nonzero(as_tuple=True)
    own = Cell(
        cell.transition[neuron],
        cell.threshold[neuron],
        cell.unit[neuron],
        None if cell.reset is None else cell.reset[neuron],
        cell.surrogate,
    )
    s, z = resonate(current.transpose(1, 2)[places].T[None, :, None], own)

    def put(into: Tensor, values: Tensor) -> Tensor:
        return into.transpose(1, 2).index_put(places, values.T).transpose(1, 2)

    return put(spikes, s[0]), put(states, z[0, :, 0])
