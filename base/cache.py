"""A folder of built things, found by what they were built from."""

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
_PATIENCE_SECONDS = 600
"""How long a process waits for another one's build of the same thing before it builds too."""
_CONTENTS = ".contents.json"
"""In each entry: its files and their sizes."""
_built: list[Path] = []


def root() -> Path:
    """Folder of the cache: ``$RFSSM_CACHE``, or the user's cache folder; absolute.

    Tools run in folders of their own: there a relative path would lead elsewhere.
    """
    chosen = os.environ.get("RFSSM_CACHE")
    if chosen:
        return Path(chosen).absolute()
    folder = Path(platformdirs.user_cache_dir("rfssm"))
    if not folder.is_absolute():  # a user without a home
        raise ToolError("no folder for the cache: HOME is not known; set RFSSM_CACHE to a folder")
    return folder


def built() -> tuple[Path, ...]:
    """Folders that this process has built, not found, so far."""
    return tuple(_built)


def cached(kind: str, key_parts: Iterable[str | bytes], build: Callable[[Path], None]) -> Path:
    """The folder that ``build`` fills, built only if it is not there yet.

    kind         what is built; a folder name
    key_parts    everything that the result depends on
    build        fills an empty folder

    A folder appears complete or not at all: it is built under a temporary name and renamed.  So a
    killed build leaves nothing that could be mistaken for a result.  Of two processes one builds
    and the other waits; where nothing can be locked both build, and one wins.  The temporary
    folders of killed builds are removed a day later.  A folder that has lost a file since, or a
    part of one, is built again.
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
        with _alone(final):
            if _whole(final):
                return final
            build(temporary)
            (temporary / _CONTENTS).write_text(json.dumps(_contents(temporary)))
            _rename(temporary, final)
            _built.append(final)
    except OSError as error:
        if error.errno not in OUT_OF_SPACE:
            raise ToolError(f"cache folder {folder}: {error}") from error
        said = no_room(folder, error)
        raise ToolError(f"cache folder {folder}: {said} (RFSSM_CACHE names it)") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return final


@contextmanager
def _alone(final: Path) -> Iterator[None]:
    """Wait while another process builds this entry.

    A lock is one byte of one file, at a place that the entry's name tells; it ends with the process
    that holds it.  Where nothing can be locked nobody waits.
    """
    place = int(final.name[:15], 16)
    with ExitStack() as held:
        with suppress(OSError):
            file = held.enter_context((root() / ".lock").open("ab"))
            end = time.monotonic() + _PATIENCE_SECONDS
            while time.monotonic() < end and not _whole(final):
                try:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                    break
                except (BlockingIOError, PermissionError):  # another process has it
                    time.sleep(0.05)
        yield


def _contents(folder: Path) -> dict[str, int]:
    """Files below a folder and their sizes."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}


def _whole(entry: Path) -> bool:
    """Whether an entry has all that was built, each file of its size."""
    try:
        wanted: dict[str, int] = json.loads((entry / _CONTENTS).read_bytes())
        return all((entry / name).stat().st_size == size for name, size in wanted.items())
    except (OSError, ValueError, AttributeError):
        return False


def _rename(temporary: Path, final: Path) -> None:
    """Put an entry in its place, where a damaged one may be, or that of a faster build."""
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
