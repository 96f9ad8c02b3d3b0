"""Write the results of a synthesis: a JSON report, the bitstream, a script for Vivado."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rfssm.errors import RfssmError
from rfssm.files import write_atomically
from rfssm.hls.design import Design
from rfssm.hls.emit.project import design_sources, write_rtl
from rfssm.hls.synthesis.flow import Synthesis
from rfssm.hls.synthesis.vivado import ooc_script, script_name
from rfssm.outputs import check_writable, same_file, writing

REPORT = "synthesis.json"
PROOF = "equivalence.json"
INPUT_SUFFIXES = (".safetensors", ".npz")  # no file of a synthesis has these


@dataclass(frozen=True)
class Written:
    """The files of a synthesis; None for files that the target does not have."""

    report: Path
    bitstream: Path | None
    script: Path | None
    proof: Path | None


def prepare(out: Path, design: Design, inputs: Sequence[Path]) -> None:
    """Make the folder; raise RfssmError before the work starts if no files can be written to it.

    An input may lie in the folder unless a file of the same name is written there.
    """
    for path in inputs:
        named = [REPORT, PROOF, script_name(design), f"{design.name}{path.suffix}"]
        if path.suffix in INPUT_SUFFIXES:
            named.pop()
        within = any(
            same_file(out / "rtl", parent) for parent in Path(os.path.realpath(path)).parents
        )
        if within or any(same_file(out / name, path) for name in named):
            raise RfssmError(f"{out}: the input {path} would be written over; choose another")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RfssmError(f"{out}: cannot make this folder: {error.strerror}") from error
    check_writable(out)


def write(synthesis: Synthesis, out: Path) -> Written:
    """Write all files into a folder, each complete or not at all, the JSON last."""
    design, best = synthesis.design, synthesis.best
    bitstream = script = proof = None
    with writing(out):
        if best is not None:
            bitstream = out / f"{design.name}{best.bitstream.suffix}"
            write_atomically(bitstream, best.bitstream.read_bytes())
        if not synthesis.target.placed:
            script = out / script_name(design)
            write_rtl(design.network, out / "rtl", design.lanes, design.name)
            names = sorted(design_sources(design))
            text = ooc_script(design, synthesis.target, names, synthesis.frequency_mhz)
            write_atomically(script, text.encode())
        if synthesis.equivalence is not None:
            proof = out / PROOF
            write_atomically(proof, _text(synthesis.equivalence.to_json()))
        document = synthesis.to_json() | {
            "bitstream": bitstream and bitstream.name,
            "vivado_script": script and script.name,
            "equivalence": proof and proof.name,
        }
        report = out / REPORT
        write_atomically(report, _text(document))
    return Written(report, bitstream, script, proof)


def _text(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()
