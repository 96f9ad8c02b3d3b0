"""The loss and the schedule; whole runs are tested where networks are frozen."""

from __future__ import annotations

import csv
import logging
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from rfssm.errors import DataError, NetworkError, RecipeError, RfssmError
from rfssm.model import data
from rfssm.model.data import Batch, Data, DataWarning, Epoch, Split
from rfssm.model.network import Activity, build
from rfssm.model.recipe import AugmentationConfig, DigitsConfig, NetworkConfig, TrainingConfig
from rfssm.model.training import loop as train
from rfssm.model.training import plots
from rfssm.model.training.checkpoint import Metrics
from rfssm.model.training.evaluate import evaluate
from rfssm.model.training.health import DivergenceWarning, GradientWarning, SilenceWarning
from rfssm.model.training.loop import Tensors, TrainingLoop, fit
from rfssm.model.training.settings import reproducible


@pytest.fixture(scope="module")
def digits() -> Data:
    return data.load(DigitsConfig(set="digits"))


def loop(digits: Data, **training: object) -> TrainingLoop:
    network = build(NetworkConfig(neurons=(8, 8)), 1, 10, torch.Generator().manual_seed(0), 1.0)
    config = TrainingConfig.model_validate({"epochs": 4, **training})
    return TrainingLoop(network, digits, config, seed=0, folder=Path("unused"))


def tensors(batch: Batch) -> Tensors:
    x, steps, target = (torch.from_numpy(a) for a in (batch.x, batch.steps, batch.target))
    return Tensors(x.float(), steps, target, batch.weights)


def test_rates_count_live_steps_only() -> None:
    spikes = torch.zeros(2, 5, 4)
    spikes[0] = 1
    spikes[1, 3:] = 1  # beyond the second sample's end
    activity = Activity(torch.zeros(2, 3), (spikes, torch.zeros(2, 5, 8)))
    assert activity.rates(torch.tensor([5, 3])).tolist() == [5 / 8, 0]


def test_layers_above_the_rate_target_are_punished(digits: Data) -> None:
    free, punished = loop(digits), loop(digits, rate_target=0.001, rate_weight=10.0)
    batch = tensors(free.epoch_batches(0)[0])
    loss, higher = free.training_step(batch, 0), punished.training_step(batch, 0)
    network = free.network
    rates = network.run(batch.x, batch.steps).rates(batch.steps)
    assert (rates > 0.001).any()
    penalty = 10 * (rates - 0.001).relu().square().sum() / 0.001
    assert torch.isclose(higher, loss + penalty)


def test_rates_below_the_target_cost_nothing(digits: Data) -> None:
    free, bounded = loop(digits), loop(digits, rate_target=1.0)
    batch = tensors(free.epoch_batches(0)[0])
    assert torch.equal(free.training_step(batch, 0), bounded.training_step(batch, 0))


def test_schedule_warms_up_for_an_epoch_and_ends_near_zero(digits: Data) -> None:
    chosen = loop(
        digits, batch=128, learning_rate=0.5, cell_learning_rate=0.1
    ).configure_optimizers()
    optimizer, schedule = chosen["optimizer"], chosen["lr_scheduler"]["scheduler"]
    weights, cells = optimizer.param_groups
    assert cells["weight_decay"] == 0
    assert len(cells["params"]) == 2 * 3 + 1
    assert len(weights["params"]) == 3
    rates = []
    for _ in range(4 * 11):  # 1,347 samples in batches of 128
        rates.append((weights["lr"], cells["lr"]))
        optimizer.step()
        schedule.step()
    assert rates[0] == (0.5 / 11, 0.1 / 11)
    assert max(r[0] for r in rates) > 0.4
    assert rates[-1][0] < 0.001


