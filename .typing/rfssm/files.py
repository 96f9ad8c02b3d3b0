"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

PARTIAL = ".partial"
"""How the names of files end that a killed process left half-written."""
SHOWN = 40
"""Letters of a file's name in that of its half-written form: whatever a name's length, it fits."""

OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of the operating system that name no file."""


def no_room(path: Path, error: OSError) -> str:
    """What the system says of a full disk, and how much room there is beside ``path``."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return f"{error.strerror}"
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    return f"{error.strerror} ({free / 1e6:,.1f} MB are free there); make room or choose another"


def write_atomically(path: Path, data: bytes) -> None:
    """Write under a temporary name beside the target, then rename: never half a file."""
    handle, name = tempfile.mkstemp(PARTIAL, f".{path.name[:SHOWN]}.", path.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        partial.chmod(0o666 & ~umask())  # mkstemp makes private files
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def umask() -> int:
    """The process's file mode creation mask."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
