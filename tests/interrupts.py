"""Kill commands by SIGKILL at moments spread over their work, then run the same command again.

    make interrupts KILLS=50

Every kill ends the whole process group, including compilers.  After it, each output on disk and
each folder of the cache must be absent or complete; the next run must succeed and have the same
results as an undisturbed run.  Completed kills are written to a file, so that a campaign that is
stopped continues there.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rfssm.quant.network import IntegerNetwork
from rfssm.quant.recipe import Recipe
from rfssm.quant.samples import Samples

Facts = dict[str, Any]
"""The contents of an output, without its clock times and paths."""

PARTIAL = re.compile(r"\..+\.partial|\.building-.*|\.ip\..*|\.checkpoint.*")
TIMEOUT = 900


@dataclass(frozen=True)
class Command:
    """A command line in its own folder.

    name        name in the table
    share       kills of this command per requested kill
    words       arguments of ``rfssm``; ``output`` is the folder or file that the command makes
    facts       returns the contents of the output
    given       kinds of cache entries that are built already for four of five kills
    """

    name: str
    share: float
    words: tuple[str, ...]
    output: str
    facts: Callable[[Path], Facts]
    given: tuple[str, ...] = ()


def commands() -> tuple[Command, ...]:
    """Return all commands that can be interrupted."""
    simulate = ("simulate", "n.safetensors", "--input", "x.npz", "--output", "y.npz", "--spikes")
    return (
        Command("train", 1, ("train", "r.yaml", "--out", "run", "--resume"), "run", run_facts,
                ("kernel",)),
        Command("simulate in Verilator", 0.5, (*simulate, "--engine", "verilator"), "y.npz", file,
                ("verilated", "verilated-headers")),
        Command("simulate in csim", 0.5, (*simulate, "--engine", "csim"), "y.npz", file,
                ("csim-headers",)),
        Command(
            "synth", 1, ("synth", "n.safetensors", "--target", "ice40-up5k", "--out", "out"),
            "out", synthesis_facts, ("verilated", "verilated-headers", "verilator"),
        ),
        Command("convert", 1, ("convert", "n.safetensors", "--out", "ip"), "ip", tree),
    )  # fmt: skip


# -- what a command makes --------------------------------------------------------------------------


def file(path: Path) -> Facts:
    """Return the bytes of a file."""
    return {path.name: path.read_bytes()}


def tree(path: Path) -> Facts:
    """Return the bytes of every file of a folder, without hls4ml's random stamp."""
    names = [each for each in sorted(path.rglob("*")) if each.is_file()]
    settings = yaml.safe_load((path / "hls" / "hls4ml_config.yml").read_text())
    stamp = str(settings["Stamp"]).encode()
    here = str(path.parent.resolve()).encode()
    return {str(each.relative_to(path)): _plain(each.read_bytes(), stamp, here) for each in names}


def _plain(content: bytes, stamp: bytes, here: bytes) -> bytes:
    quoted = b"'" + stamp + b"'"  # as YAML writes a stamp that looks like a number
    for part in (quoted, stamp):
        content = content.replace(part, b"STAMP")
    return content.replace(here, b"")


def run_facts(path: Path) -> Facts:
    """Return a run's files, with the summary except for the duration."""
    found: Facts = {}
    for each in path.iterdir():
        if each.name == "summary.json":
            found[each.name] = {**json.loads(each.read_text()), "seconds": 0}
        elif each.name == "checkpoint.ckpt":
            found[each.name] = _checkpoint(each)
        elif not PARTIAL.fullmatch(each.name):
            found[each.name] = each.read_bytes()
    return found


def _checkpoint(path: Path) -> list[str]:
    """Read all of a checkpoint and return the epochs that it has seen."""
    import torch

    return [str(epoch) for epoch in torch.load(path, weights_only=True)["history"]]


def synthesis_facts(path: Path) -> Facts:
    """Return a synthesis' files, with the report except for times and the path of the cache."""
    found: Facts = {}
    for each in path.iterdir():
        if each.suffix == ".json":
            report = json.loads(each.read_text())
            report["seconds"], report["netlist"] = 0, ""
            for placed in report["placements"]:
                placed["seconds"] = 0
            found[each.name] = report
        elif not PARTIAL.fullmatch(each.name):
            found[each.name] = each.read_bytes()
    return found


