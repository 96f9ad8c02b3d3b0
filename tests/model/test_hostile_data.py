"""Files of data sets by somebody who means harm: refused in one line."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from rfssm.errors import DataError
from rfssm.model import data
from rfssm.model.data import ecg, images, speech
from rfssm.model.recipe import FsddConfig, GscConfig, PsmnistConfig, ShdConfig

FSDD = FsddConfig(set="fsdd")
REAL, WHOLE = h5py.vlen_dtype(np.float16), h5py.vlen_dtype(np.uint16)


def check(error: DataError, path: Path) -> None:
    said = str(error)
    assert str(path) in said
    assert said.isprintable()
    assert len(said) < len(str(path)) + 500


def ragged(rows: list[Any], dtype: Any) -> np.ndarray:
    array = np.empty(len(rows), dtype=object)
    array[:] = [np.array(row) for row in rows]
    return array.astype(dtype)


def write(path: Path, change: Callable[[h5py.File], None]) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("spikes/times", data=ragged([[0.1], [0.2, 0.3]], REAL), dtype=REAL)
        file.create_dataset("spikes/units", data=ragged([[5], [6, 7]], WHOLE), dtype=WHOLE)
        file["labels"] = np.array([0, 1])
        file["extra/keys"] = [b"yes", b"no"]
        change(file)


def replace(name: str, value: Any, **options: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, data=value, **options)

    return change


def external(file: h5py.File) -> None:
    """A data set whose bytes are those of another file."""
    del file["labels"]
    file.create_dataset("labels", (2,), np.int64, external=[("/etc/passwd", 0, 16)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((2,), np.int64)
    layout[:] = h5py.VirtualSource("/etc/passwd", "labels", (2,))
    del file["labels"]
    file.create_virtual_dataset("labels", layout)


def linked(file: h5py.File) -> None:
    del file["labels"]
    file["labels"] = h5py.ExternalLink("/nowhere.h5", "labels")


def a_group(file: h5py.File) -> None:
    del file["labels"]
    file.create_group("labels")


HOSTILE_SPIKES = {
    "labels of another file": external,
    "labels put together from files": virtual,
    "labels behind a link": linked,
    "labels are a group": a_group,
    "one label": replace("labels", 3),
    "labels of text": replace("labels", [b"a", b"b"]),
    "labels below zero": replace("labels", np.array([-1, 0])),
    "labels in rows": replace("labels", np.zeros((2, 2), int)),
    "times of text": replace("spikes/times", [b"a", b"b"]),
    "times not ragged": replace("spikes/times", np.zeros(2)),
    "times beyond counting": replace(
        "spikes/times", ragged([[-np.inf], [1, 2]], REAL), dtype=REAL
    ),
    "units below zero": replace(
        "spikes/units", ragged([[-5], [6, 7]], h5py.vlen_dtype(np.int16)),
        dtype=h5py.vlen_dtype(np.int16),
    ),
    "units of real numbers": replace("spikes/units", ragged([[5], [6, 7]], REAL), dtype=REAL),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE_SPIKES)
def test_hostile_spike_files_are_refused(case: str, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path, lambda file: None)
    assert len(data.read_spikes(path, FSDD, 10)) == 2
    write(path, HOSTILE_SPIKES[case])
    with pytest.raises(DataError) as caught:
        data.read_spikes(path, FSDD, 10)
    check(caught.value, path)


def test_times_beyond_counting_are_refused(tmp_path: Path) -> None:
    path, far = tmp_path / "a.h5", h5py.vlen_dtype(np.float64)
    write(path, replace("spikes/times", ragged([[1e307], [0.2, 1e18]], far), dtype=far))
    with pytest.raises(DataError, match=r"sample 0: largest time 1e\+307") as caught:
        data.read_spikes(path, FSDD, 10)
    check(caught.value, path)


@pytest.mark.parametrize("name", [b"\xff", b"\x1b[2J", b"a\nb", b"n" * 300])
def test_hostile_names_of_classes_are_refused(name: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "SHD"
    folder.mkdir()
    for part in ("train", "test"):
        write(folder / f"shd_{part}.h5", replace("extra/keys", [name, b"no"]))
    with pytest.raises(DataError) as caught:
        data.load(ShdConfig(set="shd", root=str(tmp_path)))
    check(caught.value, folder / "shd_train.h5")


@pytest.mark.parametrize("root", ["a\0b", "a" * 5_000, "~nobody-of-this-name/x", "/dev/null"])
def test_a_hostile_root_is_refused(root: str) -> None:
    with pytest.raises(DataError):
        data.load(FsddConfig(set="fsdd", root=root))


def test_damaged_spike_files_are_refused_or_read(tmp_path: Path) -> None:
    """Never another error than ours, whichever byte is flipped, wherever the file ends."""
    path = tmp_path / "a.h5"
    write(path, lambda file: None)
    whole = path.read_bytes()
    refusals = 0
    for place in range(0, len(whole), 97):
        flipped = whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
        for content in (flipped, whole[:place]):
            path.write_bytes(content)
            try:
                data.read_spikes(path, FSDD, 10)
            except DataError as error:
                refusals += 1
                check(error, path)
    assert refusals > len(whole) // 97


@pytest.mark.parametrize("change", [
    {"audio": np.zeros((3, 2, 2), np.int16)}, {"audio": np.zeros((3, 9))},
    {"length": np.array([9, -1, 9])}, {"length": np.array([9, 99_999, 9])},
    {"length": np.array([1.0, 1, 1])}, {"labels": np.array([0, -1, 0])},
    {"length": np.array([9, 501, 9])}, {"split": np.array([0, 1, 2, 2])},
    {"labels": np.array([0, 2, 0])}, {"labels": np.array([0, np.nan, 0])},
    {"labels": np.array([True, True, False])}, {"labels": np.array([b"a", b"b", b"a"])},
    {"audio": np.zeros((3, 500), np.int32)}, {"audio": np.zeros((2, 500), np.int16)},
    {"labels": np.array([[0, 0, 0]])}, {"split": np.array([0, 1, 2]) + 1},
    {"words": [b"\x1b", b"b"]}, {"words": 5}, {"labels": np.zeros(0, int)},
])  # fmt: skip
def test_hostile_clips_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "speech_commands"
    folder.mkdir()
    legal: dict[str, Any] = {
        "audio": np.zeros((3, 500), np.int16), "length": np.array([500, 9, 9]),
        "labels": np.array([0, 1, 0]), "split": np.array([0, 1, 2]), "words": [b"a", b"b"],
    }  # fmt: skip
    config = GscConfig(set="gsc", subset="gsc3", root=str(tmp_path))
    path = folder / "gsc3_audio.h5"
    for arrays in (legal, legal | change):
        with h5py.File(path, "w") as file:
            for name, value in arrays.items():
                file[name] = value
        if arrays is legal:
            assert len(speech.load(config).train) == 1
    with pytest.raises(DataError) as caught:
        speech.load(config)
    check(caught.value, path)


HOSTILE_IMAGES = {
    "empty": b"", "nothing": gzip.compress(b""), "zeros": gzip.compress(bytes(8)),
    "many zeros": gzip.compress(bytes(1 << 24)),
    "4 billion": gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 0xFFFFFFFF, 28, 28)),
    "cut": gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 1, 28, 28) + bytes(784))[:-9],
}  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE_IMAGES.values(), ids=HOSTILE_IMAGES)
def test_hostile_images_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        images._read_idx(path, (28, 28))
    check(caught.value, path)


@pytest.mark.parametrize("order", [
    np.array([{}], object), np.zeros((2, 2), int), np.zeros(784), np.arange(783),
    np.array(["a"] * 784), np.zeros(784, [("a", "i4")]),
])  # fmt: skip
def test_hostile_permutations_are_refused(order: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "mnist" / "psmnist_permutation.npy"
    path.parent.mkdir()
    np.save(path, order, allow_pickle=True)
    with pytest.raises(DataError) as caught:
        images._order(PsmnistConfig(set="psmnist", root=str(tmp_path)))
    check(caught.value, path)


@pytest.mark.parametrize("arrays", [
    {"x": "text", "y": 1}, {"x": np.zeros((1, ecg.STEPS + 1, 4)), "y": np.array([[{}]], object)},
    {"x": {"a": 1}, "y": 1}, {},
])  # fmt: skip
def test_hostile_recordings_are_refused(arrays: dict[str, Any], tmp_path: Path) -> None:
    from scipy.io import savemat

    path = tmp_path / "q.mat"
    savemat(path, arrays)
    with pytest.raises(DataError) as caught:
        ecg._read(path)
    check(caught.value, path)
