"""Batches of an epoch, and how spikes are varied in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rfssm.arrays import check_classes
from rfssm.errors import DataError, RecipeError
from rfssm.model.data.split import Split, Words
from rfssm.model.recipe import AugmentationConfig


@dataclass(frozen=True)
class Batch:
    """The input of a training step.

    x          integers                                                         (B, T, C)
    steps      length of each sample                                            (B,)
    target     share of each class, of the sample or of each of its steps       (B, [T,] classes)
    weights    of the mean over this part's samples, and over its steps, where the mean over
               parts shall be that over the whole batch
    """

    x: Words
    steps: NDArray[np.int64]
    target: NDArray[np.float32]
    weights: tuple[float, float] = (1.0, 1.0)


class Epoch:
    """The batches of one epoch, a function of seed and epoch alone.

    Samples of similar length share a batch: the shuffled set is sorted within chunks of eight
    batches, and the batches are shuffled again.

    ``part`` (k of n) holds every n-th sample of every batch.  It is as long as any other part: a
    batch without a sample for it lends one, of weight 0.
    """

    def __init__(
        self,
        split: Split,
        classes: int,
        batch: int,
        augmentation: AugmentationConfig | None,
        seed: int,
        epoch: int,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        check_classes(split.labels, split.steps, classes, DataError)
        if augmentation is not None:
            check_augmentation(augmentation, split)
        self.split = split
        self.classes = classes
        self.augmentation = augmentation
        self.stream = (seed, epoch)
        self.part = part
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
        return _part(Batch(x, steps, target), *self.part)


class Ahead:
    """The same batches, prepared by threads while an accelerator is busy with earlier ones."""

    def __init__(self, epoch: Epoch, threads: int = 4) -> None:
        self.epoch, self.threads = epoch, threads

    def __len__(self) -> int:
        return len(self.epoch)

    def __iter__(self) -> Iterator[Batch]:
        with ThreadPoolExecutor(self.threads) as pool:
            coming: deque[Future[Batch]] = deque()
            for i in range(len(self)):
                while len(coming) < 2 * self.threads and i + len(coming) < len(self):
                    coming.append(pool.submit(self.epoch.__getitem__, i + len(coming)))
                yield coming.popleft().result()


def _part(batch: Batch, k: int, parts: int) -> Batch:
    """Every n-th sample from the k-th on, as long as the longest of them."""
    own = np.arange(k, len(batch.x), parts)
    weights = (
        parts * len(own) / len(batch.x),
        parts * float(batch.steps[own].sum() / batch.steps.sum()),
    )
    own = own if len(own) else np.zeros(1, dtype=np.int64)
    x, steps, target = batch.x[own], batch.steps[own], batch.target[own]
    longest = int(steps.max())
    if target.ndim == 3:
        target = target[:, :longest]
    return Batch(x[:, :longest], steps, target, weights)


def check_augmentation(how: AugmentationConfig, split: Split) -> None:
    """Raise RecipeError for augmentation that does not suit this data set."""
    if split.labels.ndim == 2:
        for field in ("shift", "stretch", "cutmix"):
            if getattr(how, field):
                raise RecipeError(
                    f"training.augmentation.{field} = {getattr(how, field)}: must be 0 where "
                    "every step has a label"
                )
    if split.x.dtype.kind == "i" and how.cutmix:
        raise RecipeError(
            f"training.augmentation.cutmix = {how.cutmix}: must be 0 if inputs are not spikes"
        )


def augment(
    batch: Batch, how: AugmentationConfig, random: np.random.Generator
) -> tuple[Words, NDArray[np.int64], NDArray[np.float32]]:
    """Vary spike samples: time, channels, lost events, a silent band, a piece of another sample."""
    steps, target = batch.steps, batch.target
    count, longest, channels = batch.x.shape
    length = min(longest, int(steps.max() * (1 + how.stretch)) + how.shift + 1)
    speed = 1 + random.uniform(-how.stretch, how.stretch, (count, 1))
    offset = random.uniform(-how.shift, how.shift, (count, 1))
    t = np.rint(np.arange(length) * speed + offset).astype(np.int64)
    up = random.integers(-how.roll, how.roll + 1, count).clip(-channels, channels)
    first, width = random.integers(0, (channels, how.band + 1), (count, 2)).T
    lost = np.ceil(random.uniform(0, 256 * how.dropout, (count, 1, 1)))
    x = np.zeros((count, length, channels), dtype=batch.x.dtype)
    for i in range(count):
        live = (t[i] >= 0) & (t[i] < longest)
        low, high = max(0, -up[i]), channels - max(0, up[i])
        x[i, live, low:high] = batch.x[i, t[i, live], low + up[i] : high + up[i]]
        x[i, :, first[i] : first[i] + width[i]] = 0
    x *= random.integers(0, 256, x.shape, dtype=np.uint8) >= lost.clip(max=255).astype(np.uint8)
    steps = np.rint((steps - offset[:, 0]) / speed[:, 0]).astype(np.int64).clip(1, length)
    if random.uniform() < how.cutmix:
        other = random.permutation(count)
        start, stop = np.sort(random.integers(0, length + 1, 2))
        taken = x[other, start:stop]
        own = x.sum((1, 2)) - x[:, start:stop].sum((1, 2))
        new = taken.sum((1, 2))
        x[:, start:stop] = taken
        # A class counts by its share of the spikes; a sample without any keeps its own.
        share = np.where(own + new > 0, own / np.maximum(own + new, 1), 1)
        share = share.astype(np.float32)[:, None]
        target = share * target + (1 - share) * target[other]
        steps = np.maximum(steps, np.minimum(steps[other], stop))
    return x, steps, target