# -- one command in one folder ---------------------------------------------------------------------


def prepare(folder: Path) -> None:
    """Write a tiny network, samples and a recipe into a new folder."""
    folder.mkdir(parents=True)
    network = tiny_network()
    network.save(folder / "n.safetensors")
    Samples.random(network, 3, seed=1).save(folder / "x.npz")
    (folder / "r.yaml").write_text(
        "name: tiny\ndata: {set: digits}\nnetwork: {neurons: [4]}\n"
        "training: {epochs: 3, batch: 256, rate_target: 0.2}\n"
    )


def tiny_network() -> IntegerNetwork:
    """Return a network of two neurons and two classes."""
    common = {"weight_bits": 3, "bias_bits": 0, "guard_bits": 0, "rounding": "RND"}
    metadata = {
        "format": "rfssm-network", "version": 1, "name": "tiny", "labels": [], "provenance": {},
        "input": {"channels": 2, "bits": 1, "signed": False, "frac": 0, "steps_max": 8},
        "layers": [
            common | {
                "kind": "spiking", "inputs": 2, "neurons": 2, "complex_input": False, "skip": False,
                "transition_bits": 5, "transition_frac": 3, "state_bits": 6, "overflow": "SAT",
            },
            common | {
                "kind": "readout", "inputs": 2, "classes": 2, "leak_frac": 4, "state_bits": 6,
                "overflow": "SAT", "score": "sum", "score_bits": 9,
            },
        ],
    }  # fmt: skip
    tensors = {
        "layers.0.weight_u": np.array([[3, -1], [2, 3]]),
        "layers.0.transition": np.tile([[6, -3], [3, 6]], (2, 1, 1)),
        "layers.0.reset": np.array([[-2, 0], [-1, 0]]),
        "layers.0.threshold": np.array([2, 3]),
        "layers.1.weight_u": np.array([[3, -2], [-1, 3]]),
        "layers.1.leak": np.array([12, 13]),
    }
    exact = {name: tensor.astype(np.int32) for name, tensor in tensors.items()}
    scales = {f"layers.{i}.scale": np.ones(n) for i, n in enumerate((2, 1))}
    return IntegerNetwork.build(metadata, exact | scales)


