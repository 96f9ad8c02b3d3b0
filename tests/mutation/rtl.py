"""Mutants of the RTL and the tests that each has to get past."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from rfssm.hls import toolchain
from tests.mutation import verilog
from tests.mutation.campaign import ROOT, Groups, Mutant, Tree

FOLDERS = ("hls/rtl", "hls/rtl/boards", "hls/rtl/ecp5", "hls/rtl/pins")
"""What goes into a product; benches and models of cells do not."""
COUNT = 280
FEWEST = 8
"""Of one module."""

_NETWORKS = ["tests/hls/test_engine_icarus.py", "-k", "corner"]
_SYSTEM = ["rtl_tests/system", "-k", "readout_alone"]
_BRIDGE = ["rtl_tests/rfssm_uart_bridge", "-k", "4-16-32"]
_THEN = {
    **dict.fromkeys(
        ("cells", "encoder", "readout", "select", "skip", "sweep", "synapse"), _NETWORKS
    ),
    **dict.fromkeys(("axis_in", "axis_out", "dense", "skid"), _SYSTEM),
    **dict.fromkeys(("frame_in", "frame_out", "uart_rx", "uart_tx"), _BRIDGE),
}
"""Behind a module's own bench: what it is a part of."""
_LINT = [
    f"tests/hls/test_emit.py::test_verilator_accepts_random_networks[{k}]"
    for k in range(3000, 3005)
]
_BOARD_LINT = ["tests/hls/test_boards.py", "-k", "verilator_accepts"]


def files() -> list[str]:
    """The modules, within the project."""
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("rfssm_*.sv"))]
    return [str(path.relative_to(ROOT)) for path in found]


def mutants_of(file: str) -> list[Mutant]:
    """All mutants of one module."""
    text = (ROOT / file).read_text()
    return [Mutant.of(file, edit.operator, text, edit.apply(text)) for edit in verilog.edits(text)]


def chosen(count: int = COUNT) -> list[Mutant]:
    """About ``count`` mutants of all modules, by the number that each has; always the same ones.

    The order within a module is that of a hash of the change, so that a change elsewhere in the
    file moves none.
    """
    everything = {file: mutants_of(file) for file in files()}
    total = sum(map(len, everything.values()))
    picked = []
    for mutants in everything.values():
        share = max(FEWEST, round(count * len(mutants) / total))
        picked += sorted(sorted(mutants, key=_rank)[:share], key=lambda mutant: mutant.line)
    return picked


def _rank(mutant: Mutant) -> bytes:
    parts = (mutant.file, mutant.operator, mutant.was, mutant.becomes)
    return hashlib.sha256("\0".join(parts).encode()).digest()


def tests_of(mutant: Mutant) -> Groups:
    """The bench of its module, one of what the module is a part of, and lint."""
    module = Path(mutant.file).stem
    then = _THEN.get(module.removeprefix("rfssm_"))
    lint = {"rtl": _LINT, "boards": _BOARD_LINT}.get(Path(mutant.file).parent.name)
    return [[f"rtl_tests/{module}"], *(group for group in (then, lint) if group)]


def compiles(tree: Tree, mutant: Mutant) -> bool:
    """Whether Icarus takes the module, with the parameters that it has by default."""
    path = tree.folder / mutant.file
    rtl = tree.folder / "hls" / "rtl"
    files = {source.name: source for source in rtl.glob("*.sv")}
    files |= {source.name: source for source in path.parent.glob("*.sv")}
    models = sorted((rtl / "sim" / "ecp5").glob("MULT*.sv"))
    command = [toolchain.icarus("iverilog"), "-g2012", "-t", "null", "-s", path.stem]
    return not subprocess.run(
        [*command, *map(str, [*files.values(), *models])], capture_output=True, timeout=60
    ).returncode
