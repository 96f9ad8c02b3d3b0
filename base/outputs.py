"""Write output files and folders that appear complete or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

from rfssm.errors import RfssmError
from rfssm.files import MAX_STEM_CHARS, OUT_OF_SPACE, no_room, umask


class Writes(Enum):
    """What a command writes to a path of its command line; a path without such a mark is read."""

    FILE = "file"
    FOLDER = "folder"
    SHARED = "shared folder"  # keeps its other files: the command itself checks those it writes


def check_outputs(outputs: Sequence[tuple[Path, Writes]], inputs: Sequence[Path]) -> None:
    """Raise RfssmError for outputs that cannot be written or would do harm, before the work starts.

    An output must not be an input or another output, under any name; a folder must not hold an
    input, unless it is shared.  A file does not replace a folder, a device or a link to one.
    """
    for i, (path, kind) in enumerate(outputs):
        for other in inputs:
            if same_file(path, other):
                raise RfssmError(f"{path}: is an input too; name another {kind.value} to write")
        if any(same_file(path, other) for other, _ in outputs[:i]):
            raise RfssmError(f"{path}: named for two outputs; name two {kind.value}s")
        if kind is Writes.FILE:
            check_output_file(path)
        else:
            _check_output_folder(path, inputs if kind is Writes.FOLDER else ())


def same_file(path: Path, other: Path) -> bool:
    """Whether two names lead to one file, which may not exist yet."""
    try:
        return path.samefile(other)
    except OSError:
        return os.path.realpath(path) == os.path.realpath(other)


def _there(path: Path) -> bool:
    """Whether a name is taken, even by a dangling link; OSError if the name is not valid."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def check_output_file(path: Path) -> None:
    """Raise RfssmError for an output file that cannot or should not be written."""
    if path.is_dir():
        raise RfssmError(f"{path}: is a folder; name a file to write")
    if _there(path) and not path.is_file():  # a device, or a dangling link
        raise RfssmError(f"{path}: is not a regular file; name a file to write")
    there = os.path.realpath(path.parent)
    if there == "/dev" or there.startswith("/proc/"):  # as /dev/stdout
        raise RfssmError(f"{path}: lies in {there}, which holds no files; name a file to write")
    check_writable(path.parent)


def _check_output_folder(path: Path, inputs: Sequence[Path]) -> None:
    for other in inputs:
        if any(same_file(path, parent) for parent in Path(os.path.realpath(other)).parents):
            raise RfssmError(f"{path}: holds the input {other}; choose a folder of its own")
    absolute = path.absolute()
    there = next(place for place in (absolute, *absolute.parents) if _there(place))
    if not there.is_dir():
        raise RfssmError(f"{path}: cannot be a folder, since {there} is not one; choose another")
    if there != absolute:
        check_writable(there, path)


def check_writable(folder: Path, wanted: Path | None = None) -> None:
    """Raise RfssmError for a folder that does not exist or in which no file can be made.

    wanted    folder that will be made there, for the message
    """
    if not folder.is_dir():
        raise RfssmError(f"{folder}: no such folder; make it first or choose another")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        if wanted is not None:
            raise RfssmError(f"{wanted}: cannot make this folder: {error.strerror}") from error
        raise RfssmError(f"{folder}: cannot write here: {error.strerror}") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise RfssmError, naming the file or folder that was being written, if the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in OUT_OF_SPACE:
            raise
        raise RfssmError(f"{path}: cannot be written: {no_room(path, error)}") from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a new temporary folder that becomes ``path`` when the block ends without an error.

    ``path`` must be absent or an empty folder, else RfssmError is raised.  Its missing parents are
    made, and removed again if the block fails.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RfssmError(f"{path}: already exists and is not an empty folder; choose another")
    made = _make_parents(path)
    working = path  # until the temporary folder exists
    try:
        check_writable(path.parent)
        with writing(path):
            stem = path.name[:MAX_STEM_CHARS]
            working = Path(tempfile.mkdtemp(prefix=f".{stem}.", dir=path.parent))
            yield working
            working.chmod(0o777 & ~umask())  # mkdtemp makes private folders
            working.replace(path)  # also over an empty folder
    except BaseException:
        if working != path:
            shutil.rmtree(working, ignore_errors=True)
        _remove_empty(made)
        raise


def _make_parents(path: Path) -> list[Path]:
    """Make the missing parents of ``path``; return them, innermost first."""
    missing = [parent for parent in path.parents if not parent.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove_empty(missing)
        raise RfssmError(f"{path}: cannot make its folder: {error.strerror}") from error
    return missing


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # never made, or another process has put a file there
            folder.rmdir()
