"""Runs: what they leave, and that an interruption at any moment changes nothing."""

from __future__ import annotations

import csv
import multiprocessing
import shutil
import signal
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import pytest
import torch
from interrupts import resume

from rfssm.errors import RecipeError, RfssmError
from rfssm.model import data
from rfssm.model.calibrate import calibrate
from rfssm.model.data import DataWarning
from rfssm.model.layers import SpikingLayer
from rfssm.model.network import build
from rfssm.model.recipe import DigitsConfig, FsddConfig, NetworkConfig, S5RFConfig, TrainingConfig
from rfssm.model.training.loop import fit
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.recipe import Recipe, parse_recipe
from rfssm.quant.run import _same_recipe, train
from rfssm.quant.samples import Samples

pytestmark = pytest.mark.filterwarnings("ignore::rfssm.quant.qat.ScaleFloorWarning")


def recipe(**training: object) -> Recipe:
    return parse_recipe(
        {
            "name": "small",
            "data": {"set": "digits"},
            "network": {"neurons": [8, 8], "cell": {"model": "s5rf", "step_min": 0.02}},
            "training": {"epochs": 3, "batch": 64, "learning_rate": 0.03, **training},
        }
    )


PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["rfssm.quant.run"])  # imported once for all runs


def start(folder: Path, threads: int) -> ForkServerProcess:
    process = PROCESSES.Process(target=resume, args=(recipe(), folder, threads))
    process.start()
    return process


def wait_for(path: Path, process: ForkServerProcess) -> None:
    deadline = time.monotonic() + 300
    while not path.exists():
        assert process.is_alive(), f"the run ended without {path.name}"
        assert time.monotonic() < deadline, f"no {path.name} within five minutes"
        time.sleep(0.01)


def kill(process: ForkServerProcess) -> None:
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    result = train(recipe(), folder, progress=False)
    assert result.summary.accuracy == golden_accuracy(folder)
    assert [m.epoch for m in result.history] == [0, 1, 2]
    return folder


def golden_accuracy(folder: Path) -> float:
    samples = Samples.load(folder / "test.npz")
    network = IntegerNetwork.load(folder / "network.safetensors")
    return golden.run(network, samples).accuracy(samples)


