"""Build a network's top as a shared library from Verilator's C++ and ``bulk.cpp``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from rfssm.cache import cached
from rfssm.errors import ToolError
from rfssm.hls import packets, toolchain
from rfssm.hls.design import Design

VERILATOR_FLAGS = (
    *("--cc", "--prefix", "Vdut", "--no-timing"),
    *("--x-assign", "unique", "--x-initial", "unique", "-Wno-lint", "-Wno-style"),
)
# Thousands of gates share one condition: branches would cost more than they skip.
_NETLIST_FLAGS = ("-fno-merge-cond", "-Wno-UNOPTFLAT")
GXX_FLAGS = (
    *("-std=gnu++17", "-fPIC"),
    *("-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE=0"),
)
_HEADERS = (  # of bulk.cpp
    *('"verilated.h"', '"verilated_syms.h"'),
    *("<fcntl.h>", "<functional>", "<memory>", "<mutex>", "<string>", "<unistd.h>"),
)
_MAX_UNOPTIMISED_WEIGHTS = 4096
"""Networks with more weights are worth an optimising compiler, even for a short run."""


def driver() -> Path:
    """Return the path of the C++ that drives the circuit and is compiled with it."""
    return Path(str(files("rfssm.hls.engines"))) / "bulk.cpp"


def build(design: Design, top: str, code: Mapping[str, bytes], *, much: bool) -> Path:
    """Return the folder with ``dut.so``, a network's top, which serves all memory contents.

    much    whether the top will run for many cycles, which is worth an optimising compiler
    """
    reason = toolchain.missing_verilator()
    if reason:
        raise ToolError(f"engine verilator: {reason}")
    # -O0 compiles in half the time of -O1, which runs seven times as fast; -O2 gains nothing
    weights = sum(layer.inputs * layer.outputs for layer in design.network.all_layers)
    optimisation = "-O1" if much or weights > _MAX_UNOPTIMISED_WEIGHTS else "-O0"
    flags = [*VERILATOR_FLAGS, *(_NETLIST_FLAGS if "netlist.v" in code else ())]
    key: list[str | bytes] = [
        *(part for name in sorted(code) for part in (name, code[name])),
        driver().read_bytes(),
        _header(design, top),
        top,
        *flags,
        *GXX_FLAGS,
        optimisation,
        toolchain.verilator_version(),
        toolchain.gxx_version(),
    ]

    def make(folder: Path) -> None:
        for name, data in code.items():
            (folder / name).write_bytes(data)
        modules = sorted(name for name in code if name.endswith((".sv", ".v", ".vlt")))
        toolchain.verilate([*flags, "--top-module", top, "-Mdir", "obj", *modules], cwd=folder)
        generated = sorted((folder / "obj").glob("Vdut*.cpp"))
        (folder / "obj" / "network.h").write_text(_header(design, top))
        everything = "".join(map(_included, generated))
        (folder / "obj" / "all.cpp").write_text(f'{everything}#include "{driver()}"\n')
        toolchain.run_tool(
            [
                toolchain.gxx(),
                optimisation,
                *GXX_FLAGS,
                "-shared",
                *(
                    "-include",
                    toolchain.verilator_precompiled([optimisation, *GXX_FLAGS], _HEADERS),
                ),
                *toolchain.verilator_includes(),
                "-Iobj",
                "obj/all.cpp",
                *toolchain.verilator_runtime(),
                *("-o", "dut.so", "-lpthread"),
            ],
            cwd=folder,
        )
        shutil.rmtree(folder / "obj")

    return cached("verilator", key, make)


def _included(path: Path) -> str:
    """Return the line that includes a file, without optimising code that runs only at the start."""
    line = f'#include "{path.name}"\n'
    if not path.stem.endswith("__Slow"):
        return line
    return f'#pragma GCC push_options\n#pragma GCC optimize("O0")\n{line}#pragma GCC pop_options\n'


def _header(design: Design, top: str) -> str:
    """Return the constants for bulk.cpp: width of a beat, places of the layers in the trace."""
    dense = top == "dut_axis_dense"
    words = packets.dense_words(design.network) if dense else 1
    rows = "".join(
        f"    {{{f.offset}, {f.chunk_bits}, {f.state_bits}, {f.lanes}, {f.chunks}, {f.neurons}}},\n"
        for f in design.trace
    )
    return (
        "#pragma once\n"
        f"#define NETWORK_TRACED {int(not dense)}\n"
        "namespace network {\n"
        "struct Layer { int offset, chunk_bits, state_bits, lanes, chunks, neurons; };\n"
        f"constexpr int BEAT_WORDS = {words};\n"
        f"constexpr int N_LAYERS = {len(design.trace)};\n"
        f"constexpr Layer LAYERS[] = {{\n{rows}    {{0, 1, 1, 1, 1, 1}}}};\n"
        "}  // namespace network\n"
    )
