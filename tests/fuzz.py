"""Run random networks and inputs through all engines for some time: ``make fuzz MINUTES=n``.

Each family of trials runs in a separate process: a crash counts as a failure of its seed, and the
memory that simulators leak is freed. The tally in a file is continued from run to run.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

import fuzzing
from fuzzing import Count, Engine, Result
from rich.console import Console

from rfssm import cache
from rfssm.files import write_atomically
from rfssm.hls import engines

HERE = Path(__file__).parent
FIRST_SEED = 1_000_000  # the seeds below belong to the test suite
SHARED = ("csim-headers", "verilated", "verilated-headers")  # cache entries of all networks


@dataclass
class Tally:
    """The number of values compared so far, over any number of runs."""

    first_seed: int = FIRST_SEED
    next_seed: int = FIRST_SEED
    families: int = 0
    seconds: float = 0.0
    counts: dict[str, Count] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path, first_seed: int) -> Tally:
        """Read a tally, or begin one."""
        if not path.exists():
            return cls(first_seed, first_seed)
        saved = json.loads(path.read_text(encoding="utf-8"))
        counts = {name: Count(**count) for name, count in saved.pop("counts").items()}
        return cls(**saved, counts=counts)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (json.dumps(asdict(self), indent=2) + "\n").encode())

    def take(self, result: Result) -> None:
        self.families += 1
        self.failures += result.failures
        for name, count in result.counts.items():
            self.counts.setdefault(name, Count()).add(count.networks, count.updates)

    def line(self) -> str:
        """Return the progress in one line."""
        every = self.counts.get("any", Count())
        rate = every.updates / self.seconds if self.seconds else 0.0
        return (
            f"{self.families} families, {every.networks:,} networks, "
            f"{every.updates:,} neuron updates ({rate:,.0f}/s), {len(self.failures)} failures"
        )


@dataclass
class Worker:
    """A family that is running."""

    seed: int
    process: multiprocessing.process.BaseProcess
    answer: Connection


def start(seed: int, run: Mapping[str, Engine], cases: Path, database: Path) -> Worker:
    """Start a family in a separate process."""
    here, there = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("fork")  # the imports take longer than a family
    process = context.Process(target=_work, args=(there, seed, run, cases, database))
    process.start()
    there.close()
    return Worker(seed, process, here)


def _work(answer: Connection, seed: int, run: Mapping[str, Engine], cases: Path,
          database: Path) -> None:  # fmt: skip
    """Run a family with a cache that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="rfssm-fuzz-") as own:
        own_cache(Path(own))
        os.environ["RFSSM_CACHE"] = own
        answer.send(fuzzing.run_family(seed, run, cases, database))


def own_cache(folder: Path) -> None:
    """Make a folder a cache with links to the entries of the present cache that networks share."""
    for name in SHARED:
        there = cache.root() / name
        there.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(there)


def finished(worker: Worker) -> Result:
    """Return a worker's result; its crash is a failure, too."""
    try:
        result = worker.answer.recv()
        assert isinstance(result, Result)
    except EOFError:
        worker.process.join()
        failure = f"seed {worker.seed}: the process ended with status {worker.process.exitcode}"
        result = Result(worker.seed, {}, [failure])
    worker.process.join()
    return result


def fuzz(
    tally: Tally,
    path: Path,
    run: Mapping[str, Engine],
    cases: Path,
    *,
    minutes: float,
    jobs: int = 1,
    families: int | None = None,
    console: Console | None = None,
) -> Tally:
    """Run families until time is up, at most ``families``; write the tally after each."""
    end = time.monotonic() + 60 * minutes
    database = path.parent / "hypothesis"
    workers: list[Worker] = []
    before, begun = tally.seconds, time.monotonic()
    started = 0
    while True:
        while (
            len(workers) < jobs
            and time.monotonic() < end
            and (families is None or started < families)
        ):
            workers.append(start(tally.next_seed, run, cases, database))
            tally.next_seed += 1
            started += 1
        if not workers:
            return tally
        ready = wait([worker.answer for worker in workers])
        for worker in [worker for worker in workers if worker.answer in ready]:
            workers.remove(worker)
            result = finished(worker)
            tally.seconds = before + time.monotonic() - begun
            tally.take(result)
            tally.save(path)
            if console is not None:
                for failure in result.failures:
                    console.print(f"[red]failure[/red] seed {result.seed}: {failure}")
                line = f"seed {result.seed}: {tally.line()}"
                console.print(line, highlight=False, soft_wrap=True)


def warm_up(run: Mapping[str, Engine]) -> None:
    """Compile the files that all networks share, before several workers need them at once."""
    trial = next(fuzzing.family(FIRST_SEED))
    for name in run:
        fuzzing.ENGINES[name](trial)


def main() -> int:
    """Run the command line; return 1 if anything failed or nothing was compared, 2 if no engine."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--tally", type=Path, default=Path("build/fuzz/tally.json"))
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    asked = parser.parse_args()
    console = Console()
    run = {}
    for name, engine in fuzzing.ENGINES.items():
        reason = engines.missing(name)
        if reason:
            console.print(f"[yellow]without {name}[/yellow]: {reason}")
        else:
            run[name] = engine
    if not run:
        console.print("no engine to compare the golden model with")
        return 2
    warm_up(run)
    tally = Tally.load(asked.tally, asked.first_seed)
    before, begun = len(tally.failures), tally.families
    try:
        fuzz(
            tally, asked.tally, run, HERE / "cases", minutes=asked.minutes, jobs=asked.jobs,
            console=console,
        )  # fmt: skip
    except KeyboardInterrupt:
        console.print("stopped; the tally holds all families that had ended")
    for name, count in tally.counts.items():
        console.print(f"{name}: {count.networks:,} networks, {count.updates:,} neuron updates")
    if tally.families == begun:
        console.print("nothing was compared: no family of trials ended within the time")
        return 1
    return int(len(tally.failures) > before)


if __name__ == "__main__":
    sys.exit(main())
