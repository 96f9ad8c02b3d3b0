"""Sections of a recipe: typed fields, whose errors are one line each."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from rfssm.errors import printable, short_repr
from rfssm.words import printable_text, real_number


def file_name(text: str) -> str:
    """Raise ValueError if text is not the plain name of a file."""
    if "/" in text or "\\" in text or text.startswith("."):
        raise ValueError("must be a plain name: no '/' or '\\', no dot at the beginning")
    return printable_text(text)


def _real(value: object) -> object:
    """YAML reads 1e-3 as text; what else could become a number, true among it, stays what it is."""
    return real_number(value) if isinstance(value, str) else value


Real = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_real)]
Positive = Annotated[Real, Field(gt=0)]
Share = Annotated[Real, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of a recipe: typed, frozen, without unknown fields."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


def complaints(error: ValidationError) -> str:
    """Return a validator's errors as one line: field, value, what is allowed."""
    said = []
    problems = error.errors(include_url=False)
    for problem in problems[:8]:
        field = _field(problem["loc"])
        message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        if problem["type"] == "missing":
            said.append(f"{field}: missing")
        elif problem["type"] == "extra_forbidden":
            said.append(f"{field}: no such field")
        elif problem["type"] == "value_error" and not isinstance(problem["input"], str):
            said.append(f"{field}.{message}" if field else message)
        elif problem["type"] == "union_tag_not_found":
            said.append(f"{field}.{_tag(problem)}: missing")
        elif problem["type"] == "union_tag_invalid":
            tag, allowed = _tag(problem), problem["ctx"]["expected_tags"]
            said.append(
                f"{field}.{tag} = {short_repr(problem['input'][tag])}: must be one of {allowed}"
            )
        else:
            said.append(f"{field} = {short_repr(problem['input'])}: {message}")
    if len(problems) > len(said):
        said.append(f"and {len(problems) - len(said)} more")
    return "; ".join(said)


def _field(location: tuple[int | str, ...]) -> str:
    """Dotted name.  Behind a union pydantic names the branch; the user has no such field."""
    parts = [str(part) for part in location]
    branches = {i + 1 for i, part in enumerate(parts) if part in ("data", "cell")}
    name = ".".join(part for i, part in enumerate(parts) if i not in branches)
    return printable(name if len(name) <= 80 else f"{name[:77]}...", keep="")


def _tag(problem: Any) -> str:
    """The field that chooses the branch of a union."""
    return str(problem["ctx"]["discriminator"]).strip("'")
