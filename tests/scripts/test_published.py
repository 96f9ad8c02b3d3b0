"""``rfssm import-published`` and ``rfssm runs``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rfssm.quant.network import IntegerNetwork

from .conftest import Finished


@pytest.mark.data
def test_import_published_writes_a_network_and_tells_what_changed(
    rfssm: Callable[..., Finished], data_root: Path, tmp_path: Path
) -> None:
    file = data_root / "published" / "silif_a.npz"
    out = tmp_path / "network.safetensors"
    done = rfssm("import-published", file, "--calibrate", file, "--out", out)
    assert done.status == 0, done.err
    assert "0 of 3 labels changed" in done.out
    network = IntegerNetwork.load(out)
    assert [layer.weight_bits for layer in network.layers] == [8, 8]
    told = json.loads(
        rfssm("import-published", file, "--calibrate", file, "--out", out, "--json").out
    )
    assert told["layers"][0]["spikes"] == 217
    assert told["formats"]["weight_bits"] == 8


@pytest.mark.data
def test_import_published_refuses_and_writes_nothing(
    rfssm: Callable[..., Finished], data_root: Path, tmp_path: Path
) -> None:
    folder, out = data_root / "published", tmp_path / "network.safetensors"
    for file, samples, message in (
        ("s5rf_zoh_a", "s5rf_zoh_a", "bilinear or dirac"),
        ("s5rf_a", "s5rf_zoh_a", "1 inputs, the network has 12"),
        ("none", "s5rf_a", "none.npz: no such file"),
        ("s5rf_a", "none", "none.npz"),
    ):
        files = folder / f"{file}.npz", "--calibrate", folder / f"{samples}.npz"
        done = rfssm("import-published", *files, "--out", out)
        assert done.status == 2
        assert message in done.err
        assert not out.exists()


@pytest.mark.filterwarnings("ignore::rfssm.quant.qat.ScaleFloorWarning")
def test_runs_are_shown_side_by_side_their_seeds_together(
    rfssm: Callable[..., Finished], tmp_path: Path
) -> None:
    small = ("--set", "network.neurons=[8]", "--set", "training.epochs=1",
             "--set", "training.batch=256")  # fmt: skip
    for name, choices in (
        ("a0", ("--set", "seed=0")),
        ("a1", ("--set", "seed=1")),
        ("real", ("--set", "quantization=null")),
    ):
        done = rfssm("train", "digits", *small, *choices, "--out", tmp_path / name)
        assert done.status == 0, done.err
        kind = "real-valued" if name == "real" else "integer"
        assert f"test accuracy of the {kind} network" in done.out
    assert not (tmp_path / "real" / "network.safetensors").exists()
    rows = rfssm("runs", tmp_path).out.splitlines()
    assert len(rows) == 4
    assert "| s5rf | 6 | 16 | 0, 1 |" in rows[2]
    accuracy = [
        json.loads((tmp_path / run / "summary.json").read_text())["accuracy"]
        for run in ("a0", "a1")
    ]
    assert f"{50 * sum(accuracy):.2f} ({100 * accuracy[0]:.2f}, {100 * accuracy[1]:.2f})" in rows[2]
    assert "| s5rf | real | real | 1 |" in rows[3]


def test_runs_refuses_a_folder_without_runs(rfssm: Callable[..., Finished], tmp_path: Path) -> None:
    assert rfssm("runs", tmp_path).status == 2
    (tmp_path / "summary.json").write_text("{}")
    done = rfssm("runs", tmp_path)
    assert done.status == 2
    assert "not the summary of a run" in done.err
