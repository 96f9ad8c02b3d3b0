"""The light install: what needs no optional package runs without any, the rest names its extra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from rtl_cases import CASES, samples_for

from rfssm import extras
from rfssm.scripts import commands

ROOT = Path(__file__).resolve().parents[1]

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name in PACKAGES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

PACKAGES = %r
sys.meta_path.insert(0, Blocked())
"""
COMMAND = "from rfssm.scripts.cli import run\nsys.exit(run(sys.argv[1:]))\n"

WORKS = {
    "convert": "convert network.safetensors --out ip",
    "estimate": "estimate network.safetensors --target ecp5-25k",
    "freeze": "freeze network.safetensors --state-bits auto --out narrow.safetensors",
    "inspect": "inspect network.safetensors",
    "recipes": "recipes",
    "runs": "runs finished",
    "simulate": "simulate network.safetensors --input x.npz --output y.npz --engine verilator",
    "soft-errors": "soft-errors network.safetensors --input x.npz --rates 1e-2",
    "verify": "verify network.safetensors --engines verilator",
}
"""Commands that need no extra."""
NEEDS = {
    "demo": ("train", "demo --out demo"),
    "import-published": ("train", "import-published w.npz --calibrate x.npz --out n.safetensors"),
    "run-board": (
        "board",
        "run-board network.safetensors --port p --input x.npz --output y.npz",
    ),
    "synth": ("synth", "synth network.safetensors --target ecp5-25k"),
    "train": ("train", "train digits --out run"),
}
"""Commands that need an extra, whatever they are asked."""
ASKED = {
    "estimate --plot": (
        "plot",
        "estimate network.safetensors --target ecp5-25k --plot a.png",
    ),
    "soft-errors --plot": (
        "plot",
        "soft-errors network.safetensors --input x.npz --plot a.png",
    ),
    "convert --backend": ("hls4ml", "convert network.safetensors --out hls --backend RFSSM"),
    "verify --engines": ("hls4ml", "verify network.safetensors --engines csim"),
    "simulate --engine": (
        "synth",
        "simulate network.safetensors --input x.npz --output y.npz --engine netlist",
    ),
}
"""Options that need an extra."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, samples, weights that are none, and a finished run."""
    folder = tmp_path_factory.mktemp("light")
    network = CASES["WRAP"]()
    network.save(folder / "network.safetensors")
    samples_for(network, count=3).save(folder / "x.npz")
    (folder / "w.npz").write_bytes(b"")
    (folder / "finished").mkdir()
    summary = {
        "recipe": {"name": "x", "network": {"neurons": [4], "cell": {"model": "lif"}},
                   "quantization": None},
        "accuracy": 0.5, "parameters": 3, "seconds": 1.0, "rates": [0.1], "spikes": 1.0, "seed": 1,
    }  # fmt: skip
    (folder / "finished" / "summary.json").write_text(json.dumps(summary))
    return folder


def without_extras(
    code: str, *arguments: str, folder: Path, blocked: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run Python code where the packages of all extras are missing, or those given."""
    packages = blocked or tuple(name for names in extras.EXTRAS.values() for name in names)
    return subprocess.run(
        [sys.executable, "-c", BLOCKED % (packages,) + code, *arguments],
        cwd=folder, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip


def test_every_command_is_asked() -> None:
    known = {name.replace("_", "-") for name in commands.__all__}
    assert set(WORKS) | set(NEEDS) == known
    assert {name.split()[0] for name in ASKED} <= set(WORKS)


@pytest.mark.parametrize("command", WORKS)
def test_what_needs_no_extra_runs_without_any(command: str, folder: Path) -> None:
    done = without_extras(COMMAND, *WORKS[command].split(), folder=folder)
    if command == "runs":  # its folder is checked closely elsewhere; here it is found
        assert "summary.json" in done.stderr + done.stdout or done.returncode == 0
    else:
        assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    if command == "convert":
        assert "no HLS C++: hls4ml cannot be imported" in done.stderr
        assert "pip install 'rfssm[hls4ml]'" in done.stderr
        assert sorted(path.name for path in (folder / "ip").iterdir() if path.is_dir()) == [
            "bench",
            "rtl",
        ]


@pytest.mark.parametrize("what", [*NEEDS, *ASKED])
def test_what_needs_an_extra_names_it(what: str, folder: Path) -> None:
    extra, words = (NEEDS | ASKED)[what]
    done = without_extras(COMMAND, *words.split(), folder=folder)
    assert done.returncode == 2, done.stdout
    assert done.stderr.startswith("error: ")
    assert f"pip install 'rfssm[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
    for made in ("run", "demo", "hls", "a.png", "n.safetensors"):
        assert not (folder / made).exists()


@pytest.mark.parametrize("package", [name for names in extras.EXTRAS.values() for name in names])
def test_each_package_is_named_with_its_extra(package: str) -> None:
    with (
        pytest.raises(extras.ToolError, match=f"^{package} is not installed: pip install 'rfssm"),
        extras.missing_extras_named(),
    ):
        raise ModuleNotFoundError("anything", name=f"{package}.inner")


def test_another_missing_module_is_no_missing_extra() -> None:
    with pytest.raises(ModuleNotFoundError), extras.missing_extras_named():
        raise ModuleNotFoundError("anything", name="rfssm_nothing")


def test_the_front_door_runs_without_torch(folder: Path) -> None:
    code = """
import rfssm
network = rfssm.load("network.safetensors")
out = rfssm.run(network, "x.npz", spikes=True)
assert rfssm.verify(network, "x.npz", engines=["verilator"]).equal
ip = rfssm.convert(network, "front", lanes=rfssm.Lanes(4, 1), name="keyword")
assert ip.hls is None and ip.rtl.is_dir()
assert rfssm.estimate(network, "ecp5-85k").cells.total.lut > 0
for call in (
    lambda: rfssm.train("digits", out="run"),
    lambda: rfssm.synthesize(network, "ecp5-85k"),
    lambda: rfssm.run(network, "x.npz", engine="csim"),
    lambda: rfssm.convert(network, "other", backend="Vitis"),
    lambda: rfssm.freeze(None, name="x"),
    lambda: rfssm.quantize(None, [[[0]]]),
    lambda: rfssm.quantize_aware(None, None),
):
    try:
        call()
    except rfssm.errors.ToolError as error:
        print(str(error).split("pip install ")[1])
print(sorted({"torch", "hls4ml", "scipy", "matplotlib"} & set(sys.modules)))
"""
    done = without_extras(code, folder=folder)
    assert done.returncode == 0, done.stderr
    expected = ["train", "synth", "hls4ml", "hls4ml", "train", "train", "train"]
    assert done.stdout.splitlines() == [*(f"'rfssm[{name}]'" for name in expected), "[]"]


def test_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["optional-dependencies"]
    assert set(extras.EXTRAS) == set(declared) - {"all", "dev", "docs"}
    assert declared["all"] == [f"rfssm[{','.join(extras.EXTRAS)}]"]
    assert declared["dev"][0] == "rfssm[all]"
    distributions = packages_distributions()
    for extra, packages in extras.EXTRAS.items():
        wanted = {
            line.split(">")[0].split("=")[0].lower()
            for line in declared[extra]
            if not line.startswith("rfssm")
        }
        assert wanted == {distributions[name][0].lower() for name in packages}
