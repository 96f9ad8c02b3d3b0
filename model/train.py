"""The training loop: seeded, resumable, the same result bit for bit after any interruption.

What a run computes depends on the recipe alone.  Batches are a function of (seed, epoch),
augmentation of (seed, epoch, batch), and every epoch ends with a checkpoint of network, optimiser
and schedule, written under a temporary name and renamed.  All arithmetic runs on one thread: sums
split over threads round differently, and networks of this size gain nothing from more.
"""

from __future__ import annotations

import csv
import io
import logging
import math
import pickle
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import RichProgressBar
from torch import Tensor, nn

from rfssm.model.cells import Dynamics
from rfssm.model.data import Batch, Data, Epoch, Split
from rfssm.model.errors import RecipeError, RfssmError
from rfssm.model.files import write_atomically
from rfssm.model.network import Activity, alive
from rfssm.model.recipe import TrainingConfig

CHECKPOINT = "checkpoint.ckpt"
METRICS = "metrics.csv"


class Trainable(Protocol):
    """A network that can be trained: an ``nn.Module`` with this method."""

    def run(self, x: Tensor, steps: Tensor) -> Activity:
        """Integers (B, T, M) and lengths (B,) -> logits and spikes."""


@dataclass(frozen=True)
class Metrics:
    """One epoch.  ``rates``: spikes per neuron and step of each layer, on the test set."""

    epoch: int
    loss: float
    train_accuracy: float
    test_accuracy: float
    rates: tuple[float, ...]


def fit(
    network: Trainable,
    data: Data,
    config: TrainingConfig,
    *,
    seed: int,
    folder: Path,
    progress: bool = True,
) -> list[Metrics]:
    """Train ``network`` in place, going on from the folder's checkpoint if there is one."""
    loop = TrainingLoop(network, data, config, seed, folder)
    checkpoint = folder / CHECKPOINT
    with reproducible(), _quiet():
        trainer = pl.Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=config.epochs,
            gradient_clip_val=config.clip,
            reload_dataloaders_every_n_epochs=1,
            callbacks=[RichProgressBar(console_kwargs={"stderr": True})] if progress else [],
            enable_progress_bar=progress,
            enable_checkpointing=False,
            enable_model_summary=False,
            logger=False,
        )
        resumed = _checked(checkpoint) if checkpoint.exists() else None
        handler = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(loop, ckpt_path=resumed, weights_only=True)
        except SystemExit as stop:  # Lightning's answer to Ctrl-C, after which it ignores more
            if isinstance(stop.__context__, KeyboardInterrupt):
                signal.signal(signal.SIGINT, handler)
                raise KeyboardInterrupt from None
            raise
    return loop.history


