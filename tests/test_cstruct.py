"""Structs read from C++ source have the layout that the compiler gives them."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest

from rfssm.cstruct import read_struct

ROOT = Path(__file__).resolve().parents[1]
STRUCTS = {"hls/engines/bulk.cpp": "Run", "model/recurrence/cpu.cpp": "Problem"}
ODD = """
struct Other { int64_t a; };
struct Odd {
    uint8_t flag;  // then seven bytes that hold nothing; not a field
    const double *a, *const *b;
    int32_t few[3], one;
    uint64_t last;
};
"""


def declaration(source: str, name: str) -> str:
    begin = source.index(f"struct {name} {{")
    return source[begin : source.index("\n};", begin) + 3]


def compiles(declared: str, name: str, struct: type[ctypes.Structure]) -> bool:
    """Whether size and offsets are those of the compiler."""
    facts = [f"sizeof({name}) == {ctypes.sizeof(struct)}"]
    for field, *_ in struct._fields_:
        found = getattr(struct, field)
        facts.append(f"offsetof({name}, {field}) == {found.offset}")
        facts.append(f"sizeof({name}::{field}) == {found.size}")
    asserts = "\n".join(f'static_assert({fact}, "");' for fact in facts)
    text = f"#include <cstddef>\n#include <cstdint>\n{declared}\n{asserts}\n"
    command = ["g++", "-std=c++17", "-fsyntax-only", "-x", "c++", "-"]
    return subprocess.run(command, input=text, text=True, capture_output=True).returncode == 0


@pytest.mark.parametrize("file", STRUCTS)
def test_layouts_are_the_compilers(file: str) -> None:
    source, name = (ROOT / file).read_text(), STRUCTS[file]
    struct = read_struct(source, name)
    assert len(struct._fields_) > 20
    assert compiles(declaration(source, name), name, struct)


def test_pointers_arrays_and_lists_of_fields() -> None:
    struct = read_struct(ODD, "Odd")
    assert [field for field, *_ in struct._fields_] == ["flag", "a", "b", "few", "one", "last"]
    assert compiles(declaration(ODD, "Odd"), "Odd", struct)
    swapped = ODD.replace("uint8_t flag", "uint64_t flag")
    assert not compiles(declaration(swapped, "Odd"), "Odd", struct)


def test_what_is_not_understood_is_refused() -> None:
    with pytest.raises(ValueError, match="no struct None"):
        read_struct(ODD, "None")
    with pytest.raises(ValueError, match=r"struct A: 'int x : 3' is not understood"):
        read_struct("struct A {\n    int x : 3;\n};\n", "A")
    with pytest.raises(ValueError, match=r"struct A: 'float x' is not understood"):
        read_struct("struct A {\n    float x;\n};\n", "A")
