"""Speech as spikes of 700 units, in the file layout of SHD."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, get_args
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rfssm.arrays import check_classes, class_numbers, integers
from rfssm.errors import DataError
from rfssm.model.data import files
from rfssm.model.data.split import Data, DataWarning, Split, class_name, join
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
MAX_SPANS = 20  # later times are not in seconds


def fsdd(config: FsddConfig) -> Data:
    """Spoken digits: the official split, or one speaker against the five others."""
    paths = [files.find(config, f"fsdd/fsdd_spikes_{part}.h5") for part in ("train", "test")]
    train, test = (read_spikes(path, config, classes=10) for path in paths)
    if config.speaker is not None:
        both, people = (
            join([train, test]),
            np.concatenate(
                [
                    _speakers(path, len(part))
                    for path, part in zip(paths, (train, test), strict=True)
                ]
            ),
        )
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
    """Return data with the class names that the files give."""
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

    A sample ends two bins after its last spike; one without spikes lasts one step.  Raises
    DataError, naming the first sample at fault; a DataWarning counts spikes that are left out, and
    times that the set's clock cannot have counted.
    """
    with (
        files.open_hdf5(path, "spikes/times", "spikes/units", "labels") as file,
        files.naming(path),
    ):
        times = _rows(file["spikes/times"], "f", "real numbers, in seconds")
        units = _rows(file["spikes/units"], "iu", "integers")
        labels = class_numbers(file["labels"][:], DataError, 1)
        if not len(times) == len(units) == len(labels):
            raise DataError(f"{len(times)} times, {len(units)} units, {len(labels)} labels")
        if not len(labels):
            raise DataError("holds no sample")
        steps = np.ones(len(labels), dtype=np.int64)
        check_classes(labels, steps, classes, DataError)
        x = np.zeros((len(labels), config.steps_max, CHANNELS), dtype=np.uint8)
        seen = _Times(config)
        for i, (time, unit) in enumerate(zip(_pieces(times), _pieces(units), strict=True)):
            if fault := _fault(time, unit):
                raise DataError(f"sample {i}: {fault}")
            seen.add(i, time)
            x[i], steps[i] = _binned(time, unit, config)
        for warning in seen.judge():
            warnings.warn(f"{path}: {warning}", DataWarning, stacklevel=2)
    return Split(x, steps, labels)


def _rows(rows: Any, kinds: str, meaning: str) -> Any:
    """Return a data set after a check that it holds rows of different lengths."""
    import h5py

    kind = h5py.check_vlen_dtype(rows.dtype)
    if not isinstance(kind, np.dtype) or kind.kind not in kinds or rows.ndim != 1:
        found = f"rows of {kind}" if kind else f"{rows.dtype} of shape {list(rows.shape)}"
        raise DataError(f"{rows.name[1:]}: {found}, must be one row of {meaning} for each sample")
    if not kind.isnative:  # h5py takes such rows, and only rows, for the machine's own
        raise DataError(
            f"{rows.name[1:]}: rows of {kind}: must be in this machine's byte order, "
            f"{kind.newbyteorder('=').str}, because h5py misreads rows in the other one"
        )
    return rows


def _pieces(rows: Any) -> Iterator[NDArray[Any]]:
    """Yield the rows, a few of which are in memory at once."""
    for start in range(0, len(rows), CHUNK):
        yield from rows[start : start + CHUNK]


def _fault(time: NDArray[np.floating], unit: NDArray[np.integer]) -> str | None:
    if len(time) != len(unit):
        return f"{len(time)} times and {len(unit)} units, must be as many"
    bad = np.flatnonzero(~np.isfinite(time) | (time < 0))
    if len(bad):
        return f"times[{bad[0]}] = {time[bad[0]]}: times must be finite and not negative"
    bad = np.flatnonzero((unit < 0) | (unit >= UNITS))
    if len(bad):
        return f"units[{bad[0]}] = {unit[bad[0]]}: unit must be from 0, and below {UNITS}"
    return None


