"""No dependence between iterations forbids the intervals that the pragmas ask for, says LLVM."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import hls_dependences
import pytest
from rtl_cases import network

from rfssm.hls.design import Lanes
from rfssm.hls.hls4ml.plugin import convert_network
from rfssm.hls.hls4ml.templates import HEADERS

pytestmark = [
    pytest.mark.hls,
    pytest.mark.skipif(
        not all(map(shutil.which, hls_dependences.TOOLS)) and not os.environ.get("CI"),
        reason="clang++-14 or opt-14 is missing: apt-get install clang-14 llvm-14",
    ),
]

# what a kernel carries in registers from one iteration to the next: each of these has to be ready
# within one clock cycle; "indvars" is the loop's counter, as LLVM calls it
REGISTERS = {
    "encode": {"k", "rest", "w"},
    "synapse": {"k", "e", "w", "sum"},
    "spiking_cells": {"indvars"},
    "integrators": {"indvars"},
    "fork": {"t"},
    "join": {"t"},
}
# arrays that a loop writes or that it reads at places that depend on what it does: all accesses
# compared by LLVM, and those that were taken to meet in each next iteration
KNOWN = {
    "encode": {"mask", "x"},
    "spiking_cells": {"u", "v", "s", "y"},
    "integrators": {"m", "score"},
}
UNKNOWN = {"synapse": {"kept"}, "spiking_cells": {"current"}, "integrators": {"current"}}


def test_no_dependence_forbids_the_intervals_that_are_asked_for(tmp_path: Path) -> None:
    net = network(
        [
            {"neurons": 6, "reset": True, "bias_bits": 5},
            {"neurons": 6, "skip": True, "complex_input": False, "rotation": False},
        ],
        channels=70, bits=2, signed=True, bias_bits=6,
    )  # fmt: skip
    convert_network(net, tmp_path, lanes=Lanes(4, 2), name="network", rtl=False).write()
    loops = hls_dependences.loops(tmp_path, list(REGISTERS))
    pragmas = sum(
        header.read_text().count("#pragma HLS PIPELINE") for header in HEADERS.glob("*.h")
    )
    assert len({(loop.kernel, loop.label) for loop in loops}) == pragmas
    assert [loop.asked for loop in loops] == [1] * len(loops)
    assert {loop.kernel: loop.cycle for loop in loops if loop.allowed > loop.asked} == {}
    for loop in loops:
        assert loop.recurrences == REGISTERS[loop.kernel], loop
        assert loop.known <= KNOWN.get(loop.kernel, set()), loop
        assert loop.unknown == UNKNOWN.get(loop.kernel, set()), loop
    for kernel, arrays in KNOWN.items():
        assert set().union(*(loop.known for loop in loops if loop.kernel == kernel)) == arrays


PLANTED = [
    # the next chunk reads what this one writes: 2 cycles to read, 3 to multiply, 1 to write
    ("nnet_spiking.h", "state_t u[n_chunks * lanes];", "state_t u[(n_chunks + 1) * lanes];"),
    ("nnet_spiking.h", "u[n] = u_new;", "u[n + lanes] = u_new;"),
    # the next but one does: the same 6 cycles in two iterations
    ("nnet_readout.h", "state_t m[CONFIG_T::n_out];", "state_t m[CONFIG_T::n_out + 2];"),
    ("nnet_readout.h", "m[c] = m_new;", "m[c + 2] = m_new;"),
    # an event depends on the one kept before: 2 cycles to read, 1 to write
    ("nnet_synapse.h", "kept[e] = next;", "next.value += kept[e - 1].value; kept[e] = next;"),
    # a register behind a multiplier: 3 cycles, 1 to take over
    ("nnet_synapse.h", "rest &= rest - 1;", "rest &= rest * rest - 1;"),
]  # fmt: skip


def test_dependences_that_forbid_an_interval_of_one_are_found(tmp_path: Path) -> None:
    net = network([{"neurons": 6, "complex_input": False}], channels=5)
    convert_network(net, tmp_path, lanes=Lanes(4, 2), name="network", rtl=False).write()
    for file, old, new in PLANTED:
        header = tmp_path / "firmware" / "nnet_utils" / file
        text = header.read_text()
        assert text.count(old) == 1
        header.write_text(text.replace(old, new))
    kernels = ["spiking_cells", "integrators", "synapse", "encode"]
    loops = hls_dependences.loops(tmp_path, kernels)
    assert {(loop.kernel, loop.allowed) for loop in loops} == {
        ("spiking_cells", 6), ("integrators", 3), ("synapse", 3), ("encode", 4),
    }  # fmt: skip
    cells = next(loop for loop in loops if loop.kernel == "spiking_cells")
    assert {"load", "mul", "store"} <= {word for text in cells.cycle for word in text.split()}
