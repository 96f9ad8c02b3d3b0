"""The waves of the electrocardiogram: QT database, level-crossing coded by its authors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rfssm.errors import DataError, one_line
from rfssm.model.data import files
from rfssm.model.data.split import Data, Split, full_length
from rfssm.model.recipe import EcgConfig

STEPS = 1300
"""Steps of a recording: one less than in the files, whose last step holds no data."""
WAVES = ("P", "PQ", "QR", "RS", "ST", "TP")
"""Names of the classes, in the order of one heartbeat."""
ORIGIN = "github.com/byin-cwi/Efficient-spiking-networks, folder data"


def load(config: EcgConfig) -> Data:
    """Two leads as four channels of 0 or 1; every step has a label.

    Some 8 % of the steps are without one in the files; they count as class 0, as in the papers.
    """
    splits = [
        _read(files.find(config, f"qtdb/QTDB_{part}.mat", ORIGIN)) for part in ("train", "test")
    ]
    return Data(1, 0, STEPS, WAVES, *splits)


def _read(path: Path) -> Split:
    from scipy.io import loadmat

    try:
        file = loadmat(path, variable_names=("x", "y"))
    except Exception as error:  # damage makes the reader raise almost anything
        raise DataError(f"{path}: not a complete MATLAB 5 file ({one_line(error)})") from None
    for name, channels in (("x", 4), ("y", len(WAVES))):
        shape = getattr(file.get(name), "shape", None)
        if shape is None or shape[1:] != (STEPS + 1, channels):
            raise DataError(
                f"{path}: {name} has shape {shape}, must be [sequences, {STEPS + 1}, {channels}]"
            )
        if file[name].dtype.kind not in "biuf":
            raise DataError(f"{path}: {name} holds {file[name].dtype}, must be numbers")
    x, y = file["x"][:, :STEPS], file["y"][:, :STEPS]
    if len(x) != len(y) or not len(x):
        raise DataError(f"{path}: {len(x)} sequences in x, {len(y)} in y: must be as many, not 0")
    for name, array in (("x", x), ("y", y)):
        bad = np.argwhere(~np.isin(array, (0, 1)))
        if len(bad):
            at = tuple(int(k) for k in bad[0])
            raise DataError(f"{path}: {name}{list(at)} = {array[at]}: {name} must be 0 or 1")
    several = np.argwhere(y.sum(-1) > 1)
    if len(several):
        raise DataError(f"{path}: y{several[0].tolist()}: must have one wave at most, has several")
    x = x.astype(np.uint8)
    return Split(x, full_length(x), y.argmax(-1))
