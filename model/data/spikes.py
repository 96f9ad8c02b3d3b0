"""Speech as spikes of 700 units, in the file layout of SHD."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import get_args
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rfssm.model.data import files
from rfssm.model.data.split import Data, Split, class_name, join
from rfssm.model.errors import DataError
from rfssm.model.recipe import (
    FsddConfig,
    FsddSpeaker,
    GscSpikesConfig,
    ShdConfig,
    SpikesConfig,
    SscConfig,
)

UNITS = 700
GROUP = 5  # units per channel
CHANNELS = UNITS // GROUP
TAIL = 2  # bins after the last spike
CHUNK = 1024  # samples read at once


def fsdd(config: FsddConfig) -> Data:
    """Spoken digits: the official split, or one speaker against the five others."""
    paths = [files.find(config, f"fsdd/fsdd_spikes_{part}.h5") for part in ("train", "test")]
    train, test = (read_spikes(path, config, classes=10) for path in paths)
    if config.speaker is not None:
        both, people = join([train, test]), np.concatenate([_speakers(path) for path in paths])
        names = get_args(FsddSpeaker)
        own = people == names.index(config.speaker)
        if own.all() or not own.any():
            found = ", ".join(names[k] for k in np.unique(people) if k < len(names))
            raise DataError(
                f"data.speaker = {config.speaker}: must be one of several; {paths[0].parent} "
                f"has {found}"
            )
        train, test = both.take(~own), both.take(own)
    return _data(config, [str(digit) for digit in range(10)], train, test)


def gsc(config: GscSpikesConfig) -> Data:
    """Three words of Speech Commands."""
    train, valid, test = (
        files.find(config, f"speech_commands/gsc3_spikes_{part}.h5")
        for part in ("train", "valid", "test")
    )
    return _named(config, train, test, valid)


def heidelberg(config: ShdConfig | SscConfig) -> Data:
    """SHD or SSC.  SSC takes 4.4 GB of memory; SHD has no validation set."""
    valid = _downloaded(config, "valid") if isinstance(config, SscConfig) else None
    return _named(config, _downloaded(config, "train"), _downloaded(config, "test"), valid)


def _downloaded(config: ShdConfig | SscConfig, part: str) -> Path:
    """A file where tonic keeps it, downloaded by tonic where it is missing.

    Only its place is taken from tonic: ``tonic.transforms.ToFrame`` makes the same bins (tested)
    at 25 times the time, and its ``n_time_bins`` depend on how long the sample will be.
    """
    name = config.set.upper()
    root = files.root(config, f"{name}/{config.set}_{part}.h5, or shall hold it after a download")
    path = root / name / f"{config.set}_{part}.h5"
    if not files.is_file(path):
        if files.download_root(config) is None:
            raise DataError(
                f"{path}: no such file; tonic downloads it into the folder that the environment "
                "variable RFSSM_DATA names, never into data.root"
            )
        import tonic

        try:
            if isinstance(config, ShdConfig):
                tonic.datasets.SHD(save_to=str(root), train=part == "train")
            else:
                tonic.datasets.SSC(save_to=str(root), split=part)
        except (OSError, RuntimeError, BadZipFile) as error:
            with suppress(OSError):  # it is not empty
                (root / name).rmdir()
            raise DataError(
                f"{path}: no such file, and tonic cannot download it ({error}); it comes from "
                f"zenkelab.org/datasets/{path.name}.zip; remove what a broken download has left"
            ) from None
    return path


def _named(config: SpikesConfig, train: Path, test: Path, valid: Path | None) -> Data:
    """Files that say what their classes are called."""
    with files.open_hdf5(train, "extra/keys") as file:
        labels = [class_name(train, key) for key in file["extra/keys"][:]]
    read = partial(read_spikes, config=config, classes=len(labels))
    return _data(config, labels, read(train), read(test), read(valid) if valid else None)


def _data(
    config: SpikesConfig, labels: list[str], train: Split, test: Split, valid: Split | None = None
) -> Data:
    return Data(config.bits, 0, config.steps_max, tuple(labels), train, test, valid=valid)


def read_spikes(path: Path, config: SpikesConfig, classes: int) -> Split:
    """Read a file in the layout of SHD: spikes per bin and channel of five units, saturated.

    A sample ends two bins after its last spike; one without spikes lasts one step.
    """
    with files.open_hdf5(path, "spikes/times", "spikes/units", "labels") as file:
        times, units = file["spikes/times"], file["spikes/units"]
        labels = file["labels"][:].astype(np.int64)
        if not len(times) == len(units) == len(labels):
            raise DataError(f"{path}: {len(times)} times, {len(units)} units, {len(labels)} labels")
        if not len(labels):
            raise DataError(f"{path}: holds no sample")
        if labels.ndim != 1 or labels.min() < 0 or labels.max() >= classes:
            raise DataError(f"{path}: labels = {labels.max()}: must be 0 to {classes - 1}")
        x = np.zeros((len(labels), config.steps_max, CHANNELS), dtype=np.uint8)
        steps = np.ones(len(labels), dtype=np.int64)
        for start in range(0, len(labels), CHUNK):
            samples = zip(times[start : start + CHUNK], units[start : start + CHUNK], strict=True)
            for i, (time, unit) in enumerate(samples, start):
                if fault := _fault(time, unit):
                    raise DataError(f"{path}: sample {i}: {fault}")
                x[i], steps[i] = _binned(time, unit, config)
    return Split(x, steps, labels)


def _fault(time: NDArray[np.floating], unit: NDArray[np.integer]) -> str | None:
    if time.dtype.kind != "f" or unit.dtype.kind not in "iu":
        return f"times are {time.dtype} and units {unit.dtype}, must be real numbers and integers"
    if len(time) != len(unit) or not np.isfinite(time).all() or (time < 0).any():
        return "times must be finite, not negative, one per unit"
    if len(unit) and (unit.min() < 0 or unit.max() >= UNITS):
        return f"unit {unit.max()}, must be below {UNITS}"
    return None


def _binned(
    time: NDArray[np.floating], unit: NDArray[np.integer], config: SpikesConfig
) -> tuple[NDArray[np.uint8], int]:
    """Counts (T, C), and how many steps the sample lasts."""
    place = np.floor(time.astype(np.float64) / (config.bin_ms / 1000))
    bins = np.minimum(place, config.steps_max).astype(np.int64)
    inside = bins < config.steps_max
    cell = bins[inside] * CHANNELS + unit[inside] // GROUP
    counts = np.bincount(cell, minlength=config.steps_max * CHANNELS)
    most = 2**config.bits - 1
    steps = min(int(bins.max()) + 1 + TAIL, config.steps_max) if len(bins) else 1
    return np.minimum(counts, most).astype(np.uint8).reshape(-1, CHANNELS), steps


def _speakers(path: Path) -> NDArray[np.integer]:
    with files.open_hdf5(path, "extra/speaker") as file:
        speakers: NDArray[np.integer] = file["extra/speaker"][:]
    return speakers
