"""Write files that appear complete or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

PARTIAL = ".partial"
"""The suffix of files that a killed process left half-written."""
MAX_STEM_CHARS = 40
"""The characters of a file's name that a temporary name keeps, so that the latter is never too
long."""

OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The errors of a full disk, which do not name a file."""


def no_room(path: Path, error: OSError) -> str:
    """Return the system's message about a full disk, with the free space beside ``path``."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return f"{error.strerror}"
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    return f"{error.strerror} ({free / 1e6:,.1f} MB are free there); make room or choose another"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under a temporary name beside it, then rename: it is never half-written."""
    handle, name = tempfile.mkstemp(PARTIAL, f".{path.name[:MAX_STEM_CHARS]}.", path.parent)
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
    """Return the process's file mode creation mask."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
