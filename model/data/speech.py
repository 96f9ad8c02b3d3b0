"""Speech Commands as log-mel energies: a signed word per band and frame of 10 ms."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rfssm.arrays import check_classes, check_range, class_numbers, integers
from rfssm.errors import DataError, one_line
from rfssm.model.data import files
from rfssm.model.data.split import Data, Split, class_name
from rfssm.model.recipe import GscConfig

RATE = 16_000
WINDOW = 400  # 25 ms
HOP = 160  # 10 ms
FFT = 512
BANDS = 40
LOWEST = 20.0  # Hz, where the first band begins
STEPS = 1 + (RATE - WINDOW) // HOP
FLOOR = 2.0**-20  # energy added to every band
MIDDLE = -6  # log2 of the energy that is worth zero
OCTAVES = 8  # of energy, that a value of one stands for
ORIGIN = "download.tensorflow.org/data/speech_commands_v0.02.tar.gz"

Clip = tuple[NDArray[np.int8], int]
"""Words of a clip (frames, BANDS), and its class."""


def load(config: GscConfig) -> Data:
    """Words of ``bits`` worth (6 + log2(energy + 2^-20)) / 8, from -2 to below 2.

    The energy is that of full-scale samples at 1 under a Hann window of 25 ms.  A frame is complete
    when its last sample has been heard, and nothing is normalised by what comes later.
    """
    if config.subset == "full":
        words, parts = _folder(config)
    else:
        words, parts = _subset(config)
    train, valid, test = (_split(clips) for clips in parts)
    return Data(config.bits, config.bits - 2, STEPS, words, train, test, valid=valid, signed=True)


def _subset(config: GscConfig) -> tuple[tuple[str, ...], list[list[Clip]]]:
    """An HDF5 file of clips: audio, length, labels, split, words."""
    path = files.find(config, f"speech_commands/{config.subset}_audio.h5")
    with files.open_hdf5(path, "audio", "length", "labels", "split", "words") as file:
        words = tuple(class_name(path, word) for word in file["words"][:])
        with files.naming(path):
            audio = _sound(file["audio"][:], 2)
            length, split = (
                integers(name, file[name][:], 1, DataError) for name in ("length", "split")
            )
            labels = class_numbers(file["labels"][:], DataError, 1)
            if not len(audio) == len(length) == len(labels) == len(split):
                raise DataError(
                    f"{len(audio)} clips in audio, {len(length)} in length, {len(labels)} in "
                    f"labels, {len(split)} in split: must be as many"
                )
            check_classes(labels, length, len(words), DataError)
            check_range("length", length, 0, min(audio.shape[1], RATE), DataError, ", samples")
            check_range("split", split, 0, 2, DataError, ": train, valid, test")
    clips = [
        (mel_words(a[:n], config.bits), int(k))
        for a, n, k in zip(audio, length, labels, strict=True)
    ]
    parts = [[clips[i] for i in np.flatnonzero(split == part)] for part in range(3)]
    if not all(parts):
        raise DataError(f"{path}: split: must name clips of 0 (train), 1 (valid) and 2 (test)")
    return words, parts


def _folder(config: GscConfig) -> tuple[tuple[str, ...], list[list[Clip]]]:
    """The folder of the published archive, version 0.02: 35 words, a file per clip."""
    lists = [
        files.find(config, f"speech_commands_v0.02/{part}_list.txt", ORIGIN)
        for part in ("validation", "testing")
    ]
    valid, test = (set(path.read_text(errors="replace").split()) for path in lists)
    place = lists[0].parent
    words = tuple(
        sorted(
            class_name(p, p.name)
            for p in place.iterdir()
            if p.is_dir() and not p.name.startswith("_")
        )
    )
    parts: list[list[Clip]] = [[], [], []]
    for label, word in enumerate(words):
        for path in sorted((place / word).glob("*.wav")):
            name = f"{word}/{path.name}"
            part = 1 if name in valid else 2 if name in test else 0
            parts[part].append((mel_words(_read_wav(path)[:RATE], config.bits), label))
    if not all(parts):
        raise DataError(f"{place}: must hold clips of training, validation and testing")
    return words, parts


def _read_wav(path: Path) -> NDArray[np.int16]:
    from scipy.io import wavfile

    try:
        rate, audio = wavfile.read(path)
    except Exception as error:  # damage makes the reader raise almost anything
        raise DataError(f"{path}: not a complete WAV file ({one_line(error)})") from None
    if rate != RATE:
        raise DataError(f"{path}: {rate} samples per second, must be {RATE}")
    with files.naming(path):
        return _sound(audio, 1)


def _sound(audio: NDArray[Any], dimensions: int) -> NDArray[np.int16]:
    """Samples of 16 bits, clips in rows if there are two dimensions."""
    whole = integers("audio", audio, dimensions, DataError)
    if whole.dtype != np.int16:
        raise DataError(f"audio: dtype {audio.dtype}, must be 16-bit samples of one channel")
    return whole.astype(np.int16, copy=False)


def _split(clips: list[Clip]) -> Split:
    x = np.zeros((len(clips), STEPS, BANDS), dtype=np.int8)
    steps = np.ones(len(clips), dtype=np.int64)
    for i, (words, _) in enumerate(clips):
        steps[i] = len(words)
        x[i, : len(words)] = words
    return Split(x, steps, np.array([label for _, label in clips]))


def mel_words(audio: NDArray[np.int16], bits: int) -> NDArray[np.int8]:
    """Log-mel energies of a clip as signed words with bits - 2 fractional ones.

    audio      16 kHz; less than a window is filled up with silence     (samples,)
    returns                                                             (frames, 40)
    """
    audio = np.pad(audio, (0, max(0, WINDOW - len(audio))))
    frames = np.lib.stride_tricks.sliding_window_view(audio / 2.0**15, WINDOW)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    energy = np.abs(np.fft.rfft((frames - frames.mean(1, keepdims=True)) * window, FFT)) ** 2
    value = (np.log2(_bands() @ energy.T + FLOOR) - MIDDLE) / OCTAVES
    most = 2 ** (bits - 1)
    words: NDArray[np.int8] = np.rint(value * 2 ** (bits - 2)).clip(-most, most - 1).astype(np.int8)
    return words.T


@cache
def _bands() -> Any:
    """Triangles, evenly spaced on the mel scale of HTK; sparse.    (BANDS, FFT / 2 + 1)"""
    from scipy.sparse import csr_array

    heard = _mel(np.arange(FFT // 2 + 1) * RATE / FFT)[:, None]
    edges = np.linspace(_mel(np.array(LOWEST)), _mel(np.array(RATE / 2)), BANDS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((heard - low) / (centre - low), (high - heard) / (high - centre))
    return csr_array(np.maximum(0.0, triangles).T)


def _mel(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1127 * np.log1p(frequency / 700))
