"""The form of every data set: splits of samples."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rfssm.arrays import check_classes, check_range, check_samples, class_numbers, integers
from rfssm.errors import DataError, first_few, short_repr

Words = NDArray[np.integer[Any]]
"""Inputs of a network; in a data set, which can be large, one byte each where its bits allow."""


class DataWarning(UserWarning):
    """A data set that can be used, but is probably not as intended."""


@dataclass(frozen=True)
class Split:
    """Zero-padded samples.  Raises DataError for arrays that do not fit, with the first fault.

    x         integers                                   (B, T, C)
    steps     length of each sample, 1 to T              (B,)
    labels    class of each sample, or of each step      (B,) or (B, T)
    """

    x: Words
    steps: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        x = integers("x", self.x, 3, DataError, bits=True)
        steps = integers("steps", self.steps, 1, DataError).astype(np.int64, copy=False)
        labels = class_numbers(self.labels, DataError)
        check_samples(x, steps, labels, DataError)
        for name, array in (("x", x), ("steps", steps), ("labels", labels)):
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.x)

    def live(self) -> NDArray[np.bool_]:
        """Whether a step is within its sample, not padding.    (B, T)"""
        found: NDArray[np.bool_] = np.arange(self.x.shape[1]) < self.steps[:, None]
        return found

    def digest(self) -> str:
        """Number of samples and a digest of all values in their order."""
        digest = hashlib.sha256()
        for array in (self.x, self.steps, self.labels):
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return f"{len(self):,} samples, digest {digest.hexdigest()[:16]}"

    def take(self, chosen: NDArray[Any]) -> Split:
        """Samples by index or mask."""
        return Split(self.x[chosen], self.steps[chosen], self.labels[chosen])


def join(parts: Sequence[Split]) -> Split:
    """All samples of several splits."""
    return Split(
        np.concatenate([part.x for part in parts]),
        np.concatenate([part.steps for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


@dataclass(frozen=True)
class Data:
    """A data set.  Its inputs are words of ``bits``, signed or not, worth x * 2^-frac.

    This is the one door to training: arrays that no network can take raise DataError, with the
    split, the array and the first place at fault, what was found there and what is allowed.  Limits
    are those of a network file.

    steps_max    no sample is longer
    labels       names of the classes, which are counted from 0
    train        at least one sample, as in the other splits; so are channels and kind of labels
    """

    bits: int
    frac: int
    steps_max: int
    labels: tuple[str, ...]
    train: Split
    test: Split
    valid: Split | None = field(default=None, kw_only=True)
    signed: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        for name, low, high in (("bits", 1, 16), ("frac", -64, 64), ("steps_max", 1, 65535)):
            number = integers(name, getattr(self, name), 0, DataError)
            check_range(name, number, low, high, DataError)
            object.__setattr__(self, name, int(number))
        object.__setattr__(self, "labels", _names(self.labels))
        for name, split in self.splits().items():
            try:
                object.__setattr__(self, name, self._checked(split))
            except DataError as error:
                raise DataError(f"{name}: {error}") from None

    def _checked(self, split: Split) -> Split:
        """The same samples, in the type of this set's words, labels of no step set to 0."""
        if not len(split):
            raise DataError("holds no sample")
        if split.x.shape[2] != self.channels:
            raise DataError(f"x: {split.x.shape[2]} channels, train has {self.channels}")
        check_range("channels", np.array(self.channels), 1, 4096, DataError)
        if (split.labels.ndim == 2) != self.per_step:
            raise DataError("labels: of steps here and of samples in train, or the reverse")
        check_range("steps", split.steps, 1, self.steps_max, DataError, " (steps_max)")
        check_classes(split.labels, split.steps, len(self.labels), DataError)
        sign = "signed" if self.signed else "unsigned"
        low = -(1 << (self.bits - 1)) if self.signed else 0
        high = low + (1 << self.bits) - 1
        check_range("x", split.x, low, high, DataError, f" ({self.bits}-bit {sign} words)")
        kind = np.dtype(f"{'i' if self.signed else 'u'}{1 if self.bits <= 8 else 2}")
        labels = np.where(split.live(), split.labels, 0) if self.per_step else split.labels
        return Split(np.ascontiguousarray(split.x, dtype=kind), split.steps, labels)

    def splits(self) -> dict[str, Split]:
        """The splits by name, in the order of use."""
        valid = {} if self.valid is None else {"valid": self.valid}
        return {"train": self.train, **valid, "test": self.test}

    def warn(self) -> None:
        """Warn (DataWarning) of classes without a sample and of splits without any input."""
        labels = self.train.labels[self.train.live()] if self.per_step else self.train.labels
        count = np.bincount(labels, minlength=len(self.labels))
        absent = [f"{k} ({short_repr(self.labels[k])})" for k in np.flatnonzero(count == 0)]
        if absent:
            _warn(
                f"train: no label is class {first_few(absent)}; what is not there cannot be learned"
            )
        for name, split in self.splits().items():
            if not (split.x.any(2) & split.live()).any():
                _warn(f"{name}: no input arrives, all {len(split):,} samples are 0 in every step")

    def digests(self) -> dict[str, str]:
        """Return a digest of every part of the data, which a resumed run must find unchanged."""
        sign = "signed" if self.signed else "unsigned"
        words = f"{self.bits} bits, {sign}, {self.frac} of them fraction, {self.steps_max} steps"
        classes = hashlib.sha256(repr(self.labels).encode()).hexdigest()[:16]
        return {
            "words": words,
            "classes": f"{len(self.labels)} names, digest {classes}",
            **{name: split.digest() for name, split in self.splits().items()},
        }

    @property
    def channels(self) -> int:
        """Inputs per step."""
        return int(self.train.x.shape[2])

    @property
    def per_step(self) -> bool:
        """Whether every step has a label of its own."""
        return self.train.labels.ndim == 2


def _warn(text: str) -> None:
    warnings.warn(text, DataWarning, stacklevel=3)


def _names(labels: Sequence[str]) -> tuple[str, ...]:
    names = () if isinstance(labels, str) else tuple(labels)
    if not 2 <= len(names) <= 1024 or not all(isinstance(name, str) for name in names):
        raise DataError(
            f"labels = {short_repr(labels)}: must be 2 to 1,024 names, one for each class"
        )
    return tuple(map(str, names))


def class_name(path: Path, name: bytes | str) -> str:
    """Return a class name from a file; raise DataError if a network file cannot hold it."""
    text = name.decode() if isinstance(name, bytes) else name
    if not isinstance(text, str) or not text.isprintable() or len(text) > 256:
        raise DataError(
            f"{path}: class {short_repr(name)}: must be printable text, at most 256 letters"
        )
    return text


def full_length(x: Words) -> NDArray[np.int64]:
    """Lengths of samples that all fill x."""
    return np.full(len(x), x.shape[1], dtype=np.int64)
