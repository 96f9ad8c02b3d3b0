"""Check the part of an emitted HLS C++ project that a synthesis tool sees for forbidden C++.

The view is the preprocessor's output with ``__SYNTHESIS__`` defined, for the kernels of
``nnet_utils`` and the text of the templates, without hls4ml's own helpers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from rfssm.hls.hls4ml.backend import AP_TYPES, HOST
from rfssm.hls.hls4ml.templates import HEADERS
from rfssm.hls.toolchain import gxx, run_tool

OURS = {path.name for path in HEADERS.glob("*.h")} | {"defines.h", "parameters.h"}

# Unlike a tool's own types, the AP types of hls4ml refuse __SYNTHESIS__: they are included first.
VIEW = """\
#include "{host}"
#define __SYNTHESIS__
#include "firmware/{project}.cpp"
"""

FORBIDDEN = {
    "dynamic memory": "new delete malloc calloc realloc free std vector deque map string",
    "unbounded loop": "while do goto",
    "system call": "printf fprintf cout cerr clog ifstream ofstream fopen exit abort throw getenv "
    "system dlopen dladdr assert",
    "floating point": "float double half",
}
_TOKEN = re.compile(r"#pragma[^\n]*|[A-Za-z_]\w*|\"[^\"]*\"|\d\w*|::|[^\s\w]")


def write_view(project: Path, name: str = "network") -> Path:
    """Write the translation unit that stands for a synthesis tool's."""
    source = project / f"{name}_view.cpp"
    source.write_text(VIEW.format(host=HOST, project=name))
    return source


def preprocessed(project: Path, name: str = "network") -> dict[str, str]:
    """Return the view of a project by file, with line breaks and without comments."""
    source = write_view(project, name)
    text = run_tool([gxx(), "-E", "-std=c++11", "-I", AP_TYPES, source.name], cwd=project)
    view: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.splitlines():
        if marker := re.match(r'# \d+ "([^"]*)"', line):
            path = Path(marker[1])
            ours = path.name in OURS | {f"{name}.cpp", f"{name}.h"} or "weights" in path.parts
            current = view.setdefault(path.name, []) if ours and path != HOST else None
        elif current is not None:
            current.append(line)
    return {file: "\n".join(lines) for file, lines in view.items()}


def violations(view: dict[str, str]) -> list[str]:
    """Return a message for each violation of a rule in a view."""
    found = []
    for file, text in view.items():
        tokens = _TOKEN.findall(text)
        for rule in (_forbidden, _static, _recursion, _loops, _sized, _packed):
            found += [f"{file}: {message}" for message in rule(tokens)]
    return found


def _forbidden(tokens: list[str]) -> Iterator[str]:
    for kind, words in FORBIDDEN.items():
        for word in set(tokens) & set(words.split()):
            yield f"{kind}: {word}"


def _static(tokens: list[str]) -> Iterator[str]:
    for token, after in pairwise(tokens):
        if token == "static" and after not in ("const", "constexpr", "inline"):
            yield f"static state: static {after}"


def _sized(tokens: list[str]) -> Iterator[str]:
    """Require that an array that is split into words or banks has a size, unlike a pointer."""
    for name, parameters, body in _functions(tokens):
        words = [*parameters, *body]
        for pragma in filter(re.compile("#pragma HLS ARRAY_").match, body):
            array = re.search(r"variable=(\w+)", pragma)
            assert array is not None, pragma
            declared = any(
                before.isidentifier() and word == array[1] and after == "[" and size != "]"
                for before, word, after, size in zip(
                    words, words[1:], words[2:], words[3:], strict=False
                )
            )
            if not declared:
                yield f"{name}: {array[1]} under ARRAY_* has no declared size"


def _packed(tokens: list[str]) -> Iterator[str]:
    """Require that a struct in a stream is one word of its FIFO in Vivado HLS, too."""
    for name, _, body in _functions(tokens):
        packed = {
            m[1]
            for m in map(re.compile(r"#pragma HLS DATA_PACK variable *= *(\w+)").match, body)
            if m
        }
        for k in range(len(body) - 4):
            if body[k : k + 3] != [".", "write", "("]:
                continue
            written = body[k + 3]
            scalar = any(body[i : i + 3] == ["unsigned", "short", written] for i in range(k))
            if body[k + 4] != ")" or not (scalar or written in packed):
                yield f"{name}: {written} is written to a stream without PRAGMA_DATA_PACK"


