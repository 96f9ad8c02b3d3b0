"""``rfssm convert``: everything or nothing, and a test bench that runs without us."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rfssm.quant.network import IntegerNetwork

from .conftest import Finished


@pytest.mark.parametrize("backend", ["RFSSM", "Vitis", "Vivado"])
def test_convert_writes_everything(
    rfssm: Callable[..., Finished], network_file: Path, tmp_path: Path, backend: str
) -> None:
    out = tmp_path / "new" / "ip"
    done = rfssm("convert", network_file, "--out", out, "--backend", backend)
    assert (done.status, done.err) == (0, "")
    assert {path.name for path in out.iterdir()} == {
        "hls", "rtl", "bench", "tiny.core", "rfssm.core",
    }  # fmt: skip
    for path in out.iterdir():
        assert f"wrote {path} (" in done.out
    assert list((out / "hls").glob("firmware/*.cpp"))
    for file in ("tb_input_features.dat", "tb_output_predictions.dat"):
        assert len((out / "hls" / "tb_data" / file).read_text().splitlines()) == 16
    assert list((out / "rtl").glob("*.sv"))
    assert list((out / "rtl").glob("*.mem"))
    assert {path.name for path in out.parent.iterdir()} == {"ip"}


def test_boards_get_a_top_and_constraints(
    rfssm: Callable[..., Finished], network_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ip"
    boards = ("--board", "icebreaker", "--board", "ulx3s", "--board", "ulx3s")
    done = rfssm("convert", network_file, "--out", out, *boards)
    assert done.status == 0
    (warning,) = done.err.splitlines()  # two layers at one lane each: 9 multipliers of 8
    assert warning.startswith("warning: board icebreaker: no lanes fit 'tiny' into ice40-up5k: ")
    for board, suffix in (("ulx3s", "lpf"), ("icebreaker", "pcf")):
        folder = out / "boards" / board
        assert done.out.count(f"wrote {folder} (top with UART, constraints)") == 1
        assert (folder / f"tiny_{board}.sv").exists()
        assert (folder / f"tiny_{board}.{suffix}").exists()
        assert (folder / "rfssm_uart_bridge.sv").exists()


def test_everything_carries_the_name_that_was_asked_for(
    rfssm: Callable[..., Finished], network_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ip"
    done = rfssm(
        "convert", network_file, "--out", out, "--board", "ulx3s", "--name", "chosen",
        "--inline-memories",
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    assert (out / "chosen.core").exists()
    assert not [path for path in out.rglob("*") if "tiny" in path.name or path.suffix == ".mem"]
    ours = {path.name for path in (out / "rtl").iterdir() if not path.name.startswith("rfssm_")}
    assert all(name.startswith("chosen_") for name in ours)
    assert "void chosen(" in (out / "hls" / "firmware" / "chosen.cpp").read_text()
    weights = {path.name for path in (out / "hls" / "firmware" / "weights").iterdir()}
    assert all(name.startswith("chosen_") for name in weights)
    top = (out / "boards" / "ulx3s" / "chosen_ulx3s.sv").read_text()
    assert "chosen_axis ip (" in top


@pytest.mark.rtl
@pytest.mark.parametrize("score", ["sum", "each"])
def test_the_bench_runs_by_itself_and_notices_a_wrong_weight(
    rfssm: Callable[..., Finished], network: IntegerNetwork, tmp_path: Path, score: str
) -> None:
    if not shutil.which("iverilog") and not os.environ.get("CI"):
        pytest.skip("iverilog is not installed")
    metadata = network.metadata()
    metadata["layers"][-1]["score"] = score
    IntegerNetwork.build(metadata, network.tensors()).save(tmp_path / "n.safetensors")
    out = tmp_path / "ip"
    assert rfssm("convert", tmp_path / "n.safetensors", "--out", out).status == 0
    make = ("make", "-C", str(out / "bench"))
    told = subprocess.run(make, check=True, capture_output=True, text=True).stdout
    assert "16 samples, " in told
    assert "equal to the golden model" in told

    weights = out / "rtl" / "tiny_readout_weights.mem"
    rows = weights.read_text().splitlines()
    rows[0] = f"{int(rows[0], 16) ^ 1:0{len(rows[0])}x}"
    weights.write_text("\n".join(rows) + "\n")
    failed = subprocess.run(make, capture_output=True, text=True, check=False)
    assert failed.returncode != 0
    assert "differ" in failed.stdout + failed.stderr


def test_no_file_remembers_the_temporary_folder(
    rfssm: Callable[..., Finished], network_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ip"
    rfssm("convert", network_file, "--out", out)
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) > 20
    remembering = [path for path in files if re.search(rb"/\.ip\.[a-z0-9_]{8}", path.read_bytes())]
    assert remembering == []


def test_convert_fills_an_empty_folder(
    rfssm: Callable[..., Finished], network_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ip"
    out.mkdir()
    assert rfssm("convert", network_file, "--out", out).status == 0
    assert (out / "rtl").is_dir()


def test_a_folder_in_use_is_refused_and_left_alone(
    refused: Callable[..., str], network_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ip"
    out.mkdir()
    (out / "mine").write_text("mine")
    said = refused("convert", network_file, "--out", out)
    assert said == f"{out}: already exists and is not an empty folder; choose another"
    assert [path.name for path in out.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--board", "arty"), "board = 'arty': must be one of ulx3s, icebreaker"),
        (("--backend", "Quartus"), "'Quartus': must be one of Vitis, Vivado, RFSSM"),
        (("--neuron-lanes", 3), "neuron lanes = 3: must be a power of two"),
        (("--synapse-lanes", 2, "--neuron-lanes", 4), "synapse lanes = 2"),
        (("--name", "module"), "name = 'module': has a meaning of its own"),
        (("--name", "signal"), "name = 'signal': has a meaning of its own"),
        (("--name", "namespace"), "choose another, as network_namespace"),
        (("--name", "rfssm_layer"), "name = 'rfssm_layer': has a meaning of its own"),
        (("--name", "input_t"), "name = 'input_t': has a meaning of its own"),
        (("--name", "con"), "name = 'con': has a meaning of its own"),
        (("--name", "Left"), "some file systems do not tell A from a"),
        (("--name", "a__b"), "name = 'a__b': must be lower-case letters, digits and single"),
        (("--name", "3d"), "a letter first, as network_3d"),
        (("--name", ""), "name = '': must be lower-case"),
        (("--name", "../x"), "name = '../x': must be lower-case"),
        (("--name", "n" * 249), "249 characters, must be at most 40"),
    ],
)
def test_bad_options_leave_nothing(
    refused: Callable[..., str], network_file: Path, tmp_path: Path,
    options: tuple[object, ...], message: str,
) -> None:  # fmt: skip
    said = refused("convert", network_file, "--out", tmp_path / "new" / "ip", *options)
    assert message in said
    assert set(tmp_path.iterdir()) == {network_file}


@pytest.mark.parametrize(
    "out", ["/proc/ip", "/proc/new/ip", "tiny.safetensors/ip", "tiny.safetensors"]
)
def test_an_impossible_folder_is_refused(
    refused: Callable[..., str], network_file: Path, tmp_path: Path, out: str
) -> None:
    said = refused("convert", network_file, "--out", tmp_path / out)
    assert str(tmp_path / out).removeprefix(str(tmp_path)) in said or "/proc" in said
    assert set(tmp_path.iterdir()) == {network_file}


def test_a_failure_half_way_leaves_nothing(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, network_file: Path, tmp_path: Path
) -> None:
    def full(*_: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rfssm.hls.convert.write_rtl", full)
    out = tmp_path / "new" / "ip"
    said = refused("convert", network_file, "--out", out)
    assert said.startswith(f"{out}: cannot be written: No space left on device (")
    assert set(tmp_path.iterdir()) == {network_file}
