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

import csv
import io
import logging
import math
import os
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn
from torch.multiprocessing.spawn import ProcessRaisedException

from rfssm import errors
from rfssm.arrays import check_classes
from rfssm.errors import (
    DataError,
    NetworkError,
    RecipeError,
    RfssmError,
    first_few,
    one_line,
    short_repr,
)
from rfssm.files import PARTIAL, write_atomically
from rfssm.lock import Lock
from rfssm.model.data import Ahead, Batch, Data, DataWarning, Epoch, Split
from rfssm.model.network import Activity, alive, dropout_from, evaluating
from rfssm.model.neurons import Dynamics
from rfssm.model.recipe import TrainingConfig

DIVERGED = 10
"""A loss so many times that of guessing is warned of."""
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
CHECKPOINT = "checkpoint.ckpt"
METRICS = "metrics.csv"


class GradientWarning(UserWarning):
    """Steps were left out of training, because their gradient is no number."""


class SilenceWarning(UserWarning):
    """A layer emits no spike at all."""


class DivergenceWarning(UserWarning):
    """The loss is far above that of guessing."""


class Trainable(Protocol):
    """A network that can be trained: an ``nn.Module`` with this method.

    Dropout of its own is reproducible if it is drawn by ``rfssm.model.network.drop``.
    """

    def run(self, x: Tensor, steps: Tensor) -> Activity:
        """Integers (B, T, M) and lengths (B,) -> logits and spikes."""


class Tensors(NamedTuple):
    """A batch on its device; see ``Batch``."""

    x: Tensor
    steps: Tensor
    target: Tensor
    weights: tuple[float, float]


@dataclass(frozen=True)
class Metrics:
    """One epoch.

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
        """By the names of metrics.csv."""
        valid = self.valid_accuracy
        return {
            "loss": self.loss,
            "train_accuracy": self.train_accuracy,
            **({} if valid is None else {"valid_accuracy": valid}),
            "test_accuracy": self.test_accuracy,
            **{f"rate.{i}": rate for i, rate in enumerate(self.rates)},
        }


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
    with reproducible(), _quiet():
        trainer = _trainer(config, progress)
        resumed = checkpoint if checkpoint.exists() else None
        if resumed is not None:
            _check_data(checkpoint, _checked(checkpoint), loop.digests)
        data.warn()
        handler = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(loop, ckpt_path=resumed, weights_only=True)
        except RfssmError:
            raise
        except ProcessRaisedException as error:
            raise _told(error) from None
        except Exception as error:  # what a checkpoint lacks makes Lightning raise almost anything
            if resumed is None or loop.restored:
                raise
            raise _unfit(checkpoint, error) from None
        except SystemExit as stop:  # Lightning's answer to Ctrl-C, after which it ignores more
            if isinstance(stop.__context__, KeyboardInterrupt):
                signal.signal(signal.SIGINT, handler)
                if trainer.strategy.launcher is not None:
                    # Not SIGTERM: Lightning's processes answer that by a collective operation,
                    # and wait half an hour where they stand at different ones.
                    trainer.strategy.launcher.kill(signal.SIGKILL)
                raise KeyboardInterrupt from None
            raise
    if config.devices > 1:  # weights have come back from the processes, the history has not
        loop.on_load_checkpoint(torch.load(checkpoint, weights_only=True))
    if len(loop.history) != config.epochs:  # one that says it is done is not gone on with
        raise _unfit(checkpoint, ValueError(f"metrics of {len(loop.history)} epochs"))
    return loop.history


def _told(error: ProcessRaisedException) -> Exception:
    """Our own error, if one of several processes has ended with it."""
    kind, _, message = str(error).strip().splitlines()[-1].partition(": ")
    own = getattr(errors, kind.removeprefix(f"{errors.__name__}."), None)
    if isinstance(own, type) and issubclass(own, RfssmError):
        ours: RfssmError = own(message)
        return ours
    return error


def check_devices(config: TrainingConfig) -> None:
    """Raises RecipeError for devices that this machine does not have."""
    with _quiet():
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
        self.history: list[Metrics] = []
        # Whether a checkpoint, if any, has been taken in whole; all processes see it.
        self.restored = torch.zeros(1, dtype=torch.bool).share_memory_()  # type: ignore[no-untyped-call]
        self.sums = torch.zeros(3, dtype=torch.float64)  # loss, hits, labels of this epoch
        self.left_out = 0  # steps of this epoch

    def epoch_batches(self, epoch: int, part: tuple[int, int] = (0, 1)) -> Epoch:
        """What this epoch trains on."""
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
        """Lightning gives every process of several as many threads as it finds."""
        torch.set_num_threads(1)

    def train_dataloader(self) -> Epoch | Ahead:
        """Called by Lightning before every epoch."""
        epoch = self.epoch_batches(self.current_epoch, self._part())
        return epoch if self.config.accelerator == "cpu" else Ahead(epoch)

    def transfer_batch_to_device(self, batch: Batch, device: Any, dataloader_idx: int) -> Tensors:
        """Inputs become real numbers there: a fourth of the bytes to move."""
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
            raise self._diverged(str(error)) from None
        logits, target = _labelled(activity.logits, batch.target, batch.steps)
        loss = nn.functional.cross_entropy(logits, target)
        weight = batch.weights[activity.logits.ndim - 2]
        if weight:
            total = (loss.detach() * len(target)).view(1).double()
            seen = torch.cat([total, _hits(logits, target)])
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
        """The whole batch's rates; the gradient is that of this part's, whose steps weigh share."""
        if self.config.devices == 1:
            return rates
        whole = self.trainer.strategy.reduce(rates.detach() * share, reduce_op="mean")
        return rates + (whole - rates.detach())

    def _random(self, batch_idx: int) -> torch.Generator:
        """What dropout is drawn from, in this step alone."""
        stream = (self.seed, self.current_epoch, batch_idx, self.global_rank)
        seed = int(np.random.SeedSequence(stream).generate_state(1, np.uint64)[0])
        return torch.Generator(self.device).manual_seed(seed)

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
        """Refuse a checkpoint that does not stand where it says."""
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
            raise self._diverged(f"{self.left_out} of {steps} steps have no finite gradient")
        try:
            accuracy, rates = self._evaluate(self.data.test)
            valid = None if self.data.valid is None else self._evaluate(self.data.valid)[0]
        except NetworkError as error:
            raise self._diverged(str(error)) from None
        self._warn_of_silence(rates)
        loss, hits, labels = self._total(self.sums).tolist()
        if self.trainer.is_global_zero:
            self._warn(steps, loss / labels)
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
            write_atomically(self.folder / METRICS, _csv(self.history))
            partial.replace(self.folder / CHECKPOINT)

    def _warn_of_silence(self, rates: Sequence[float]) -> None:
        """Name the layers that have fallen silent in this epoch, or never emitted a spike."""
        before = self.history[-1].rates if self.history else None
        for i, rate in enumerate(rates):
            if rate or not self.trainer.is_global_zero or (before and not before[i]):
                continue
            if i and not rates[i - 1]:
                change = f"layer {i - 1} gives it nothing"
            elif before:
                change = "lower training.learning_rate"
                if self.config.rate_target is not None:
                    change += " or training.rate_weight, or raise training.rate_target"
            elif self.config.calibration is None:
                change = "set training.calibration, which scales the start weights"
            else:
                change = "raise training.calibration, which scales the start weights"
            warnings.warn(
                f"epoch {self.current_epoch}: layer {i} emits no spike in the whole test set, so "
                f"that what comes after it receives nothing from it; {change}",
                SilenceWarning,
                stacklevel=1,
            )

    def _warn(self, steps: int, loss: float) -> None:
        """Warn of steps that were left out, and of a loss that no sound training has."""
        at = f"epoch {self.current_epoch}"
        if self.left_out:
            warnings.warn(
                f"{at}: {self.left_out} of {steps} steps left out, because their gradient is not "
                "finite; if there are many, train with a smaller training.cell_learning_rate",
                GradientWarning,
                stacklevel=1,
            )
        guessing = math.log(len(self.data.labels))
        if loss > DIVERGED * guessing:
            warnings.warn(
                f"{at}: the loss is {loss:.3g}, that of guessing is {guessing:.3g}; training "
                f"diverges, lower {self._rates()}",
                DivergenceWarning,
                stacklevel=1,
            )

    def _diverged(self, found: str) -> RfssmError:
        """What to do about a network that holds or makes numbers that are not finite."""
        return RfssmError(
            f"epoch {self.current_epoch}: training has diverged ({found}); start a new run with a "
            f"smaller {self._rates()}"
        )

    def _rates(self) -> str:
        """The learning rates of what is not finite any more, or those that are high."""
        cells = _cells(self.network)
        own = {id(p) for cell in cells for p in cell.parameters()}
        lost = {
            "learning_rate": any(
                not p.isfinite().all() for p in self.network.parameters() if id(p) not in own
            ),
            "cell_learning_rate": any(not cell.is_finite() for cell in cells),
        }
        rates = {name: getattr(self.config, name) for name in lost}
        if not any(lost.values()):  # a step moves a parameter by its rate
            lost = {name: rate >= max(rates.values()) / 8 for name, rate in rates.items()}
        return " or ".join(f"training.{name} = {rates[name]:g}" for name in rates if lost[name])

    def _evaluate(self, split: Split) -> tuple[float, tuple[float, ...]]:
        """See ``evaluate``, shared among all processes."""
        return _score(self._total(_measure(self.network, split, self._part())))

    def _part(self) -> tuple[int, int]:
        """Which of how many processes this is."""
        return self.trainer.global_rank, self.trainer.world_size

    def _total(self, sums: Tensor) -> Tensor:
        """The sum over all processes, in each."""
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
        history = [Metrics(**metrics) for metrics in checkpoint["history"]]
        for epoch, metrics in enumerate(history):
            numbers = metrics.numbers().values()
            if metrics.epoch != epoch or not all(isinstance(n, float) for n in numbers):
                raise ValueError(f"metrics of epoch {epoch}: {short_repr(metrics)}")
        self.history = history


def evaluate(network: Trainable, split: Split) -> tuple[float, tuple[float, ...]]:
    """Accuracy, and spikes per neuron and step of each layer; every module keeps its mode.

    Raises DataError for an empty split, and for labels that name no class of the network;
    NetworkError where the network's outputs are not finite.
    """
    if not len(split):
        raise DataError("holds no sample")
    return _score(_measure(network, split))


@torch.no_grad()
def _measure(
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
        logits, target = _labelled(activity.logits, target, steps)
        if not logits.isfinite().all():
            raise NetworkError("the network's outputs are not finite")
        live = steps.sum().view(1).double()
        sums.append(torch.cat([_hits(logits, target), live, activity.rates(steps) * live]))
    return torch.stack(sums).sum(0) * bool(len(own))


def _hits(logits: Tensor, target: Tensor) -> Tensor:
    """How many rows are recognised, and how many there are.    (2,)"""
    right = logits.argmax(1) == target.argmax(1)
    return torch.stack([right.sum(), torch.ones_like(right).sum()]).double()


def _score(sums: Tensor) -> tuple[float, tuple[float, ...]]:
    """Accuracy and rates."""
    hits, labels, steps, *events = sums.tolist()
    return hits / labels, tuple(count / steps for count in events)


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


_settings = Lock()


@contextmanager
def reproducible() -> Iterator[None]:
    """One thread, deterministic algorithms, single precision; afterwards all is as before.

    These are settings of the whole process: another thread that enters waits.
    """
    memory: Any = torch.utils.deterministic
    with _settings:
        threads, random = torch.get_num_threads(), torch.get_rng_state()
        deterministic = torch.are_deterministic_algorithms_enabled()
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        filling, dtype = memory.fill_uninitialized_memory, torch.get_default_dtype()
        products, workspace = torch.get_float32_matmul_precision(), os.environ.get(WORKSPACE)
        os.environ.setdefault(WORKSPACE, ":4096:8")  # or cuBLAS is not deterministic
        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision("highest")
        torch.use_deterministic_algorithms(True)
        memory.fill_uninitialized_memory = False  # it is written before it is read; this is slow
        try:
            yield
        finally:
            memory.fill_uninitialized_memory = filling
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
            torch.set_float32_matmul_precision(products)
            torch.set_default_dtype(dtype)
            torch.set_rng_state(random)
            torch.set_num_threads(threads)
            if workspace is None:
                del os.environ[WORKSPACE]


def _checked(checkpoint: Path) -> Any:
    """What a whole checkpoint holds; it may come from anywhere, so no code of it is run."""
    try:
        return torch.load(checkpoint, weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # damage makes torch raise almost anything
        reason = one_line(str(error).strip().split("\n")[0] or error)
        raise RfssmError(
            f"{checkpoint}: not a complete checkpoint ({reason}); remove it to start the run anew"
        ) from None


def _check_data(checkpoint: Path, content: Any, digests: dict[str, str]) -> None:
    """Refuse to go on with other data than a run began with."""
    if not isinstance(content, dict) or "history" not in content:
        return  # Lightning or ``on_load_checkpoint`` will miss that
    found = content.get("data", {})
    if not isinstance(found, dict):
        raise _unfit(checkpoint, ValueError(f"a digest of the data that is {short_repr(found)}"))
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
    """What a checkpoint says of its ``recipe``, or the version of ``rfssm``; None where nothing."""
    content = _checked(checkpoint)
    return content.get(name) if isinstance(content, dict) else None


def _unfit(checkpoint: Path, error: Exception) -> RfssmError:
    return RfssmError(
        f"{checkpoint}: does not fit this run ({type(error).__name__}: {one_line(error)}); "
        "remove it to start the run anew"
    )


def _cells(network: nn.Module) -> list[Dynamics]:
    return [m for m in network.modules() if isinstance(m, Dynamics)]


def _csv(history: list[Metrics]) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["epoch", *history[0].numbers()])
    for m in history:
        rows.writerow([m.epoch, *m.numbers().values()])
    return text.getvalue().encode()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's notes on hardware, its tips and its own use of old torch to itself.

    And Python's warning of threads that a fork does not copy: the processes need none of them.
    """
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", r".*fork\(\)", DeprecationWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
