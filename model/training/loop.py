"""The training loop: seeded, resumable, the same result bit for bit after any interruption.

What a run computes depends on the recipe alone.  Batches are a function of (seed, epoch),
augmentation and dropout of (seed, epoch, batch), and every epoch ends with a checkpoint of network,
optimiser and schedule, written under a temporary name and renamed.  All arithmetic of a process
runs on one thread: sums split over threads round differently, and networks of this size gain
nothing from more.  Trainings in threads of one process run one after the other, because what makes
them reproducible are settings of the process.

Several processes (``devices``) share every batch and add up their gradients, so that they do what
one does, but for the rounding of sums and for what a process sees of its part alone: dropout and
the statistics of batch norm (the first process's are kept).
"""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn
from torch.multiprocessing.spawn import ProcessRaisedException

from rfssm import errors
from rfssm.errors import NetworkError, RecipeError, RfssmError
from rfssm.files import PARTIAL, write_atomically
from rfssm.model.data import Ahead, Batch, Data, Epoch, Split
from rfssm.model.modes import dropout_from
from rfssm.model.recipe import TrainingConfig
from rfssm.model.training.checkpoint import (
    CHECKPOINT,
    METRICS,
    Metrics,
    check_data,
    read_checkpoint,
    read_history,
    table_of,
    unfit,
)
from rfssm.model.training.evaluate import Trainable, hits_of, labelled, measure, scored
from rfssm.model.training.health import Health, parameters_of
from rfssm.model.training.settings import quiet, reproducible


class Tensors(NamedTuple):
    """A batch on its device; see ``Batch``."""

    x: Tensor
    steps: Tensor
    target: Tensor
    weights: tuple[float, float]


def fit(
    network: Trainable,
    data: Data,
    config: TrainingConfig,
    *,
    seed: int,
    folder: Path,
    progress: bool = True,
    recipe: object = None,
) -> list[Metrics]:
    """Train ``network`` in place, going on from the folder's checkpoint if there is one.

    recipe    plain values that the checkpoint keeps, see ``kept``

    Raises RfssmError for a checkpoint that is damaged, or was made with other data, and where
    training diverges, in the epoch in which it does.
    """
    loop = TrainingLoop(network, data, config, seed, folder)
    loop.recipe = recipe
    checkpoint = folder / CHECKPOINT
    with reproducible(), quiet():
        trainer = _trainer(config, progress)
        resumed = checkpoint if checkpoint.exists() else None
        if resumed is not None:
            check_data(checkpoint, read_checkpoint(checkpoint), loop.digests)
        data.warn()
        with _interruptible(trainer):
            try:
                trainer.fit(loop, ckpt_path=resumed, weights_only=True)
            except (RfssmError, ProcessRaisedException) as error:
                raise _own(error) from None
            except Exception as error:  # which is almost any where a checkpoint lacks something
                if resumed is None or loop.restored:
                    raise
                raise unfit(checkpoint, error) from None
    if config.devices > 1:  # weights have come back from the processes, the history has not
        loop.on_load_checkpoint(torch.load(checkpoint, weights_only=True))
    if len(loop.history) != config.epochs:  # a finished run has them all
        raise unfit(checkpoint, ValueError(f"metrics of {len(loop.history)} epochs"))
    return loop.history


@contextmanager
def _interruptible(trainer: pl.Trainer) -> Iterator[None]:
    """Ctrl-C and SIGTERM end a training, as they end everything else, and its processes with it."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:  # Lightning's answer to Ctrl-C, after which it ignores more
        signal.signal(signal.SIGINT, handler)
        if trainer.strategy.launcher is not None:
            # Not SIGTERM: Lightning's processes answer that by a collective operation,
            # and wait half an hour where they stand at different ones.
            trainer.strategy.launcher.kill(signal.SIGKILL)
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        # Lightning's own answer to SIGTERM would be taken for success: it has no status.
        raise SystemExit(stop.code or 128 + signal.SIGTERM) from None


def _own(error: Exception) -> Exception:
    """Return the project's own error if one of several processes has ended with it."""
    if isinstance(error, RfssmError):
        return error
    kind, _, message = str(error).strip().splitlines()[-1].partition(": ")
    own = getattr(errors, kind.removeprefix(f"{errors.__name__}."), None)
    if isinstance(own, type) and issubclass(own, RfssmError):
        ours: RfssmError = own(message)
        return ours
    return error


