import gzip
import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.io.wavfile
from pydantic import ValidationError

from rfssm.errors import DataError, RecipeError
from rfssm.model import data
from rfssm.model.data import Ahead, Batch, DataWarning, Epoch, augment, spikes
from rfssm.model.data.images import bit_reversal
from rfssm.model.data.speech import mel_words
from rfssm.model.recipe import (
    AugmentationConfig,
    DigitsConfig,
    EcgConfig,
    FsddConfig,
    GscConfig,
    GscSpikesConfig,
    PsmnistConfig,
    ShdConfig,
    SmnistConfig,
    SpikesConfig,
    SscConfig,
)

FSDD = FsddConfig(set="fsdd")


def write_spikes(
    path: Path,
    samples: Sequence[tuple[list[float], list[int]]],
    labels: list[int],
    speakers: list[int] | None = None,
    keys: Sequence[str] = (),
    dtype: Any = np.float16,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, kind, k in (("times", dtype, 0), ("units", np.uint16, 1)):
            place = (len(samples),)
            column = file.create_dataset(f"spikes/{name}", place, h5py.vlen_dtype(kind))
            for i, sample in enumerate(samples):
                column[i] = np.array(sample[k], dtype=kind)
        file["labels"] = np.array(labels, dtype=np.uint16)
        if speakers is not None:
            file["extra/speaker"] = np.array(speakers, dtype=np.uint16)
        if keys:
            file["extra/keys"] = np.array(keys, dtype="S")


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
    write_spikes(tmp_path / "a.h5", [([0.0, 0.0035, 0.0085], [0, 4, 699]), ([], [])], [3, 9])
    split = data.read_spikes(tmp_path / "a.h5", FSDD, 10)
    assert split.x.shape == (2, 250, 140)
    assert np.argwhere(split.x).tolist() == [[0, 0, 0], [0, 2, 139]]
    assert split.x.max() == 1  # two spikes in one bin are one
    assert split.steps.tolist() == [2 + 1 + 2, 1]  # without a spike: a single silent step
    assert split.labels.tolist() == [3, 9]


def test_spikes_after_the_last_bin_are_left_out(tmp_path: Path) -> None:
    write_spikes(tmp_path / "a.h5", [([0.001, 0.5], [7, 7])], [0])
    told = (
        r"a\.h5: 1 of 2 spikes \(50 %\) are left out: 10 bins of 4 ms end at 0\.04 s, the last "
        r"spike is at 0\.5 s \(sample 0\); .* data\.steps_max"
    )
    with pytest.warns(DataWarning, match=told):
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
        ({"x": np.full((3, 1301, 4), 2)}, r"QTDB_train\.mat: x\[0, 0, 0\] = 2: x must be 0 or 1"),
        ({"y": np.full((3, 1301, 6), np.nan)}, r"y\[0, 0, 0\] = nan: y must be 0 or 1"),
        ({"y": np.ones((3, 1301, 6))}, r"y\[0, 0\]: must have one wave at most"),
        ({"y": np.zeros((2, 1301, 6))}, r"3 sequences in x, 2 in y"),
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


def write_mnist(root: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    labels = random.integers(0, 10, count, dtype=np.uint8)
    (root / "mnist").mkdir(exist_ok=True)
    for part in ("train", "t10k"):
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, dtype=">u4").tobytes()
            path = root / "mnist" / f"{part}-{name}-ubyte.gz"
            path.write_bytes(gzip.compress(head + array.tobytes()))
    return images, labels


def test_mnist_is_one_pixel_per_step(tmp_path: Path) -> None:
    images, labels = write_mnist(tmp_path, 5)
    mnist = data.load(SmnistConfig(set="smnist", root=str(tmp_path)))
    assert np.array_equal(mnist.train.x, images.reshape(5, 784, 1))
    assert np.array_equal(mnist.test.labels, labels)
    assert (mnist.bits, mnist.frac, mnist.steps_max) == (8, 8, 784)
    coarse = data.load(SmnistConfig(set="smnist", root=str(tmp_path), bits=3))
    assert np.array_equal(coarse.train.x, images.reshape(5, 784, 1) // 32)
    assert (coarse.bits, coarse.frac) == (3, 3)


def test_mnist_is_permuted_alike_in_every_sample(tmp_path: Path) -> None:
    images, _ = write_mnist(tmp_path, 5)
    order = np.random.RandomState(0).permutation(784)
    np.save(tmp_path / "mnist" / "psmnist_permutation.npy", order.astype(np.int16))
    mnist = data.load(PsmnistConfig(set="psmnist", root=str(tmp_path)))
    assert np.array_equal(mnist.train.x[..., 0], images.reshape(5, 784)[:, order])
    reverse = data.load(PsmnistConfig(set="psmnist", root=str(tmp_path), order="bit_reversal"))
    order = bit_reversal(784)
    assert order[:4].tolist() == [0, 512, 256, 768]
    assert sorted(order) == list(range(784))
    assert np.array_equal(reverse.test.x[..., 0], images.reshape(5, 784)[:, order])
    np.save(tmp_path / "mnist" / "psmnist_permutation.npy", np.zeros(784))
    with pytest.raises(DataError, match=r"permutation\.npy: must hold each of 0 to 783 once"):
        data.load(PsmnistConfig(set="psmnist", root=str(tmp_path)))


def test_damaged_mnist_files_are_refused_by_name(tmp_path: Path) -> None:
    config = SmnistConfig(set="smnist", root=str(tmp_path))
    with pytest.raises(DataError, match=r"train-images.*: no such file.*ossci-datasets"):
        data.load(config)
    write_mnist(tmp_path, 5)
    path = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    for content, message in (
        (whole[:100], "not a complete gzip file"),
        (b"plain", "not a complete gzip file"),
        (gzip.compress(gzip.decompress(whole)[:-1]), "its head says 3936"),
        (gzip.compress(b"text, many words of it"), "not an IDX file of bytes"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=rf"train-images-idx3-ubyte\.gz: .*{message}"):
            data.load(config)


SAMPLES = [([0.0005, 0.0005, 0.0041, 0.2], [3, 4, 4, 699]), ([0.1], [350])]


def write_heidelberg(root: Path, name: str, parts: Sequence[str]) -> None:
    for part in parts:
        path = root / name.upper() / f"{name}_{part}.h5"
        write_spikes(path, SAMPLES, [0, 1], [0, 1], ["yes", "no"])
        Path(f"{path}.zip").touch()


def test_shd_is_read_from_where_tonic_keeps_it(tmp_path: Path) -> None:
    """And its bins are those of tonic's frames, where their width is fixed."""
    from tonic.datasets import SHD
    from tonic.transforms import Compose, Downsample, ToFrame

    write_heidelberg(tmp_path, "shd", ("train", "test"))
    shd = data.load(ShdConfig(set="shd", root=str(tmp_path), bits=4))
    assert shd.labels == ("yes", "no")
    assert shd.valid is None
    width, length = 4000, 250 * 4000  # us
    frames = ToFrame((140, 1, 1), time_window=width, start_time=0, end_time=length)
    theirs = SHD(str(tmp_path), transform=Compose([Downsample(spatial_factor=1 / 5), frames]))
    for i in range(len(SAMPLES)):
        x, label = theirs[i]
        assert np.array_equal(x[:, 0], shd.train.x[i])
        assert label == shd.train.labels[i]


def test_ssc_has_a_validation_set(tmp_path: Path) -> None:
    write_heidelberg(tmp_path, "ssc", ("train", "valid", "test"))
    ssc = data.load(SscConfig(set="ssc", root=str(tmp_path)))
    assert ssc.valid is not None
    assert ssc.valid.x.shape == (2, 300, 140)


def test_tonic_downloads_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tonic.dataset

    config = ShdConfig(set="shd")
    monkeypatch.setenv("RFSSM_DATA", str(tmp_path))

    def offline(url: str, place: str, filename: str, md5: str) -> None:
        Path(place).mkdir(parents=True, exist_ok=True)  # as tonic's own does
        raise OSError("no route to host")

    monkeypatch.setattr(tonic.dataset, "download_and_extract_archive", offline)
    with pytest.raises(DataError, match=r"elsewhere/SHD/shd_train\.h5: .*never into data\.root"):
        data.load(ShdConfig(set="shd", root=str(tmp_path / "elsewhere")))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match=r"shd_train\.h5: .*no route to host.*zenkelab\.org"):
        data.load(config)
    assert list(tmp_path.iterdir()) == []

    def online(url: str, place: str, filename: str, md5: str) -> None:
        path = Path(place) / filename.removesuffix(".zip")
        write_spikes(path, SAMPLES, [0, 1], [0, 1], ["yes", "no"])

    monkeypatch.setattr(tonic.dataset, "download_and_extract_archive", online)
    assert len(data.load(config).test) == 2


def write_words(root: Path, clips: dict[str, np.ndarray], valid: str, test: str) -> None:
    place = root / "speech_commands_v0.02"
    for name, audio in clips.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        scipy.io.wavfile.write(path, 16_000, audio)
    (place / "validation_list.txt").write_text(valid)
    (place / "testing_list.txt").write_text(test)


def test_speech_commands_follow_the_published_lists(tmp_path: Path) -> None:
    random = np.random.default_rng(0)

    def clip(count: int = 16_000) -> np.ndarray:
        return random.integers(-9999, 9999, count).astype(np.int16)

    clips = {f"{word}/{k}.wav": clip() for word in ("yes", "no") for k in range(3)}
    clips |= {"yes/short.wav": clip(300), "_background_noise_/hum.wav": clip(50_000)}
    write_words(tmp_path, clips, valid="yes/1.wav\nno/1.wav", test="yes/2.wav\nno/2.wav\n")
    gsc = data.load(GscConfig(set="gsc", root=str(tmp_path)))
    assert gsc.labels == ("no", "yes")
    assert gsc.train.labels.tolist() == [0, 1, 1]
    assert gsc.train.steps.tolist() == [98, 98, 1]
    assert gsc.valid is not None
    assert len(gsc.valid) == len(gsc.test) == 2
    assert (gsc.bits, gsc.frac, gsc.signed, gsc.channels) == (8, 6, True, 40)
    (tmp_path / "speech_commands_v0.02" / "no" / "0.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"no/0\.wav: not a complete WAV file"):
        data.load(GscConfig(set="gsc", root=str(tmp_path)))


def test_mel_words_hear_nothing_of_the_future() -> None:
    audio = np.random.default_rng(0).integers(-9999, 9999, 16_000).astype(np.int16)
    words = mel_words(audio, 8)
    assert words.shape == (98, 40)
    frames = 1 + (5000 - 400) // 160
    assert np.array_equal(mel_words(audio[:5000], 8), words[:frames])


def test_mel_words_are_octaves_above_the_floor() -> None:
    silence = mel_words(np.zeros(16_000, dtype=np.int16), 8)
    assert (silence == (6 - 20) / 8 * 64).all()
    t = np.arange(16_000) / 16_000
    tone = (2000 * np.sin(2 * np.pi * 1000 * t)).astype(np.int16)
    loud, soft = mel_words(tone, 8)[0], mel_words(tone // 4, 8)[0]
    assert loud.argmax() == np.abs(_mel_centres() - 1000).argmin()
    assert int(loud.max()) - int(soft.max()) == 4 / 8 * 64  # octaves of energy
    assert abs(mel_words(tone, 5)[0].max() - loud.max() / 8) <= 0.5 + 1 / 16


def _mel_centres() -> np.ndarray:
    edges = np.linspace(1127 * np.log1p(20 / 700), 1127 * np.log1p(8000 / 700), 42)
    return 700 * np.expm1(edges[1:-1] / 1127)


def test_signed_words_cannot_be_mixed_by_their_spikes() -> None:
    split = data.Split(np.ones((4, 9, 2), np.int8), np.full(4, 9), np.arange(4))
    with pytest.raises(RecipeError, match=r"augmentation\.cutmix = 0\.3: must be 0"):
        Epoch(split, 4, 2, AugmentationConfig(), seed=0, epoch=0)


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
        ([0.1, 0.2], [3, 700], 0, r"sample 1: units\[1\] = 700: .* below 700"),
        ([0.2, -0.1], [3, 3], 0, r"sample 1: times\[1\] = -0\.09.*: times must be .* not negative"),
        ([float("nan")], [3], 0, r"sample 1: times\[0\] = nan: times must be finite"),
        ([float("inf")], [3], 0, r"sample 1: times\[0\] = inf: times must be finite"),
        ([0.1, 0.2], [3], 0, "sample 1: 2 times and 1 units, must be as many"),
        ([0.1], [3], 10, r"labels\[1\] = 10: must be between 0 and 9: 10 classes, counted from 0"),
    ],
)
def test_spike_values_out_of_range_are_refused(
    tmp_path: Path, times: list[float], units: list[int], label: int, message: str
) -> None:
    write_spikes(tmp_path / "a.h5", [([0.5], [5]), (times, units)], [0, label])
    with pytest.raises(DataError, match=rf"a\.h5: {message}"):
        data.read_spikes(tmp_path / "a.h5", FSDD, 10)


def test_a_file_without_any_spike_is_warned_of_when_it_is_read(tmp_path: Path) -> None:
    write_spikes(tmp_path / "a.h5", [([], []), ([], [])], [0, 1])
    with pytest.warns(DataWarning, match=r"a\.h5: holds no spike, all its samples are empty"):
        data.read_spikes(tmp_path / "a.h5", FSDD, 10)


WIDTHS = (0.1, 0.25, 0.3, 0.5, 0.7, 1.0, 1 / 3, 2.0, 3.0, 3.90625, 4.0, 5.6, 7.5, 10.0)


@pytest.mark.parametrize("kind", "bBhHiIqQ")
def test_units_may_be_of_every_integer_type(kind: str) -> None:
    x, steps = spikes._binned(np.array([0.1]), np.array([7], dtype=kind), FSDD)
    assert np.argwhere(x).tolist() == [[25, 1]]
    assert steps == 28


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [partial(FsddConfig, set="fsdd"), partial(ShdConfig, set="shd")])
def test_a_spike_on_an_edge_belongs_to_the_bin_that_begins_there(
    make: Callable[..., SpikesConfig], dtype: type[np.floating]
) -> None:
    """However the time of the edge was computed."""
    k = np.arange(1000)
    for width in WIDTHS:
        config = make(bin_ms=width, steps_max=1000)
        for time in (k * width / 1000, k / (1000 / width), k * (width / 1000)):
            x, _ = spikes._binned(time.astype(dtype), 5 * (k % 140), config)
            assert np.array_equal(np.argwhere(x), np.stack([k, k % 140], 1)), width


def test_bins_are_those_of_a_device_that_counts_ticks() -> None:
    """Half milliseconds, as in the files of fsdd: exact in half precision up to a second."""
    k = np.arange(2000)
    for dtype in (np.float16, np.float32, np.float64):
        x, _ = spikes._binned(
            (k / 2000).astype(dtype), np.zeros_like(k), FsddConfig(set="fsdd", bits=4)
        )
        assert x[:, 0].tolist() == [8] * 250
        time = (k / 2000).astype(dtype)
        one = [spikes._binned(time[i : i + 1], np.zeros(1, int), FSDD)[0][:, 0].argmax() for i in k]
        assert one == (k // 8).tolist()


@pytest.mark.parametrize(
    ("config", "tick", "ticks"),
    [
        (FSDD, Fraction(1, 2), 8),
        (GscSpikesConfig(set="gsc_spikes", bin_ms=5.6), Fraction(1, 10), 56),
        (ShdConfig(set="shd"), Fraction(1, 1000), 4000),
        (SscConfig(set="ssc", bin_ms=1 / 3), Fraction(1, 3000), 1000),
        (FsddConfig(set="fsdd", tick_ms=0.01), Fraction(1, 100), 400),
    ],
)
def test_a_bin_is_a_whole_number_of_ticks(config: SpikesConfig, tick: Fraction, ticks: int) -> None:
    assert (config.tick, config.ticks_per_bin) == (tick, ticks)
    assert type(config).model_validate(config.model_dump()) == config


def test_a_bin_of_no_whole_number_of_ticks_is_refused() -> None:
    with pytest.raises(
        ValidationError, match=r"bin_ms = 3\.3: .* whole number of ticks, tick_ms = 0\.5"
    ):
        FsddConfig(set="fsdd", bin_ms=3.3, tick_ms=0.5)


def test_times_between_ticks_are_told(tmp_path: Path) -> None:
    write_spikes(tmp_path / "a.h5", [([0.1, 0.5], [1, 2]), ([0.0, 0.0039], [3, 4])], [0, 1])
    told = r"a\.h5: 1 of 4 spikes \(25 %\) lie between ticks of 0\.5 ms, .*0\.0039.* in sample 1"
    with pytest.warns(DataWarning, match=told + r".*data\.tick_ms"):
        split = data.read_spikes(tmp_path / "a.h5", FSDD, 10)
    assert np.argwhere(split.x[1]).tolist() == [[0, 0], [1, 0]]  # 3.9 ms is nearest to tick 8
    write_spikes(
        tmp_path / "a.h5", [([0.1, 0.5], [1, 2]), ([0.0, 0.0039], [3, 4])], [0, 1], dtype="f4"
    )
    fine = data.read_spikes(tmp_path / "a.h5", FsddConfig(set="fsdd", tick_ms=0.1), 10)
    assert fine.x[1, 0, 0] == 1
    assert fine.x[1].sum() == 1
    shd = data.read_spikes(tmp_path / "a.h5", ShdConfig(set="shd"), 10)  # whose clock is not known
    assert np.array_equal(shd.x[1], fine.x[1])


def test_times_too_coarse_for_their_ticks_are_told(tmp_path: Path) -> None:
    """32-bit numbers are two microseconds apart from 16 s on."""
    config = ShdConfig(set="shd", bin_ms=20, steps_max=1000)
    write_spikes(tmp_path / "a.h5", [([0.1, 15.9], [1, 2]), ([16.02], [3])], [0, 1], dtype="f4")
    told = r"a\.h5: 1 of 3 spikes \(33 %\) are so late .* ticks of 0\.001 ms apart.*data\.tick_ms"
    with pytest.warns(DataWarning, match=told):
        data.read_spikes(tmp_path / "a.h5", config, 10)
    ours = ShdConfig(set="shd", bin_ms=20, steps_max=1000, tick_ms=1)
    assert data.read_spikes(tmp_path / "a.h5", ours, 10).x[1, 801, 0] == 1
    write_spikes(tmp_path / "b.h5", [([0.1, 15.9], [1, 2]), ([16.02], [3])], [0, 1], dtype="f8")
    assert data.read_spikes(tmp_path / "b.h5", config, 10).x[1, 801, 0] == 1


CLIPS = [([0.1, 0.15, 0.3005], [1, 2, 3]), ([0.0, 0.05, 0.4], [4, 5, 6])]
NO_SECONDS: dict[str, Callable[[int, np.ndarray], np.ndarray]] = {
    "milliseconds": lambda i, t: t * 1e3,
    "microseconds": lambda i, t: t * 1e6,
    "ticks": lambda i, t: np.rint(t * 2000),
    "slow ticks": lambda i, t: np.rint(t * 20),
    "one sample in milliseconds": lambda i, t: t * 1e3 if i else t,
    "none within": lambda i, t: t + 1.5,
}


@pytest.mark.parametrize("case", NO_SECONDS)
def test_times_that_are_no_seconds_are_refused(tmp_path: Path, case: str) -> None:
    wrong = [(list(NO_SECONDS[case](i, np.array(t))), u) for i, (t, u) in enumerate(CLIPS)]
    latest = max(t for times, _ in wrong for t in times)
    write_spikes(tmp_path / "a.h5", wrong, [0, 1], dtype=np.float64)
    said = rf"sample 1: largest time {latest:g}, but 250 bins of 4 ms end at 1 s.*must be seconds"
    with pytest.raises(DataError, match=said.replace("+", r"\+")):
        data.read_spikes(tmp_path / "a.h5", FSDD, 10)
    write_spikes(tmp_path / "a.h5", CLIPS, [0, 1], dtype=np.float64)
    assert data.read_spikes(tmp_path / "a.h5", FSDD, 10).x.sum() == 6


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, -1, 10]), r"labels\[1\] = -1: must be between 0 and 9"),
        (np.array([1, 9, 10], np.uint16), r"labels\[2\] = 10: .*counted from 0"),
        (np.array([[0], [1], [2]]), "labels: 2 dimensions, must be 1"),
        (np.eye(3, dtype=np.uint8), "labels: 2 dimensions, must be 1"),
        (np.array([0, 1.5, 2]), r"labels: dtype float64, must be integers \(labels\[1\] = 1\.5\)"),
        (np.array([0, 1, np.nan], "f4"), r"float32, must be integers \(labels\[2\] = nan\)"),
        (np.array([0.0, 1, 2]), r"float64, must be integers \(each of its values is one"),
        (np.array([b"0", b"1", b"2"]), r"labels: dtype \|S1, must be integers"),
        (np.array([True, False, True]), "labels: dtype bool, must be integers"),
        (np.array([0, 1]), "3 times, 3 units, 2 labels"),
    ],
)
def test_labels_that_are_no_class_numbers_are_refused(
    tmp_path: Path, labels: np.ndarray, message: str
) -> None:
    path = tmp_path / "a.h5"
    write_spikes(path, [([0.1], [5])] * 3, [0, 1, 2])
    with h5py.File(path, "a") as file:
        del file["labels"]
        file["labels"] = labels
    with pytest.raises(DataError, match=rf"a\.h5: .*{message}"):
        data.read_spikes(path, FSDD, 10)


