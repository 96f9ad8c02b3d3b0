"""Behaviour that differs between training and evaluation: dropout, and the mode itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from rfssm.lock import Lock

_random: ContextVar[torch.Generator | None] = ContextVar("dropout", default=None)


@contextmanager
def dropout_from(random: torch.Generator) -> Iterator[None]:
    """Draw dropout from this generator, in this thread alone, not from torch's global one."""
    token = _random.set(random)
    try:
        yield
    finally:
        _random.reset(token)


def drop(x: Tensor, share: float, training: bool) -> tuple[Tensor, float]:
    """Leave out this share of a layer's input, in training.

    returns    x with some entries 0, and the factor that compensates for them
    """
    if not share or not training:
        return x, 1.0
    kept = torch.empty_like(x).bernoulli_(1 - share, generator=_random.get())
    return x * kept, 1 / (1 - share)


_evaluating = Lock()


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode, then every module back in the mode that it had.

    Another thread that enters waits, because the mode belongs to the network.
    """
    with _evaluating:
        modes = [(module, module.training) for module in network.modules()]
        network.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training