def check_devices(config: TrainingConfig) -> None:
    """Raise RecipeError for devices that this machine does not have."""
    with quiet():
        _trainer(config, progress=False)


def _trainer(config: TrainingConfig, progress: bool) -> pl.Trainer:
    try:
        return pl.Trainer(
            accelerator=config.accelerator,
            devices=config.devices,
            # Forked, because Brevitas' quantisers cannot be pickled; data are shared, too.
            strategy="auto" if config.devices == 1 else DDPStrategy(start_method="fork"),
            max_epochs=config.epochs,
            gradient_clip_val=config.clip,
            reload_dataloaders_every_n_epochs=1,
            callbacks=[RichProgressBar(console_kwargs={"stderr": True})] if progress else [],
            enable_progress_bar=progress,
            enable_checkpointing=False,
            enable_model_summary=False,
            logger=False,
        )
    except MisconfigurationException as error:  # fewer devices than asked for
        raise RecipeError(
            f"training.accelerator = {config.accelerator}, training.devices = {config.devices}: "
            f"{str(error).strip().splitlines()[0]}"
        ) from None


class TrainingLoop(pl.LightningModule):
    """Loss, optimiser, schedule and end-of-epoch work, as Lightning calls them."""

    def __init__(
        self, network: Trainable, data: Data, config: TrainingConfig, seed: int, folder: Path
    ) -> None:
        super().__init__()
        assert isinstance(network, nn.Module)
        self.network = network
        self.data, self.config, self.seed, self.folder = data, config, seed, folder
        self.digests = data.digests()
        self.recipe: object = None
        self.health = Health(network, config, len(data.labels))
        self.history: list[Metrics] = []
        # Whether a checkpoint, if any, has been taken in whole; all processes see it.
        self.restored = torch.zeros(1, dtype=torch.bool).share_memory_()  # type: ignore[no-untyped-call]
        self.sums = torch.zeros(3, dtype=torch.float64)  # loss, hits, labels of this epoch
        self.left_out = 0  # steps of this epoch

    def epoch_batches(self, epoch: int, part: tuple[int, int] = (0, 1)) -> Epoch:
        """The batches of this epoch."""
        return Epoch(
            self.data.train,
            len(self.data.labels),
            self.config.batch,
            self.config.augmentation,
            self.seed,
            epoch,
            part,
        )

    def setup(self, stage: str) -> None:
        """Undo Lightning's choice of threads: each process computes on one."""
        torch.set_num_threads(1)

    def train_dataloader(self) -> Epoch | Ahead:
        """Called by Lightning before every epoch."""
        epoch = self.epoch_batches(self.current_epoch, self._part())
        return epoch if self.config.accelerator == "cpu" else Ahead(epoch)

    def transfer_batch_to_device(self, batch: Batch, device: Any, dataloader_idx: int) -> Tensors:
        """Move a batch, whose inputs become real numbers there: a quarter of the bytes to move."""
        x, steps, target = (
            torch.from_numpy(array).to(device) for array in (batch.x, batch.steps, batch.target)
        )
        return Tensors(x.float(), steps, target, batch.weights)

    def training_step(self, batch: Tensors, batch_idx: int) -> Tensor:
        """Cross entropy, plus a penalty for layers that spike too often."""
        try:
            with dropout_from(self._random(batch_idx)):
                activity = self.network.run(batch.x, batch.steps)
        except NetworkError as error:
            if not self.global_step:
                raise
            raise self.health.diverged(self.current_epoch, str(error)) from None
        logits, target = labelled(activity.logits, batch.target, batch.steps)
        loss = nn.functional.cross_entropy(logits, target)
        weight = batch.weights[activity.logits.ndim - 2]
        if weight:
            total = (loss.detach() * len(target)).view(1).double()
            seen = torch.cat([total, hits_of(logits, target)])
            self.sums += torch.where(loss.detach().isfinite(), seen, 0.0)
        # Of a loss that is not finite no gradient is, in any process, so that the step is left out.
        loss = loss * torch.where(loss.detach().isfinite(), weight, math.nan)
        if self.config.rate_target is not None:
            share = batch.weights[1]
            rates = self._of_all_parts(activity.rates(batch.steps), share)
            excess = (rates - self.config.rate_target).relu()
            penalty = excess.square().sum() / self.config.rate_target
            loss = loss + self.config.rate_weight * penalty * share
        if self.config.overflow_weight:
            loss = loss + self.config.overflow_weight * activity.overflow()
        return loss

    def _of_all_parts(self, rates: Tensor, share: float) -> Tensor:
        """Return the whole batch's rates, with the gradient of this part, weighted by its steps."""
        if self.config.devices == 1:
            return rates
        whole = self.trainer.strategy.reduce(rates.detach() * share, reduce_op="mean")
        return rates + (whole - rates.detach())

    def _random(self, batch_idx: int) -> torch.Generator:
        """Return the random generator of this step's dropout."""
        stream = (self.seed, self.current_epoch, batch_idx, self.global_rank)
        seed = int(np.random.SeedSequence(stream).generate_state(1, np.uint64)[0])
        return torch.Generator(self.device).manual_seed(seed)

    def configure_optimizers(self) -> Any:
        """AdamW; cosine decay per batch after one epoch of warming up."""
        weights, cells = parameters_of(self.network)
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

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by norm; where the norm is not finite, the step moves no parameter.

        Without a gradient the optimiser passes over a parameter: its momentum stays, and nothing
        decays.  At a reset a gradient can grow with every step: over a thousand of them beyond
        1e38, in one neuron that stays near its threshold.
        """
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        assert gradient_clip_val is not None
        if not torch.nn.utils.clip_grad_norm_(parameters, gradient_clip_val).isfinite():
            for parameter in parameters:
                parameter.grad = None
            self.left_out += 1

    def on_train_start(self) -> None:
        """Raise ValueError for a checkpoint whose epoch is not the number of its metrics."""
        if self.current_epoch != len(self.history):
            raise ValueError(f"epoch {self.current_epoch}, metrics of {len(self.history)} epochs")
        self.restored.fill_(True)

    def on_train_epoch_start(self) -> None:
        """Start counting anew."""
        self.left_out = 0
        self.sums = torch.zeros(3, dtype=torch.float64, device=self.device)

    def on_train_epoch_end(self) -> None:
        """Measure, write metrics.csv and the checkpoint."""
        for buffer in self.network.buffers() if self.trainer.world_size > 1 else ():
            torch.distributed.broadcast(buffer, 0)
        steps = len(self.epoch_batches(0))
        if 2 * self.left_out > steps:
            found = f"{self.left_out} of {steps} steps have no finite gradient"
            raise self.health.diverged(self.current_epoch, found)
        try:
            accuracy, rates = self._evaluate(self.data.test)
            valid = None if self.data.valid is None else self._evaluate(self.data.valid)[0]
        except NetworkError as error:
            raise self.health.diverged(self.current_epoch, str(error)) from None
        loss, hits, labels = self._total(self.sums).tolist()
        if self.trainer.is_global_zero:
            before = self.history[-1].rates if self.history else None
            self.health.warn_of_silence(self.current_epoch, rates, before)
            self.health.warn(self.current_epoch, self.left_out, steps, loss / labels)
        self.history.append(
            Metrics(self.current_epoch, loss / labels, hits / labels, accuracy, rates, valid)
        )
        self.log_dict({"loss": loss / labels, "test_accuracy": accuracy}, prog_bar=True)
        partial = self.folder / f".{CHECKPOINT}{PARTIAL}"
        try:
            self.trainer.save_checkpoint(partial)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        if self.trainer.is_global_zero:
            write_atomically(self.folder / METRICS, table_of(self.history))
            partial.replace(self.folder / CHECKPOINT)

    def _evaluate(self, split: Split) -> tuple[float, tuple[float, ...]]:
        """See ``evaluate``, shared among all processes."""
        return scored(self._total(measure(self.network, split, self._part())))

    def _part(self) -> tuple[int, int]:
        """Return the number of this process and the number of processes."""
        return self.trainer.global_rank, self.trainer.world_size

    def _total(self, sums: Tensor) -> Tensor:
        """Return the sum over all processes."""
        total: Tensor = self.trainer.strategy.reduce(sums, reduce_op="sum")
        return total

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Metrics travel with the checkpoint, so that metrics.csv never runs ahead of it.

        So do a digest of the data, the recipe, and the version of rfssm.
        """
        checkpoint["recipe"] = self.recipe
        checkpoint["data"], checkpoint["rfssm"] = self.digests, version("rfssm")
        checkpoint["history"] = [asdict(metrics) for metrics in self.history]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """See on_save_checkpoint."""
        self.history = read_history(checkpoint["history"])
