import itertools
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from rfssm.model import data
from rfssm.model.data import Batch, Epoch, augment
from rfssm.model.errors import DataError, RecipeError
from rfssm.model.recipe import AugmentationConfig, DigitsConfig, EcgConfig, FsddConfig

FSDD = FsddConfig(set="fsdd")


def write_spikes(
    path: Path,
    samples: Sequence[tuple[list[float], list[int]]],
    labels: list[int],
    speakers: list[int] | None = None,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, dtype, k in (("times", np.float16, 0), ("units", np.uint16, 1)):
            kind = h5py.vlen_dtype(dtype)
            column = file.create_dataset(f"spikes/{name}", (len(samples),), dtype=kind)
            for i, sample in enumerate(samples):
                column[i] = np.array(sample[k], dtype=dtype)
        file["labels"] = np.array(labels, dtype=np.uint16)
        if speakers is not None:
            file["extra/speaker"] = np.array(speakers, dtype=np.uint16)


def test_digits_are_four_bit_pixels_one_per_step() -> None:
    digits = data.load(DigitsConfig(set="digits"))
    assert digits.train.x.shape == (1347, 64, 1)
    assert digits.test.x.shape == (450, 64, 1)
    assert digits.train.x.max() == 15
    assert (digits.test.steps == 64).all()
    counts = np.bincount(digits.test.labels)
    assert counts.min() >= 43
    assert counts.max() <= 46


def test_spikes_fall_into_fixed_bins_and_groups_of_units(tmp_path: Path) -> None:
    write_spikes(tmp_path / "a.h5", [([0.0, 0.0039, 0.0082], [0, 4, 699]), ([], [])], [3, 9])
    split = data.read_spikes(tmp_path / "a.h5", FSDD, 10)
    assert split.x.shape == (2, 250, 140)
    assert np.argwhere(split.x).tolist() == [[0, 0, 0], [0, 2, 139]]
    assert split.x.max() == 1  # two spikes in one bin are one
    assert split.steps.tolist() == [2 + 1 + 2, 1]  # without a spike: a single silent step
    assert split.labels.tolist() == [3, 9]


def test_spikes_after_the_last_bin_are_left_out(tmp_path: Path) -> None:
    write_spikes(tmp_path / "a.h5", [([0.001, 0.5], [7, 7])], [0])
    split = data.read_spikes(tmp_path / "a.h5", FsddConfig(set="fsdd", steps_max=10), 10)
    assert split.x.sum() == 1
    assert split.steps.tolist() == [10]


def test_counts_saturate_at_the_largest_word(tmp_path: Path) -> None:
    write_spikes(tmp_path / "a.h5", [([0.001] * 5 + [0.005], [7] * 6)], [0])
    for bits, expected in ((1, [1, 1]), (2, [3, 1]), (3, [5, 1])):
        split = data.read_spikes(tmp_path / "a.h5", FsddConfig(set="fsdd", bits=bits), 10)
        assert split.x[0, :2, 1].tolist() == expected


def test_one_speaker_is_left_out_of_both_files(tmp_path: Path) -> None:
    for part, labels in (("train", [0, 1, 2, 3]), ("test", [4, 5])):
        path = tmp_path / "fsdd" / f"fsdd_spikes_{part}.h5"
        write_spikes(path, [([0.1], [5])] * len(labels), labels, [i % 2 for i in labels])
    fsdd = data.load(FsddConfig(set="fsdd", root=str(tmp_path), speaker="jackson"))
    assert fsdd.train.labels.tolist() == [0, 2, 4]
    assert fsdd.test.labels.tolist() == [1, 3, 5]
    with pytest.raises(DataError, match=r"data\.speaker = theo: .* has george, jackson"):
        data.load(FsddConfig(set="fsdd", root=str(tmp_path), speaker="theo"))


def write_ecg(root: Path, sequences: int, **change: object) -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 2, (sequences, 1301, 4)).astype(np.int16)
    x[:, 1300] = -1
    y = np.eye(6, dtype=np.uint8)[random.integers(0, 6, (sequences, 1301))]
    y[0, 0] = 0
    (root / "qtdb").mkdir(exist_ok=True)
    for part in ("train", "test"):
        scipy.io.savemat(root / "qtdb" / f"QTDB_{part}.mat", {"x": x, "y": y} | change)


