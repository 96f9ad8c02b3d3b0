"""Measure a network on a data set, in parts whose counts can be added up."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from rfssm.arrays import check_classes
from rfssm.errors import DataError, NetworkError, RecipeError
from rfssm.model.data import Split
from rfssm.model.inputs import alive
from rfssm.model.modes import evaluating
from rfssm.model.network import Activity


class Trainable(Protocol):
    """A network that can be trained: an ``nn.Module`` with this method.

    Dropout of its own is reproducible if it is drawn by ``rfssm.model.modes.drop``.
    """

    def run(self, x: Tensor, steps: Tensor) -> Activity:
        """Integers (B, T, M) and lengths (B,) -> logits and spikes."""


def evaluate(network: Trainable, split: Split) -> tuple[float, tuple[float, ...]]:
    """Accuracy, and spikes per neuron and step of each layer; every module keeps its mode.

    Raises DataError for an empty split, and for labels that name no class of the network;
    NetworkError where the network's outputs are not finite.
    """
    if not len(split):
        raise DataError("holds no sample")
    return scored(measure(network, split))


@torch.no_grad()
def measure(
    network: Trainable, split: Split, part: tuple[int, int] = (0, 1), batch: int = 128
) -> Tensor:
    """Hits, labels, steps, spikes per neuron of each layer: sums over a part of the samples."""
    assert isinstance(network, nn.Module)
    device = next(network.parameters()).device
    first, parts = part
    order = np.argsort(split.steps, kind="stable")
    own = order[first::parts]
    sums = []
    for start in range(0, max(1, len(own)), batch):
        chosen = own[start : start + batch] if len(own) else order[:1]
        steps = torch.from_numpy(split.steps[chosen]).to(device)
        longest = int(split.steps[chosen].max())
        x = torch.from_numpy(split.x[chosen, :longest]).to(device)
        with evaluating(network):
            activity = network.run(x.float(), steps)
        classes = activity.logits.shape[-1]
        check_classes(split.labels, split.steps, classes, DataError)
        label = torch.from_numpy(split.labels[chosen]).to(device)
        if label.ndim == 2:
            label = label[:, :longest]
        target = nn.functional.one_hot(label, classes)
        logits, target = labelled(activity.logits, target, steps)
        if not logits.isfinite().all():
            raise NetworkError("the network's outputs are not finite")
        live = steps.sum().view(1).double()
        sums.append(torch.cat([hits_of(logits, target), live, activity.rates(steps) * live]))
    return torch.stack(sums).sum(0) * bool(len(own))


def hits_of(logits: Tensor, target: Tensor) -> Tensor:
    """Count the rows that are recognised, and all rows.    (2,)"""
    right = logits.argmax(1) == target.argmax(1)
    return torch.stack([right.sum(), torch.ones_like(right).sum()]).double()


def scored(sums: Tensor) -> tuple[float, tuple[float, ...]]:
    """Accuracy and rates."""
    hits, labels, steps, *events = sums.tolist()
    return hits / labels, tuple(count / steps for count in events)


def labelled(logits: Tensor, target: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Return what is scored, one row each: samples, or their steps if each step has a score.

    logits    (B, [T,] C)
    target    (B, [T,] C); one per sample holds for all its steps
    steps     (B,)
    """
    if logits.ndim == 2:
        if target.ndim == 3:
            raise RecipeError("network.score: must be each, because every step has a label")
        return logits, target
    if target.ndim == 2:
        target = target[:, None].expand_as(logits)
    live = alive(steps, logits.shape[1])
    return logits[live], target[live]
