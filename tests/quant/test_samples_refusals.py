"""Every refusal of samples, by the array and the value that its message names."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rfssm.errors import SamplesError
from rfssm.hls import engines
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.ptq import Calibration
from rfssm.quant.samples import Outputs, Samples


def network_of(bits: int, signed: bool, channels: int = 2, steps_max: int = 5) -> IntegerNetwork:
    """A readout alone."""
    readout = {
        "kind": "readout", "inputs": channels, "classes": 3, "weight_bits": 4, "bias_bits": 0,
        "leak_frac": 4, "guard_bits": 0, "state_bits": 16, "rounding": "RND", "overflow": "SAT",
        "score": "sum", "score_bits": 24,
    }  # fmt: skip
    metadata = {
        "format": "rfssm-network", "version": 1, "name": "alone", "labels": [], "provenance": {},
        "input": {"channels": channels, "bits": bits, "signed": signed, "frac": 0,
                  "steps_max": steps_max},
        "layers": [readout],
    }  # fmt: skip
    tensors = {
        "layers.0.weight_u": np.ones((3, channels), dtype=np.int32),
        "layers.0.leak": np.zeros(3, dtype=np.int32),
        "layers.0.scale": np.ones(1),
    }
    return IntegerNetwork.build(metadata, tensors)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.int64)


def refused(network: IntegerNetwork, samples: Samples, *words: str) -> None:
    """By the check itself, and by an engine before anything runs."""
    for run in (samples.check, lambda of: engines.run(of, samples)):
        with pytest.raises(SamplesError) as caught:
            run(network)
        missing = [word for word in words if word not in str(caught.value)]
        assert not missing, f"{caught.value!s} does not name {missing}"


def not_made(*words: str, **arrays: Any) -> None:
    with pytest.raises(SamplesError) as caught:
        Samples(**{"x": zeros(3, 4, 2), "steps": np.array([4, 1, 2])} | arrays)
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{caught.value!s} does not name {missing}"


@pytest.mark.parametrize(
    ("bits", "signed", "low", "high"),
    [
        (1, False, 0, 1),
        (1, True, -1, 0),
        (4, False, 0, 15),
        (4, True, -8, 7),
        (8, False, 0, 255),
        (16, False, 0, 65535),
        (16, True, -32768, 32767),
    ],
)
def test_values_outside_the_input_width_are_refused_and_both_ends_run(
    bits: int, signed: bool, low: int, high: int
) -> None:
    network = network_of(bits, signed)
    x = zeros(3, 4, 2)
    steps = np.array([4, 4, 4])
    for value in (low, high):
        x[2, 3, 1] = value
        engines.run(network, Samples(x, steps))
    for value in (low - 1, high + 1, -(2**40), 2**40):
        x[2, 3, 1] = value
        refused(network, Samples(x, steps), "x[2, 3, 1]", str(value), str(low), str(high))


def test_a_wrong_number_of_channels_is_refused() -> None:
    for channels in (1, 3):
        samples = Samples(zeros(1, 2, channels), np.array([2]))
        refused(network_of(1, False), samples, f"{channels} channels", "2")


def test_more_steps_than_the_network_allows_are_refused() -> None:
    network = network_of(1, False, steps_max=5)
    engines.run(network, Samples(zeros(2, 5, 2), np.array([1, 5])))
    refused(network, Samples(zeros(2, 6, 2), np.array([1, 6])), "steps[1] = 6", "steps_max = 5")


def test_padding_beyond_steps_max_is_no_step() -> None:
    outputs = engines.run(network_of(1, False), Samples(zeros(2, 9, 2), np.array([1, 5])))
    assert outputs.scores.shape == (2, 3)


def test_no_samples_are_refused() -> None:
    refused(network_of(1, False), Samples(zeros(0, 4, 2), zeros(0)), "x", "no samples")


@pytest.mark.parametrize("count", [0, -1, 5, 2**40])
def test_steps_below_one_or_beyond_x_are_refused(count: int) -> None:
    not_made("steps[1]", str(count), "1", "4", steps=np.array([4, count, 2]))


def test_the_wrong_number_of_steps_is_refused() -> None:
    not_made("steps", "2", "3", steps=np.array([4, 4]))
    not_made("steps", "dimensions", steps=np.array([[4, 4, 4]]))
    not_made("steps", "0 dimensions", steps=np.int64(4))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, object, "U1"])
def test_arrays_that_are_no_integers_are_refused(dtype: Any) -> None:
    not_made("x", str(np.dtype(dtype)), "integers", x=zeros(3, 4, 2).astype(dtype))
    not_made("steps", str(np.dtype(dtype)), steps=np.array([4, 1, 2]).astype(dtype))
    not_made("labels", str(np.dtype(dtype)), labels=zeros(3).astype(dtype))


@pytest.mark.parametrize(
    "dtype", [np.bool_, np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint64, ">i4"]
)
def test_integers_of_any_width_are_taken(dtype: Any) -> None:
    x = np.ones((1, 2, 2), dtype=dtype)
    samples = Samples(x, np.array([2], dtype=np.uint8), np.array([1], dtype=np.int8))
    assert samples.x.dtype == samples.steps.dtype == np.int64
    assert engines.run(network_of(1, False), samples).scores.tolist() == [[4, 4, 4]]


def test_unsigned_values_beyond_64_bit_words_are_refused() -> None:
    x = np.full((1, 1, 2), 2**63, dtype=np.uint64)
    with pytest.raises(SamplesError, match=str(2**63)):
        Samples(x, np.array([1]))


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 2, 1), (3,), ()])
def test_an_x_that_has_not_three_dimensions_is_refused(shape: tuple[int, ...]) -> None:
    not_made("x", f"{len(shape)} dimensions", "3", x=zeros(*shape))


@pytest.mark.parametrize("shape", [(2,), (4,), (3, 3), (3, 5), (3, 4, 2), (4, 3), ()])
def test_labels_of_the_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    not_made("labels", labels=zeros(*shape))


def test_labels_per_sample_and_per_step_are_taken() -> None:
    for shape in ((3,), (3, 4)):
        Samples(zeros(3, 4, 2), np.array([4, 1, 2]), zeros(*shape)).check(network_of(1, False))


@pytest.mark.parametrize("wrong", [-1, 3, 2**40])
def test_labels_of_no_class_are_refused(wrong: int) -> None:
    network, steps = network_of(1, False), np.array([4, 1, 2])
    said = f"labels[1] = {wrong}", "between 0 and 2", "3 classes, counted from 0"
    refused(network, Samples(zeros(3, 4, 2), steps, np.array([0, wrong, 2])), *said)
    of_steps = zeros(3, 4)
    of_steps[2, 2] = wrong  # beyond the sample's end
    engines.run(network, Samples(zeros(3, 4, 2), steps, of_steps))
    of_steps[2, 1] = wrong
    refused(network, Samples(zeros(3, 4, 2), steps, of_steps), f"labels[2, 1] = {wrong}")
    not_made("labels: dtype bool, must be integers", labels=np.array([True, False, True]))


# ---------------------------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------------------------


def refused_file(path: Path, *words: str) -> None:
    with pytest.raises(SamplesError) as caught:
        Samples.load(path)
    missing = [word for word in (str(path), *words) if word not in str(caught.value)]
    assert not missing, f"{caught.value!s} does not name {missing}"


def test_saved_and_loaded_equals_the_original(tmp_path: Path) -> None:
    samples = Samples(zeros(3, 4, 2) + 1, np.array([4, 1, 2]), np.array([0, 1, 2]))
    samples.save(tmp_path / "s.npz")
    again = Samples.load(tmp_path / "s.npz")
    assert again.labels is not None
    for name in ("x", "steps", "labels"):
        np.testing.assert_array_equal(getattr(again, name), getattr(samples, name))


def test_all_of_x_runs_where_steps_are_absent(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", x=np.zeros((3, 4, 2), dtype=np.uint8))
    samples = Samples.load(tmp_path / "s.npz")
    assert samples.steps.tolist() == [4, 4, 4]
    assert samples.labels is None


def test_tensors_that_are_no_arrays_are_refused() -> None:
    whole = torch.ones(1, 5, 2)
    for x in (whole.requires_grad_(), whole.bfloat16(), whole.to_sparse(), whole.to("meta")):
        not_made("x: must be an array", x=x)


def test_masked_arrays_are_refused() -> None:
    for name, array in (("x", zeros(1, 5, 2)), ("steps", zeros(1) + 1), ("labels", zeros(1))):
        not_made(f"{name}: a masked array, must be a plain one", **{name: np.ma.array(array)})
    with pytest.raises(SamplesError, match="x: a masked array"):
        Calibration(np.ma.array(zeros(1, 5, 2)), zeros(1) + 1)
    with pytest.raises(SamplesError, match="x: must be an array"):
        Calibration(torch.ones(1, 5, 2, requires_grad=True), zeros(1) + 1)  # type: ignore[arg-type]


def test_steps_are_counted() -> None:
    not_made("steps: dtype bool, must be integers", steps=np.array([True]))
    with pytest.raises(SamplesError, match="steps: dtype bool, must be integers"):
        Calibration(zeros(1, 5, 2), np.array([True]))  # type: ignore[arg-type]


def test_a_file_without_x_is_refused_with_what_it_has(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", X=zeros(1, 1, 1), y=zeros(1))
    refused_file(tmp_path / "s.npz", "'x'", "X, y")


def test_a_refusal_of_an_array_names_the_file(tmp_path: Path) -> None:
    for words, arrays in (
        (("x", "float32"), {"x": np.zeros((1, 1, 1), dtype=np.float32)}),
        (("x", "[4, 2]"), {"x": zeros(4, 2)}),
        (("steps[0]", "0"), {"x": zeros(1, 1, 1), "steps": zeros(1)}),
        (("labels", "[2]"), {"x": zeros(1, 1, 1), "labels": zeros(2)}),
        (("x",), {"x": zeros(1, 0, 1)}),
    ):
        np.savez(tmp_path / "s.npz", **arrays)
        refused_file(tmp_path / "s.npz", *words)


def test_a_file_that_is_cut_off_or_no_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    Samples(zeros(3, 4, 2), np.array([4, 1, 2])).save(path)
    whole = path.read_bytes()
    for end in (0, 1, 4, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        refused_file(path)
    for content in (b"no archive" * 20, b"\x93NUMPY" + bytes(50), b"PK\x03\x04" + bytes(50)):
        path.write_bytes(content)
        refused_file(path)
    np.save(tmp_path / "single.npy", zeros(1, 1, 1))
    refused_file(tmp_path / "single.npy", ".npz")


def test_a_damaged_array_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.full((3, 4, 2), 7, dtype=np.int64))
    damaged = bytearray(buffer.getvalue())
    damaged[damaged.index(b"\x07\x00\x00\x00\x00\x00\x00\x00")] = 8  # the checksum knows
    (tmp_path / "s.npz").write_bytes(damaged)
    refused_file(tmp_path / "s.npz")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", x=np.array([{"a": 1}], dtype=object))
    refused_file(tmp_path / "s.npz")


def test_an_archive_member_that_is_no_array_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "s.npz", "w") as archive:
        archive.writestr("x.npy", b"not an array")
    refused_file(tmp_path / "s.npz")


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    refused_file(tmp_path / "absent.npz", "no such file")
    refused_file(tmp_path)


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fails)
    outputs = Outputs(zeros(1, 2), zeros(1))
    for thing in (Samples(zeros(1, 1, 1), np.array([1])), outputs):
        path = tmp_path / "kept.npz"
        path.write_bytes(b"what was there before")
        with pytest.raises((OSError, SamplesError)):
            thing.save(path)
        assert path.read_bytes() == b"what was there before"
        assert [entry.name for entry in tmp_path.iterdir()] == ["kept.npz"]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_any_damaged_byte_is_refused_or_harmless(tmp_path: Path, save: Any) -> None:
    """Never another error, and never values that were not saved."""
    x = np.arange(24).reshape(3, 4, 2)
    buffer = io.BytesIO()
    save(buffer, x=x, steps=np.array([4, 1, 2]))
    whole = buffer.getvalue()
    path = tmp_path / "s.npz"
    refusals = 0
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            samples = Samples.load(path)
        except SamplesError:
            refusals += 1
        else:
            np.testing.assert_array_equal(samples.x, x)
    assert refusals > 50


def test_samples_one_by_one() -> None:
    samples = Samples(np.arange(12).reshape(3, 2, 2), np.array([2, 1, 2]), np.array([0, 2, 1]))
    alone = list(samples)
    assert [len(one) for one in alone] == [1, 1, 1]
    for i, one in enumerate(alone):
        for found in (one, samples[i], samples[i - 3], samples[np.int64(i)]):
            assert np.array_equal(found.x, samples.x[i : i + 1])
            assert found.steps.tolist() == [samples.steps[i]]
            assert found.labels is not None
            assert found.labels.tolist() == [[0, 2, 1][i]]
    for beyond in (3, -4):
        with pytest.raises(IndexError):
            samples[beyond]


@pytest.mark.parametrize("number", [1, 2])
def test_an_accuracy_is_of_all_outputs(number: int) -> None:
    """One label would be compared with every output."""
    outputs = Outputs(np.zeros((3, 2), dtype=np.int64), np.array([0, 0, 1]))
    samples = Samples(np.ones((3, 2, 1), dtype=np.int64), np.full(3, 2), np.array([0, 1, 1]))
    assert outputs.accuracy(samples) == 2 / 3
    with pytest.raises(SamplesError, match=f"{number} samples, but outputs of 3"):
        outputs.accuracy(samples[:number])