class TrainingLoop(pl.LightningModule):
    """Loss, optimiser, schedule and end-of-epoch work, as Lightning calls them."""

    def __init__(
        self, network: Trainable, data: Data, config: TrainingConfig, seed: int, folder: Path
    ) -> None:
        super().__init__()
        assert isinstance(network, nn.Module)
        self.network = network
        self.data, self.config, self.seed, self.folder = data, config, seed, folder
        self.history: list[Metrics] = []
        self.sums = torch.zeros(3, dtype=torch.float64)  # loss, hits, labels of this epoch

    def epoch_batches(self, epoch: int) -> Epoch:
        """What this epoch trains on."""
        return Epoch(
            self.data.train,
            len(self.data.labels),
            self.config.batch,
            self.config.augmentation,
            self.seed,
            epoch,
        )

    def train_dataloader(self) -> Epoch:
        """Called by Lightning before every epoch."""
        return self.epoch_batches(self.current_epoch)

    def transfer_batch_to_device(self, batch: Batch, device: Any, dataloader_idx: int) -> Batch:
        """Batches stay NumPy arrays until they are used."""
        return batch

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross entropy, plus a penalty for layers that spike too often."""
        steps, target = torch.from_numpy(batch.steps), torch.from_numpy(batch.target)
        activity = self.network.run(torch.from_numpy(batch.x).float(), steps)
        logits, target = _labelled(activity.logits, target, steps)
        loss = nn.functional.cross_entropy(logits, target)
        hits = (logits.argmax(1) == target.argmax(1)).sum()
        self.sums += torch.stack([loss.detach() * len(target), hits, torch.tensor(len(target))])
        if self.config.rate_target is not None:
            excess = (activity.rates(steps) - self.config.rate_target).relu()
            penalty = excess.square().sum() / self.config.rate_target
            loss = loss + self.config.rate_weight * penalty
        return loss

    def configure_optimizers(self) -> Any:
        """AdamW; cosine decay per batch after one epoch of warming up."""
        cells = [p for cell in _cells(self.network) for p in cell.parameters()]
        own = {id(p) for p in cells}
        weights = [p for p in self.network.parameters() if id(p) not in own]
        optimizer = torch.optim.AdamW(
            [
                {
                    "params": weights,
                    "lr": self.config.learning_rate,
                    "weight_decay": self.config.weight_decay,
                },
                {"params": cells, "lr": self.config.cell_learning_rate, "weight_decay": 0.0},
            ]
        )
        warm = len(self.epoch_batches(0))
        total = warm * self.config.epochs

        def rate(step: int) -> float:
            return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / total))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_train_epoch_start(self) -> None:
        """Start counting anew."""
        self.sums.zero_()

    def on_train_epoch_end(self) -> None:
        """Measure, write metrics.csv and the checkpoint."""
        accuracy, rates = evaluate(self.network, self.data.test)
        loss, hits, labels = self.sums.tolist()
        self.history.append(
            Metrics(self.current_epoch, loss / labels, hits / labels, accuracy, rates)
        )
        write_atomically(self.folder / METRICS, _csv(self.history))
        self.log_dict({"loss": loss / labels, "test_accuracy": accuracy}, prog_bar=True)
        partial = self.folder / f".{CHECKPOINT}.partial"
        self.trainer.save_checkpoint(partial)
        partial.replace(self.folder / CHECKPOINT)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Metrics travel with the checkpoint, so that metrics.csv never runs ahead of it."""
        checkpoint["history"] = [asdict(metrics) for metrics in self.history]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """See on_save_checkpoint."""
        self.history = [Metrics(**metrics) for metrics in checkpoint["history"]]


@torch.no_grad()
def evaluate(network: Trainable, split: Split, batch: int = 128) -> tuple[float, tuple[float, ...]]:
    """Accuracy and spikes per neuron and step of each layer."""
    hits = labels = 0
    events = live = torch.zeros(())
    order = np.argsort(split.steps, kind="stable")
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        steps = torch.from_numpy(split.steps[chosen])
        x = torch.from_numpy(split.x[chosen, : int(steps.max())]).float()
        activity = network.run(x, steps)
        label = torch.from_numpy(split.labels[chosen])
        if label.ndim == 2:
            label = label[:, : x.shape[1]]
        target = nn.functional.one_hot(label, activity.logits.shape[-1])
        logits, target = _labelled(activity.logits, target, steps)
        hits += int((logits.argmax(1) == target.argmax(1)).sum())
        labels += len(target)
        events = events + activity.rates(steps) * steps.sum()
        live = live + steps.sum()
    return hits / labels, tuple((events / live).tolist())


def _labelled(logits: Tensor, target: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """What counts, one row each: samples, or their live steps where the network scores each.

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


@contextmanager
def reproducible() -> Iterator[None]:
    """One thread and deterministic algorithms; the settings of before come back afterwards."""
    memory: Any = torch.utils.deterministic
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    filling = memory.fill_uninitialized_memory
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    memory.fill_uninitialized_memory = False  # it is written before it is read, and this is slow
    try:
        yield
    finally:
        memory.fill_uninitialized_memory = filling
        torch.use_deterministic_algorithms(deterministic)
        torch.set_num_threads(threads)


def _checked(checkpoint: Path) -> Path:
    """A checkpoint that can be read whole; it may come from anywhere, so it holds no code."""
    try:
        torch.load(checkpoint, weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise RfssmError(
            f"{checkpoint}: not a complete checkpoint ({str(error).splitlines()[0]}); "
            "remove it to start the run anew"
        ) from None
    return checkpoint


def _cells(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if isinstance(m, Dynamics)]


def _csv(history: list[Metrics]) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    layers = range(len(history[0].rates))
    rows.writerow(
        ["epoch", "loss", "train_accuracy", "test_accuracy", *(f"rate.{i}" for i in layers)]
    )
    for m in history:
        rows.writerow([m.epoch, m.loss, m.train_accuracy, m.test_accuracy, *m.rates])
    return text.getvalue().encode()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's notes on hardware, its tips and its own use of old torch to itself."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
