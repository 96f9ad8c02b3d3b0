"""Find the files of a data set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rfssm.errors import DataError, first_few, one_line, printable, short_repr
from rfssm.model.recipe import FilesConfig


def root(config: FilesConfig, example: str) -> Path:
    """The data folder: ``data.root``, else $RFSSM_DATA.  ``example``: a file in it."""
    place = config.root or os.environ.get("RFSSM_DATA")
    if not place:
        raise DataError(
            f"{config.set}: where are the files? Set the environment variable RFSSM_DATA, or "
            f"data.root (--set data.root=FOLDER), to the folder that holds {example}"
        )
    return expanded(config.set, place)


def download_root(config: FilesConfig) -> Path | None:
    """Return $RFSSM_DATA, the one folder for downloads: no recipe decides where to write."""
    place = os.environ.get("RFSSM_DATA")
    return None if config.root or not place else expanded(config.set, place)


def expanded(name: str, place: str) -> Path:
    """A folder's path with its ``~`` replaced."""
    try:
        return Path(place).expanduser()
    except RuntimeError:
        raise DataError(f"{name}: {short_repr(place)}: there is no such user") from None


def find(config: FilesConfig, name: str, origin: str = "") -> Path:
    """A file of the data folder.  ``origin``: where to get it."""
    path = root(config, name) / name
    if not is_file(path):
        source = f"; it comes from {origin}" if origin else ""
        raise DataError(
            f"{path}: no such file; set RFSSM_DATA or data.root to the folder that holds "
            f"{name}{source}"
        )
    return path


def is_file(path: Path) -> bool:
    """Return whether a path is a regular file; any path may be asked."""
    try:
        return path.is_file()
    except OSError:  # the name is too long, for one
        return False


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put a file's name in front of the message of a DataError."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


@contextmanager
def open_hdf5(path: Path, *names: str) -> Iterator[Any]:
    """An HDF5 file that has these data sets."""
    import h5py

    if not is_file(path):
        raise DataError(f"{path}: no such file")
    try:
        with h5py.File(path) as file:
            for name in names:
                if not isinstance(file.get(name), h5py.Dataset):
                    found = printable(first_few(list(file)) or "nothing", keep="")
                    raise DataError(f"{path}: has no {name}, found {found}")
                if file[name].is_virtual or file[name].external:
                    raise DataError(f"{path}: {name} lies in other files")
            yield file
    except (OSError, RuntimeError, UnicodeError) as error:
        raise DataError(f"{path}: not a complete HDF5 file ({one_line(error)})") from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a data set of this kind ({one_line(error)})") from None
