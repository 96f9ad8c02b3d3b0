"""Paths that a command writes, against those that it reads: one rule for all commands."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer
from rtl_cases import network

from rfssm.errors import RfssmError
from rfssm.files import write_atomically
from rfssm.hls.design import Design
from rfssm.outputs import Writes, check_outputs, whole_folder
from rfssm.scripts import cli
from rfssm.scripts.synth import PROOF, REPORT, prepare

from .conftest import Finished

OTHERS = {"port": "/dev/null", "state_bits": "auto"}


def paths(function: Callable[..., None]) -> dict[str, Writes | None]:
    """Parameters of a command that are paths, and what becomes of those that it writes."""
    return {
        name: next((mark for mark in hint.__metadata__ if isinstance(mark, Writes)), None)
        for name, hint in get_type_hints(function, include_extras=True).items()
        if hasattr(hint, "__metadata__") and "Path" in str(hint.__origin__)
    }


def needed(function: Callable[..., None]) -> dict[str, str]:
    """Values of what a command cannot do without, besides its paths."""
    parameters = inspect.signature(function).parameters
    return {
        name: text
        for name, text in OTHERS.items()
        if name in parameters and parameters[name].default is inspect.Parameter.empty
    }


def pairs() -> Iterator[Any]:
    """Every command, each output of it with each input of it."""
    for registered in cli.app.registered_commands:
        function = inspect.unwrap(registered.callback)
        found = paths(function)
        for output, mark in found.items():
            for given in (name for name, other in found.items() if mark and other is None):
                name = f"{registered.name or function.__name__}-{output}-{given}"
                yield pytest.param(registered, output, mark, given, id=name)


def words(registered: Any, values: dict[str, str]) -> list[str]:
    """The command line for values of parameters."""
    function = inspect.unwrap(registered.callback)
    found = [registered.name or function.__name__]
    for parameter, hint in get_type_hints(function, include_extras=True).items():
        if parameter not in values:
            continue
        (info,) = (m for m in hint.__metadata__ if isinstance(m, typer.models.ParameterInfo))
        if isinstance(info, typer.models.OptionInfo):
            given = (info.default, *(info.param_decls or ()))
            declared = [word for word in given if str(word).startswith("--")]
            found.append(declared[0] if declared else f"--{parameter.replace('_', '-')}")
        found.append(values[parameter])
    return found


@pytest.mark.parametrize(("registered", "output", "mark", "given"), list(pairs()))
def test_no_command_writes_over_what_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str],
    registered: Any, output: str, mark: Writes, given: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    function = inspect.unwrap(registered.callback)
    inputs = [name for name, found in paths(function).items() if found is None]
    (tmp_path / "in").mkdir()
    for name in inputs:
        (tmp_path / "in" / name).write_text(name)
    file = tmp_path / "in" / given
    (tmp_path / "link").symlink_to(file)
    (tmp_path / "hard").hardlink_to(file)
    (tmp_path / "folder").symlink_to(tmp_path / "in")
    values = {name: str(tmp_path / "in" / name) for name in inputs}
    values |= needed(function)
    same = (str(file), f"in/../in/{given}", f"folder/{given}", "link", "hard")
    for path in same:
        said = refused(*words(registered, values | {output: path}))
        assert said == f"{path}: is an input too; name another {mark.value} to write"
    if mark is Writes.FOLDER:
        for path in ("in", "folder", str(tmp_path), "."):
            said = refused(*words(registered, values | {output: path}))
            assert "holds the input " in said
    for name in inputs:
        assert (tmp_path / "in" / name).read_text() == name


def test_the_rule_reaches_the_commands_that_write() -> None:
    marked = {p.id.split("-")[0] for p in pairs()}
    assert marked == {"import", "freeze", "simulate", "soft", "convert", "synth", "estimate", "run"}


def outputs() -> Iterator[Any]:
    for registered in cli.app.registered_commands:
        function = inspect.unwrap(registered.callback)
        for output, mark in paths(function).items():
            if mark is Writes.FILE:
                yield pytest.param(registered, output, id=f"{function.__name__}-{output}")


@pytest.mark.parametrize(("registered", "output"), list(outputs()))
def test_an_output_file_is_a_regular_file_in_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str],
    registered: Any, output: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    function = inspect.unwrap(registered.callback)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "away").symlink_to("gone")
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    values = {name: "absent" for name, found in paths(function).items() if found is None}
    values |= needed(function)
    for path, message in {
        ".": "is a folder",
        "/dev/null": "is not a regular file",
        "/dev/stdout": "regular file|lies in",
        "/dev/new": "lies in /dev",
        "/proc/self/fd/9": "lies in /proc/|regular file",
        "loop": "is not a regular file",
        "away": "is not a regular file",
        "pipe": "is not a regular file",
        "loop/y": "loop",
        "file/y": "file: no such folder",
        "gone/y": "gone: no such folder",
        "y" * 256: "File name too long",
    }.items():
        said = refused(*words(registered, values | {output: path}))
        assert any(part in said for part in message.split("|")), (path, said)


def test_two_outputs_are_two_files(tmp_path: Path) -> None:
    one, again = tmp_path / "a", tmp_path / "." / "b" / ".." / "a"
    (tmp_path / "b").mkdir()
    with pytest.raises(RfssmError, match="named for two outputs"):
        check_outputs([(one, Writes.FILE), (again, Writes.FILE)], [])


@pytest.mark.parametrize("letters", [241, 249, 255])
def test_names_of_any_length_that_a_folder_takes_are_written(tmp_path: Path, letters: int) -> None:
    write_atomically(tmp_path / ("n" * letters), b"whole")
    assert (tmp_path / ("n" * letters)).read_bytes() == b"whole"
    with whole_folder(tmp_path / ("f" * letters)) as folder:
        (folder / "file").touch()
    assert (tmp_path / ("f" * letters) / "file").exists()


def test_a_name_of_255_letters_is_written_by_a_command(
    rfssm: Callable[..., Finished], network_file: Path, input_file: Path
) -> None:
    output = network_file.parent / ("µ" * 125 + ".npz")
    done = rfssm("simulate", network_file, "--input", input_file, "--output", output)
    assert (done.status, done.err) == (0, "")
    assert output.exists()


@pytest.mark.parametrize("path", ["file/ip", "loop", "loop/ip", "file", "/proc/ip", "n" * 256])
def test_a_folder_that_cannot_be_made_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str], path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for command in (
        ("convert", "absent", "--out", path),
        ("synth", "absent", "--target", "xc7", "--out", path),
        ("demo", "--out", path),
        ("train", "digits", "--out", path),
    ):
        said = refused(*command)
        assert re.search(f"{path}: (cannot|File name too long|Too many levels)", said), said
    assert {p.name for p in tmp_path.iterdir()} == {"file", "loop"}


def test_an_input_that_is_a_link_to_itself_is_refused(
    tmp_path: Path, refused: Callable[..., str], input_file: Path
) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    output = tmp_path / "y.npz"
    for command in (
        ("inspect", loop),
        ("simulate", loop, "--input", input_file, "--output", output),
        ("freeze", loop, "--state-bits", "auto", "--out", output),
        ("import-published", loop, "--calibrate", input_file, "--out", output),
        ("train", loop, "--out", tmp_path / "run"),
        ("runs", loop),
    ):
        said = refused(*command)
        assert str(loop) in said
    assert not output.exists()


@pytest.mark.parametrize("name", ["x\ny.npz", os.fsdecode(b"\xff.npz"), "\x1b[2J.npz"], ids=ascii)
def test_a_file_whose_name_cannot_be_the_networks_is_refused_first(
    tmp_path: Path, refused: Callable[..., str], name: str
) -> None:
    words = ("import-published", tmp_path / name, "--calibrate", "x.npz", "--out", tmp_path / "n")
    said = refused(*words)
    assert said.endswith("its name is the network's, and must be printable, without line ends and "
                         "control characters")  # fmt: skip


def test_a_synthesis_may_lie_beside_its_network_and_spares_it(tmp_path: Path) -> None:
    design = Design.of(network([{}]))
    (tmp_path / "rtl").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    check_outputs([(tmp_path, Writes.SHARED)], [tmp_path / "network.safetensors"])
    prepare(tmp_path, design, [tmp_path / "network.safetensors", tmp_path / "x.npz"])
    for name in (REPORT, PROOF, f"{design.name}.bit", f"{design.name}_vivado_ooc.tcl", "rtl/n"):
        for given in (tmp_path / name, tmp_path / "link" / name):
            given.touch()
            with pytest.raises(RfssmError, match="would be written over"):
                prepare(tmp_path, design, [given])