def test_types_and_order_of_a_file_do_not_matter(tmp_path: Path) -> None:
    write_spikes(tmp_path / "a.h5", CLIPS, [0, 1], dtype=np.float64)
    plain = data.read_spikes(tmp_path / "a.h5", FSDD, 10)
    backwards = [(t[::-1], u[::-1]) for t, u in CLIPS]
    for i, dtype in enumerate((np.float16, np.float32)):
        write_spikes(tmp_path / f"{i}.h5", backwards, [0, 1], dtype=dtype)
        with h5py.File(tmp_path / f"{i}.h5", "a") as file:
            del file["labels"]
            file["labels"] = np.array([0, 1], ">i8")
        assert data.read_spikes(tmp_path / f"{i}.h5", FSDD, 10).digest() == plain.digest(), dtype


def test_rows_that_h5py_misreads_are_refused(tmp_path: Path) -> None:
    write_spikes(tmp_path / "a.h5", CLIPS, [0, 1], dtype=">f4")
    with pytest.raises(DataError, match=r"a\.h5: spikes/times: rows of >f4: .* byte order, <f4"):
        data.read_spikes(tmp_path / "a.h5", FSDD, 10)
    write_spikes(tmp_path / "a.h5", CLIPS, [0, 1], dtype=np.int64)
    with pytest.raises(DataError, match=r"times: rows of int64, .* real numbers, in seconds"):
        data.read_spikes(tmp_path / "a.h5", FSDD, 10)


