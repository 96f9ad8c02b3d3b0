"""Data sets as integers per step, and how training varies them.

``digits`` is embedded in scikit-learn.  ``fsdd`` is read from files in the layout of SHD: bins of
a fixed width, because a streaming network cannot know how long a sample will be.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rfssm.model.errors import DataError
from rfssm.model.recipe import AugmentationConfig, DigitsConfig, FsddConfig

UNITS = 700  # of the SHD layout
GROUP = 5  # units per channel
TAIL = 2  # bins after the last spike


@dataclass(frozen=True)
class Split:
    """Samples, zero-padded.

    x         integers                     (B, T, C)
    steps     length of each sample        (B,)
    labels    class of each sample         (B,)
    """

    x: NDArray[np.uint8]
    steps: NDArray[np.int64]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Data:
    """A data set.  Its inputs are unsigned words of ``bits``, worth x * 2^-frac."""

    bits: int
    frac: int
    steps_max: int
    labels: tuple[str, ...]
    train: Split
    test: Split

    @property
    def channels(self) -> int:
        """Inputs per step."""
        return int(self.train.x.shape[2])


def load(config: DigitsConfig | FsddConfig) -> Data:
    """Read a data set.  Raises DataError when its files are missing or not what they should be."""
    return _digits() if isinstance(config, DigitsConfig) else _fsdd(config)


def _digits() -> Data:
    """8x8 images as 64 steps of one pixel; the brightest, 16, becomes 15 to fit four bits."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    x = np.minimum(images, 15).astype(np.uint8)[..., None]
    parts = train_test_split(x, labels, test_size=0.25, random_state=0, stratify=labels)
    splits = [
        Split(x, np.full(len(x), x.shape[1], dtype=np.int64), y.astype(np.int64))
        for x, y in (parts[0::2], parts[1::2])
    ]
    names = tuple(str(digit) for digit in range(10))
    return Data(4, 0, x.shape[1], names, *splits)


def _fsdd(config: FsddConfig) -> Data:
    place = config.root or os.environ.get("RFSSM_DATA")
    if not place:
        raise DataError(
            "fsdd: where are the files? Set the environment variable RFSSM_DATA, or data.root "
            "(--set data.root=FOLDER), to the folder that holds fsdd/fsdd_spikes_train.h5"
        )
    splits = [
        read_spikes(Path(place) / "fsdd" / f"fsdd_spikes_{part}.h5", config)
        for part in ("train", "test")
    ]
    return Data(1, 0, config.steps_max, tuple(str(digit) for digit in range(10)), *splits)


def read_spikes(path: Path, config: FsddConfig) -> Split:
    """Read a file in the layout of SHD: 0 or 1 per bin and channel of five units.

    A sample ends two bins after its last spike; one without spikes lasts one step.
    """
    import h5py

    if not path.is_file():
        raise DataError(f"{path}: no such file; set RFSSM_DATA or data.root to its folder's folder")
    try:
        with h5py.File(path) as file:
            for name in ("spikes/times", "spikes/units", "labels"):
                if name not in file:
                    raise DataError(f"{path}: has no {name}, so it is not in the layout of SHD")
            times, units, labels = (
                file[name][:] for name in ("spikes/times", "spikes/units", "labels")
            )
    except OSError as error:
        raise DataError(f"{path}: not a complete HDF5 file ({error})") from None
    if not len(times) == len(units) == len(labels):
        raise DataError(f"{path}: {len(times)} times, {len(units)} units, {len(labels)} labels")
    if not len(labels):
        raise DataError(f"{path}: holds no sample")
    if labels.max() > 9:
        raise DataError(f"{path}: labels = {labels.max()}: must be 0 to 9")
    x = np.zeros((len(labels), config.steps_max, UNITS // GROUP), dtype=np.uint8)
    steps = np.ones(len(labels), dtype=np.int64)
    for i, (time, unit) in enumerate(zip(times, units, strict=True)):
        if len(time) != len(unit) or not np.isfinite(time).all() or (time < 0).any():
            raise DataError(f"{path}: sample {i}: times must be finite, not negative, one per unit")
        if len(unit) and unit.max() >= UNITS:
            raise DataError(f"{path}: sample {i}: unit {unit.max()}, must be below {UNITS}")
        bins = np.floor(time.astype(np.float64) / (config.bin_ms / 1000)).astype(np.int64)
        inside = bins < config.steps_max
        x[i, bins[inside], unit[inside] // GROUP] = 1
        if len(bins):
            steps[i] = min(int(bins.max()) + 1 + TAIL, config.steps_max)
    return Split(x, steps, labels.astype(np.int64))


@dataclass(frozen=True)
class Batch:
    """What a training step sees.

    x          integers                                    (B, T, C)
    steps      length of each sample                       (B,)
    target     share of each class, rows add up to 1       (B, classes)
    """

    x: NDArray[np.uint8]
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
        return Batch(x[:, :longest], steps, target)


def augment(
    batch: Batch, how: AugmentationConfig, random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.float32]]:
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
