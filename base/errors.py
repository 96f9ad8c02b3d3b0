"""What went wrong, in words for the user: the command line prints these and exits with status 2."""

import reprlib
from collections.abc import Sequence

_LONGEST = 160
_values = reprlib.Repr()
_values.maxlevel, _values.maxstring, _values.maxother = 3, _LONGEST, _LONGEST
_values.maxlist = _values.maxtuple = _values.maxdict = 8


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


def check_kind(name: str, value: object, kind: type, way: str, refuse: type[RfssmError]) -> None:
    """Raise ``refuse`` for an argument of another class, with the way to one of the right class."""
    if not isinstance(value, kind):
        found, wanted = type(value).__name__, kind.__name__
        article = "an" if wanted[0] in "AEIOU" else "a"
        raise refuse(f"{name} is a {found}: must be {article} {wanted}; {way}")


def check_list(name: str, value: object) -> None:
    """Raise RfssmError for one name where a list of names is asked for."""
    if isinstance(value, str):
        raise RfssmError(f"{name} = {value!r}: must be a list of names, as [{value!r}]")


def first_few(indices: Sequence[object]) -> str:
    """Up to eight of them, and how many more there are."""
    more = f" and {len(indices) - 8} more" if len(indices) > 8 else ""
    return ", ".join(map(str, indices[:8])) + more


def short_repr(value: object) -> str:
    """``repr`` of a value that may come from anywhere: one short line, whatever its size."""
    try:
        return _cut(_values.repr(value))
    except ValueError:  # a whole number of thousands of digits
        return f"a {type(value).__name__} too long to show"


def one_line(error: object) -> str:
    """What an error of another library says, as one short line; its class where it says nothing."""
    silent = "nothing" if isinstance(error, str) else type(error).__name__
    return _cut(printable(" ".join(str(error).split()), keep="") or silent)


def printable(text: str, keep: str = "\n\t") -> str:
    r"""The text, with what would move the cursor or hide other text spelled out.

    keep    characters that stay for all that: line ends and tabs

    >>> printable("a\x1b[2J")
    'a\\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