def test_speakers_must_be_as_many_as_samples(tmp_path: Path) -> None:
    for part in ("train", "test"):
        path = tmp_path / "fsdd" / f"fsdd_spikes_{part}.h5"
        write_spikes(path, [([0.1], [5])] * 3, [0, 1, 2], [0, 1])
    with pytest.raises(DataError, match=r"train\.h5: extra/speaker: 2 entries, must be 3"):
        data.load(FsddConfig(set="fsdd", root=str(tmp_path), speaker="jackson"))


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
    threads = list(Ahead(Epoch(split, 10, 8, AugmentationConfig(), seed=3, epoch=5), threads=2))
    for one, other, third in zip(forwards, reversed(backwards), threads, strict=True):
        assert np.array_equal(one.x, third.x)
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


@pytest.mark.data
def test_mnist_files_are_read_whole(data_root: Path) -> None:
    row = data.load(SmnistConfig(set="smnist", root=str(data_root)))
    assert row.train.x.shape == (60_000, 784, 1)
    assert row.test.x.shape == (10_000, 784, 1)
    assert row.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert round(float(row.train.x.mean()), 1) == 33.3
    mixed = data.load(PsmnistConfig(set="psmnist", root=str(data_root)))
    assert np.array_equal(np.sort(mixed.test.x[:9], 1), np.sort(row.test.x[:9], 1))