def test_every_step_of_an_ecg_has_a_label(tmp_path: Path) -> None:
    write_ecg(tmp_path, 3)
    ecg = data.load(EcgConfig(set="ecg", root=str(tmp_path)))
    assert ecg.train.x.shape == (3, 1300, 4)
    assert ecg.train.labels.shape == (3, 1300)
    assert ecg.train.labels[0, 0] == 0  # no label counts as the first class
    assert ecg.per_step
    assert ecg.train.x.min() == 0  # the last step, which holds -1, is gone
    batch = next(iter(Epoch(ecg.train, 6, 3, None, seed=0, epoch=0)))
    assert batch.target.shape == (3, 1300, 6)


def test_other_ecg_files_are_refused_by_name(tmp_path: Path) -> None:
    config = EcgConfig(set="ecg", root=str(tmp_path))
    with pytest.raises(DataError, match=r"QTDB_train\.mat: no such file.*github"):
        data.load(config)
    for change, message in (
        ({"x": np.zeros((3, 100, 4))}, r"QTDB_train\.mat: x has shape \(3, 100, 4\)"),
        ({"x": np.full((3, 1301, 4), 2)}, r"QTDB_train\.mat: x must be 0 or 1"),
    ):
        write_ecg(tmp_path, 3, **change)
        with pytest.raises(DataError, match=message):
            data.load(config)
    (tmp_path / "qtdb" / "QTDB_train.mat").write_bytes(b"no matrix")
    with pytest.raises(DataError, match=r"QTDB_train\.mat: not a complete MATLAB 5 file"):
        data.load(config)


def test_augmentation_keeps_labels_of_steps_in_their_place() -> None:
    random = np.random.default_rng(0)
    x = (random.random((8, 50, 4)) < 0.5).astype(np.uint8)
    steps, labels = random.integers(20, 51, 8), random.integers(0, 3, (8, 50))
    split = data.Split(x, steps, labels)
    still = AugmentationConfig(shift=0, stretch=0, roll=0, dropout=0.5, band=0, cutmix=0)
    order = Epoch(split, 3, 4, None, seed=1, epoch=0)
    for plain, varied in zip(order, Epoch(split, 3, 4, still, seed=1, epoch=0), strict=True):
        assert np.array_equal(plain.target, varied.target)
        assert (varied.x <= plain.x).all()
        assert varied.x.sum() < plain.x.sum()
    for field, value in (("shift", 1), ("stretch", 0.1), ("cutmix", 0.1)):
        moving = still.model_copy(update={field: value})
        with pytest.raises(RecipeError, match=rf"augmentation\.{field} = {value}: must be 0"):
            Epoch(split, 3, 4, moving, seed=1, epoch=0)


def test_fsdd_without_a_place_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RFSSM_DATA", raising=False)
    with pytest.raises(DataError, match=r"RFSSM_DATA.*data\.root"):
        data.load(FSDD)


def test_fsdd_comes_from_the_environment_or_from_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("train", "test"):
        write_spikes(tmp_path / "fsdd" / f"fsdd_spikes_{part}.h5", [([0.1], [5])], [1])
    monkeypatch.setenv("RFSSM_DATA", str(tmp_path))
    assert data.load(FSDD).channels == 140
    monkeypatch.setenv("RFSSM_DATA", "/nowhere")
    assert len(data.load(FsddConfig(set="fsdd", root=str(tmp_path))).test.labels) == 1
    with pytest.raises(DataError, match=r"/nowhere/fsdd/fsdd_spikes_train\.h5: no such file"):
        data.load(FSDD)


def test_damaged_spike_files_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_spikes(path, [([0.1], [5])], [1])
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError, match=r"a\.h5: not a complete HDF5 file"):
        data.read_spikes(path, FSDD, 10)
    with h5py.File(path, "w") as file:
        file["labels"] = np.zeros(3)
    with pytest.raises(DataError, match=r"a\.h5: has no spikes/times"):
        data.read_spikes(path, FSDD, 10)


@pytest.mark.parametrize(
    ("times", "units", "label", "message"),
    [
        ([0.1], [700], 0, "unit 700, must be below 700"),
        ([-0.1], [3], 0, "times must be finite"),
        ([float("nan")], [3], 0, "times must be finite"),
        ([0.1, 0.2], [3], 0, "one per unit"),
        ([0.1], [3], 10, "labels = 10: must be 0 to 9"),
    ],
)
def test_spike_values_out_of_range_are_refused(
    tmp_path: Path, times: list[float], units: list[int], label: int, message: str
) -> None:
    write_spikes(tmp_path / "a.h5", [(times, units)], [label])
    with pytest.raises(DataError, match=message):
        data.read_spikes(tmp_path / "a.h5", FSDD, 10)