def _functions(tokens: list[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield the functions with a body at namespace level: name, parameters and body."""
    i = 0
    while i < len(tokens):
        if tokens[i] == "{" and tokens[i - 1] == ")":
            opened = _backwards(tokens, i - 1)
            end = _forwards(tokens, i)
            yield tokens[opened - 1], tokens[opened + 1 : i - 1], tokens[i + 1 : end]
            i = end
        i += 1


def _backwards(tokens: list[str], close: int) -> int:
    depth = 0
    for i in range(close, -1, -1):
        depth += (tokens[i] == ")") - (tokens[i] == "(")
        if depth == 0:
            return i
    raise AssertionError("parentheses do not match")


def _forwards(tokens: list[str], first: int, pair: str = "{}") -> int:
    depth = 0
    for i in range(first, len(tokens)):
        depth += (tokens[i] == pair[0]) - (tokens[i] == pair[1])
        if depth == 0:
            return i
    raise AssertionError("brackets do not match")


def _recursion(tokens: list[str]) -> Iterator[str]:
    bodies = {name: body for name, _, body in _functions(tokens)}
    calls = {
        name: {word for word, after in pairwise(body) if after in "(<"}
        for name, body in bodies.items()
    }
    for name in bodies:
        reached: set[str] = set()
        new = calls[name] & set(bodies)
        while new - reached:
            reached |= new
            new = set().union(*(calls[each] for each in reached)) & set(bodies)
        if name in reached:
            yield f"recursion: {name}"


def _loops(tokens: list[str]) -> Iterator[str]:
    constants = _constants(tokens)
    for i, token in enumerate(tokens):
        if token != "for":
            continue
        labelled = tokens[i - 1] == ":" and tokens[i - 2].isidentifier()
        label = tokens[i - 2] if labelled else "?"
        if not labelled:
            yield "loop without a label"
        end = _forwards(tokens, i + 1, "()")
        condition = " ".join(tokens[i + 1 : end]).split(" ; ")[1]
        _, less, bound = condition.partition(" < ")
        if tokens[end + 1] != "{":
            yield f"{label}: a body without braces"
            continue
        body = tokens[end + 2 : _forwards(tokens, end + 1)]
        pragmas = []
        for word in body:
            if not word.startswith("#pragma"):
                break
            pragmas.append(word)
        joined = " ".join(pragmas)
        fixed = less and _constant(bound.split(), constants)
        if not fixed and not re.search("LOOP_TRIPCOUNT .*max=", joined):
            yield f"{label}: bound {bound!r} is not constant, and no LOOP_TRIPCOUNT limits it"
        if label == "Steps" and bound == "CONFIG_T :: n_steps":
            continue  # a sample's steps follow each other; only the processes overlap
        if "UNROLL" not in joined and not re.search(r"PIPELINE II=\d", joined):
            yield f"{label}: neither PIPELINE II= nor UNROLL"


def _constants(tokens: list[str]) -> set[str]:
    """Return the names declared as ``const unsigned NAME = a constant;``."""
    known: set[str] = set()
    for i in range(len(tokens) - 4):
        if tokens[i : i + 2] == ["const", "unsigned"] and tokens[i + 3] == "=":
            end = tokens.index(";", i)
            if _constant(tokens[i + 4 : end], known):
                known.add(tokens[i + 2])
    return known


def _constant(words: list[str], known: set[str]) -> bool:
    """Whether an expression has only literals, template parameters and known constants."""
    for k, word in enumerate(words):
        member = k >= 2 and words[k - 1] == "::" and words[k - 2].endswith("_T")
        named = word in known or word == "ceil_div" or word.endswith("_T") or member
        if word.isidentifier() and not named:
            return False
    return "(" not in words or "ceil_div" in words
