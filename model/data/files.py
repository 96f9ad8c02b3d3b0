"""Where the files of a data set are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rfssm.model.errors import DataError
from rfssm.model.recipe import FilesConfig


def root(config: FilesConfig, example: str) -> Path:
    """The data folder: ``data.root``, else $RFSSM_DATA.  ``example``: a file in it."""
    place = config.root or os.environ.get("RFSSM_DATA")
    if not place:
        raise DataError(
            f"{config.set}: where are the files? Set the environment variable RFSSM_DATA, or "
            f"data.root (--set data.root=FOLDER), to the folder that holds {example}"
        )
    return Path(place).expanduser()


def find(config: FilesConfig, name: str, origin: str = "") -> Path:
    """A file of the data folder.  ``origin``: where to get it."""
    path = root(config, name) / name
    if not path.is_file():
        source = f"; it comes from {origin}" if origin else ""
        raise DataError(
            f"{path}: no such file; set RFSSM_DATA or data.root to the folder that holds "
            f"{name}{source}"
        )
    return path


@contextmanager
def open_hdf5(path: Path, *names: str) -> Iterator[Any]:
    """An HDF5 file that has these data sets."""
    import h5py

    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        with h5py.File(path) as file:
            for name in names:
                if name not in file:
                    raise DataError(f"{path}: has no {name}, found {', '.join(file) or 'nothing'}")
            yield file
    except OSError as error:
        raise DataError(f"{path}: not a complete HDF5 file ({error})") from None
