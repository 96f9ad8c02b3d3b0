"""Standard streams that are closed, full or of few characters, and other strange surroundings."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rfssm.hls import engines
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples
from rfssm.scripts import cli
from rfssm.scripts.streams import repair_streams

from .conftest import Finished

NINES = "9" * 5000


def test_closed_and_full_streams_neither_crash_nor_change_the_status() -> None:
    rfssm = f"{sys.executable} -m rfssm.scripts.cli"
    cases = {
        f"{rfssm} --version >&-": 0,
        f"{rfssm} --version <&- >&- 2>&-": 0,
        f"{rfssm} --version >/dev/full": 2,
        f"{rfssm} --version >/dev/full 2>/dev/full": 2,
        f"{rfssm} fly 2>&-": 2,
        f"{rfssm} fly 2>/dev/full": 2,
        f"{rfssm} fly >&- 2>/dev/full": 2,
    }
    script = "".join(f"{{ {case}; }}; echo $?\n" for case in cases)
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == [str(status) for status in cases.values()]
    assert done.stderr == "error: standard output: No space left on device\n"


def test_a_file_never_takes_the_place_of_a_closed_stream(
    network_file: Path, input_file: Path
) -> None:
    """Descriptor 1 would be the output file's, and a tool would print into it."""
    code = (
        "import os, sys; from rfssm.scripts.streams import repair_streams; repair_streams();"
        f"file = open({str(network_file.parent / 'out')!r}, 'w'); os.system('echo tool');"
        "print('text'); sys.stdout.flush(); file.close()"
    )
    subprocess.run(["sh", "-c", f'{sys.executable} -c "$0" >&-', code], check=True, timeout=60)
    assert (network_file.parent / "out").read_text() == ""


def _fault(outputs: Outputs) -> Outputs:
    return Outputs(outputs.scores + 1, outputs.label, outputs.spikes, outputs.u, outputs.v)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(network: IntegerNetwork, samples: Samples, engine: str, **told: object) -> Outputs:
        return _fault(golden.run(network, samples, spikes=True, states=True))

    monkeypatch.setattr(engines, "run", run)
    monkeypatch.setattr(engines, "missing", lambda name: None)


@pytest.mark.usefixtures("faulty")
@pytest.mark.parametrize("json", [(), ("--json",)])
def test_a_failed_check_is_status_1_though_nobody_reads(
    monkeypatch: pytest.MonkeyPatch, network_file: Path, json: tuple[str, ...]
) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", buffering=1) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert cli.run(["verify", str(network_file), "--engines", "csim", *json]) == 1


