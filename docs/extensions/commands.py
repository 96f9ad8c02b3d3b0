"""The directive `commands`: every command of the command line, from its own parser."""

from __future__ import annotations

import inspect
import re
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from typer.main import get_command

from rfssm.scripts.cli import app as application

HEADINGS = ("", "", "default")


def usage(name: str, command: Any) -> str:
    """The line that a user types."""
    arguments = [p.metavar for p in command.params if p.param_type_name == "argument"]
    return " ".join(["rfssm", name, *arguments, "[OPTIONS]"])


def paragraph(text: str) -> nodes.paragraph:
    """Text in which `--option` stands as code."""
    made = nodes.paragraph()
    for part in re.split(r"(--[a-z][a-z-]*)", text):
        made += nodes.literal("", part) if part.startswith("--") else nodes.Text(part)
    return made


def default(parameter: Any) -> str:
    """What is taken where the option is absent."""
    if parameter.required:
        return "required"
    absent = parameter.default is None or isinstance(parameter.default, bool)
    return "" if absent or parameter.default == () else str(parameter.default)


def table(command: Any) -> nodes.table:
    """The arguments and options of a command."""
    made = nodes.table()
    group = nodes.tgroup(cols=len(HEADINGS))
    group += [nodes.colspec(colwidth=width) for width in (30, 58, 12)]
    rows = [(nodes.paragraph("", text) for text in HEADINGS)]
    for parameter in command.params:
        name = parameter.metavar
        if parameter.param_type_name == "option":
            name = " ".join([*parameter.opts, *([parameter.metavar] if parameter.metavar else [])])
        cell = nodes.paragraph("", "", nodes.literal("", name))
        rows.append(
            (cell, paragraph(parameter.help or ""), nodes.paragraph("", default(parameter)))
        )
    for part, some in ((nodes.thead(), rows[:1]), (nodes.tbody(), rows[1:])):
        for row in some:
            part += nodes.row("", *(nodes.entry("", cell) for cell in row))
        group += part
    made += group
    return made


class Commands(Directive):
    """A section for each command."""

    def run(self) -> list[nodes.Node]:
        """The sections, in alphabetical order."""
        sections: list[nodes.Node] = []
        for name, command in sorted(get_command(application).commands.items()):  # type: ignore[attr-defined]
            section = nodes.section(ids=[name], names=[name])
            section += nodes.title("", f"rfssm {name}")
            section += nodes.literal_block("", usage(name, command), language="text")
            for text in inspect.cleandoc(command.help or "").split("\n\n"):
                section += paragraph(" ".join(text.split()))
            section += table(command)
            sections.append(section)
        return sections


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
