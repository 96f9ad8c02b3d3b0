"""Line and toggle coverage of the RTL: ``make coverage``.

Random networks run in the Verilator engine, the boards' tests at their simulated pins, three
modules' own benches; all built with Verilator's counters.  A line or bit counts once, whichever
network built it and wherever it was reached.  Ends with status 1 below 100 % of the lines or 95 %
of the toggles.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import track
from rich.table import Table

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "rtl_tests")]  # as pytest does

import simulation  # noqa: E402
from random_networks import LARGE, Case, random_case  # noqa: E402

from rfssm.hls.engines import verilator  # noqa: E402
from tests.rtl_coverage.points import FLAGS, Point, counting, read  # noqa: E402

LINES, TOGGLES = 100.0, 95.0
SMALL_CASES, LARGE_CASES = 60, 8
CONSTANT = re.compile(r"(g_\w+\.)?rom\[")
"""Contents of an rfssm_rom never change: the only points that are left out."""


BENCHES: dict[str, tuple[Path, dict[str, int | str]]] = {
    "rfssm_pins": (simulation.RTL / "pins", {"IN_W": 33, "OUT_W": 65}),
    "rfssm_uart_rx": (simulation.BOARD_RTL, {"CLKS_PER_BIT": 5}),
    "rfssm_uart_bridge": (
        simulation.BOARD_RTL,
        {
            "CLKS_PER_BIT": 4,
            "BUFFER": 16,
            "TDATA_W": 32,
            "LABEL_W": 5,
            "IDENTITY": "}~an identity}~~",
        },
    ),
}
"""For what neither networks nor the host driver do: glitches, requests that come too early."""


def cases() -> Iterator[Case]:
    yield from map(random_case, range(SMALL_CASES))
    yield from (random_case(seed, LARGE) for seed in range(LARGE_CASES))


def run_everything(folder: Path) -> None:
    """Leave files with counts in the folder."""
    with counting(folder):
        for k, case in enumerate(track(list(cases()), "networks", console=Console(stderr=True))):
            network, samples = case.network(), case.samples()
            lanes, stall = case.lanes_of_each, 0.5 if k % 2 else 1.0
            verilator.simulate(
                *(network, samples),
                lanes=lanes,
                spikes=True,
                states=True,
                shuffle=True,
                source_chance=stall,
                sink_chance=stall,
                reset_after=50 if k % 3 == 0 else 0,
            )
            if k % 4 == 0:
                verilator.simulate(network, samples, lanes=lanes, dense=True, sink_chance=stall)
        if pytest.main(["-q", "-p", "no:cacheprovider", str(TESTS / "hls" / "test_host.py")]):
            sys.exit("the boards' tests failed")
    simulation.VERILATOR_ARGS += FLAGS
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    for module, (rtl, parameters) in BENCHES.items():
        simulation.simulate(  # counted here, judged in Icarus by the test suite
            module,
            f"{module}.{module}_tb",
            folder / module,
            parameters=parameters,
            rtl=rtl,
            simulator="verilator",
        )


def report(counts: Counter[Point], console: Console) -> bool:
    """Print a table by file and what was missed; whether it is enough."""
    modules = {path.name for path in simulation.RTL.glob("*.sv")}
    modules |= {path.name for path in (simulation.RTL / "boards").glob("*.sv")}
    modules |= {path.name for path in (simulation.RTL / "pins").glob("*.sv")}
    table = Table(title="points reached")
    for column in ("file", "lines", "of", "%", "toggles", "of", "%"):
        table.add_column(column, justify="left" if column == "file" else "right")
    total: Counter[str] = Counter()
    missed: list[str] = []
    for name in sorted(modules):
        row: list[str] = [name]
        for kind in ("line", "toggle"):
            here = {
                point: count
                for point, count in counts.items()
                if (point.kind, point.file) == (kind, name) and not CONSTANT.match(point.what)
            }
            hit = sum(count > 0 for count in here.values())
            total[kind] += len(here)
            total[f"{kind} hit"] += hit
            row += [str(hit), str(len(here)), f"{100 * hit / max(1, len(here)):.1f}"]
            if kind == "line":
                missed += [
                    f"{name}:{point.line}:{point.column} {point.what}"
                    for point, count in sorted(here.items())
                    if not count
                ]
        table.add_row(*row)
        if not any(point.file == name for point in counts):
            missed.append(f"{name}: never built")
    lines, toggles = (100 * total[f"{kind} hit"] / total[kind] for kind in ("line", "toggle"))
    table.add_section()
    table.add_row(
        "all",
        *(str(total[key]) for key in ("line hit", "line")),
        f"{lines:.2f}",
        *(str(total[key]) for key in ("toggle hit", "toggle")),
        f"{toggles:.2f}",
    )
    console.print(table)
    for text in missed:
        console.print(f"missed: {text}", highlight=False, markup=False)
    return not missed and lines >= LINES and toggles >= TOGGLES


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run_everything(folder)
        counts: Counter[Point] = Counter()
        for path in folder.rglob("*.dat"):
            counts.update(read(path))
    if not report(counts, Console(width=100)):
        sys.exit(f"below {LINES:g} % of the lines or {TOGGLES:g} % of the toggles")


if __name__ == "__main__":
    main()
