"""``rfssm freeze``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples, compare

from .conftest import Finished


def test_auto_writes_a_narrower_network_with_the_same_numbers(
    rfssm: Callable[..., Finished],
    network: IntegerNetwork,
    network_file: Path,
    samples: Samples,
    tmp_path: Path,
) -> None:
    out = tmp_path / "narrow.safetensors"
    done = rfssm("freeze", network_file, "--state-bits", "auto", "--out", out)
    assert (done.status, done.err) == (0, "")
    assert "layer 0: 10 bits, never saturates within steps_max\n" in done.out
    assert "layer 1: 9 bits, never saturates within steps_max, 10 before" in done.out
    assert f"wrote {out}" in done.out
    narrow = IntegerNetwork.load(out)
    assert [layer.state_bits for layer in narrow.all_layers] == [10, 9, 10]
    first, second = (golden.run(n, samples, spikes=True, states=True) for n in (network, narrow))
    assert compare(first, second) == []


def test_a_limit_names_the_neurons_that_need_more(
    rfssm: Callable[..., Finished], network_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "same.safetensors"
    asked = ("freeze", network_file, "--state-bits", "auto", "--limit", 6, "--out", out)
    done = rfssm(*asked)
    assert done.status == 0
    (line,) = (line for line in done.out.splitlines() if line.startswith("layer 1"))
    assert "10 bits, never saturates within steps_max: 9 would do" in line
    assert "5 neurons may leave 6 bits, worst: " in line
    assert "decay 0.9111" in line
    told = json.loads(rfssm(*asked, "--json").out)["layers"][1]
    assert (told["declared"], told["needed"], told["chosen"], told["beyond"]) == (10, 9, 10, 5)
    assert told["saturates"] is False


def test_a_run_and_a_number_of_bits(
    rfssm: Callable[..., Finished], network_file: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(network_file, run / "network.safetensors")
    out = tmp_path / "seven.safetensors"
    done = rfssm("freeze", run, "--state-bits", 7, "--out", out)
    assert done.status == 0
    assert "layer 0: 7 bits, states may saturate: 10 would never; 5 neurons" in done.out
    assert [layer.state_bits for layer in IntegerNetwork.load(out).all_layers] == [7, 7, 7]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--state-bits", "few"), "--state-bits = 'few': must be auto, or 4 to 32"),
        (("--state-bits", "-3"), "--state-bits = '-3': must be auto, or 4 to 32"),
        (("--state-bits", "33"), "state_bits = 33: must be 4 to 32"),
        (("--state-bits", "8", "--limit", "9"), "--limit: belongs to --state-bits auto"),
    ],
)
def test_bad_widths_are_refused(
    refused: Callable[..., str],
    network_file: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    said: str,
) -> None:
    out = tmp_path / "out.safetensors"
    assert said in refused("freeze", network_file, *options, "--out", out)
    assert not out.exists()


def test_bad_places_are_refused(
    refused: Callable[..., str], network_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.safetensors"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no network.safetensors" in refused(
        "freeze", empty, "--state-bits", "auto", "--out", out
    )
    assert "is an input too" in refused(
        "freeze", network_file, "--state-bits", "auto", "--out", network_file
    )
