"""The cache: an entry that was damaged is built again, and paths lead where they should."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from rfssm import cache
from rfssm.errors import ToolError

FILES = {"a": b"first", "empty": b"", "folder/b": b"second" * 100, "folder/.hidden": b"third"}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RFSSM_CACHE", str(tmp_path / "cache"))


def entry(builds: list[Path] | None = None) -> Path:
    """The entry of a build that notes when it runs."""

    def build(folder: Path) -> None:
        if builds is not None:
            builds.append(folder)
        for name, content in FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)

    return cache.cached("kind", ["key"], build)


def whole(folder: Path) -> bool:
    return all((folder / name).read_bytes() == content for name, content in FILES.items())


def _cut(folder: Path) -> None:
    os.truncate(folder / "folder/b", 1)


def _grow(folder: Path) -> None:
    (folder / "a").write_bytes(b"longer than before")


DAMAGES: dict[str, Callable[[Path], object]] = {
    **{f"{name} removed": lambda f, name=name: (f / name).unlink() for name in FILES},
    "contents removed": lambda f: (f / ".contents.json").unlink(),
    "contents cut": lambda f: os.truncate(f / ".contents.json", 9),
    "contents of another kind": lambda f: (f / ".contents.json").write_text("[]"),
    "cut": _cut,
    "grown": _grow,
    "folder removed": lambda f: shutil.rmtree(f / "folder"),
    "emptied": lambda f: (shutil.rmtree(f), f.mkdir()),
    "a file in its place": lambda f: (shutil.rmtree(f), f.touch()),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_is_built_again(damage: Callable[[Path], object]) -> None:
    builds: list[Path] = []
    folder = entry(builds)
    assert entry(builds) == folder
    assert len(builds) == 1
    damage(folder)
    assert entry(builds) == folder
    assert len(builds) == 2
    assert whole(folder)
    assert entry(builds) == folder
    assert len(builds) == 2
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_builds_at_once_of_a_damaged_entry_do_no_harm() -> None:
    folder = entry()
    for _ in range(20):
        _cut(folder)
        threads = [threading.Thread(target=entry) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert whole(folder)
        assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_build_that_fails_leaves_the_damaged_entry_alone() -> None:
    folder = entry()
    _cut(folder)

    def broken(_: Path) -> None:
        raise ToolError("no compiler")

    with pytest.raises(ToolError, match="no compiler"):
        cache.cached("kind", ["key"], broken)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert whole(entry())


def test_the_path_of_the_cache_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RFSSM_CACHE", "here/cache")
    assert cache.root() == tmp_path / "here" / "cache"
    assert whole(entry())
    monkeypatch.setenv("RFSSM_CACHE", "")
    assert cache.root().is_absolute()


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RFSSM_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: f"~/.cache/{name}")
    with pytest.raises(ToolError, match="HOME is not known; set RFSSM_CACHE"):
        cache.root()
