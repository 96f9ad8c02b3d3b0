"""Names by somebody who means harm end neither a comment, nor a string, nor a command."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from rfssm.errors import NetworkError
from rfssm.hls import engines, toolchain
from rfssm.hls.names import module_name
from rfssm.hls.verify import random_samples
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples, compare

from .conftest import Finished, new_cache, tiny_network

NAMES = (
    'x"; exec touch pwned; puts "',
    "$(touch pwned)",
    "`touch pwned`",
    "[exec touch pwned]",
    "x; touch pwned #",
    "x' || touch pwned || '",
    "${HOME}/x",
    "../../x",
    "/etc/x",
    "endmodule */ module x; initial $system(touch pwned);",
    "x\\",
    "{x}",
    "%x%n",
    "<b>&",
    "-o x",
    "module",
    "int",
    "2fast",
    "µ-Neuronen 中文",
    "🙂",
    "",
    " ",
    "_",
    ": - {a: b}",
    "$\\frac{1}$",
    "[/red] [bold]x",
    "n" * 256,
)
UNPRINTABLE = ("x\n`include evil", "x\r", "x\0", "\x1b[2J", "\u202ex", "n" * 257)


def named(name: str) -> IntegerNetwork:
    network = tiny_network()
    return IntegerNetwork.build(network.metadata() | {"name": name}, network.tensors())


@pytest.mark.parametrize("name", NAMES)
def test_module_names_are_identifiers(name: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,47}", module_name(name))


@pytest.mark.parametrize("name", UNPRINTABLE)
def test_names_that_are_no_line_of_text_are_refused(name: str) -> None:
    with pytest.raises(NetworkError, match=r"name = .*(printable|256)"):
        named(name)


@pytest.mark.parametrize("name", NAMES)
def test_no_file_of_a_converted_network_knows_its_hostile_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rfssm: Callable[..., Finished]
) -> None:
    """Only an identifier made from it; and all the text that tools read is plain ASCII."""
    from rfssm.hls.boards.boards import BOARDS, write_board
    from rfssm.hls.emit.bench import write_bench
    from rfssm.hls.emit.fusesoc import write_core
    from rfssm.hls.emit.project import write_rtl
    from rfssm.hls.synthesis.targets import TARGETS
    from rfssm.hls.synthesis.vivado import ooc_script

    network = named(name)
    design = write_rtl(network, tmp_path / "rtl")
    write_bench(design, random_samples(network, 2, seed=0), tmp_path / "bench", Path("../rtl"))
    for board in BOARDS.values():
        write_board(design, board, tmp_path / "boards" / board.name)
    core = write_core(design, tmp_path, list(BOARDS.values()))
    names = sorted(path.name for path in (tmp_path / "rtl").iterdir())
    script = tmp_path / "ooc.tcl"
    script.write_text(ooc_script(design, TARGETS["xc7"], names, 100.0))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 40
    for path in files:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", path.name)
        text = path.read_bytes().decode("ascii")
        assert re.fullmatch(r"\w*| |_", name) or name not in text, path
        assert "pwned" not in text.replace(module_name(name), "")
    assert yaml.safe_load(core.read_text().removeprefix("CAPI=2:\n"))["name"] == (
        f"rfssm:networks:{design.name}:0"
    )


@pytest.mark.rtl
def test_rtl_of_hostile_names_compiles(tmp_path: Path) -> None:
    from rfssm.hls.emit.project import write_rtl

    tops = {f"{write_rtl(named(name), tmp_path).name}_axis.sv" for name in NAMES}
    assert len(tops) >= 20
    for top in sorted(tops):
        toolchain.verilate(["--lint-only", "-Wall", "-y", ".", top], cwd=tmp_path)
    assert not list(tmp_path.rglob("pwned"))


FOLDERS = ("a b", "it's", 'say "hi"', "$(touch pwned)", "`touch pwned`", "a;touch pwned", "a$HOME",
           "µ", "[exec touch pwned]", "{a", "a: b #c", "-x", "a&b", "100%")  # fmt: skip


@pytest.mark.parametrize("folder", FOLDERS)
def test_convert_into_a_folder_of_any_name(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rfssm: Callable[..., Finished]
) -> None:
    monkeypatch.chdir(tmp_path)
    named('x"; exec touch pwned; "').save(tmp_path / "n.safetensors")
    out = tmp_path / folder / folder
    done = rfssm("convert", "n.safetensors", "--out", out, "--board", "ulx3s")
    assert (done.status, done.err) == (0, "")
    settings = yaml.safe_load((out / "hls" / "hls4ml_config.yml").read_text())
    assert settings["OutputDir"] == str(out / "hls")
    assert (out / "x_exec_touch_pwned.core").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"n.safetensors", folder}
    if shutil.which("iverilog") and folder in FOLDERS[:4]:
        told = subprocess.run(
            ["make", "-C", out / "bench"], check=True, capture_output=True, text=True
        )
        assert "equal to the golden model" in told.stdout
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.rtl
@pytest.mark.hls
def test_engines_run_from_a_cache_of_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: IntegerNetwork, samples: Samples
) -> None:
    """What takes long to compile, and is the same everywhere, lies there already."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "a b'c\"$(touch pwned)`touch pwned`;[exec touch pwned]{µ"
    folder.mkdir()
    for engine in ("csim", "verilator"):
        if engines.missing(engine) is None:
            engines.run(network, samples, engine)
    new_cache(folder / "cache", "csim-headers", "verilated", "verilated-headers")
    monkeypatch.setenv("RFSSM_CACHE", str(folder / "cache"))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    expected = golden.run(network, samples, spikes=True, states=True)
    for engine in ("csim", "verilator", "icarus"):
        if engines.missing(engine) and not os.environ.get("CI"):
            continue
        found = engines.run(network, samples, engine, spikes=True, states=True)
        assert compare(expected, found) == []
    toolchain.verilator_precompiled(["-O0"], ["<cstdint>"])  # such a one can be compiled there
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("name", NAMES)
def test_a_terminal_shows_a_hostile_name_as_it_is(
    name: str, tmp_path: Path, rfssm: Callable[..., Finished]
) -> None:
    named(name).save(tmp_path / "n.safetensors")
    done = rfssm("inspect", tmp_path / "n.safetensors")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"{name}  ")
    assert done.out.replace("\n", "").isprintable()


def test_a_plot_shows_a_hostile_name_as_it_is(
    tmp_path: Path, rfssm: Callable[..., Finished]
) -> None:
    named("$\\frac{1}$ $").save(tmp_path / "n.safetensors")
    done = rfssm(
        "estimate", tmp_path / "n.safetensors", "--target", "ecp5-25k",
        "--plot", tmp_path / "p.png",
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "..", ".", "", "x\ny", "a\\b", ".x"])
def test_a_recipe_chooses_no_folder_but_one_of_its_own(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    said = refused("train", "digits", "--set", f"name={yaml.safe_dump(name, width=999).strip()}")
    assert "name" in said
    assert not list((tmp_path / "here").iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_a_hostile_file_name_is_shown_harmless(tmp_path: Path, refused: Callable[..., str]) -> None:
    said = refused("inspect", tmp_path / "\x1b[2J\udc80")
    assert said.endswith("/\\x1b[2J\\udc80: no such file")