class Full(io.RawIOBase):
    """A device that takes so many bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        size = len(bytes(data))  # type: ignore[arg-type]
        if size > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= size
        return size


@pytest.mark.parametrize("room", [0, 100, 1000])
def test_results_are_written_though_the_report_has_no_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    network_file: Path, input_file: Path, room: int,
) -> None:  # fmt: skip
    output = network_file.parent / "y.npz"
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Full(room), line_buffering=True))
    words = ["simulate", network_file, "--input", input_file, "--output", output]
    assert cli.run([*map(str, words)]) == (0 if room == 1000 else 2)
    assert output.exists()
    told = "" if room == 1000 else "error: standard output: No space left on device\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("command", ["inspect", "estimate", "verify"])
def test_ascii_is_enough(
    monkeypatch: pytest.MonkeyPatch, network: IntegerNetwork, tmp_path: Path, command: str
) -> None:
    named = network.metadata() | {"name": "µ-中文 🙂"}
    file = tmp_path / "µ.safetensors"
    IntegerNetwork.build(named, network.tensors()).save(file)
    kept = io.BytesIO()
    stream = io.TextIOWrapper(kept, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(engines, "missing", lambda name: "µ" if name == "icarus" else None)
    monkeypatch.setattr(
        engines, "run", lambda *a, **k: golden.run(a[0], a[1], spikes=True, states=True)
    )
    repair_streams()
    options = {"estimate": ["--target", "ecp5-85k"]}.get(command, [])
    assert cli.run([command, str(file), *options]) == 0
    stream.flush()
    text = kept.getvalue().decode("ascii")
    assert len(text.splitlines()) > 4
    assert ("\\xb5" in text) == (command != "x")


def test_a_working_directory_that_is_gone_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str],
    network_file: Path, input_file: Path,
) -> None:  # fmt: skip
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    said = refused("simulate", network_file, "--input", input_file, "--output", "y.npz")
    assert said == "the working directory does not exist any more; change to another"


def test_an_error_of_the_system_without_a_name_is_told(
    monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str], network_file: Path
) -> None:
    def broken(*_: object) -> None:
        raise OSError("Cannot call rmtree on a symbolic link")

    monkeypatch.setattr("rfssm.hls.describe.describe", broken)
    assert refused("inspect", network_file) == "Cannot call rmtree on a symbolic link"


@pytest.mark.parametrize(
    "terminal",
    [
        {"COLUMNS": "0"},
        {"COLUMNS": "1"},
        {"TERM": "dumb"},
        {"COLUMNS": "٤"},
        {"COLUMNS": NINES},
        {"HOME": ""},
        {"HOME": "/nowhere"},
    ],
)
def test_no_terminal_is_too_small(
    monkeypatch: pytest.MonkeyPatch, rfssm: Callable[..., Finished], network_file: Path,
    terminal: dict[str, str],
) -> None:  # fmt: skip
    for name, value in terminal.items():
        monkeypatch.setenv(name, value)
    repair_streams()
    done = rfssm("inspect", network_file)
    assert (done.status, done.err) == (0, "")
    assert "spiking" in done.out or "s5rf" in done.out


def test_a_file_name_that_is_no_text_is_escaped(
    tmp_path: Path, rfssm: Callable[..., Finished], refused: Callable[..., str],
    network_file: Path, input_file: Path,
) -> None:  # fmt: skip
    name = os.fsdecode(b"\xff.npz")
    output = tmp_path / name
    done = rfssm("simulate", network_file, "--input", input_file, "--output", output)
    assert (done.status, done.err) == (0, "")
    assert done.out.endswith("wrote " + str(tmp_path) + "/\\udcff.npz\n")
    assert output.exists()
    assert refused("inspect", tmp_path / os.fsdecode(b"\xfe")).endswith("\\udcfe: no such file")


SPELLINGS = (
    "٤",
    "1_6",
    "+16",
    "1.5",
    "",
    " 16",
    "0x10",
    "16,",
    ",16",
    "1,,2",
    NINES,
    "-1",
    "0",
    "True",
)


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda text: text[:6] or "empty")
@pytest.mark.parametrize("option", ["--synapse-lanes", "--neuron-lanes"])
def test_lanes_are_plain_numbers(
    refused: Callable[..., str], network_file: Path, option: str, spelling: str
) -> None:
    said = refused("estimate", network_file, "--target", "ecp5-25k", option, spelling)
    assert "lanes" in said
    assert "must be" in said
    assert len(said) < 400


NUMBERS = {
    ("verify", "--samples"): "1 to 1,000,000",
    ("verify", "--seed"): "at least 0",
    ("soft-errors", "--seed"): "at least 0",
    ("soft-errors", "--rates"): "numbers from 0 to 1, as 1e-4,1e-3",
    ("synth", "--seeds"): "1 to 100",
    ("synth", "--frequency"): "1 to 1,000",
    ("estimate", "--rate"): "0 to 1",
    ("freeze", "--limit"): "4 to 32",
    ("freeze", "--state-bits"): "auto, or 4 to 32",
    ("import-published", "--weight-bits"): "2 to 16",
    ("import-published", "--state-bits"): "4 to 32",
    ("import-published", "--transition-frac"): "4 to 20",
}


@pytest.mark.parametrize(("command", "option"), NUMBERS)
def test_options_are_plain_numbers(
    refused: Callable[..., str], tmp_path: Path, command: str, option: str
) -> None:
    rest: dict[str, tuple[object, ...]] = {
        "soft-errors": ("--input", "x.npz"),
        "freeze": ("--out", tmp_path / "o", "--state-bits", "auto"),
        "import-published": ("--calibrate", "x.npz", "--out", tmp_path / "o"),
    }
    for spelling in ("٤", "1_6", "+16", "1e9999", "nan", "inf", "", " 8", NINES, "-1"):
        words = (command, "absent", *rest.get(command, ()), f"{option}={spelling}")
        said = refused(*words)
        if command == "freeze" and option == "--state-bits":
            assert said == "absent: no such file"  # looked at with the network's widths
            continue
        assert option in said
        assert len(said) < 400
        if spelling == "-1":
            assert NUMBERS[command, option] in said


@pytest.mark.parametrize("spelling", ["٤", "1_6", "+16", "nan", "", NINES, "-1", "3", "33"])
def test_state_bits_are_plain_numbers(
    refused: Callable[..., str], network_file: Path, tmp_path: Path, spelling: str
) -> None:
    words = ("freeze", network_file, "--out", tmp_path / "o", f"--state-bits={spelling}")
    said = refused(*words)
    assert "4 to 32" in said
    assert len(said) < 400


@pytest.mark.parametrize("value", [
    "1_0", "010", "+16", "1:30", "0x10", "0b1", "٤", "1.0", "true", NINES, "0x" + NINES, "''",
    "!!int '5_0'", "!!float 'x'", "!!int ''",
], ids=lambda text: text[:8])  # fmt: skip
def test_whole_numbers_of_a_recipe_are_plain(refused: Callable[..., str], value: str) -> None:
    said = refused("train", "digits", "--set", f"training.epochs={value}")
    assert "training.epochs = " in said
    assert "must be a valid integer" in said
    assert len(said) < 400


@pytest.mark.parametrize("value", [
    "1_0.5", "+1", "1:30.5", "٤", "true", NINES, f"'{NINES}'", "1e400", "' 1'", ".inf",
], ids=lambda text: text[:8])  # fmt: skip
def test_real_numbers_of_a_recipe_are_plain(refused: Callable[..., str], value: str) -> None:
    said = refused("train", "digits", "--set", f"training.learning_rate={value}")
    assert "training.learning_rate = " in said
    assert "number" in said
    assert len(said) < 400


@pytest.mark.parametrize("value", ["1e-3", "'1e-3'", "0.001", ".001", "1.e-3", "1E-3"])
def test_real_numbers_may_be_written_as_is_usual(value: str) -> None:
    from rfssm.quant.recipes import load_recipe

    recipe = load_recipe("digits", [f"training.learning_rate={value}"])
    assert recipe.training.learning_rate == 0.001


@pytest.mark.parametrize("lanes", [
    (1.5, 1), (True, True), ("16", "4"), (None, 1), (np.float64(4), 1), ([], []), ([4, 4.0], 1),
    (16, np.bool_(True)), ([16, 3], 1),
], ids=str)  # fmt: skip
def test_lanes_that_are_no_whole_numbers_are_refused_in_python(
    lanes: tuple[object, object],
) -> None:
    from rfssm.errors import HardwareError
    from rfssm.hls.design import lane_choice

    with pytest.raises(HardwareError, match=r"lanes (=|for) .*must be"):
        lane_choice(*lanes)  # type: ignore[arg-type]


def test_lanes_of_numpy_are_whole_numbers() -> None:
    from rfssm.hls.design import Lanes, lane_choice

    assert lane_choice(np.int64(16), np.int32(4)) == Lanes(16, 4)
    assert repr(lane_choice(np.array([16, 8]), 4)) == repr((Lanes(16, 4), Lanes(8, 4)))


@pytest.mark.parametrize("lanes", [[], (), (16, 4), 16, "16,4", [None], True], ids=str)
def test_a_design_takes_lanes_and_nothing_like_them(network: IntegerNetwork, lanes: object) -> None:
    from rfssm.errors import HardwareError
    from rfssm.hls.design import Design

    with pytest.raises(HardwareError, match=r"lanes (=|of 0 layers).*must be"):
        Design.of(network, lanes)  # type: ignore[arg-type]


@pytest.mark.parametrize("lanes", [[], [16], [16, 4, 2], ["ab"], [[16, 4], 2], [[16, 4], []],
                                   [16.0, 4], [True, 1], [[16, 4], ["8", 2]]], ids=str)  # fmt: skip
def test_lanes_of_a_configuration_are_pairs_of_whole_numbers(lanes: list[object]) -> None:
    from rfssm.errors import HardwareError
    from rfssm.hls.hls4ml.configuration import configured_lanes

    class Configuration:
        def get_config_value(self, name: str) -> object:
            assert name == "Lanes"
            return lanes

    with pytest.raises(HardwareError, match=r"(L|synapse l)anes = .*: must be"):
        configured_lanes(Configuration())
