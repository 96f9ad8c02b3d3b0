"""``rfssm run-board``: a board at the other end of a real serial port."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from simulated_board import PseudoTerminal, SimulatedBoard

from rfssm.hls import toolchain
from rfssm.hls.boards.boards import ULX3S
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples, compare

from .conftest import Finished


@pytest.mark.rtl
def test_samples_go_to_the_board_and_back(
    rfssm: Callable[..., Finished],
    network: IntegerNetwork,
    network_file: Path,
    samples: Samples,
    input_file: Path,
    tmp_path: Path,
) -> None:
    if reason := toolchain.missing_verilator():
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    results = tmp_path / "y.npz"
    with SimulatedBoard(network, ULX3S) as board, PseudoTerminal(board) as port:
        done = rfssm(
            "run-board", network_file, "--port", port, "--input", input_file, "--output", results
        )
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("board: 6 samples in ")
    assert "accuracy: 83.33 %" in done.out
    assert f"wrote {results}" in done.out
    assert compare(golden.run(network, samples), Outputs.load(results)) == []


def test_a_missing_port_is_refused(
    refused: Callable[..., str], network_file: Path, input_file: Path, tmp_path: Path
) -> None:
    port = tmp_path / "ttyUSB7"
    said = refused(
        "run-board", network_file, "--port", port, "--input", input_file,
        "--output", tmp_path / "y.npz",
    )  # fmt: skip
    assert said.startswith(f"{port}: cannot be opened (No such file or directory); serial ports")
    assert not (tmp_path / "y.npz").exists()
