"""The files of a training: a checkpoint after every epoch, and the metrics of each epoch."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rfssm.errors import RfssmError, first_few, one_line, short_repr
from rfssm.model.data import DataWarning

CHECKPOINT = "checkpoint.ckpt"
METRICS = "metrics.csv"


@dataclass(frozen=True)
class Metrics:
    """The metrics of one epoch.

    rates             spikes per neuron and step of each layer, on the test set
    valid_accuracy    None where there is no validation set
    """

    epoch: int
    loss: float
    train_accuracy: float
    test_accuracy: float
    rates: tuple[float, ...]
    valid_accuracy: float | None = None

    def numbers(self) -> dict[str, float]:
        """The metrics under their names in metrics.csv."""
        valid = self.valid_accuracy
        return {
            "loss": self.loss,
            "train_accuracy": self.train_accuracy,
            **({} if valid is None else {"valid_accuracy": valid}),
            "test_accuracy": self.test_accuracy,
            **{f"rate.{i}": rate for i, rate in enumerate(self.rates)},
        }


def read_checkpoint(checkpoint: Path) -> Any:
    """Read a checkpoint; it may come from anywhere, so no code in it is run."""
    try:
        return torch.load(checkpoint, weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # damage makes torch raise almost anything
        reason = one_line(str(error).strip().split("\n")[0] or error)
        raise RfssmError(
            f"{checkpoint}: not a complete checkpoint ({reason}); remove it to start the run anew"
        ) from None


def check_data(checkpoint: Path, content: Any, digests: Mapping[str, str]) -> None:
    """Refuse to go on with other data than a run began with."""
    if not isinstance(content, dict) or "history" not in content:
        return  # Lightning or ``on_load_checkpoint`` will miss that
    found = content.get("data", {})
    if not isinstance(found, dict):
        raise unfit(checkpoint, ValueError(f"a digest of the data that is {short_repr(found)}"))
    if not found:
        warnings.warn(
            f"{checkpoint}: holds no digest of the data: it is not known whether they are the same",
            DataWarning,
            stacklevel=2,
        )
        return
    changed = [
        f"{one_line(part)} was {one_line(found.get(part, 'absent'))}, is "
        f"{digests.get(part, 'absent')}"
        for part in {**digests, **found}
        if found.get(part) != digests.get(part)
    ]
    if changed:
        raise RfssmError(
            f"{checkpoint}: this run was trained with other data: {first_few(changed)}; "
            "to go on give it the same data again, else start a new run"
        )


def kept(checkpoint: Path, name: str) -> Any:
    """Return a checkpoint's ``recipe``, or its version of ``rfssm``; None if it has none."""
    content = read_checkpoint(checkpoint)
    return content.get(name) if isinstance(content, dict) else None


def unfit(checkpoint: Path, error: Exception) -> RfssmError:
    """Return the error for a checkpoint that is whole, but belongs to another run."""
    return RfssmError(
        f"{checkpoint}: does not fit this run ({type(error).__name__}: {one_line(error)}); "
        "remove it to start the run anew"
    )


def read_history(kept: Iterable[Mapping[str, Any]]) -> list[Metrics]:
    """Return the metrics in a checkpoint; raise any error if it holds something else."""
    history = [Metrics(**metrics) for metrics in kept]
    for epoch, metrics in enumerate(history):
        numbers = metrics.numbers().values()
        if metrics.epoch != epoch or not all(isinstance(n, float) for n in numbers):
            raise ValueError(f"metrics of epoch {epoch}: {short_repr(metrics)}")
    return history


def table_of(history: Sequence[Metrics]) -> bytes:
    """The contents of metrics.csv."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["epoch", *history[0].numbers()])
    for m in history:
        rows.writerow([m.epoch, *m.numbers().values()])
    return text.getvalue().encode()