def test_batches_depend_on_seed_and_epoch_only() -> None:
    digits = data.load(DigitsConfig(set="digits"))

    def labels(seed: int, epoch: int) -> list[list[int]]:
        batches = Epoch(digits.train, 10, 32, None, seed, epoch)
        assert len(batches) == 43
        return [batch.target.argmax(1).tolist() for batch in batches]

    assert labels(0, 1) == labels(0, 1)
    assert labels(0, 1) != labels(0, 2)
    assert labels(0, 1) != labels(1, 1)
    assert sorted(itertools.chain(*labels(0, 1))) == sorted(digits.train.labels.tolist())


def test_augmentation_depends_on_seed_epoch_and_batch_only() -> None:
    random = np.random.default_rng(0)
    x = (random.random((40, 60, 20)) < 0.1).astype(np.uint8)
    split = data.Split(x, random.integers(20, 61, 40), random.integers(0, 10, 40))
    epoch = Epoch(split, 10, 8, AugmentationConfig(), seed=3, epoch=5)
    again = Epoch(split, 10, 8, AugmentationConfig(), seed=3, epoch=5)
    forwards = [epoch[i] for i in range(len(epoch))]
    backwards = [again[i] for i in reversed(range(len(again)))]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert np.array_equal(one.x, other.x)
        assert np.array_equal(one.steps, other.steps)
        assert np.array_equal(one.target, other.target)


def test_augmented_samples_stay_samples() -> None:
    random = np.random.default_rng(0)
    x = (random.random((64, 50, 30)) < 0.2).astype(np.uint8)
    batch = Batch(x, random.integers(1, 51, 64), np.eye(10, dtype=np.float32)[np.arange(64) % 10])
    how = AugmentationConfig(cutmix=1.0)
    changed, steps, target = augment(batch, how, np.random.default_rng(1))
    assert changed.dtype == np.uint8
    assert changed.max() == 1
    assert changed.mean() < x.mean()  # events are lost, none invented
    assert (steps >= 1).all()
    assert (steps <= changed.shape[1]).all()
    assert np.allclose(target.sum(1), 1)
    assert ((target > 0) & (target < 1)).any()  # mixed samples have two classes


def test_augmentation_with_every_strength_at_zero_changes_nothing() -> None:
    x = (np.random.default_rng(0).random((8, 30, 10)) < 0.3).astype(np.uint8)
    batch = Batch(x, np.full(8, 30), np.eye(10, dtype=np.float32)[:8])
    still = AugmentationConfig(shift=0, stretch=0, roll=0, dropout=0, band=0, cutmix=0)
    changed, steps, target = augment(batch, still, np.random.default_rng(1))
    assert np.array_equal(changed[:, :30], x)
    assert (steps == 30).all()
    assert np.array_equal(target, batch.target)


@pytest.mark.data
def test_fsdd_files_are_read_whole(data_root: Path) -> None:
    fsdd = data.load(FsddConfig(set="fsdd", root=str(data_root)))
    assert len(fsdd.train.labels) == 2700
    assert len(fsdd.test.labels) == 300
    assert fsdd.channels == 140
    assert fsdd.test.steps.max() < 230
    assert not fsdd.per_step


@pytest.mark.data
def test_fsdd_speakers_have_fifty_clips_of_each_digit(data_root: Path) -> None:
    fsdd = data.load(FsddConfig(set="fsdd", root=str(data_root), speaker="theo"))
    assert np.bincount(fsdd.test.labels).tolist() == [50] * 10
    assert len(fsdd.train) == 2500


@pytest.mark.data
def test_ecg_files_are_read_whole(data_root: Path) -> None:
    ecg = data.load(EcgConfig(set="ecg", root=str(data_root)))
    assert ecg.train.x.shape == (618, 1300, 4)
    assert ecg.test.labels.shape == (141, 1300)
    assert 0.07 < ecg.train.x.mean() < 0.08
    after = ecg.train.labels[:, 1:][np.diff(ecg.train.labels) != 0]
    before = ecg.train.labels[:, :-1][np.diff(ecg.train.labels) != 0]
    assert ((after == (before + 1) % 6) | (before == 0) | (after == 0)).all()  # P, PQ, ... TP
