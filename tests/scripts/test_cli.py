"""The frame of every command: help, refusals, interruption, output that cannot be written."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rfssm.scripts import cli

from .conftest import Finished, start


def test_help_imports_neither_torch_nor_hls4ml() -> None:
    code = (
        "import sys; from rfssm.scripts import cli; cli.run(['--help']);"
        "print('heavy:', sorted({'torch', 'hls4ml', 'numpy', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "heavy: []" in done.stdout
    for command in ("demo", "train", "inspect", "simulate", "verify", "convert"):
        assert command in done.stdout


def test_version_is_shown() -> None:
    process = start("--version")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "rfssm 0.1.0\n", "")


def test_no_command_shows_the_help(rfssm: Callable[..., Finished]) -> None:
    done = rfssm()
    assert done.status == 0
    assert "verify" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fly",), "No such command 'fly'"),
        (("inspect",), "Missing argument 'NETWORK'"),
        (("inspect", "a", "--fast"), "No such option"),
        (("verify", "a", "--samples", "0"), "--samples"),
    ],
)
def test_wrong_usage_is_refused_in_one_line(
    refused: Callable[..., str], arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused(*arguments)


def test_a_full_disk_behind_stdout_is_reported(network_file: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = start("inspect", network_file, stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == "error: standard output: No space left on device\n"


def test_a_closed_pipe_behind_stdout_is_no_error(network_file: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    process = start("inspect", network_file, stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_a_full_disk_leaves_no_output_file(network_file: Path, input_file: Path) -> None:
    output = network_file.parent / "y.npz"
    before = set(network_file.parent.iterdir())
    process = start(
        "simulate", network_file, "--input", input_file, "--output", output,
        "--spikes", "--states",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)),
        env={k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")},  # writes too
    )  # fmt: skip
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert err == f"error: {output}: cannot be written: File too large\n"
    assert out == ""
    assert set(network_file.parent.iterdir()) == before


def test_an_interrupted_command_ends_with_130_and_one_line(network_file: Path) -> None:
    fifo = network_file.parent / "x.npz"
    os.mkfifo(fifo)  # reading the samples waits for a writer: a command caught in its work
    process = start("verify", network_file, "--input", fifo)
    writer = os.open(fifo, os.O_WRONLY)  # returns once the command has opened its end
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    os.close(writer)
    assert (process.returncode, err) == (130, "error: interrupted\n")


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, network_file: Path) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("rfssm.hls.describe.describe", broken)
    with pytest.raises(ZeroDivisionError):
        cli.run(["inspect", str(network_file)])


def test_an_error_of_the_system_names_its_file(
    monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str], network_file: Path
) -> None:
    def broken(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/somewhere/file")

    monkeypatch.setattr("rfssm.hls.describe.describe", broken)
    assert refused("inspect", network_file) == "/somewhere/file: Permission denied"


def test_too_many_samples_for_the_memory_are_refused(
    monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str], network_file: Path
) -> None:
    def greedy(*_: object) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr("rfssm.hls.verify.random_samples", greedy)
    said = refused("verify", network_file, "--samples", 1_000_000)
    assert said == "not enough memory (Unable to allocate 9 TiB); use fewer samples"
