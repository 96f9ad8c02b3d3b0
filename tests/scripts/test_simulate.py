"""``rfssm simulate``: results equal to the golden model's, and refusals that leave nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rfssm.hls import engines
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples, compare

from .conftest import Finished, new_cache


@pytest.mark.parametrize("spikes", [False, True])
@pytest.mark.parametrize("states", [False, True])
def test_simulate_writes_what_was_asked_for(
    rfssm: Callable[..., Finished], network: IntegerNetwork, samples: Samples,
    network_file: Path, input_file: Path, tmp_path: Path, spikes: bool, states: bool,
) -> None:  # fmt: skip
    options = ["--spikes"] * spikes + ["--states"] * states
    output = tmp_path / "y.npz"
    done = rfssm("simulate", network_file, "--input", input_file, "--output", output, *options)
    assert (done.status, done.err) == (0, "")
    assert "golden: 6 samples in" in done.out
    assert "accuracy: 83.33 %" in done.out  # five of six labels are the golden model's own
    expected = golden.run(network, samples, spikes=spikes, states=states)
    assert compare(expected, Outputs.load(output)) == []
    keys = {"scores", "label"}
    keys |= {"spikes.0", "spikes.1"} if spikes else set()
    keys |= {"u.0", "u.1", "v.0", "v.1"} if states else set()
    with np.load(output) as file:
        assert set(file.files) == keys
    assert set(tmp_path.iterdir()) == {network_file, input_file, output}


def test_simulate_replaces_an_earlier_result(
    rfssm: Callable[..., Finished], network_file: Path, input_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "y.npz"
    output.write_text("old")
    assert rfssm("simulate", network_file, "--input", input_file, "--output", output).status == 0
    assert len(Outputs.load(output).label) == 6


def test_without_labels_no_accuracy_is_shown(
    rfssm: Callable[..., Finished], samples: Samples, network_file: Path, tmp_path: Path
) -> None:
    Samples(samples.x, samples.steps).save(tmp_path / "x.npz")
    done = rfssm(
        "simulate", network_file, "--input", tmp_path / "x.npz", "--output", tmp_path / "y.npz"
    )
    assert done.status == 0
    assert "accuracy" not in done.out


def _x(value: int) -> Callable[[Samples], dict[str, np.ndarray]]:
    def change(samples: Samples) -> dict[str, np.ndarray]:
        x = samples.x.copy()
        x[1, 0, 2] = value
        return {"x": x, "steps": samples.steps}

    return change


BAD_SAMPLES: dict[str, tuple[Callable[[Samples], dict[str, np.ndarray]], str]] = {
    "value above the range": (_x(4), "x[1, 0, 2] = 4: must be between 0 and 3"),
    "value below the range": (_x(-1), "x[1, 0, 2] = -1: must be between 0 and 3"),
    "wrong dtype": (lambda s: {"x": s.x * 1.0}, "x: dtype float64"),
    "wrong channels": (lambda s: {"x": s.x[:, :, :2]}, "x: 2 channels"),
    "wrong shape": (lambda s: {"x": s.x[0]}, "x has shape"),
    "no samples": (lambda s: {"x": s.x[:0]}, "no samples"),
    "no x": (lambda s: {"steps": s.steps}, "no array 'x'"),
    "a sample without a step": (lambda s: {"x": s.x, "steps": s.steps * 0}, "steps[0] = 0"),
    "more steps than x": (lambda s: {"x": s.x, "steps": s.steps + 99}, "steps[0] = "),
    "wrong number of labels": (lambda s: {"x": s.x, "labels": np.zeros(5, int)}, "labels: shape"),
}


@pytest.mark.parametrize("case", BAD_SAMPLES)
def test_bad_samples_are_refused_by_file_field_and_value(
    refused: Callable[..., str], samples: Samples, network_file: Path, tmp_path: Path, case: str
) -> None:
    change, message = BAD_SAMPLES[case]
    bad = tmp_path / "bad.npz"
    np.savez(bad, **change(samples))
    output = tmp_path / "y.npz"
    said = refused("simulate", network_file, "--input", bad, "--output", output)
    assert said.startswith(f"{bad}: ")
    assert message in said
    assert set(tmp_path.iterdir()) == {network_file, bad}


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _garbage(path: Path) -> None:
    path.write_bytes(b"no zip file at all")


def _single_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros((1, 1, 3), dtype=int))


def _objects(path: Path) -> None:
    np.savez(path, x=np.array([[[{}]]], dtype=object))


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage", [_truncate, _garbage, _single_array, _objects, _folder, Path.unlink]
)
def test_a_damaged_input_file_is_refused_by_name(
    refused: Callable[..., str], network_file: Path, input_file: Path, tmp_path: Path,
    damage: Callable[[Path], None],
) -> None:  # fmt: skip
    damage(input_file)
    before = set(tmp_path.iterdir())
    said = refused("simulate", network_file, "--input", input_file, "--output", tmp_path / "y.npz")
    assert said.startswith(f"{input_file}: ")
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (".", "is a folder"),
        ("x.npz", "is an input too"),
        ("tiny.safetensors", "is an input too"),
        ("nowhere/y.npz", "no such folder"),
        ("x.npz/y.npz", "no such folder"),
        ("/dev/full", "not a regular file"),
        ("/proc/y.npz", "cannot write here"),
    ],
)
def test_an_impossible_output_is_refused_before_the_work(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, network_file: Path,
    input_file: Path, tmp_path: Path, output: str, message: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("rfssm.hls.engines.run", None)  # calling it would be an error
    before = set(tmp_path.iterdir())
    said = refused("simulate", network_file, "--input", input_file, "--output", tmp_path / output)
    assert message in said
    assert set(tmp_path.iterdir()) == before


def test_an_unknown_engine_is_refused(
    refused: Callable[..., str], network_file: Path, input_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "y.npz"
    said = refused(
        "simulate", network_file, "--input", input_file, "--output", output, "--engine", "abacus"
    )
    assert "abacus" in said
    for engine in ("golden", "csim", "verilator", "icarus"):
        assert engine in said
    assert not output.exists()


@pytest.mark.parametrize("lanes", [("--neuron-lanes", 3), ("--synapse-lanes", 0)])
def test_impossible_lanes_are_refused_with_their_value(
    refused: Callable[..., str], network_file: Path, input_file: Path, tmp_path: Path,
    lanes: tuple[str, int],
) -> None:  # fmt: skip
    said = refused(
        "simulate", network_file, "--input", input_file, "--output", tmp_path / "y.npz", *lanes
    )
    assert str(lanes[1]) in said


@pytest.fixture
def fresh_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("RFSSM_CACHE", str(folder))
    return folder


@pytest.mark.hls
def test_a_second_simulation_builds_nothing(
    rfssm: Callable[..., Finished], network: IntegerNetwork, samples: Samples,
    network_file: Path, input_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    engines.run(network, samples, "csim")
    fresh_cache = new_cache(tmp_path / "cache", "csim-headers")
    monkeypatch.setenv("RFSSM_CACHE", str(fresh_cache))
    simulate = ("simulate", network_file, "--input", input_file, "--engine", "csim",
                "--spikes", "--states", "--output")  # fmt: skip
    first = rfssm(*simulate, tmp_path / "first.npz")
    assert (first.status, first.err) == (0, "")
    assert "built first" in first.out
    entries = {path: path.stat().st_mtime_ns for path in fresh_cache.rglob("*")}
    second = rfssm(*simulate, tmp_path / "second.npz")
    assert "build from the cache" in second.out
    assert {path: path.stat().st_mtime_ns for path in fresh_cache.rglob("*")} == entries
    expected = golden.run(network, samples, spikes=True, states=True)
    for name in ("first", "second"):
        assert compare(expected, Outputs.load(tmp_path / f"{name}.npz")) == []


@pytest.mark.parametrize(
    ("engine", "install"), [("csim", "g++"), ("verilator", "g++"), ("icarus", "iverilog")]
)
def test_a_missing_tool_is_named(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, fresh_cache: Path,
    network_file: Path, input_file: Path, tmp_path: Path, engine: str, install: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", str(tmp_path))
    before = set(tmp_path.iterdir())
    said = refused(
        "simulate", network_file, "--input", input_file, "--output", tmp_path / "y.npz",
        "--engine", engine,
    )  # fmt: skip
    assert "install" in said
    assert install in said
    assert set(tmp_path.iterdir()) == before
    assert [path for path in fresh_cache.rglob("*") if path.is_file()] == []


def test_a_cache_that_cannot_be_written_is_named(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, network_file: Path,
    input_file: Path, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("RFSSM_CACHE", "/proc/cache")
    said = refused(
        "simulate", network_file, "--input", input_file, "--output", tmp_path / "y.npz",
        "--engine", "csim",
    )  # fmt: skip
    assert "/proc/cache" in said
    assert "RFSSM_CACHE" in said
    assert not (tmp_path / "y.npz").exists()
