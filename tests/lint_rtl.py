"""Check every top with slang, the strictest open reader of SystemVerilog: part of ``make lint``.

Verilator, Icarus and Yosys accept some text that the standard forbids, such as an implicit port
connection that changes the sign, or a variable that an ``initial`` and an ``always_ff`` both write;
the front ends of the FPGA vendors do not.  Every warning of slang counts as a failure.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from random_networks import random_case
from rtl_cases import CASES

from rfssm.hls.boards.boards import BOARDS, write_board
from rfssm.hls.design import Design, Lanes
from rfssm.hls.emit.bench import run_options, write_bench
from rfssm.hls.emit.project import rtl_sources, write_rtl
from rfssm.hls.synthesis.chip_tops import ip_top
from rfssm.hls.synthesis.targets import TARGETS
from rfssm.quant.samples import Samples

TOPS = ("axis", "axis_dense", "axis_trace")
SEEDS = range(3000, 3006)


def missing() -> str | None:
    """Return why slang cannot run, and what to do; None if it can."""
    if importlib.util.find_spec("pyslang"):
        return None
    return "slang is not installed: pip install pyslang"


def faults(sources: Iterable[Path], tops: Sequence[str], *options: str) -> int:
    """Count the errors and warnings of designs; slang prints each to the standard error."""
    from pyslang.driver import Driver  # late: the rest of this module works without slang

    driver = Driver()
    driver.addStandardArgs()
    words = [*(word for top in tops for word in ("--top", top)), *options, *map(str, sources)]
    read = driver.parseCommandLine(" ".join(["slang", *words]))
    read = read and driver.processOptions() and driver.parseAllSources()
    if read:
        compilation = driver.createCompilation()
        driver.reportCompilation(compilation, True)
        driver.runAnalysis(compilation)
    return driver.diagEngine.numErrors + driver.diagEngine.numWarnings + (not read)


def of_design(design: Design, folder: Path) -> int:
    """Count those of all tops of a design that ``write_rtl`` has written to a folder."""
    for board in BOARDS.values():
        write_board(design, board, folder)
    tops = [f"{design.name}_{top}" for top in (*TOPS, *BOARDS)]
    return faults(sorted(folder.glob("*.sv")), tops)


def of_bench(design: Design, folder: Path) -> int:
    """Count those of the design's bench."""
    bench = folder / "bench"
    write_bench(design, Samples.random(design.network, 1, seed=0), bench, folder)
    options = run_options(design, bench).iverilog_options
    options = [option.replace("-Prfssm_bench.", "-G") for option in options]
    return faults([*folder.glob("*.sv"), *bench.glob("*.sv")], ["rfssm_bench"], *options)


def of_twins(design: Design, folder: Path) -> int:
    """Count those of synthesised sources: each family's own modules, the IP behind few pins."""
    found = 0
    for target in TARGETS.values():
        top = ip_top(design, target)
        for name, text in top.sources.items():
            (folder / name).write_bytes(text)
        own = [folder / name for name in top.sources]
        twins = rtl_sources(target.family)
        generated = folder.glob(f"{design.name}_*.sv")
        sources = {path.name: path for path in (*generated, *own, *twins)}.values()
        found += faults(sources, [top.module], "--ignore-unknown-modules")  # cells of the family
    return found


def counts() -> Iterator[tuple[str, int]]:
    """Yield the name of each input, with the number of its errors and warnings."""
    with tempfile.TemporaryDirectory(prefix="rfssm-slang-") as name:
        networks = {name: (make(), Lanes(4, 2)) for name, make in CASES.items()}
        for seed in SEEDS:
            case = random_case(seed)
            networks[f"random network {seed}"] = case.network(), case.lanes()
        for i, (title, (network, lanes)) in enumerate(networks.items()):
            folder = Path(name) / str(i)
            design = write_rtl(network, folder, lanes)
            yield title, of_design(design, folder)
        yield "its bench", of_bench(design, folder)
        yield "its netlists' sources", of_twins(design, folder)


def main() -> None:
    """Read all inputs; exit with 1 if slang reports anything, with 2 if it is missing."""
    if reason := missing():
        print(f"error: {reason}", file=sys.stderr)
        sys.exit(2)
    found = dict(counts())
    bad = {title: count for title, count in found.items() if count}
    for title, count in bad.items():
        print(f"slang: {title}: {count} errors and warnings")
    if not bad:
        print(f"slang: {len(found)} designs with all their tops: 0 errors, 0 warnings")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