class Fixed(nn.Module):
    """A network whose logits are given: class 0 in the first half of a sample, then class 1."""

    def __init__(self, score: str) -> None:
        super().__init__()
        self.score = score
        self.size = nn.Parameter(torch.ones(()))
        self.modes: list[bool] = []

    def run(self, x: Tensor, steps: Tensor) -> Activity:
        self.modes.append(self.training)
        logits = torch.zeros(*x.shape[:2], 2)
        logits[:, : x.shape[1] // 2, 0] = logits[:, x.shape[1] // 2 :, 1] = 1
        logits = logits * self.size
        return Activity(logits if self.score == "each" else logits.mean(1), (x.detach(),))


def labelled_steps(labels: np.ndarray) -> Data:
    split = Split(np.ones((2, 4, 3), np.uint8), np.array([4, 2]), labels)
    return Data(1, 0, 4, ("a", "b"), split, split)


@pytest.mark.parametrize(
    ("labels", "accuracy"),
    [
        ([[0, 0, 1, 0], [0, 1, 1, 1]], 4 / 6),  # beyond a sample's end nothing counts
        ([0, 1], 2 / 6),  # one label holds for all steps
    ],
)
def test_every_live_step_counts_once(labels: list[int], accuracy: float) -> None:
    data = labelled_steps(np.array(labels))
    network = Fixed("each")
    loop = TrainingLoop(network, data, TrainingConfig(epochs=1, batch=2), 0, Path("unused"))
    batch = tensors(loop.epoch_batches(0)[0])
    loss = loop.training_step(batch, 0)
    right, wrong = -np.log(np.e / (np.e + 1)), -np.log(1 / (np.e + 1))
    assert loss.item() == pytest.approx(accuracy * right + (1 - accuracy) * wrong)
    assert loop.sums.tolist() == pytest.approx([6 * loss.item(), 6 * accuracy, 6])
    assert evaluate(network, data.test) == (accuracy, (1.0,))
    assert network.modes == [True, False]
    assert network.training


def test_labels_of_steps_need_scores_of_steps() -> None:
    data = labelled_steps(np.zeros((2, 4), np.int64))
    with pytest.raises(RecipeError, match="score: must be each"):
        evaluate(Fixed("sum"), data.test)


def test_a_split_that_a_network_cannot_be_scored_on_is_refused() -> None:
    split = labelled_steps(np.array([0, 1])).test
    with pytest.raises(DataError, match=r"labels\[1\] = 2: must be between 0 and 1: 2 classes"):
        evaluate(Fixed("sum"), replace(split, labels=np.array([0, 2])))
    with pytest.raises(DataError, match="holds no sample"):
        evaluate(Fixed("sum"), split.take(slice(0, 0)))


def test_dropout_depends_on_seed_epoch_and_batch_only(digits: Data) -> None:
    config = NetworkConfig(neurons=(8, 8), dropout=0.5)
    network = build(config, 1, 10, torch.Generator().manual_seed(0), 1.0)
    run = TrainingLoop(network, digits, TrainingConfig(epochs=4), seed=0, folder=Path("unused"))
    batch = tensors(run.epoch_batches(0)[0])
    first, other = run.training_step(batch, 0), run.training_step(batch, 1)
    assert not torch.equal(first, other)
    assert torch.equal(run.training_step(batch, 0), first)


def test_parts_make_up_the_whole_epoch() -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 2, (21, 30, 5), dtype=np.uint8)
    split = Split(x, random.integers(1, 31, 21), random.integers(0, 3, (21, 30)))
    how = AugmentationConfig(shift=0, stretch=0, cutmix=0, band=1, roll=1)
    whole = Epoch(split, 3, 5, how, seed=0, epoch=0)
    parts = [Epoch(split, 3, 5, how, 0, 0, part=(k, 3)) for k in range(3)]
    assert [len(part) for part in parts] == [len(whole)] * 3
    for i, batch in enumerate(whole):
        own = [part[i] for part in parts]
        samples = [b.weights[0] * len(b.x) for b in own]
        for k, b in enumerate(own):
            live = slice(0, b.x.shape[1])
            assert np.array_equal(b.x, (batch.x[k::3] if b.weights[0] else batch.x[:1])[:, live])
            assert b.target.shape == (*b.x.shape[:2], 3)
        assert sum(b.weights[0] for b in own) == pytest.approx(3)
        assert sum(b.weights[1] for b in own) == pytest.approx(3)
        assert (0 in samples) == (len(batch.x) < 3)
    assert min(len(batch.x) for batch in whole) == 1  # and two parts are lent a sample


