"""The coverage run can fail: a missed line, too few toggles, a module that nobody built."""

import io
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console
from simulation import RTL

from tests.rtl_coverage.__main__ import report
from tests.rtl_coverage.points import Point, read

FILES = sorted(
    path.name for folder in (".", "boards", "pins") for path in (RTL / folder).glob("*.sv")
)
EVERYTHING = Counter(
    {Point(kind, name, 1, 1, what): 1 for name in FILES for kind, what in
     (("line", "if"), ("toggle", "a[0]:0->1"))}
)  # fmt: skip


def judged(counts: Counter[Point]) -> tuple[bool, str]:
    out = io.StringIO()
    return report(counts, Console(file=out, width=100)), out.getvalue()


def test_all_is_enough_and_constants_do_not_count() -> None:
    counts = EVERYTHING.copy()
    for bit in range(1000):
        counts[Point("toggle", "rfssm_rom.sv", 1, 1, f"g_block.rom[0][{bit}]:0->1")] = 0
    good, told = judged(counts)
    assert good
    assert "missed" not in told


def test_one_missed_line_is_too_many() -> None:
    counts = EVERYTHING.copy()
    counts[Point("line", "rfssm_skid.sv", 7, 3, "else")] = 0
    good, told = judged(counts)
    assert not good
    assert "missed: rfssm_skid.sv:7:3 else" in told


@pytest.mark.parametrize(("share", "enough"), [(0.04, True), (0.06, False)])
def test_toggles_below_the_limit_are_too_few(share: float, enough: bool) -> None:
    counts = EVERYTHING.copy()
    for bit in range(1000):
        counts[Point("toggle", "rfssm_skid.sv", 1, 1, f"b[{bit}]:1->0")] = int(bit >= 1000 * share)
    assert judged(counts)[0] is enough


def test_a_module_that_was_never_built_is_named() -> None:
    counts = Counter({point: n for point, n in EVERYTHING.items() if point.file != "rfssm_mul.sv"})
    good, told = judged(counts)
    assert not good
    assert "rfssm_mul.sv: never built" in told


def test_points_of_all_instances_are_one(tmp_path: Path) -> None:
    """As Verilator writes them: fields between the characters 1 and 2."""
    fields = {"f": "/x/rfssm_skid.sv", "l": "5", "n": "3", "page": "v_branch/m", "o": "if"}
    text = "".join(f"\x01{key}\x02{value}" for key, value in fields.items())
    lines = [f"C '{text}\x01h\x02top.{name}' {count}" for name, count in (("a", 2), ("b", 0))]
    (tmp_path / "c.dat").write_text("\n".join(["# SystemC::Coverage-3", *lines]))
    assert read(tmp_path / "c.dat") == {Point("line", "rfssm_skid.sv", 5, 3, "if"): 2}
