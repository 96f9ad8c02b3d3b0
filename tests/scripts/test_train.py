"""``rfssm train``: a run folder, refusals that leave none, interruption."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

from .conftest import Finished, start

SMALL = ("--set", "network.neurons=[8]", "--set", "training.batch=256")


@pytest.mark.filterwarnings("ignore::rfssm.quant.qat.ScaleFloorWarning")
def test_train_fills_a_run_folder(rfssm: Callable[..., Finished], tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = rfssm("train", "digits", *SMALL, "--set", "training.epochs=1", "--out", run)
    assert done.status == 0, done.err
    assert "test accuracy of the integer network: " in done.out
    assert "layer 0: states of 16 bits, reachable " in done.out
    assert "readout: states of 18 bits, reachable " in done.out
    network = IntegerNetwork.load(run / "network.safetensors")
    assert [layer.neurons for layer in network.layers] == [8]
    Samples.load(run / "test.npz").check(network)
    assert "epochs: 1" in (run / "recipe.yaml").read_text()

    again = rfssm("train", "digits", *SMALL, "--set", "training.epochs=1", "--out", run)
    assert again.status == 2
    assert "already exists" in again.err

    checkpoint = torch.load(run / "checkpoint.ckpt", weights_only=True)
    for tensor in checkpoint["state_dict"].values():
        tensor.mul_(-1)
    ours = version("rfssm")
    assert checkpoint["rfssm"] == ours
    for then, told in (
        (ours, "checkpoint.ckpt was changed, or another processor rounds its weights otherwise"),
        ("0.0.1", f"another version of rfssm trained it, 0.0.1, and this is {ours}"),
        (None, "checkpoint.ckpt does not say which version of rfssm wrote it"),
    ):
        torch.save(checkpoint | {"rfssm": then}, run / "checkpoint.ckpt")
        changed = rfssm(
            "train", "digits", *SMALL, "--set", "training.epochs=1", "--out", run, "--resume"
        )
        assert changed.status == 2
        assert told in changed.err

    other = rfssm("train", "digits", *SMALL, "--set", "seed=1", "--out", run, "--resume")
    assert other.status == 2
    assert "resume needs the same recipe" in other.err


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_training_that_is_stopped_says_so(
    sent: signal.Signals, status: int, said: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = start("train", "digits", *SMALL, "--set", "training.epochs=12", "--out", run)
    while not (run / "checkpoint.ckpt").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(sent)
    _, err = process.communicate()
    assert process.returncode == status
    assert err == f"error: {said}\n"
    assert not (run / "network.safetensors").exists()


def test_a_full_disk_is_reported_with_the_run_folder(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rfssm.quant.run.fit", full)
    said = refused("train", "digits", *SMALL, "--out", tmp_path / "run")
    assert said.startswith(f"{tmp_path / 'run'}: cannot be written: No space left on device (")
    assert said.endswith(" MB are free there); make room or choose another")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("numbers",), "recipe 'numbers': no such file, and not one of digits, ecg, fsdd"),
        (("digits", "--set", "training.epoch=3"), "training.epoch: no such field"),
        (("digits", "--set", "training.epochs=0"), "training.epochs = 0"),
        (("digits", "--set", "training.epochs=many"), "training.epochs = 'many'"),
        (("digits", "--set", "quantization.weight_bits=1"), "quantization.weight_bits = 1"),
        (("digits", "--set", "seed"), "--set seed: must look like"),
        (("digits", "--set", "seed=[1"), "--set seed=[1: not a YAML value"),
        (("digits", "--set", "seed.deep=1"), "--set seed.deep=1"),
        (("fsdd", "--set", "data.root=/nowhere"), "/nowhere/fsdd"),
    ],
)
def test_a_bad_recipe_is_refused_before_a_run_exists(
    refused: Callable[..., str], tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused("train", *arguments, "--out", tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "name: [", "- 1", "\0", "name: x"])
def test_a_damaged_recipe_file_is_refused_by_name(
    refused: Callable[..., str], tmp_path: Path, text: str
) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(text)
    said = refused("train", recipe, "--out", tmp_path / "run")
    assert said.startswith(f"{recipe}: ")
    assert list(tmp_path.iterdir()) == [recipe]


@pytest.mark.parametrize("out", ["/proc/run", "taken", "taken/run"])
def test_an_impossible_run_folder_is_refused(
    refused: Callable[..., str], tmp_path: Path, out: str
) -> None:
    (tmp_path / "taken").write_text("mine")
    said = refused("train", "digits", *SMALL, "--out", tmp_path / out)
    assert out in said
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
