"""A tiny network in a file, samples for it, and the command line to run on them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from rfssm import cache
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples
from rfssm.scripts import cli


@dataclass(frozen=True)
class Finished:
    status: int
    out: str
    err: str


@pytest.fixture
def rfssm(capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Run a command in this process."""

    def run(*arguments: object) -> Finished:
        capsys.readouterr()
        status = cli.run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Finished(status, out, err)

    return run


@pytest.fixture
def refused(rfssm: Callable[..., Finished]) -> Callable[..., str]:
    """Run a command that must fail with status 2; give its one message."""

    def run(*arguments: object) -> str:
        done = rfssm(*arguments)
        assert done.status == 2, done
        assert done.out == ""
        (line,) = done.err.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")

    return run


def start(*arguments: object, **options: object) -> subprocess.Popen[str]:
    """Start a command in a process of its own, deaf to nothing.

    A shell makes its background jobs ignore SIGINT, and children inherit that: a test run in the
    background would never see its commands interrupted.
    """
    command = [sys.executable, "-m", "rfssm.scripts.cli", *map(str, arguments)]
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            command,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options},  # type: ignore[call-overload]
        )
    finally:
        signal.signal(signal.SIGINT, heard)


def new_cache(folder: Path, *kinds: str) -> Path:
    """Make a cache with some kinds of entries of the tests' cache, which take long to build."""
    for kind in kinds:
        if (cache.root() / kind).is_dir():
            # other tests may be building entries, which have hidden names until they are complete
            hidden = shutil.ignore_patterns(".*")
            shutil.copytree(
                cache.root() / kind, folder / kind, ignore=hidden, copy_function=_link_or_copy
            )
    return folder


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def tiny_network() -> IntegerNetwork:
    """Two spiking layers, the second with a skip; every kind of tensor but biases."""
    rng = np.random.default_rng(2)
    spiking = {
        "kind": "spiking", "model": "s5rf", "inputs": 3, "neurons": 5, "complex_input": True,
        "skip": False, "weight_bits": 4, "bias_bits": 0, "transition_bits": 8,
        "transition_frac": 6, "guard_bits": 1, "state_bits": 10, "rounding": "RND",
        "overflow": "SAT",
    }  # fmt: skip
    readout = {
        "kind": "readout", "inputs": 5, "classes": 3, "weight_bits": 4, "bias_bits": 0,
        "leak_frac": 8, "guard_bits": 2, "state_bits": 12, "rounding": "RND",
        "overflow": "SAT", "score": "sum", "score_bits": 24,
    }  # fmt: skip
    metadata = {
        "format": "rfssm-network",
        "version": 1,
        "name": "tiny",
        "input": {"channels": 3, "bits": 2, "signed": False, "frac": 0, "steps_max": 20},
        "layers": [
            spiking,
            {**spiking, "inputs": 5, "skip": True, "complex_input": False},
            readout,
        ],
        "labels": ["a", "b", "c"],
        "provenance": {"recipe": "none"},
    }
    tensors = {
        "layers.0.weight_u": rng.integers(-7, 8, (5, 3)),
        "layers.0.weight_v": rng.integers(-7, 8, (5, 3)),
        "layers.1.weight_u": rng.integers(-7, 8, (5, 5)),
        "layers.2.weight_u": rng.integers(-7, 8, (3, 5)),
        "layers.2.leak": np.full(3, 200),
    }
    for i in (0, 1):
        tensors[f"layers.{i}.transition"] = np.tile([[50, -30], [30, 50]], (5, 1, 1))
        tensors[f"layers.{i}.reset"] = np.full((5, 2), -i)
        tensors[f"layers.{i}.threshold"] = np.full(5, 20)
    exact = {name: tensor.astype(np.int32) for name, tensor in tensors.items()}
    scales = {f"layers.{i}.scale": np.ones(5 if i < 2 else 1) for i in range(3)}
    return IntegerNetwork.build(metadata, exact | scales)


@pytest.fixture(scope="session")
def network() -> IntegerNetwork:
    return tiny_network()


@pytest.fixture
def network_file(network: IntegerNetwork, tmp_path: Path) -> Path:
    network.save(tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


@pytest.fixture(scope="session")
def samples(network: IntegerNetwork) -> Samples:
    """Six random samples; the labels are the golden model's own, but for the first."""
    given = Samples.random(network, 6, seed=3)
    labels = golden.run(network, given).label.copy()
    labels[0] = (labels[0] + 1) % 3
    return Samples(given.x, given.steps, labels)


@pytest.fixture
def input_file(samples: Samples, tmp_path: Path) -> Path:
    samples.save(tmp_path / "x.npz")
    return tmp_path / "x.npz"
