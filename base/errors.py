"""Define the errors that are meant for the user: the command line prints them and exits with 2."""

import reprlib
from collections.abc import Sequence

_MAX_CHARS = 160
_values = reprlib.Repr()
_values.maxlevel, _values.maxstring, _values.maxother = 3, _MAX_CHARS, _MAX_CHARS
_values.maxlist = _values.maxtuple = _values.maxdict = 8


class RfssmError(Exception):
    """Bad input or a missing tool.  The message names the field, its value and what is allowed."""


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
    """Raise ``refuse`` for an argument of another class; ``way`` is how to get the right one."""
    if not isinstance(value, kind):
        found, wanted = type(value).__name__, kind.__name__
        article = "an" if wanted[0] in "AEIOU" else "a"
        raise refuse(f"{name} is a {found}: must be {article} {wanted}; {way}")


def check_list(name: str, value: object) -> None:
    """Raise RfssmError if a list of names is a single string."""
    if isinstance(value, str):
        raise RfssmError(f"{name} = {value!r}: must be a list of names, as [{value!r}]")


def first_few(indices: Sequence[object]) -> str:
    """Return the first eight of the indices, and the number of the others, as text."""
    more = f" and {len(indices) - 8} more" if len(indices) > 8 else ""
    return ", ".join(map(str, indices[:8])) + more


def short_repr(value: object) -> str:
    """Return the ``repr`` of an untrusted value of any size as one short line."""
    try:
        return _cut(_values.repr(value))
    except ValueError:  # a whole number of thousands of digits
        return f"a {type(value).__name__} too long to show"


def one_line(error: object) -> str:
    """Return the message of another library's error as one short line, or its class if empty."""
    silent = "nothing" if isinstance(error, str) else type(error).__name__
    return _cut(printable(" ".join(str(error).split()), keep="") or silent)


def printable(text: str, keep: str = "\n\t") -> str:
    r"""Return a text with the characters escaped that would move the cursor or hide other text.

    keep    characters that are not escaped: line ends and tabs

    >>> printable("a\x1b[2J")
    'a\\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text
    )


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_CHARS else text[: _MAX_CHARS - 3] + "..."