@pytest.mark.data
def test_spikes_of_speech_commands_may_be_silent(data_root: Path) -> None:
    with pytest.warns(DataWarning) as told:
        gsc = data.load(GscSpikesConfig(set="gsc_spikes", root=str(data_root)))
    first = "train.h5: 31 of 1,407,867 spikes (0.0022 %) are left out: 250 bins of 4 ms end at 1 s"
    assert first in str(told[0].message)
    assert gsc.labels == ("bed", "cat", "happy")
    assert gsc.valid is not None
    for split, count, silent in ((gsc.train, 900, 2), (gsc.valid, 554, 1), (gsc.test, 522, 1)):
        assert len(split) == count
        assert ((split.x.sum((1, 2)) == 0) & (split.steps == 1)).sum() == silent


@pytest.mark.data
@pytest.mark.parametrize(("subset", "train", "test"), [("gsc3", 900, 522), ("gsc30", 205, 51)])
def test_mel_words_of_speech_commands(data_root: Path, subset: str, train: int, test: int) -> None:
    config = GscConfig.model_validate({"set": "gsc", "subset": subset, "root": str(data_root)})
    gsc = data.load(config)
    assert (len(gsc.train), len(gsc.test)) == (train, test)
    heard = gsc.train.x[gsc.train.steps == 98]
    assert -40 < heard.mean() < 0
    assert 45 < heard.std() < 60


@pytest.mark.data
@pytest.mark.parametrize("name", ["shd", "ssc"])
def test_real_files_of_the_layout_are_read_through_tonic(
    data_root: Path, tmp_path: Path, name: str
) -> None:
    parts = ("train", "test") if name == "shd" else ("train", "valid", "test")
    origin = "fsdd/fsdd_spikes" if name == "shd" else "speech_commands/gsc3_spikes"
    (tmp_path / name.upper()).mkdir()
    for part in parts:
        path = tmp_path / name.upper() / f"{name}_{part}.h5"
        path.symlink_to(data_root / f"{origin}_{part}.h5")
    config = ShdConfig(set="shd") if name == "shd" else SscConfig(set="ssc")
    spikes = data.load(config.model_copy(update={"root": str(tmp_path)}))
    assert (spikes.valid is not None) == (name == "ssc")
    assert spikes.channels == 140
    assert 0.01 < spikes.train.x.mean() < 0.1
