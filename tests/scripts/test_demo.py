"""``rfssm demo``: the whole road with every real engine, on a network too small to be good."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rfssm.hls import engines
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.recipe import Recipe
from rfssm.quant.recipes import load_recipe
from rfssm.quant.samples import Outputs, Samples

from .conftest import Finished

pytestmark = [
    pytest.mark.hls,
    pytest.mark.rtl,
    pytest.mark.filterwarnings("ignore::rfssm.quant.qat.ScaleFloorWarning"),
]


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo trains eight neurons for one epoch."""

    def load_small(name: str) -> Recipe:
        assert name == "digits"
        small = ["network.neurons=[8]", "training.epochs=1", "training.batch=256"]
        return load_recipe(name, small)

    monkeypatch.setattr("rfssm.quant.recipes.load_recipe", load_small)


@pytest.mark.usefixtures("small_demo")
def test_the_demo_ends_with_every_engine_equal(
    rfssm: Callable[..., Finished], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "demo"
    done = rfssm("demo", "--out", run, "--json")
    assert done.status == 0, done
    told = json.loads(done.out)
    assert told["equal"] is True
    rows = {row["engine"]: row for row in told["engines"]}
    assert list(rows) == ["golden", "csim", "verilator", "icarus"]
    for name in ("csim", "verilator", "icarus"):
        if name == "icarus" and not shutil.which("iverilog") and not os.environ.get("CI"):
            assert "apt install iverilog" in rows[name]["missing"]
            continue
        samples = 20 if name == "icarus" else 450
        assert rows[name]["verdict"] == "equal"
        assert rows[name]["samples"] == samples
        assert rows[name]["spikes"] == samples * 64 * 8
        assert rows[name]["states"] == 2 * samples * 64 * 8
        assert rows[name]["scores"] == samples * 10
    stages = [line.split()[:2] for line in done.err.splitlines() if line[0] != " "]
    assert stages == [["1/3", "train"], ["2/3", "convert"], ["3/3", "compare"]]
    assert f"{run / 'network.safetensors'}: integers, weights 6 bits" in done.err
    files = {path.name for path in (run / "ip").iterdir()}
    assert files == {"hls", "rtl", "bench", "digits.core", "rfssm.core"}

    # The second time nothing is trained or built, and a differing engine fails the demo.
    real = engines.run

    def faulty(network: IntegerNetwork, samples: Samples, engine: str, **told: object) -> Outputs:
        outputs = real(network, samples[:3], engine, **told)  # type: ignore[arg-type]
        return outputs

    before = (run / "checkpoint.ckpt").stat().st_mtime_ns
    monkeypatch.setattr(engines, "run", faulty)
    monkeypatch.setattr(engines, "missing", lambda name: "gone" if name == "icarus" else None)
    again = rfssm("demo", "--out", run)
    assert again.status == 1
    assert (run / "checkpoint.ckpt").stat().st_mtime_ns == before
    assert "csim differs from golden at label" in again.out
    assert "icarus cannot run here: gone" in again.out
    assert "every engine" not in again.out


@pytest.mark.usefixtures("small_demo")
def test_the_demo_refuses_a_folder_that_is_no_run(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_text("mine")
    monkeypatch.setattr("rfssm.scripts.console.announce", lambda line: None)
    said = refused("demo", "--out", tmp_path)
    assert str(tmp_path) in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_without_a_compiler_the_demo_does_not_start(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "g++" in refused("demo", "--out", tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []
