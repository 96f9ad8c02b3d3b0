"""``rfssm soft-errors``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rtl_cases import network as corner
from rtl_cases import samples_for

from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

from .conftest import Finished

Run = Callable[..., Finished]
pytestmark = pytest.mark.rtl


@pytest.fixture(scope="module")
def net() -> IntegerNetwork:
    return corner([{"neurons": 8}], seed=3)


@pytest.fixture
def files(net: IntegerNetwork, tmp_path: Path) -> tuple[Path, Path]:
    net.save(tmp_path / "n.safetensors")
    samples = samples_for(net, count=10)
    labels = golden.run(net, samples).label
    Samples(samples.x, samples.steps, labels).save(tmp_path / "x.npz")
    return tmp_path / "n.safetensors", tmp_path / "x.npz"


def test_tables_json_and_picture(rfssm: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    plot = tmp_path / "soft.png"
    options = ("soft-errors", files[0], "--input", files[1], "--rates", "0.01,0.3")
    done = rfssm(*options, "--plot", plot)
    assert (done.status, done.err) == (0, "")
    assert plot.read_bytes().startswith(b"\x89PNG")
    states, weights = json.loads(rfssm(*options, "--json").out)
    assert (states["memory"], weights["memory"]) == ("states", "weights")
    for told in (states, weights):
        assert f"{told['memory']}: {told['bits']:,} bits, 10 samples" in done.out
        assert [run["rate"] for run in told["runs"]] == [0.01, 0.3]
        assert told["accuracy"] == 1.0
        for run in told["runs"]:
            assert f"{run['upsets']:,}" in done.out
            assert f"{100 * run['accuracy']:.2f} %" in done.out
    assert rfssm(*options, "--memory", "weights", "--json").out == json.dumps([weights]) + "\n"
    other = json.loads(rfssm(*options, "--memory", "weights", "--seed", 1, "--json").out)
    assert other != [weights]


def test_samples_without_labels_tell_what_changed(
    rfssm: Run, net: IntegerNetwork, files: tuple[Path, Path], tmp_path: Path
) -> None:
    samples_for(net).save(tmp_path / "x.npz")
    plot = tmp_path / "soft.png"
    done = rfssm("soft-errors", *files[:1], "--input", tmp_path / "x.npz", "--plot", plot)
    assert done.status == 0
    assert "labels changed" in done.out
    assert "accuracy" not in done.out
    assert plot.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--rates", "many"), "--rates 'many': must be numbers from 0 to 1, as 1e-4,1e-3"),
        (("--rates", "2"), "--rates '2': must be numbers from 0 to 1"),
        (("--rates", "nan"), "--rates 'nan': must be numbers from 0 to 1"),
        (("--memory", "flash"), "memory = 'flash': must be states or weights"),
        (("--plot", "no/such/folder.png"), "no/such"),
    ],
)
def test_bad_wishes_are_refused(
    rfssm: Run, files: tuple[Path, Path], options: tuple[str, ...], message: str
) -> None:
    done = rfssm("soft-errors", files[0], "--input", files[1], *options)
    assert done.status == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_labels_of_another_kind_are_refused(
    rfssm: Run, net: IntegerNetwork, files: tuple[Path, Path], tmp_path: Path
) -> None:
    samples = samples_for(net)
    labels = np.zeros(samples.x.shape[:2], dtype=np.int64)
    Samples(samples.x, samples.steps, labels).save(tmp_path / "x.npz")
    done = rfssm("soft-errors", files[0], "--input", tmp_path / "x.npz")
    assert done.status == 2
    assert "labels: one per step" in done.err