def test_more_processes_than_samples_in_a_batch_are_refused() -> None:
    with pytest.raises(ValidationError, match="devices = 9: must be at most batch = 8"):
        TrainingConfig(epochs=1, batch=8, devices=9)


def test_a_validation_set_is_scored_apart(tmp_path: Path, digits: Data) -> None:
    valid = digits.test.take(np.arange(100))
    network = build(NetworkConfig(neurons=(8,)), 1, 10, torch.Generator().manual_seed(0), 1.0)
    config = TrainingConfig(epochs=2, batch=96)
    data = replace(digits, valid=valid)
    history = fit(network, data, config, seed=0, folder=tmp_path, progress=False)
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert [float(row["valid_accuracy"]) for row in rows] == [m.valid_accuracy for m in history]
    assert history[-1].valid_accuracy == evaluate(network, valid)[0]
    plots.curves(tmp_path / "curves.png", history)
    assert fit(network, data, config, seed=0, folder=tmp_path, progress=False) == history


class Quiet(nn.Module):
    """Three layers; the last two spike in the first ``spiking`` evaluations."""

    def __init__(self, spiking: int) -> None:
        super().__init__()
        self.size, self.spiking = nn.Parameter(torch.ones(())), spiking

    def run(self, x: Tensor, steps: Tensor) -> Activity:
        self.spiking -= not self.training
        second = torch.full_like(x, float(self.spiking >= 0))
        return Activity(self.size * x.mean(1)[:, :2], (torch.ones_like(x), second, second))


@pytest.mark.parametrize(
    ("spiking", "changes", "told"),
    [
        (0, {}, "epoch 0: layer 1 emits no spike .* raise training.calibration"),
        (0, {"calibration": None}, "epoch 0: layer 1 emits no spike .* set training.calibration"),
        (1, {"rate_target": 0.1}, "epoch 1: layer 1 .* training.learning_rate or .*rate_weight"),
        (3, {}, None),
    ],
)
def test_a_layer_that_is_silent_is_named_once(
    spiking: int, changes: dict[str, object], told: str | None, tmp_path: Path
) -> None:
    data = labelled_steps(np.array([0, 1]))
    config = TrainingConfig.model_validate({"epochs": 3, "batch": 2, **changes})
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", SilenceWarning)
        history = fit(Quiet(spiking), data, config, seed=0, folder=tmp_path, progress=False)
    assert len(history) == 3
    assert len(found) == (0 if told is None else 2)
    if told is not None:
        assert re.match(told, str(found[0].message))
        assert "layer 2 emits no spike" in str(found[1].message)
        assert "; layer 1 gives it nothing" in str(found[1].message)


def test_a_run_without_input_is_told(tmp_path: Path) -> None:
    data = labelled_steps(np.array([0, 0]))
    data = replace(data, train=replace(data.train, x=data.train.x * 0))
    with pytest.warns(DataWarning) as told:
        fit(Quiet(9), data, TrainingConfig(epochs=1), seed=0, folder=tmp_path, progress=False)
    assert str(told[0].message).startswith("train: no label is class 1 ('b')")
    assert str(told[1].message) == "train: no input arrives, all 2 samples are 0 in every step"


