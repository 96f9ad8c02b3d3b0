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


def test_inspect_tells_where_states_saturate_and_what_silence_leaves(
    rfssm: Callable[..., Finished], network_file: Path, input_file: Path
) -> None:
    done = rfssm("inspect", network_file, "--calibrate", input_file)
    assert (done.status, done.err) == (0, "")
    for part in ("SAT, never within steps_max", "SAT, never ", "5 of 5", "none", "["):
        assert part in done.out
    told = json.loads(rfssm("inspect", network_file, "--calibrate", input_file, "--json").out)
    first, second, readout = told["layers"]
    assert told["calibration_samples"] == 6
    for layer in (first, second, readout):
        assert 2 <= layer["seen_bits"] <= layer["reachable_bits"]
        assert layer["silence"]["TRN_ZERO"] == {"cycles": 0, "amplitude": 0}
        assert layer["silence"]["RND"]["amplitude"] < layer["silence"]["TRN"]["amplitude"]
        assert layer["silence"]["RND"]["cycles"] == layer["outputs"]
    assert (first["saturation"], first["beyond"], first["tight"]) == ("beyond steps_max", 0, 5)
    assert (second["saturation"], second["reachable_bits"]) == ("never", 9)
    assert second["tight"] == 0  # a reset


def test_inspect_names_the_neurons_that_saturate(
    rfssm: Callable[..., Finished], network: IntegerNetwork, tmp_path: Path
) -> None:
    tensors = network.tensors()
    transition = tensors["layers.0.transition"].copy()
    transition[3] = [[63, 0], [0, 63]]  # slow
    slow = IntegerNetwork.build(network.metadata(), {**tensors, "layers.0.transition": transition})
    slow.save(tmp_path / "slow.safetensors")
    done = rfssm("inspect", tmp_path / "slow.safetensors")
    assert "layer 0: 1 neuron may leave 10 bits, worst: 3 (12 bits, decay 0.9844)" in done.out
    assert "SAT, may act" in done.out


def test_inspect_looks_at_the_test_set_of_a_run(
    rfssm: Callable[..., Finished], network_file: Path, input_file: Path, tmp_path: Path
) -> None:
    from rfssm.hls import describe
    from rfssm.quant import run
    from rfssm.scripts import freeze

    assert (describe.TEST, freeze.NETWORK) == (run.TEST, run.NETWORK)
    plain = json.loads(rfssm("inspect", network_file, "--json").out)
    assert plain["calibration_samples"] == 0
    assert plain["layers"][0]["seen_bits"] is None
    input_file.rename(tmp_path / "test.npz")
    beside = json.loads(rfssm("inspect", network_file, "--json").out)
    assert beside["calibration_samples"] == 6
    assert beside["layers"][0]["seen_bits"] > 2
    np.savez(tmp_path / "test.npz", x=np.zeros((1, 2, 9), np.int64))
    done = rfssm("inspect", network_file, "--json")
    assert done.status == 0
    assert "test.npz: not looked at: " in done.err


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
