"""Numbers and text that a person types: one spelling each, or refused."""

from __future__ import annotations

import math
import re

DIGITS = 18
"""Of a whole number that a person writes: more never mean anything here."""
_PLAIN = re.compile(rf"-?[0-9]{{1,{DIGITS}}}")
_REAL = re.compile(r"-?([0-9]{1,18}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,4})?")


def whole_number(text: str) -> int:
    """A whole number in plain decimal digits.  Raises ValueError.

    What Python would take besides is refused, because others read it differently or not at all:
    ``+16``, ``1_6``, digits of other scripts, blanks around the number, thousands of digits.

    >>> whole_number("-16")
    -16
    """
    if not _PLAIN.fullmatch(text):
        raise ValueError(f"must be a whole number in plain digits, at most {DIGITS} of them")
    return int(text)


def real_number(text: str) -> float:
    """A finite number in plain decimal digits, as 0.5 or 1e-3.  Raises ValueError.

    >>> real_number("1e-3")
    0.001
    """
    value = float(text) if _REAL.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError("must be a finite number in plain digits, as 0.5 or 1e-3")
    return value


def printable_text(text: str) -> str:
    """Refuse text that a terminal would obey, or that no file can hold."""
    if not text.isprintable():
        raise ValueError("must be printable, without line ends and control characters")
    return text
