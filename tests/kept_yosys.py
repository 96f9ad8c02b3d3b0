"""Run Yosys for tests, and keep the results: the same script and files have the same results."""

from __future__ import annotations

import shutil
from pathlib import Path

from rfssm.cache import cached
from rfssm.hls.synthesis.yosys import run_yosys as run
from rfssm.hls.synthesis.yosys import version


def run_yosys(name: str, script: str, *, cwd: Path, around: Path | None = None) -> str:
    """Run ``rfssm.hls.synthesis.yosys.run_yosys``, or take its result from the cache.

    around    folder of all files that the script may read, if that is not cwd
    """
    around = around or cwd
    given = [path for path in sorted(around.rglob("*")) if path.is_file()]
    key = [version(), name, script]
    for path in given:
        key += [str(path.relative_to(around)), path.read_bytes()]

    def build(folder: Path) -> None:
        (folder / "said").write_text(run(name, script, cwd=cwd))
        for path in set(cwd.iterdir()) - set(given):
            shutil.copy(path, folder)

    kept = cached("tests", key, build)
    for path in kept.glob("[!.]*"):
        shutil.copy(path, cwd)
    return (kept / "said").read_text()
