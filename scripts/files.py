"""Output files and folders that appear whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rfssm.model.errors import RfssmError
from rfssm.model.files import OUT_OF_SPACE, no_room, umask


def check_output_file(path: Path, inputs: Sequence[Path] = ()) -> None:
    """Refuse, before the work starts, an output file that could not or should not be written."""
    if path.resolve() in (other.resolve() for other in inputs):
        raise RfssmError(f"{path}: is an input too; name another file to write")
    if path.is_dir():
        raise RfssmError(f"{path}: is a folder; name a file to write")
    if path.exists() and not path.is_file():
        raise RfssmError(f"{path}: is not a regular file; name a file to write")
    check_writable(path.parent)


def check_writable(folder: Path) -> None:
    """Refuse a folder that does not exist or takes no new files."""
    if not folder.is_dir():
        raise RfssmError(f"{folder}: no such folder; make it first or choose another")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RfssmError(f"{folder}: cannot write here: {error.strerror}") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say which file or folder was being written when the disk was full."""
    try:
        yield
    except OSError as error:
        if error.errno not in OUT_OF_SPACE:
            raise
        raise RfssmError(f"{path}: cannot be written: {no_room(path, error)}") from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a fresh temporary folder that becomes ``path`` when the block ends without an error.

    ``path`` must be free: absent, or an empty folder.  Its missing parents are made, and removed
    again if the block fails.
    """
    path = path.resolve()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RfssmError(f"{path}: already exists and is not an empty folder; choose another")
    made = _make_parents(path)
    working = path  # until there is another
    try:
        check_writable(path.parent)
        with writing(path):
            working = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
            yield working
            working.chmod(0o777 & ~umask())  # mkdtemp makes private folders
            working.replace(path)  # also over an empty folder
    except BaseException:
        if working != path:
            shutil.rmtree(working, ignore_errors=True)
        _remove_empty(made)
        raise


def _make_parents(path: Path) -> list[Path]:
    """Make the missing parents of ``path``; the ones made, innermost first."""
    missing = [parent for parent in path.parents if not parent.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove_empty(missing)
        raise RfssmError(f"{path}: cannot make its folder: {error.strerror}") from error
    return missing


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # never made, or somebody else's file is in it by now
            folder.rmdir()
