"""What every data set becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rfssm.model.errors import DataError, brief

Words = NDArray[np.integer[Any]]
"""Inputs of a network; one byte each, a data set can be large."""


@dataclass(frozen=True)
class Split:
    """Samples, zero-padded.

    x         integers                                   (B, T, C)
    steps     length of each sample                      (B,)
    labels    class of each sample, or of each step      (B,) or (B, T)
    """

    x: Words
    steps: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.x)

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
    """A data set.  Its inputs are words of ``bits``, signed or not, worth x * 2^-frac."""

    bits: int
    frac: int
    steps_max: int
    labels: tuple[str, ...]
    train: Split
    test: Split
    valid: Split | None = field(default=None, kw_only=True)
    signed: bool = field(default=False, kw_only=True)

    @property
    def channels(self) -> int:
        """Inputs per step."""
        return int(self.train.x.shape[2])

    @property
    def per_step(self) -> bool:
        """Whether every step has a label of its own."""
        return self.train.labels.ndim == 2


def class_name(path: Path, name: bytes | str) -> str:
    """What a file calls a class.  Raises DataError for what no network file can hold."""
    text = name.decode() if isinstance(name, bytes) else name
    if not isinstance(text, str) or not text.isprintable() or len(text) > 256:
        raise DataError(f"{path}: class {brief(name)}: must be printable text, at most 256 letters")
    return text


def full_length(x: Words) -> NDArray[np.int64]:
    """Lengths of samples that all fill x."""
    return np.full(len(x), x.shape[1], dtype=np.int64)
