"""A few kills of ``tests/interrupts.py``, two commands at a time, and disks that are full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import interrupts
import pytest
from interrupts import Command, check_cache, check_remains, commands, kill_once, undisturbed

from rfssm import cache
from rfssm.hls import engines
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

from .conftest import Finished, new_cache, start


def command(name: str) -> Command:
    return next(each for each in commands() if each.name == name)


@pytest.mark.slow
@pytest.mark.rtl
@pytest.mark.parametrize("name", ["convert", "simulate in Verilator"])
def test_a_kill_does_no_harm(name: str, tmp_path: Path) -> None:
    chosen = command(name)
    network = interrupts.tiny_network()
    engines.run(network, Samples.random(network, 1, seed=1), "verilator")  # what is given is there
    folder, whole = tmp_path / "killed", tmp_path / "undisturbed"
    facts, seconds = undisturbed(chosen, whole, cache.root())
    while took := kill_once(chosen, folder, whole, facts, 0.7 * seconds, cold=False):
        folder, seconds = folder.with_name(f"{folder.name}-"), took  # faster this time


def test_a_damaged_output_would_be_noticed(tmp_path: Path) -> None:
    simulate = command("simulate in Verilator")
    interrupts.prepare(tmp_path / "w")
    facts = {"y.npz": b"whole"}
    check_remains(simulate, tmp_path / "w", facts)
    (tmp_path / "w" / "y.npz").write_bytes(b"who")
    with pytest.raises(AssertionError, match=r"y\.npz is damaged"):
        check_remains(simulate, tmp_path / "w", facts)
    (tmp_path / "w" / "y.npz").write_bytes(b"whole")
    (tmp_path / "w" / ".y.npz.abc.partial").write_bytes(b"who")
    check_remains(simulate, tmp_path / "w", facts)
    (tmp_path / "w" / "half").write_bytes(b"who")
    with pytest.raises(AssertionError, match="half"):
        check_remains(simulate, tmp_path / "w", facts)


def test_a_damaged_cache_would_be_noticed(tmp_path: Path) -> None:
    for folder in ("killed", "whole"):
        entry = tmp_path / folder / "cache" / "csim" / "abc"
        entry.mkdir(parents=True)
        (entry / "network.so").write_bytes(b"code")
    (tmp_path / "killed" / "cache" / "csim" / ".building-x").mkdir()
    check_cache(tmp_path / "killed", tmp_path / "whole")
    (tmp_path / "killed" / "cache" / "csim" / "abc" / "network.so").unlink()
    with pytest.raises(AssertionError):
        check_cache(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.hls
def test_two_runs_at_a_time_share_a_cache(
    network: IntegerNetwork, samples: Samples, network_file: Path, input_file: Path, tmp_path: Path
) -> None:
    """Empty but for what takes long to compile."""
    engines.run(network, samples, "csim")
    given = "csim-headers"
    new_cache(tmp_path / "cache", given)
    outputs = [tmp_path / f"y{i}.npz" for i in range(2)]
    environment = {**os.environ, "RFSSM_CACHE": str(tmp_path / "cache")}
    running = [
        start(
            "simulate", network_file, "--input", input_file, "--output", output,
            "--engine", "csim", "--spikes", "--states", env=environment,
        )
        for output in outputs
    ]  # fmt: skip
    for process in running:
        _, err = process.communicate(timeout=300)
        assert (process.returncode, err) == (0, "")
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    built = {path.name: path for path in (tmp_path / "cache").glob("[!.]*")}
    del built[given]
    assert built.keys() == {"csim", "csim-code"}
    for kind in built.values():
        (entry,) = kind.iterdir()  # one of the two built, and nothing is left of the other
        assert any(entry.iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 kB, all but a few of them taken."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(place))
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root only")
    try:
        (place / "taken").write_bytes(bytes(90_000))
        yield place
    finally:
        subprocess.run(("umount", str(place)), check=True)


@pytest.mark.parametrize("words", [
    ("convert", "{n}", "--out", "{disk}/new/ip"),
    ("simulate", "{n}", "--input", "{x}", "--output", "{disk}/y.npz", "--spikes", "--states"),
    ("simulate", "{n}", "--input", "{x}", "--output", "{here}/y.npz", "--engine", "verilator"),
    ("synth", "{n}", "--target", "xc7", "--out", "{here}/out"),
    ("train", "{r}", "--out", "{disk}/run"),
])  # fmt: skip
@pytest.mark.rtl
@pytest.mark.filterwarnings("ignore::rfssm.quant.qat.ScaleFloorWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # hls4ml's files
def test_a_full_disk_is_named_with_the_room_that_is_left(
    words: tuple[str, ...], small_disk: Path, tmp_path: Path, network: IntegerNetwork,
    input_file: Path, network_file: Path, rfssm: Callable[..., Finished],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if words[0] != "train":  # its kernel would be compiled once more
        monkeypatch.setenv("RFSSM_CACHE", str(small_disk / "cache"))
    if words[0] == "simulate":
        Samples.random(network, 800, seed=0).save(input_file)
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        "name: x\ndata: {set: digits}\nnetwork: {neurons: [4]}\ntraining: {epochs: 1, batch: 512}\n"
    )
    (tmp_path / "here").mkdir()
    places = {"n": network_file, "x": input_file, "r": recipe, "disk": small_disk}
    done = rfssm(*(word.format(**places, here=tmp_path / "here") for word in words))
    assert done.status == 2, done
    (line,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert f"{small_disk}/" in line
    assert "No space left on device (0.0 MB are free there); make room or choose another" in line
    assert "Traceback" not in done.err
    left = {path.name for path in small_disk.iterdir()} - {"taken", "run", "cache"}
    assert left == set()
    assert not list((tmp_path / "here").rglob("*.*"))
    if (small_disk / "run").exists():
        names = {path.name for path in (small_disk / "run").iterdir()}
        assert names <= {"recipe.yaml", "metrics.csv", "checkpoint.ckpt"}


@pytest.mark.parametrize("words", [
    ("convert", "{n}", "--out", "{locked}/ip"),
    ("simulate", "{n}", "--input", "{x}", "--output", "{locked}/y.npz"),
    ("train", "digits", "--out", "{locked}/run"),
    ("estimate", "{n}", "--target", "ecp5-25k", "--plot", "{locked}/p.png"),
    ("import-published", "{n}", "--calibrate", "{x}", "--out", "{locked}/n.safetensors"),
])  # fmt: skip
def test_a_folder_that_takes_no_files_is_named(
    words: tuple[str, ...], tmp_path: Path, network_file: Path, input_file: Path,
    refused: Callable[..., str],
) -> None:  # fmt: skip
    """One in which not even root may write."""
    locked = Path("/proc/self")
    places = {"n": network_file, "x": input_file, "locked": locked}
    before = set(tmp_path.iterdir())
    said = refused(*(word.format(**places) for word in words))
    assert str(locked) in said or "/proc/" in said
    assert set(tmp_path.iterdir()) == before