def test_run_folder_holds_everything(undisturbed: Path) -> None:
    names = {path.name for path in undisturbed.iterdir()}
    assert names == {
        "recipe.yaml", "checkpoint.ckpt", "metrics.csv", "network.safetensors", "test.npz",
        "curves.png", "raster.png", "eigenvalues.png", "summary.json",
    }  # fmt: skip
    for picture in undisturbed.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    with (undisturbed / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert float(rows[2]["loss"]) < float(rows[0]["loss"])
    samples = Samples.load(undisturbed / "test.npz")
    assert samples.x.shape == (450, 64, 1)
    assert samples.labels is not None
    network = IntegerNetwork.load(undisturbed / "network.safetensors")
    assert network.provenance["test_accuracy"] == float(rows[2]["test_accuracy"])


def test_killed_and_resumed_run_ends_with_the_same_network(
    undisturbed: Path, tmp_path: Path
) -> None:
    """kill -9 before, after and long after the first checkpoint, with changing thread counts."""
    folder = tmp_path / "killed"
    for moment, threads in (("recipe.yaml", 2), ("checkpoint.ckpt", 1)):
        run = start(folder, threads)
        wait_for(folder / moment, run)
        kill(run)
        assert not (folder / "network.safetensors").exists()
    before = (folder / "checkpoint.ckpt").stat().st_mtime_ns
    again = start(folder, threads=2)
    deadline = time.monotonic() + 300
    while (folder / "checkpoint.ckpt").stat().st_mtime_ns == before:
        assert again.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    kill(again)
    last = start(folder, threads=2)
    last.join()
    assert last.exitcode == 0
    for name in ("network.safetensors", "metrics.csv", "test.npz", "recipe.yaml"):
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes(), name
    assert not list(folder.glob(".*")), "partial files are left"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_refused_before_a_run_exists(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"training\.accelerator = gpu"):
        train(recipe(accelerator="gpu"), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_resuming_a_finished_run_changes_nothing(undisturbed: Path) -> None:
    before = (undisturbed / "network.safetensors").read_bytes()
    train(recipe(), undisturbed, resume=True, progress=False)
    assert (undisturbed / "network.safetensors").read_bytes() == before


def test_run_folder_in_use_is_refused_without_resume(undisturbed: Path) -> None:
    with pytest.raises(RfssmError, match=r"undisturbed: already exists.*resume"):
        train(recipe(), undisturbed, progress=False)


def test_another_recipe_cannot_resume(undisturbed: Path) -> None:
    message = r"training\.batch = 32: the run to resume has 64 .*recipe\.yaml"
    with pytest.raises(RecipeError, match=message):
        train(recipe(batch=32), undisturbed, resume=True, progress=False)


def test_a_checkpoint_of_another_recipe_is_not_gone_on_with(
    undisturbed: Path, tmp_path: Path
) -> None:
    """Copied into the folder of a run whose network has the same shapes."""
    other, folder = recipe(learning_rate=0.02), tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    (folder / "recipe.yaml").write_text(other.to_yaml())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    message = r"training\.learning_rate = 0\.02: the run to resume has 0\.03 .*checkpoint\.ckpt"
    with pytest.raises(RecipeError, match=message):
        train(other, folder, resume=True, progress=False)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_recipe_of_an_earlier_version_is_filled_up_with_defaults() -> None:
    spikes = recipe().model_copy(update={"data": FsddConfig(set="fsdd")})
    earlier = spikes.model_dump(mode="json")
    del earlier["network"]["bias"], earlier["training"]["overflow_weight"]
    _same_recipe(spikes, earlier, Path("recipe.yaml"))
    del earlier["data"]["tick_ms"]
    with pytest.warns(DataWarning, match=r"recipe\.yaml: has no data\.tick_ms: .* one bin earlier"):
        _same_recipe(spikes, earlier, Path("recipe.yaml"))
    biased = spikes.model_copy(update={"network": NetworkConfig(neurons=(8, 8), bias=True)})
    del earlier["network"]["cell"]
    earlier["data"]["tick_ms"] = None
    with pytest.raises(RecipeError, match=r"bias = True: the run to resume has False"):
        _same_recipe(biased, earlier, Path("recipe.yaml"))


def test_folder_without_a_run_cannot_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear reader")
    with pytest.raises(RfssmError, match=r"already exists.*holds no recipe\.yaml"):
        train(recipe(), tmp_path, resume=True, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_damaged_checkpoint_is_refused_by_name(undisturbed: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes((undisturbed / "recipe.yaml").read_bytes())
    whole = (undisturbed / "checkpoint.ckpt").read_bytes()
    (tmp_path / "checkpoint.ckpt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RfssmError, match=r"checkpoint\.ckpt: not a complete checkpoint"):
        train(recipe(), tmp_path, resume=True, progress=False)
    (tmp_path / "checkpoint.ckpt").write_bytes(b"")
    with pytest.raises(RfssmError, match=r"checkpoint\.ckpt: not a complete .* \(EOFError\);"):
        train(recipe(), tmp_path, resume=True, progress=False)


def test_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(RfssmError, match="file"):
            train(recipe(), folder, progress=False)


def test_thread_settings_come_back(undisturbed: Path) -> None:
    threads = torch.get_num_threads()
    train(recipe(), undisturbed, resume=True, progress=False)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_float_network_trains_in_the_same_loop(tmp_path: Path) -> None:
    digits = data.load(DigitsConfig(set="digits"))
    config = NetworkConfig(neurons=(16, 16), cell=S5RFConfig(step_min=0.02))
    network = build(config, 1, 10, torch.Generator().manual_seed(0), 1 / 16)
    x, steps = torch.from_numpy(digits.train.x[:64]).float(), torch.full((64,), 64)
    calibrate([m for m in network.layers if isinstance(m, SpikingLayer)], x / 16, steps, 0.5)
    training = TrainingConfig(epochs=3, batch=64, learning_rate=0.03)
    history = fit(network, digits, training, seed=0, folder=tmp_path, progress=False)
    assert history[-1].loss < history[0].loss
    assert history[-1].test_accuracy > 0.25
    assert np.isfinite(history[-1].loss)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": {"neurons": [8], "score": "each"}}, "score = 'each': must be 'each' where"),
        (
            {"training": {"epochs": 1, "augmentation": {}}, "data": {"set": "ecg"},
             "network": {"neurons": [8], "score": "each"}},
            "augmentation.shift = 8: must be 0 where",
        ),
    ],
)  # fmt: skip
@pytest.mark.data
def test_what_data_and_recipe_disagree_on_leaves_no_folder(
    changes: dict[str, object],
    message: str,
    tmp_path: Path,
    data_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RFSSM_DATA", str(data_root))
    whole = parse_recipe(recipe().model_dump(mode="json") | changes)
    with pytest.raises(RecipeError, match=message):
        train(whole, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_every_recipe_has_a_firing_rate_regulariser() -> None:
    from rfssm.quant.recipes import load_recipe, recipe_names

    assert len(recipe_names()) > 10
    for name in recipe_names():
        assert load_recipe(name).training.rate_target is not None
