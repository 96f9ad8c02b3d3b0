"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

PARTIAL = ".partial"
"""How the names of files end that a killed process left half-written."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write under a temporary name beside the target, then rename: never half a file."""
    handle, name = tempfile.mkstemp(PARTIAL, f".{path.name}.", path.parent)
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
