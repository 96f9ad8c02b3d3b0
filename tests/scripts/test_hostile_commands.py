"""Hostile files through the commands that read them: exit status 2 and one line."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Finished

DEEP = b"[" * 100_000
SAFETENSORS = struct.pack("<Q", len(DEEP)) + DEEP
ESCAPES = b"PK\x03\x04\x1b[2J\n\n"


@pytest.mark.parametrize("data", [SAFETENSORS, ESCAPES, b"", b"\xff" * 99, b"\x80\x04\x95."])
@pytest.mark.parametrize("words", [
    ("inspect", "{bad}"),
    ("verify", "{bad}"),
    ("simulate", "{bad}", "--input", "{x}", "--output", "{y}"),
    ("simulate", "{n}", "--input", "{bad}", "--output", "{y}"),
    ("convert", "{bad}", "--out", "{y}"),
    ("estimate", "{bad}", "--target", "ecp5-25k"),
    ("synth", "{bad}", "--target", "xc7"),
    ("train", "{bad}", "--out", "{y}"),
    ("import-published", "{bad}", "--calibrate", "{x}", "--out", "{y}"),
])  # fmt: skip
def test_a_hostile_file_is_refused_by_name(
    words: tuple[str, ...], data: bytes, tmp_path: Path, network_file: Path, input_file: Path,
    refused: Callable[..., str],
) -> None:  # fmt: skip
    bad = tmp_path / "bad"
    bad.write_bytes(data)
    places = {"bad": bad, "n": network_file, "x": input_file, "y": tmp_path / "y"}
    said = refused(*(word.format(**places) for word in words))
    assert said.startswith(f"{bad}: ")
    assert said.isprintable()
    assert not (tmp_path / "y").exists()


SUMMARY: dict[str, Any] = {
    "recipe": {"seed": 0, "quantization": None,
               "network": {"neurons": [4], "cell": {"model": "lif"}}},
    "accuracy": 0.5, "parameters": 9, "spikes_per_sample": 1.5, "rates": [0.1], "seconds": 3.0,
}  # fmt: skip


@pytest.mark.parametrize("change", [
    {"accuracy": "a"}, {"accuracy": None}, {"accuracy": [0.5]}, {"rates": []}, {"rates": ["a"]},
    {"recipe": []}, {"recipe": {}}, {"parameters": "9"}, {"seconds": {}}, {"rates": None},
    {"recipe": {**SUMMARY["recipe"], "network": {"neurons": [0], "cell": {"model": "lif"}}}},
])  # fmt: skip
def test_a_hostile_summary_is_refused_by_name(
    change: dict[str, Any], tmp_path: Path, rfssm: Callable[..., Finished],
    refused: Callable[..., str],
) -> None:  # fmt: skip
    path = tmp_path / "run" / "summary.json"
    path.parent.mkdir()
    path.write_text(json.dumps(SUMMARY))
    assert rfssm("runs", tmp_path).status == 0
    path.write_text(json.dumps(SUMMARY | change))
    assert refused("runs", tmp_path).startswith(f"{path}: not the summary of a run (")


@pytest.mark.parametrize("data", [
    b"", DEEP, b"{", b"NaN", json.dumps(SUMMARY).encode()[:-1] + b', "seconds": 4}', b"\xff",
    b" " * (1 << 21), json.dumps(SUMMARY).encode().replace(b"0.5", b"1e999"),
])  # fmt: skip
def test_a_damaged_summary_is_refused_by_name(
    data: bytes, tmp_path: Path, refused: Callable[..., str]
) -> None:
    path = tmp_path / "run" / "summary.json"
    path.parent.mkdir()
    path.write_bytes(data)
    assert refused("runs", tmp_path).startswith(f"{path}: not the summary of a run (")


def test_a_hostile_folder_stays_in_its_cell(tmp_path: Path, rfssm: Callable[..., Finished]) -> None:
    folder = tmp_path / "a | b\n\x1b[2J"
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps(SUMMARY))
    done = rfssm("runs", tmp_path)
    assert (done.status, done.err) == (0, "")
    assert len(done.out.splitlines()) == 3
    assert "| a \\| b\\n\\x1b[2J | lif |" in done.out
    shutil.rmtree(folder)
