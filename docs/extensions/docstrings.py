"""Turn the project's docstrings into reStructuredText.

The docstrings are plain text.  A paragraph of them is a sentence, a table of arguments (a name, two
or more spaces, its meaning; a shape at the right edge), an indented piece of code, or a doctest.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

ARGUMENT = re.compile(r"(\w[\w.]*(?:, \w+)*)\s{2,}(\S.*)")


def paragraphs(lines: list[str]) -> list[list[str]]:
    """The runs of lines between empty ones."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line.rstrip())
        elif found[-1]:
            found.append([])
    return [paragraph for paragraph in found if paragraph]


def escaped(text: str) -> str:
    """The text without markup, but for what stands in double backticks."""
    parts = re.split(r"(``.*?``)", text)
    return "".join(
        part if part.startswith("``") else re.sub(r"([*|`]|_\b)", r"\\\1", part) for part in parts
    )


def converted(paragraph: list[str]) -> list[str]:
    """One paragraph as reStructuredText."""
    if paragraph[0].startswith(">>> "):
        return paragraph
    if all(line.startswith(" ") for line in paragraph):
        return ["::", "", *(f"    {line}" for line in paragraph)]
    if not ARGUMENT.match(paragraph[0]):
        return [escaped(line) for line in paragraph]
    rows: list[str] = []
    for line in paragraph:
        if match := ARGUMENT.match(line):
            rows.append(f":param {match[1]}: {escaped(re.sub(r'  +', '  ', match[2]))}")
        else:
            rows[-1] += " " + escaped(line.strip())
    return rows


def convert(
    _app: Sphinx, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """Replace the lines of a docstring in place."""
    lines[:] = [line for each in paragraphs(lines) for line in [*converted(each), ""]]


def aliased(
    _app: Sphinx, _what: str, _name: str, _object: Any, _options: Any,
    arguments: str | None, returns: str | None,
) -> tuple[str, str | None] | None:  # fmt: skip
    """A signature in which aliases of types stand by their names; None: it has none."""
    if not arguments or "TypeAliasForwardRef" not in arguments:
        return None
    return re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", arguments), returns


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the conversions."""
    app.connect("autodoc-process-docstring", convert)
    app.connect("autodoc-process-signature", aliased)
    return {"parallel_read_safe": True}