def test_a_run_goes_on_with_its_own_data_only(tmp_path: Path) -> None:
    own = replace(labelled_steps(np.array([0, 1])), valid=labelled_steps(np.array([1, 0])).test)
    config = TrainingConfig(epochs=2, batch=2)

    def resume(data: Data) -> list[Metrics]:
        return fit(Quiet(99), data, config, seed=0, folder=tmp_path, progress=False)

    history = resume(own)
    x = own.train.x
    swapped = own.train.take(np.array([1, 0]))
    others = {
        "train was 2 samples, digest": replace(own, train=swapped),
        "valid was 2 samples, digest .*, is absent": replace(own, valid=None),
        "test was 2 samples, digest": replace(own, test=swapped),
        "classes was": replace(own, labels=("a", "c")),
        "words was 1 bits, .* is 2 bits": replace(own, bits=2),
        "train was .*, test was": replace(own, train=swapped, test=swapped),
        "train was 2 samples, .*, is 1 samples": replace(own, train=own.train.take(slice(1, 2))),
    }
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for message, other in others.items():
        with pytest.raises(RfssmError, match=rf"checkpoint\.ckpt: .* other data: {message}"):
            resume(other)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    same = replace(own, train=replace(own.train, x=x.astype(">i8")))
    assert resume(same) == history
    checkpoint = torch.load(tmp_path / "checkpoint.ckpt", weights_only=True)
    torch.save({k: v for k, v in checkpoint.items() if k != "data"}, tmp_path / "checkpoint.ckpt")
    with pytest.warns(DataWarning, match="holds no digest of the data: it is not known whether"):
        assert resume(own) == history  # of a version that kept none


