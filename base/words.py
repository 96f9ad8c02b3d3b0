"""Parse numbers and text that a person types, and refuse all but one spelling."""

from __future__ import annotations

import math
import re

DIGITS = 18
"""The most digits of a whole number that a person types: longer ones are never meaningful here."""
_PLAIN = re.compile(rf"-?[0-9]{{1,{DIGITS}}}")
_REAL = re.compile(r"-?([0-9]{1,18}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,4})?")


def whole_number(text: str) -> int:
    """Parse a whole number in plain decimal digits.  Raises ValueError for other text.

    Other spellings that Python accepts are refused, because other programs read them differently or
    not at all: ``+16``, ``1_6``, digits of other scripts, blanks around it, thousands of digits.

    >>> whole_number("-16")
    -16
    """
    if not _PLAIN.fullmatch(text):
        raise ValueError(f"must be a whole number in plain digits, at most {DIGITS} of them")
    return int(text)


def real_number(text: str) -> float:
    """Parse a finite number in plain decimal digits, as 0.5 or 1e-3.  Raises ValueError.

    >>> real_number("1e-3")
    0.001
    """
    value = float(text) if _REAL.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError("must be a finite number in plain digits, as 0.5 or 1e-3")
    return value


def printable_text(text: str) -> str:
    """Return a text, or raise ValueError if it has line ends or control characters."""
    if not text.isprintable():
        raise ValueError("must be printable, without line ends and control characters")
    return text
