"""Read structs that C++ and Python share from the C++ source, which lists their fields."""

from __future__ import annotations

import ctypes
import re

_TYPES = {
    "int64_t": ctypes.c_int64,
    "int32_t": ctypes.c_int32,
    "uint64_t": ctypes.c_uint64,
    "uint32_t": ctypes.c_uint32,
    "uint8_t": ctypes.c_uint8,
}


def read_struct(source: str, name: str) -> type[ctypes.Structure]:
    """Return the struct of a name as the compiler lays it out, with pointers as plain addresses.

    Raises ValueError if the struct is missing or a declaration is not understood.
    """
    body = re.search(rf"^struct {name} {{\n(.*?)^}};", source, re.DOTALL | re.MULTILINE)
    if body is None:
        raise ValueError(f"the source has no struct {name}")
    fields = []
    for declaration in re.sub(r"//.*", "", body[1]).split(";")[:-1]:
        words = re.fullmatch(r"\s*(?:const\s+)?(\w+)\s+(.*)", declaration)
        for declared in words[2].split(",") if words else [""]:
            field = re.fullmatch(r"\s*((?:\*\s*(?:const)?\s*)*)(\w+)(?:\[(\d+)\])?", declared)
            kind = words and field and (ctypes.c_void_p if field[1] else _TYPES.get(words[1]))
            if not kind or field is None:
                raise ValueError(f"struct {name}: {declaration.strip()!r} is not understood")
            fields.append((field[2], kind * int(field[3]) if field[3] else kind))
    return type(name, (ctypes.Structure,), {"_fields_": fields})
