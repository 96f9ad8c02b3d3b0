"""Keep a folder of built files that are found by what they were built from."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import platformdirs

from rfssm.errors import ToolError
from rfssm.files import OUT_OF_SPACE, no_room

_ABANDONED_SECONDS = 24 * 3600
_MAX_WAIT_SECONDS = 600
"""The time that a process waits for another one's build of the same entry before it builds too."""
_CONTENTS = ".contents.json"
"""The file in each entry that lists its files and their sizes."""
_built: list[Path] = []


def root() -> Path:
    """Return the folder of the cache: ``$RFSSM_CACHE``, or the user's cache folder.

    The path is absolute, because tools run in other folders, where a relative path leads elsewhere.
    """
    chosen = os.environ.get("RFSSM_CACHE")
    if chosen:
        return Path(chosen).absolute()
    folder = Path(platformdirs.user_cache_dir("rfssm"))
    if not folder.is_absolute():  # a user without a home
        raise ToolError("no folder for the cache: HOME is not known; set RFSSM_CACHE to a folder")
    return folder


def built() -> tuple[Path, ...]:
    """Return the folders that this process has built, without those that it found built."""
    return tuple(_built)


def cached(kind: str, key_parts: Iterable[str | bytes], build: Callable[[Path], None]) -> Path:
    """Return the folder that ``build`` fills; build it only if it does not exist yet.

    kind         what is built; a folder name
    key_parts    everything that the result depends on
    build        fills an empty folder

    A folder appears complete or not at all: it is built under a temporary name and renamed, so a
    killed build leaves nothing that could be mistaken for a result.  If two processes need the same
    folder, one builds and the other waits; on a file system without locks both build, and one wins.
    The temporary folders of killed builds are removed a day later.  A folder that has since lost a
    file, or part of one, is built again.  Raises ToolError if the cache cannot be written.
    """
    digest = hashlib.sha256()
    for part in key_parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    folder = root() / kind
    final = folder / digest.hexdigest()[:40]
    if _whole(final):
        return final
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".building-", dir=folder))
    except OSError as error:
        raise ToolError(
            f"cache folder {folder}: cannot be written ({error.strerror}); "
            "set RFSSM_CACHE to a folder that can"
        ) from None
    try:
        _remove_abandoned(folder)
        with _entry_locked(final):
            if _whole(final):
                return final
            build(temporary)
            (temporary / _CONTENTS).write_text(json.dumps(_contents(temporary)))
            _rename(temporary, final)
            _built.append(final)
    except OSError as error:
        if error.errno not in OUT_OF_SPACE:
            raise ToolError(f"cache folder {folder}: {error}") from error
        reason = no_room(folder, error)
        raise ToolError(f"cache folder {folder}: {reason} (RFSSM_CACHE names it)") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return final


@contextmanager
def _entry_locked(final: Path) -> Iterator[None]:
    """Wait while another process builds this entry.

    A lock is one byte of one file, at an offset derived from the entry's name; it ends with the
    process that holds it.  On a file system without locks no process waits.
    """
    place = int(final.name[:15], 16)
    with ExitStack() as held:
        with suppress(OSError):
            file = held.enter_context((root() / ".lock").open("ab"))
            end = time.monotonic() + _MAX_WAIT_SECONDS
            while time.monotonic() < end and not _whole(final):
                try:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                    break
                except (BlockingIOError, PermissionError):  # another process has it
                    time.sleep(0.05)
        yield


def _contents(folder: Path) -> dict[str, int]:
    """Return the files below a folder and their sizes."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}


def _whole(entry: Path) -> bool:
    """Whether an entry has all files that were built, each of its size."""
    try:
        wanted: dict[str, int] = json.loads((entry / _CONTENTS).read_bytes())
        return all((entry / name).stat().st_size == size for name, size in wanted.items())
    except (OSError, ValueError, AttributeError):
        return False


def _rename(temporary: Path, final: Path) -> None:
    """Move an entry to its place, where a damaged one or that of a faster build may be."""
    try:
        temporary.rename(final)
    except OSError:
        if _whole(final):  # its result is as good
            return
        with tempfile.TemporaryDirectory(prefix=".building-", dir=final.parent) as aside:
            with suppress(FileNotFoundError):  # another build is doing the same
                final.rename(Path(aside) / "damaged")
            try:
                temporary.rename(final)
            except OSError:
                if not _whole(final):
                    raise


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(".building-*"):
        try:
            old = time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
        except OSError:  # its own build has just finished
            continue
        if old:
            shutil.rmtree(path, ignore_errors=True)