class _Times:
    """Statistics over all times of a file."""

    def __init__(self, config: SpikesConfig) -> None:
        self.config = config
        self.end = config.steps_max * config.ticks_per_bin
        self.tick = float(config.tick / 1000)  # seconds
        self.span = float(self.end * config.tick / 1000)  # seconds
        self.clocked = config.tick_ms is not None or config.clock_ms is not None
        self.spikes = self.late = self.between = self.coarse = 0
        self.whole = True
        self.latest, self.where = -1.0, 0
        self.example = ""

    def add(self, i: int, time: NDArray[np.floating]) -> None:
        """Add the times of sample i to the statistics."""
        if not len(time):
            return
        self.spikes += len(time)
        late = _ticks(time, self.config) == self.end
        self.late += int(late.sum())
        if (
            self.clocked or time.dtype != np.float16
        ):  # files of unknown clocks often are that coarse
            self.coarse += int((np.spacing(time[~late]) > self.tick).sum())
        self.whole = self.whole and bool((time == np.floor(time)).all())
        if time.max() > self.latest:
            self.latest, self.where = float(time.max()), i
        if self.clocked:
            self._compare_clock(i, time)

    def _compare_clock(self, i: int, time: NDArray[np.floating]) -> None:
        """Count times between ticks, with a tolerance of half precision, the coarsest in files."""
        with np.errstate(over="ignore"):  # beyond 65,504 s
            ticks = (np.rint(time.astype(np.float64) / self.tick) * self.tick).astype(np.float16)
            off = np.flatnonzero(ticks != time.astype(np.float16))
        if len(off) and not self.between:
            self.example = f"{time[off[0]]:.6g} s in sample {i}"
        self.between += len(off)

    def judge(self) -> Iterator[str]:
        """Yield warnings of doubtful times; raise DataError for times that cannot be seconds."""
        config = self.config
        if not self.spikes:
            yield "holds no spike, all its samples are empty"
        allowed = f"{config.steps_max} bins of {config.bin_ms:g} ms end at {self.span:g} s"
        if self.late and (
            self.late == self.spikes or self.whole or self.latest >= MAX_SPANS * self.span
        ):
            kind = ", and all times are whole numbers, as of ticks" if self.whole else ""
            raise DataError(
                f"sample {self.where}: largest time {self.latest:g}, but {allowed}{kind}; times "
                "must be seconds: divide milliseconds by 1,000, microseconds by 1,000,000, ticks "
                "by their rate; or raise data.steps_max if they are"
            )
        if self.late:
            yield (
                f"{_share(self.late, self.spikes)} are left out: {allowed}, the last spike is at "
                f"{self.latest:g} s (sample {self.where}); to keep them raise data.steps_max"
            )
        if self.between:
            yield (
                f"{_share(self.between, self.spikes)} lie between ticks of "
                f"{1000 * self.tick:g} ms, the first at {self.example}, and are rounded to the "
                "nearest; if another clock counted them set data.tick_ms"
            )
        if self.coarse:
            yield (
                f"{_share(self.coarse, self.spikes)} are so late that their floating-point times "
                f"do not tell ticks of {1000 * self.tick:g} ms apart, and those on the edge of a "
                "bin may lie in the one before; set data.tick_ms to the clock that counted them"
            )


def _share(part: int, spikes: int) -> str:
    return f"{part:,} of {spikes:,} spikes ({100 * part / spikes:.2g} %)"


def _binned(
    time: NDArray[np.floating], unit: NDArray[np.integer], config: SpikesConfig
) -> tuple[NDArray[np.uint8], int]:
    """Counts (T, C), and how many steps the sample lasts."""
    bins = _ticks(time, config) // config.ticks_per_bin
    inside = bins < config.steps_max
    cell = bins[inside] * CHANNELS + unit[inside].astype(np.int64) // GROUP
    counts = np.bincount(cell, minlength=config.steps_max * CHANNELS)
    most = 2**config.bits - 1
    steps = min(int(bins.max()) + 1 + TAIL, config.steps_max) if len(bins) else 1
    return np.minimum(counts, most).astype(np.uint8).reshape(-1, CHANNELS), steps


def _ticks(time: NDArray[np.floating], config: SpikesConfig) -> NDArray[np.int64]:
    """Round times to ticks, ties to even; later times become the tick where the bins end.

    From here on a spike's place is computed in integers.
    """
    with np.errstate(over="ignore"):
        ticks = np.rint(time.astype(np.float64) * float(1000 / config.tick))
    return np.minimum(ticks, config.steps_max * config.ticks_per_bin).astype(np.int64)


def _speakers(path: Path, count: int) -> NDArray[np.integer]:
    """Return the speaker of every sample."""
    with files.open_hdf5(path, "extra/speaker") as file, files.naming(path):
        speakers = integers("extra/speaker", file["extra/speaker"][:], 1, DataError)
        if len(speakers) != count:
            raise DataError(
                f"extra/speaker: {len(speakers)} entries, must be {count}, one per sample"
            )
    return speakers
