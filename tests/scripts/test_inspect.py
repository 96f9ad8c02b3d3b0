"""``rfssm inspect``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rfssm.quant.network import IntegerNetwork

from .conftest import Finished


def test_inspect_shows_every_layer(rfssm: Callable[..., Finished], network_file: Path) -> None:
    done = rfssm("inspect", network_file)
    assert (done.status, done.err) == (0, "")
    for part in ("tiny", "s5rf 3 -> 5", "readout 5 -> 3", "10 (1 guard)", "complex input", "skip"):
        assert part in done.out
    assert "every transition lies inside the unit circle" in done.out


def test_inspect_counts_memory_to_the_bit(
    rfssm: Callable[..., Finished], network_file: Path
) -> None:
    told = json.loads(rfssm("inspect", network_file, "--json").out)
    first, second, readout = told["layers"]
    assert first["memory"] == {
        "weights": 2 * 5 * 3 * 4,
        "constants": 5 * (4 * 8 + 10),  # no reset: none stored
        "states": 5 * 2 * 10,
    }
    assert second["memory"]["constants"] == 5 * (4 * 8 + 10 + 2 * 10)
    assert readout["memory"] == {"weights": 3 * 5 * 4, "constants": 3 * 8, "states": 3 * (12 + 24)}
    assert told["memory_bits"] == sum(sum(layer["memory"].values()) for layer in told["layers"])
    assert [layer["takes"] for layer in told["layers"]] == [[0, 3], [0, 1], [0, 2]]


def test_inspect_names_unstable_neurons(
    rfssm: Callable[..., Finished], network: IntegerNetwork, tmp_path: Path
) -> None:
    tensors = network.tensors()
    transition = tensors["layers.1.transition"].copy()
    transition[[1, 4]] = [[70, 0], [0, 70]]  # 70 / 2^6 > 1
    wild = IntegerNetwork.build(network.metadata(), {**tensors, "layers.1.transition": transition})
    wild.save(tmp_path / "wild.safetensors")
    done = rfssm("inspect", tmp_path / "wild.safetensors")
    assert done.status == 0
    assert "layer 1: transitions outside the unit circle: neurons 1, 4" in done.out
    told = json.loads(rfssm("inspect", tmp_path / "wild.safetensors", "--json").out)
    assert [layer["unstable"] for layer in told["layers"]] == [[], [1, 4], []]


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _cut_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [_truncate, _cut_header, _empty, _folder, Path.unlink])
def test_a_damaged_network_file_is_refused_by_name(
    refused: Callable[..., str], network_file: Path, damage: Callable[[Path], None]
) -> None:
    damage(network_file)
    assert refused("inspect", network_file).startswith(f"{network_file}: ")


@pytest.mark.parametrize(
    ("tensor", "value", "message"),
    [
        ("layers.0.threshold", np.full(5, 512, np.int32), "layers.0.threshold[0] = 512"),
        ("layers.0.weight_u", np.zeros((5, 3), np.float32), "float32"),
        ("layers.0.weight_u", np.zeros((5, 4), np.int32), "[5, 4]"),
    ],
)
def test_a_bad_tensor_is_refused_with_name_and_value(
    refused: Callable[..., str],
    network: IntegerNetwork,
    tmp_path: Path,
    tensor: str,
    value: np.ndarray,
    message: str,
) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "bad.safetensors"
    tensors = {**network.tensors(), tensor: value}
    save_file(tensors, path, metadata={"rfssm": json.dumps(network.metadata())})
    said = refused("inspect", path)
    assert str(path) in said
    assert message in said
