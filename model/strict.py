"""Reading JSON and YAML that anybody may have written: one meaning, of bounded size, or refused.

Both languages leave room for documents that two readers understand differently (a key twice, NaN),
and for small ones that grow without end (nesting, aliases).  Ours have no use for either.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from rfssm.model.errors import brief, said

DEPTH = 64
"""Deepest nesting of lists and objects."""


def printable_text(text: str) -> str:
    """Refuse text that a terminal would obey, or that no file can hold."""
    if not text.isprintable():
        raise ValueError("must be printable, without line ends and control characters")
    return text


def parse_json(text: str | bytes) -> Any:
    """A JSON document.  Raises ValueError, saying in one line what is wrong."""
    try:
        document = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError(f"nested deeper than {DEPTH}") from None
    _check_depth(document)
    return document


def parse_yaml(text: str) -> Any:
    """A YAML document of plain values.  Raises ValueError, saying in one line what is wrong."""
    try:
        document = yaml.load(text, Loader=_Loader)
    except RecursionError:
        raise ValueError(f"nested deeper than {DEPTH}") from None
    except Exception as error:  # PyYAML's constructors raise almost anything
        raise ValueError(said(error)) from None
    _check_depth(document)
    return document


def read_bounded(path: Path, limit: int) -> bytes:
    """A file's content.  Raises ValueError where it is longer, or never ends; OSError."""
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"longer than {limit:,} bytes")
    return content


def _check_depth(document: Any) -> None:
    """Level by level: a recursion could itself be too deep."""
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
        raise ValueError(f"key {brief(twice)} twice in one object")
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{brief(text)} is beyond 64-bit floating point")
    return value


class _Loader(yaml.SafeLoader):
    """Safe, without aliases, and with each key once."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            keys = (self.construct_object(key) for key, _ in node.value)
            (twice, _), *_ = Counter(keys).most_common(1)
            raise yaml.YAMLError(f"key {brief(twice)} twice in one section")
        return mapping