def start(command: Command, folder: Path) -> subprocess.Popen[str]:
    """Start a command in a new process group, with the cache in its folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "rfssm.scripts.cli", *command.words],
        cwd=folder,
        env={**os.environ, "RFSSM_CACHE": str(folder / "cache")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(command: Command, folder: Path) -> float:
    """Run a command to its end, which must be successful; return its seconds."""
    begin = time.monotonic()
    process = start(command, folder)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, f"{command.name}: status {process.returncode}: {err}"
    return time.monotonic() - begin


def killed(command: Command, folder: Path, after: float) -> float | None:
    """Kill a command and its children after some seconds; return its seconds if it was faster."""
    begin = time.monotonic()
    process = start(command, folder)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    _, err = process.communicate()
    if process.returncode == -signal.SIGKILL:
        return None
    assert process.returncode == 0, f"{command.name}: status {process.returncode}: {err}"
    return time.monotonic() - begin


def check_remains(command: Command, folder: Path, undisturbed: Facts) -> None:
    """Assert that a kill has left each output absent or complete."""
    output = folder / command.output
    if output.exists():
        found = command.facts(output)
        if command.name == "train":  # grows by the epoch
            epochs = found.pop("checkpoint.ckpt", [])
            assert epochs == undisturbed["checkpoint.ckpt"][: len(epochs)]
            lines = found.pop("metrics.csv", b"").splitlines()
            assert lines == undisturbed["metrics.csv"].splitlines()[: len(lines)]
        elif command.output in ("ip", "y.npz"):
            assert found.keys() == undisturbed.keys()
        for name, content in found.items():
            assert content == undisturbed[name], f"{command.name}: {name} is damaged"
    known = {command.output, "cache", "n.safetensors", "x.npz", "r.yaml"}
    strange = {path.name for path in folder.iterdir()} - known
    assert all(map(PARTIAL.fullmatch, strange)), strange


def check_cache(folder: Path, reference: Path) -> None:
    """Assert that every finished folder of the cache has all its files."""
    for kind in (folder / "cache").glob("*"):
        for entry in kind.glob("[!.]*"):
            twin = reference / "cache" / kind.name / entry.name
            assert twin.exists(), f"{entry}: the undisturbed run has no such thing"
            assert _sizes(entry).keys() == _sizes(twin).keys(), entry


def _sizes(path: Path) -> dict[str, int]:
    return {
        str(each.relative_to(path)): each.stat().st_size
        for each in [path, *path.rglob("*")]
        if each.is_file()
    }


def resume(recipe: Recipe, folder: Path, threads: int) -> None:
    """Train with a number of threads at the start, in a process that may be killed."""
    import torch

    from rfssm.quant.run import train

    torch.set_num_threads(threads)
    train(recipe, folder, resume=True, progress=False)


def undisturbed(command: Command, folder: Path, cache: Path | None = None) -> tuple[Facts, float]:
    """Run a command once in a new folder; return the contents of its output and its seconds.

    cache    folder of the entries that are given; without it the command's cache is empty
    """
    prepare(folder)
    for kind in command.given if cache else ():
        shutil.copytree(cache / kind, folder / "cache" / kind)
    seconds = finish(command, folder)
    return command.facts(folder / command.output), seconds


def kill_once(
    command: Command, folder: Path, reference: Path, facts: Facts, after: float, *, cold: bool
) -> float | None:
    """Kill a command and run it again; return its seconds if it was faster than the kill."""
    prepare(folder)
    for kind in () if cold else command.given:
        if (reference / "cache" / kind).exists():
            shutil.copytree(reference / "cache" / kind, folder / "cache" / kind)
    if (seconds := killed(command, folder, after)) is not None:
        return seconds
    check_remains(command, folder, facts)
    check_cache(folder, reference)
    if command.output == "ip" and (folder / "ip").exists():
        shutil.rmtree(folder / "ip")  # complete before the kill, so a second run would refuse it
    finish(command, folder)
    check_remains(command, folder, facts)
    check_cache(folder, reference)
    assert command.facts(folder / command.output) == facts
    return None


# -- the campaign ----------------------------------------------------------------------------------


def campaign(kills: int, place: Path) -> None:
    """Kill the commands in turn, and record each kill in ``place``/tally.jsonl."""
    place.mkdir(parents=True, exist_ok=True)
    tally = place / "tally.jsonl"
    done = Counter(json.loads(line)["command"] for line in _lines(tally))
    wanted = {command: max(1, round(kills * command.share)) for command in commands()}
    known: dict[Command, tuple[Facts, float]] = {}
    takes: dict[tuple[str, bool], float] = {}  # latest seconds, with an empty cache or not
    begin = time.monotonic()
    for i in range(kills):
        for k, command in enumerate(c for c, n in wanted.items() if done[c.name] <= i < n):
            reference = place / f"undisturbed-{command.name.replace(' ', '-')}"
            if command not in known:
                shutil.rmtree(reference, ignore_errors=True)
                known[command] = undisturbed(command, reference)
            facts, seconds = known[command]
            cold = i % 5 == 0
            case = (command.name, cold)
            part = (i * 0.618034 + 0.5 / wanted[command]) % 1  # spread evenly, in no order
            folder = place / f"killed-{k}"
            while True:
                shutil.rmtree(folder, ignore_errors=True)
                after = part * takes.setdefault(case, seconds)
                took = kill_once(command, folder, reference, facts, after, cold=cold)
                if took is None:
                    break
                takes[case] = took
            shutil.rmtree(folder)
            with tally.open("a") as file:
                word = {"command": command.name, "after": round(part, 3), "cold": cold}
                file.write(json.dumps(word) + "\n")
            done[command.name] += 1
            print(
                f"{command.name}: {done[command.name]} of {wanted[command]}, killed after "
                f"{100 * part:.0f} % ({time.monotonic() - begin:.0f} s)",
                flush=True,
            )
    for command, n in wanted.items():
        print(f"{command.name}: {min(n, done[command.name])} of {n} kills, none did harm")


def _lines(path: Path) -> Iterator[str]:
    if path.exists():
        yield from path.read_text().splitlines()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--place", type=Path, default=Path("build/interrupts"))
    given = parser.parse_args()
    if given.kills < 1:
        parser.error(f"--kills {given.kills}: must be 1 or more, or nothing is tried")
    campaign(given.kills, given.place)
