"""Batches of an epoch, and how spikes are varied in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rfssm.model.data.split import Split, Words
from rfssm.model.errors import RecipeError
from rfssm.model.recipe import AugmentationConfig


@dataclass(frozen=True)
class Batch:
    """What a training step sees.

    x          integers                                                         (B, T, C)
    steps      length of each sample                                            (B,)
    target     share of each class, of the sample or of each of its steps       (B, [T,] classes)
    """

    x: Words
    steps: NDArray[np.int64]
    target: NDArray[np.float32]


class Epoch:
    """The batches of one epoch, a function of seed and epoch alone.

    Samples of similar length share a batch: the shuffled set is sorted within chunks of eight
    batches, and the batches are shuffled again.
    """

    def __init__(
        self,
        split: Split,
        classes: int,
        batch: int,
        augmentation: AugmentationConfig | None,
        seed: int,
        epoch: int,
    ) -> None:
        if augmentation is not None:
            _check(augmentation, split)
        self.split = split
        self.classes = classes
        self.augmentation = augmentation
        self.stream = (seed, epoch)
        random = np.random.default_rng(self.stream)
        order = random.permutation(len(split.labels))
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(order), 8 * batch):
            chunk = order[start : start + 8 * batch]
            chunk = chunk[np.argsort(split.steps[chunk], kind="stable")]
            batches += [chunk[k : k + batch] for k in range(0, len(chunk), batch)]
        self.batches = [batches[k] for k in random.permutation(len(batches))]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, i: int) -> Batch:
        if i >= len(self):
            raise IndexError(i)
        chosen = self.batches[i]
        x, steps = self.split.x[chosen], self.split.steps[chosen]
        target = np.eye(self.classes, dtype=np.float32)[self.split.labels[chosen]]
        if self.augmentation is not None:
            batch = Batch(x, steps, target)
            x, steps, target = augment(
                batch, self.augmentation, np.random.default_rng((*self.stream, i))
            )
        longest = int(steps.max())
        if target.ndim == 3:
            target = target[:, :longest]
        return Batch(x[:, :longest], steps, target)


def _check(how: AugmentationConfig, split: Split) -> None:
    """Refuse what this data set cannot take."""
    if split.labels.ndim == 2:
        for field in ("shift", "stretch", "cutmix"):
            if getattr(how, field):
                raise RecipeError(
                    f"training.augmentation.{field} = {getattr(how, field)}: must be 0 where "
                    "every step has a label"
                )
    if split.x.dtype.kind == "i" and how.cutmix:
        raise RecipeError(
            f"training.augmentation.cutmix = {how.cutmix}: must be 0 where inputs are no spikes"
        )


def augment(
    batch: Batch, how: AugmentationConfig, random: np.random.Generator
) -> tuple[Words, NDArray[np.int64], NDArray[np.float32]]:
    """Vary spike samples: time, channels, lost events, a silent band, a piece of another sample."""
    x, steps, target = batch.x, batch.steps, batch.target
    count, length, channels = x.shape
    length = min(length, int(steps.max() * (1 + how.stretch)) + how.shift + 1)
    speed = 1 + random.uniform(-how.stretch, how.stretch, (count, 1))
    offset = random.uniform(-how.shift, how.shift, (count, 1))
    t = np.rint(np.arange(length) * speed + offset).astype(np.int64)
    c = np.arange(channels) + random.integers(-how.roll, how.roll + 1, (count, 1))
    inside = ((t >= 0) & (t < x.shape[1]))[:, :, None] & ((c >= 0) & (c < channels))[:, None, :]
    first, width = random.integers(0, (channels, how.band + 1), (count, 2)).T[..., None]
    silent = (np.arange(channels) >= first) & (np.arange(channels) < first + width)
    lost = random.uniform(0, 256 * how.dropout, (count, 1, 1))
    kept = random.integers(0, 256, (count, length, channels), dtype=np.uint8) >= lost
    x = x[
        np.arange(count)[:, None, None],
        t.clip(0, x.shape[1] - 1)[:, :, None],
        c.clip(0, channels - 1)[:, None, :],
    ]
    x = x * (inside & kept & ~silent[:, None, :])
    steps = np.rint((steps - offset[:, 0]) / speed[:, 0]).astype(np.int64).clip(1, length)
    if random.uniform() < how.cutmix:
        other = random.permutation(count)
        start, stop = np.sort(random.integers(0, length + 1, 2))
        window = ((np.arange(length) >= start) & (np.arange(length) < stop))[None, :, None]
        own, taken = (x * ~window).sum((1, 2)), (x[other] * window).sum((1, 2))
        x = np.where(window, x[other], x)
        # A class counts by its share of the spikes; a sample without any keeps its own.
        share = np.where(own + taken > 0, own / np.maximum(own + taken, 1), 1)
        share = share.astype(np.float32)[:, None]
        target = share * target + (1 - share) * target[other]
        steps = np.maximum(steps, np.minimum(steps[other], stop))
    return x, steps, target
