"""Synthesise and place a network: cells by module, clock rate, critical path, latency, throughput.

Yosys makes the netlist, nextpnr places it once for each seed, and the RTL in Verilator measures the
cycles of the samples.  Each result is a separate cache entry: a run that is repeated, or was
interrupted, continues where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rfssm.errors import HardwareError, ToolError
from rfssm.hls.design import Design, check_design
from rfssm.hls.engines import timing as cycles
from rfssm.hls.engines import verilator
from rfssm.hls.engines.timing import Cycles
from rfssm.hls.estimate import fit
from rfssm.hls.synthesis import chip_tops, equivalence, nextpnr, yosys
from rfssm.hls.synthesis import netlist_cells as cells
from rfssm.hls.synthesis.chip_tops import Top
from rfssm.hls.synthesis.equivalence import Equivalence
from rfssm.hls.synthesis.netlist_cells import CellReport
from rfssm.hls.synthesis.nextpnr import Placement
from rfssm.hls.synthesis.targets import Target, check_target
from rfssm.progress import Announce, StageProgress, no_progress
from rfssm.quant.samples import Samples


@dataclass(frozen=True)
class Synthesis:
    """The results of a design on a target.

    cells            cells of the netlist, by module
    placements       one for each seed; none for a target that only its vendor's tool places
    frequency_mhz    target frequency of the placements
    cycles           for the samples; None if no samples were given, or for ``no_cycles``
    no_cycles        why the cycles could not be measured
    equivalence      result of the proof; None if it was not requested
    netlist          folder with the netlist and Yosys' log
    tools            packages and versions
    seconds          duration of this run, short if the results were in the cache
    """

    design: Design
    target: Target
    top: Top
    cells: CellReport
    placements: tuple[Placement, ...]
    speed: str | None
    frequency_mhz: float
    cycles: Cycles | None
    no_cycles: str | None
    equivalence: Equivalence | None
    netlist: Path
    tools: tuple[str, ...]
    seconds: float

    @property
    def best(self) -> Placement | None:
        """The placement with the highest clock rate."""
        return max(self.placements, key=lambda placed: placed.fmax_mhz, default=None)

    @property
    def fmax_mhz(self) -> float | None:
        """The clock rate of the best placement."""
        return self.best.fmax_mhz if self.best else None

    @property
    def latency_us(self) -> float | None:
        """The mean latency of the samples, each on an idle IP, at the placed clock rate."""
        if self.cycles is None or self.fmax_mhz is None:
            return None
        return self.cycles.latency / self.fmax_mhz

    @property
    def samples_per_second(self) -> float | None:
        """The throughput of samples without gaps between them, at the placed clock rate."""
        if self.cycles is None or self.fmax_mhz is None:
            return None
        return 1e6 * self.fmax_mhz / self.cycles.per_sample

    def to_json(self) -> dict[str, Any]:
        """Return the results in plain JSON values."""
        network = self.design.network
        return {
            "network": network.name,
            "digest": network.digest(),
            "lanes": [asdict(lanes) for lanes in self.design.lanes],
            "target": self.target.name,
            "family": self.target.family,
            "package": self.target.package or None,
            "speed": self.speed,
            "top": {"module": self.top.module, "is": self.top.words},
            "cells": self.cells.to_json(),
            "utilization": _utilization(self.best, self.target),
            "frequency_mhz": self.frequency_mhz,
            "fmax_mhz": self.fmax_mhz,
            "placements": [_placement_json(placed) for placed in self.placements],
            "cycles": None if self.cycles is None else asdict(self.cycles),
            "no_cycles": self.no_cycles,
            "latency_us": self.latency_us,
            "samples_per_second": self.samples_per_second,
            "equivalence": None if self.equivalence is None else self.equivalence.to_json(),
            "netlist": str(self.netlist),
            "bitstream": None if self.best is None else str(self.best.bitstream),
            "tools": list(self.tools),
            "seconds": self.seconds,
        }


def synth(
    design: Design,
    target: Target,
    *,
    seeds: Sequence[int] = (1,),
    speed: str | None = None,
    frequency_mhz: float | None = None,
    samples: Samples | None = None,
    top: Top | None = None,
    prove: bool = False,
    progress: StageProgress | None = None,
) -> Synthesis:
    """Synthesise a design, place it, and measure how long samples take.

    seeds            seeds of nextpnr: one placement each
    speed            speed grade of the device; the target's first if absent
    frequency_mhz    frequency that the placement aims at; the target's own if absent
    samples          samples whose cycles are measured, if any
    top              module to place; the IP alone if absent
    prove            whether to prove the netlist equivalent to the RTL

    Raises HardwareError if the device cannot hold the design, ToolError if a tool is missing or
    fails.
    """
    check_design(design)
    check_target(target)
    begin = time.perf_counter()
    speed = target.speed(speed)
    frequency_mhz = target.frequency_mhz if frequency_mhz is None else frequency_mhz
    top = chip_tops.ip_top(design, target) if top is None else top
    if target.placed and not len(seeds):
        raise HardwareError("seeds: none given, must be one or more, or nothing is placed")
    if not 1 <= frequency_mhz <= 1000:
        raise HardwareError(f"frequency_mhz = {frequency_mhz:g}: must be between 1 and 1,000")
    fit.check_blocks(design, target)
    for reason in (yosys.missing(), target.placed and nextpnr.missing(target)):
        if reason:
            raise ToolError(reason)
    if prove:
        equivalence.check_family(target.family)
    say = progress or no_progress

    say(f"synthesis for {target.family}", "")
    netlist = yosys.synthesize(design, target.family, top.module, extra=top.sources)
    say("counting cells", "")
    counted = cells.report(netlist)
    target.check_fits(counted.total)
    proved = None
    if prove:
        say("proof", "")  # even if the cache has the result
        proved = equivalence.prove(netlist, partial(say, "proof"))
    measured, no_cycles = _cycles(design, samples, say)
    placements = []
    for seed in seeds if target.placed else ():
        stage = f"place and route on {target.name}, seed {seed}"
        say(stage, "")
        placements.append(
            nextpnr.place(
                netlist,
                target,
                seed=seed,
                speed=speed,
                frequency_mhz=frequency_mhz,
                constraints=top.constraints,
                say=partial(say, stage),
            )
        )
    return Synthesis(
        design=design,
        target=target,
        top=top,
        cells=counted,
        placements=tuple(placements),
        speed=speed,
        frequency_mhz=frequency_mhz,
        cycles=measured,
        no_cycles=no_cycles,
        equivalence=proved,
        netlist=netlist.folder,
        tools=_tools(target),
        seconds=time.perf_counter() - begin,
    )


def _cycles(
    design: Design, samples: Samples | None, say: StageProgress
) -> tuple[Cycles | None, str | None]:
    if samples is None:
        return None, None
    if reason := verilator.missing():
        return None, reason
    stage = f"cycles of {len(samples)} samples in Verilator"
    say(stage, "")
    passed = partial(_passed, partial(say, stage))
    return cycles.measure(design.network, samples, design.lanes, passed), None


def _passed(say: Announce, done: int, total: int) -> None:
    say(f"{done} of {total}")


def _tools(target: Target) -> tuple[str, ...]:
    return (yosys.version(), *([nextpnr.version(target)] if target.placed else []))


def _utilization(best: Placement | None, target: Target) -> list[dict[str, object]]:
    if best is None:
        return []
    return [
        {"resource": resource.name, "is": resource.words, "used": used, "available": available}
        for resource in target.resources
        for used, available in [best.used.get(resource.name, (0, resource.count))]
    ]


def _placement_json(placed: Placement) -> dict[str, Any]:
    return {
        "seed": placed.seed,
        "fmax_mhz": placed.fmax_mhz,
        "logic_ns": placed.logic_ns,
        "routing_ns": placed.routing_ns,
        "critical_path": [asdict(step) for step in placed.path],
        "used": {name: used for name, (used, _) in placed.used.items()},
        "seconds": placed.seconds,
    }
