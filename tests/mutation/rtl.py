"""Mutants of the RTL and the tests that each has to get past."""

from __future__ import annotations

import subprocess
from pathlib import Path

from rfssm.hls import toolchain
from rfssm.hls.synthesis import yosys
from tests.mutation import verilog
from tests.mutation.campaign import CPU_SECONDS, ROOT, Groups, Mutant, Tree, share

FOLDERS = ("hls/rtl", "hls/rtl/boards", "hls/rtl/ecp5", "hls/rtl/ice40", "hls/rtl/pins")
"""What goes into a product; benches and models of cells do not."""
COUNT = 260
FEWEST = 8
"""Of one module."""
LIBRARIES = ()
SECONDS = CPU_SECONDS

_NETWORKS = ["tests/hls/test_engine_icarus.py", "-k", "corner"]
_SYSTEM = ["rtl_tests/system", "-k", "readout_alone"]
_BRIDGE = ["rtl_tests/rfssm_uart_bridge", "-k", "4-16-32"]
_WHOLE = {
    **dict.fromkeys(("cells", "encoder", "readout", "skip", "sweep", "synapse"), _NETWORKS),
    **dict.fromkeys(("axis_in", "axis_out", "dense", "skid"), _SYSTEM),
    **dict.fromkeys(("frame_in", "frame_out", "uart_rx", "uart_tx"), _BRIDGE),
}
"""What a module is a part of."""
_PARTS = {
    "cell": "cells",
    "packets": "readout",
    **dict.fromkeys(("synapse_accumulate", "synapse_issue", "synapse_read"), "synapse"),
}
"""What has no bench of its own, and the module whose bench asks it."""
_LINT = [
    "tests/hls/test_emit.py::test_verilator_accepts_every_top[fraction beyond the product]",
    *(
        f"tests/hls/test_emit.py::test_verilator_accepts_random_networks[{k}]"
        for k in range(3002, 3006)
    ),
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
    """Mutants of all modules, by the number that each has; always the same ones."""
    return share({file: mutants_of(file) for file in files()}, count, FEWEST)


def tests_of(mutant: Mutant) -> Groups:
    """Small networks where a module shows in all of them, the module's own bench, lint."""
    module = Path(mutant.file).stem
    name = module.removeprefix("rfssm_")
    name = _PARTS.get(name, name)
    own = [f"rtl_tests/rfssm_{name}"]
    whole = _WHOLE.get(name)
    lint = {"rtl": _LINT, "boards": _BOARD_LINT}.get(Path(mutant.file).parent.name)
    groups = [whole, own, lint] if whole is _NETWORKS else [own, whole, lint]
    return [group for group in groups if group]


def compiles(tree: Tree, mutant: Mutant) -> bool:
    """Whether Icarus takes the module, with the parameters that it has by default."""
    path = tree.folder / mutant.file
    rtl = tree.folder / "hls" / "rtl"
    files = {source.name: source for source in rtl.glob("*.sv")}
    files |= {source.name: source for source in path.parent.glob("*.sv")}
    models = [*(rtl / "sim" / "ecp5").glob("MULT*.sv"), yosys.share() / "ice40" / "cells_sim.v"]
    command = [toolchain.icarus("iverilog"), "-g2012", "-t", "null", "-s", path.stem]
    command += ["-D", "NO_ICE40_DEFAULT_ASSIGNMENTS"]
    return not subprocess.run(
        [*command, *map(str, [*files.values(), *models])], capture_output=True, timeout=60
    ).returncode