@pytest.mark.parametrize("worth", [torch.nan, torch.inf, 1e30])
def test_a_gradient_beyond_all_numbers_changes_nothing(
    worth: float, tmp_path: Path, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1e30 is a number, but its square is none in single precision."""
    network = build(NetworkConfig(neurons=(8,)), 1, 10, torch.Generator().manual_seed(0), 1.0)
    calls: list[None] = []
    moved: list[bool] = []
    moments: list[bool] = []

    def explode(gradient: Tensor) -> Tensor:
        calls.append(None)
        return torch.full_like(gradient, worth) if len(calls) in (2, 5) else gradient

    class Watched(TrainingLoop):
        def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
            optimizer = args[2].optimizer
            before = [t.clone() for t in everything(self.network, optimizer)]
            super().optimizer_step(*args, **kwargs)
            after = everything(self.network, optimizer)
            moved.append(len(before) != len(after) or not all(map(torch.equal, before, after)))
            moments.append(len(after) > len(list(self.network.parameters())))

    network.readout.weight.register_hook(explode)
    config = TrainingConfig(epochs=1, batch=96)
    monkeypatch.setattr(train, "TrainingLoop", Watched)
    with pytest.warns(GradientWarning, match=r"epoch 0: 2 of 15 steps left out"):
        history = fit(network, digits, config, seed=0, folder=tmp_path, progress=False)
    assert [step for step, kept in enumerate(moved, 1) if not kept] == [2, 5]
    assert len(moved) == 15
    assert all(moments)
    assert np.isfinite(history[0].loss)


def everything(network: nn.Module, optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """What a step of training could move: parameters and what the optimiser keeps of each."""
    kept = [
        value
        for parameter in network.parameters()
        for _, value in sorted(optimizer.state.get(parameter, {}).items())
    ]
    return [parameter.detach() for parameter in network.parameters()] + kept


@pytest.mark.parametrize(
    ("network", "rates", "message"),
    [
        ({}, {"learning_rate": 1e30}, r"training\.learning_rate = 1e\+30$"),
        ({}, {"cell_learning_rate": 1e4}, r"training\.cell_learning_rate = 10000$"),
        (
            {"normalize": True, "cell": {"model": "silif"}},
            {"learning_rate": 1e30},
            r"training\.learning_rate = 1e\+30$",
        ),
    ],
    ids=["weights", "cells", "batch norm"],
)
def test_divergence_is_told_in_its_epoch_with_the_rate_to_lower(
    network: dict[str, Any], rates: dict[str, float], message: str, tmp_path: Path, digits: Data
) -> None:
    config = NetworkConfig.model_validate({"neurons": (8,), **network})
    real = build(config, 1, 10, torch.Generator().manual_seed(0), 1.0)
    small = replace(digits, train=digits.train.take(np.arange(96)), test=digits.test)
    training = TrainingConfig.model_validate({"epochs": 3, "batch": 16, **rates})
    with pytest.raises(RfssmError, match=r"^epoch 0: training has diverged .*" + message):
        fit(real, small, training, seed=0, folder=tmp_path, progress=False)
    assert not (tmp_path / "metrics.csv").exists()


def test_a_loss_far_above_that_of_guessing_is_warned_of(tmp_path: Path, digits: Data) -> None:
    real = build(NetworkConfig(neurons=(8,)), 1, 10, torch.Generator().manual_seed(0), 1.0)
    small = replace(digits, train=digits.train.take(np.arange(96)))
    training = TrainingConfig(epochs=1, batch=16, learning_rate=1000)
    with pytest.warns(DivergenceWarning, match=r"epoch 0: .*lower training.learning_rate = 1000"):
        fit(real, small, training, seed=0, folder=tmp_path, progress=False)


def test_what_is_not_finite_has_no_accuracy(digits: Data) -> None:
    real = build(NetworkConfig(neurons=(8,)), 1, 10, torch.Generator().manual_seed(0), 1.0)
    with torch.no_grad():
        real.readout.weight[3] = torch.nan
    with pytest.raises(NetworkError, match="outputs are not finite"):
        evaluate(real, digits.test.take(np.arange(10)))


def test_an_evaluation_leaves_every_module_in_its_own_mode(digits: Data) -> None:
    real = build(NetworkConfig(neurons=(8, 8)), 1, 10, torch.Generator().manual_seed(0), 1.0)
    real.layers[1].eval()
    modes = [module.training for module in real.modules()]
    evaluate(real, digits.test.take(np.arange(10)))
    assert [module.training for module in real.modules()] == modes
    assert True in modes
    assert False in modes


def settings() -> list[Any]:
    """What is set for a whole process, and training sets too."""
    memory: Any = torch.utils.deterministic
    return [
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.get_default_dtype(),
        torch.get_float32_matmul_precision(),
        memory.fill_uninitialized_memory,
        torch.get_rng_state().tolist(),
        os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
        list(warnings.filters),
        [logging.getLogger(name).level for name in ("lightning.pytorch", "lightning.fabric")],
        [signal.getsignal(number) for number in sorted(signal.valid_signals())],
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a set this small
def test_trainings_in_threads_are_those_of_one_alone(tmp_path: Path, digits: Data) -> None:
    """With dropout, and while others draw random numbers; and the settings are as before."""
    small = replace(
        digits, train=digits.train.take(np.arange(48)), test=digits.test.take(np.arange(8))
    )

    def trained(place: str, seed: int) -> list[Tensor]:
        config = NetworkConfig(neurons=(8, 8), dropout=0.3)
        real = build(config, 1, 10, torch.Generator().manual_seed(seed), 1.0)
        folder = tmp_path / f"{place}{seed}"
        folder.mkdir()
        training = TrainingConfig(epochs=1, batch=8)
        fit(real, small, training, seed=seed, folder=folder, progress=False)
        return [p.detach() for p in real.parameters()]

    alone = [trained("alone", seed) for seed in (1, 2)]
    before = settings()
    with ThreadPoolExecutor(3) as pool:
        drawing = pool.submit(lambda: [torch.rand(9, generator=None) for _ in range(2000)])
        together = list(pool.map(trained, ("a", "b"), (1, 2)))
        drawing.result()
    for one, other in zip(alone, together, strict=True):
        assert all(map(torch.equal, one, other))
    after = settings()
    random = 6  # another thread has drawn from it
    assert before[:random] + before[random + 1 :] == after[:random] + after[random + 1 :]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a set this small
def test_settings_of_the_process_do_not_change_a_training(tmp_path: Path, digits: Data) -> None:
    small = replace(
        digits, train=digits.train.take(np.arange(16)), test=digits.test.take(np.arange(8))
    )
    results = []
    for dtype, precision in ((torch.float32, "highest"), (torch.float64, "medium")):
        torch.set_default_dtype(dtype)
        torch.set_float32_matmul_precision(precision)
        before = settings()
        try:
            with reproducible():
                config = NetworkConfig(neurons=(8, 8), dropout=0.3)
                real = build(config, 1, 10, torch.Generator().manual_seed(0), 1.0)
                folder = tmp_path / precision
                folder.mkdir()
                training = TrainingConfig(epochs=1, batch=8)
                fit(real, small, training, seed=0, folder=folder, progress=False)
            assert settings() == before
        finally:
            torch.set_default_dtype(torch.float32)
            torch.set_float32_matmul_precision("highest")
        results.append(list(real.parameters()))
    assert all(map(torch.equal, *results))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_gpu_is_named(digits: Data, tmp_path: Path) -> None:
    network = build(NetworkConfig(neurons=(8,)), 1, 10, torch.Generator().manual_seed(0), 1.0)
    config = TrainingConfig(epochs=1, accelerator="gpu")
    with pytest.raises(RecipeError, match=r"training\.accelerator = gpu, .*devices = 1: .*gpu"):
        fit(network, digits, config, seed=0, folder=tmp_path, progress=False)


RUNS = """
import os, signal, sys
from pathlib import Path
import torch
from rfssm.model import data
from rfssm.model.network import build
from rfssm.model.recipe import DigitsConfig, NetworkConfig, TrainingConfig
from rfssm.model.training.loop import TrainingLoop, fit

digits = data.load(DigitsConfig(set="digits"))
config = NetworkConfig(neurons=(8, 8))

def run(name, devices, epochs=2):
    folder = Path(sys.argv[1]) / name
    folder.mkdir(exist_ok=True)
    def keep(loop):
        torch.save(loop.network.state_dict(), folder / f"{loop.global_rank}.pt")
    TrainingLoop.on_train_end = keep
    network = build(config, 1, 10, torch.Generator().manual_seed(0), 1.0)
    training = TrainingConfig(epochs=epochs, batch=96, devices=devices, rate_target=0.05)
    fit(network, digits, training, seed=0, folder=folder, progress=False)
    torch.save(network.state_dict(), folder / "after.pt")

def killed(loop):
    if loop.current_epoch == 1:
        os._exit(9)

def deaf(loop):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

if sys.argv[2:] == ["forever"]:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests may run where it is ignored
    TrainingLoop.on_after_backward = deaf
    run("forever", 2, epochs=10_000)
run("one", 1)
run("two", 2)
TrainingLoop.on_after_backward = killed
try:
    run("resumed", 2)
except Exception as error:
    print("stopped:", type(error).__name__)
del TrainingLoop.on_after_backward
run("resumed", 2)
"""


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    """Equal in both, like that of one process, and the same after an interruption."""
    command = [sys.executable, "-W", "error", "-c", RUNS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "stopped: ProcessExitedException" in done.stdout

    def weights(name: str) -> dict[str, Tensor]:
        state: dict[str, Tensor] = torch.load(tmp_path / name, weights_only=True)
        return state

    after = weights("two/after.pt")
    for name in ("two/0.pt", "two/1.pt", "resumed/0.pt", "resumed/1.pt", "resumed/after.pt"):
        for key, value in weights(name).items():
            assert torch.equal(value, after[key]), (name, key)
    for key, value in weights("one/after.pt").items():
        assert torch.allclose(value, after[key], atol=1e-5), key
    metrics = [(tmp_path / name / "metrics.csv").read_text() for name in ("two", "resumed")]
    assert metrics[0] == metrics[1]
    epochs = list(csv.DictReader(metrics[0].splitlines()))
    assert len(epochs) == 2
    assert all(float(epoch["rate.0"]) > 0.05 for epoch in epochs)  # so that it is punished


def test_interrupt_ends_all_processes(tmp_path: Path) -> None:
    """Also one that reaches the first alone, as from a batch system.

    Its children may not act on SIGTERM: in Lightning's handler of it they talk to each other, and
    wait half an hour if they stand at different places.  These ignore it.
    """
    command = [sys.executable, "-c", RUNS, str(tmp_path), "forever"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        try:
            deadline = time.monotonic() + 300
            while not (tmp_path / "forever" / "metrics.csv").exists():
                assert run.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            run.send_signal(signal.SIGINT)
            _, said = run.communicate(timeout=60)  # the pipe closes when the last one has ended
        finally:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode != 0
    assert "KeyboardInterrupt" in said
