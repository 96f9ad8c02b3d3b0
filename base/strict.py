"""Read untrusted JSON and YAML, and refuse documents that are ambiguous or grow without bound.

Both languages allow documents that two readers understand differently (a key twice, NaN), and small
ones that expand without bound (nesting, aliases).  The documents of rfssm need neither.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Hashable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from rfssm.errors import one_line, short_repr
from rfssm.words import real_number, whole_number

DEPTH = 64
"""The deepest nesting of lists and objects that is read."""
MAX_DIGITS = 4000
"""The longest whole number in JSON; Python's own limit is a little higher, its message unclear."""


def parse_json(text: str | bytes) -> Any:
    """Return a JSON document.  Raises ValueError, saying in one line what is wrong."""
    try:
        document = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_int=_whole,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError(f"nested deeper than {DEPTH}") from None
    _check_depth(document)
    return document


def parse_yaml(text: str) -> Any:
    """Return a YAML document of plain values.  Raises ValueError that says in one line why not."""
    try:
        document = yaml.load(text, Loader=_Loader)
    except RecursionError:
        raise ValueError(f"nested deeper than {DEPTH}") from None
    except Exception as error:  # PyYAML's constructors raise almost anything
        raise ValueError(one_line(error)) from None
    _check_depth(document)
    return document


def read_bounded(path: Path, limit: int) -> bytes:
    """Return a file's content.  Raises ValueError if it is longer than ``limit`` bytes; OSError."""
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"longer than {limit:,} bytes")
    return content


def _check_depth(document: Any) -> None:
    """Raise ValueError for a deep document, found level by level: recursion could be too deep."""
    level = [document]
    for _ in range(DEPTH + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise ValueError(f"nested deeper than {DEPTH}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"key {short_repr(twice)} twice in one object")
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a whole number of {len(text):,} digits: must be at most {MAX_DIGITS:,}")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{short_repr(text)} is beyond 64-bit floating point")
    return value


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses aliases and repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            keys = (self.construct_object(key) for key, _ in node.value)
            (twice, _), *_ = Counter(keys).most_common(1)
            raise yaml.YAMLError(f"key {short_repr(twice)} twice in one section")
        return mapping

    def number(self, node: yaml.ScalarNode) -> int | float | str:
        """Read plain decimal numbers; YAML 1.1's other spellings stay text, which fields refuse.

        YAML 1.1 reads 010 as 8, which others read as 10, 1:30 as 90 and 1_0 as 10.
        """
        text = str(self.construct_scalar(node))
        if re.fullmatch(r"[+-]?\.(inf|nan)", text, re.IGNORECASE):
            return float(text.replace(".", ""))
        for parse in (whole_number, real_number):
            with suppress(ValueError):
                return parse(text) if not re.match("-?0[0-9]", text) else text
        return text


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.number)
