"""Write the RTL of an integer network: parameters, memory contents and a thin top, never logic.

The hand-written modules in ``hls/rtl`` hold the circuit.  The files written here are data: one
instance per layer with its parameters, the ``.mem`` files that the instances read, and the tops
that connect them:

    NAME_core.sv         event stream -> layers -> readout -> score packets, and trace ports
    NAME_axis.sv         the IP: AXI4-Stream events in, AXI4-Stream scores and label out
    NAME_axis_dense.sv   the same with dense beats in, one step per beat
    NAME_axis_trace.sv   the IP with its trace ports, for the engines
    NAME_parameters.json every parameter, and the place of each layer in the trace ports
    NAME_*.mem           the contents of the memories
    NAME_{cells,layer,readout,rom,synapse,synapse_accumulate}.sv
                         with inline memories, in place of the .mem files: the modules that hold a
                         memory, with its contents in their text

All generated files begin with the network's name: the files of two networks may lie in one folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from rfssm.files import write_atomically
from rfssm.hls.design import Design, LaneChoice
from rfssm.hls.emit import tops
from rfssm.hls.memories import memories, words
from rfssm.quant.network import IntegerNetwork

_RTL = Path(str(files("rfssm.hls"))) / "rtl"
_READ = "      initial $readmemh(FILE, rom);\n"


def write_rtl(
    network: IntegerNetwork,
    directory: Path | str,
    lanes: LaneChoice | None = None,
    name: str | None = None,
    *,
    inline_memories: bool = False,
) -> Design:
    """Write a complete RTL project: the modules, the tops, the memories, the parameters.

    directory          made if missing; each file in it is complete or absent
    lanes              the same for all layers, or one each; ``default_lanes`` if absent
    name               name of everything that is generated; made from the network's if absent
    inline_memories    whether memory contents go into the SystemVerilog, for tools that lose files

    Raises HardwareError for invalid lanes or an invalid name.
    """
    design = Design.of(network, lanes, name, inline_memories=inline_memories)
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for source in rtl_sources():
        write_atomically(directory / source.name, source.read_bytes())
    for file, text in design_files(design):
        write_atomically(directory / file, text.encode())
    return design


def rtl_sources(family: str | None = None) -> list[Path]:
    """Return the hand-written modules by name; a family's twins replace their counterparts."""
    modules = {path.name: path for path in _RTL.glob("rfssm_*.sv")}
    if family is not None:
        modules |= {path.name: path for path in twins(family)}
    return [modules[name] for name in sorted(modules)]


def twins(family: str) -> list[Path]:
    """Return the modules that replace others in a family, by name.

    A twin, ``rtl/FAMILY/MODULE.sv``, instantiates primitives that the family's synthesis does not
    infer or infers wrongly.
    """
    return sorted((_RTL / family).glob("rfssm_*.sv"))


def design_sources(design: Design) -> dict[str, bytes]:
    """Return the names and contents of a project's files: modules, tops, memories, parameters."""
    sources = {path.name: path.read_bytes() for path in rtl_sources()}
    return sources | {name: text.encode() for name, text in design_files(design)}


def design_files(design: Design) -> Iterator[tuple[str, str]]:
    """Yield the names and texts of all generated files."""
    if design.inline_memories:
        yield from _modules_with_contents(design)
    else:
        yield from ((name, words(fields)) for name, fields in memories(design))
    yield f"{design.name}_core.sv", tops.core(design)
    yield f"{design.name}_axis.sv", tops.axis(design, trace=False)
    yield f"{design.name}_axis_trace.sv", tops.axis(design, trace=True)
    yield f"{design.name}_axis_dense.sv", tops.axis_dense(design)
    yield f"{design.name}_parameters.json", json.dumps(_description(design), indent=1) + "\n"


def _description(design: Design) -> dict[str, object]:
    return {
        "name": design.name,
        "layers": [
            {**parameters, "trace_offset": field.offset}
            for parameters, field in zip(design.layers, design.trace, strict=True)
        ],
        "readout": design.readout,
        "tdata_bits": design.tdata_bits,
        "trace_bits": design.trace_bits,
    }


def _modules_with_contents(design: Design) -> Iterator[tuple[str, str]]:
    """Yield the modules that hold memories, named after the network, with the contents as text.

    The logic is that of the hand-written modules, word for word: only names and the reading of
    files are replaced.
    """
    for path in rtl_sources():
        if tops.HOLDERS.fullmatch(path.stem):
            text = path.read_text()
            text = re.sub(r'"\w+\.mem"', "0", text)  # defaults of parameters
            if path.stem == "rfssm_rom":
                text = _with_contents(text, design)
            yield tops.own(path.name, design), tops.own(text, design)


def _with_contents(text: str, design: Design) -> str:
    """Return ``rfssm_rom`` with an initial block for each memory in place of reading a file."""
    found = re.search(r"BLOCK_BITS = (\d+);", text)
    before, between, after = text.split(_READ)
    assert found is not None
    blocks: dict[bool, str] = {True: "", False: ""}
    for name, fields in memories(design):
        lines = words(fields).split()
        width = sum(values.shape[1] * bits for values, bits in fields)
        blocks[width * len(lines) > int(found[1])] += (
            f"      if (FILE == {name}) begin : g_memory{name}\n"
            "        initial begin\n"
            + "".join(f"          rom[{i}] = {width}'h{word};\n" for i, word in enumerate(lines))
            + "        end\n      end\n"
        )
    return before + blocks[True] + between + blocks[False] + after
