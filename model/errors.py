"""What went wrong, in words for the user: the command line prints these and exits with status 2."""

from collections.abc import Sequence


class RfssmError(Exception):
    """Bad input or a missing tool.  The message names the field, its value, what is allowed."""


class RecipeError(RfssmError):
    """A training recipe that cannot be run."""


class DataError(RfssmError):
    """A data set that is missing or not what it claims to be."""


class NetworkError(RfssmError):
    """An integer network that breaks the format or the arithmetic contract."""


class SamplesError(RfssmError):
    """Input samples that a network cannot take."""


class HardwareError(RfssmError):
    """A legal network that the chosen hardware parameters cannot hold."""


class DeviceError(RfssmError):
    """A board that cannot be reached, or does not hold what it should."""


class ToolError(RfssmError):
    """A compiler or simulator that is missing or failed."""


def some(indices: Sequence[int]) -> str:
    """Up to eight of them, and how many more there are."""
    more = f" and {len(indices) - 8} more" if len(indices) > 8 else ""
    return ", ".join(map(str, indices[:8])) + more
