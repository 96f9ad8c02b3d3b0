"""The mutation machinery itself: what it changes, and that its verdicts are right."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mutation import python, rtl, verilog
from tests.mutation.campaign import ROOT, Health, Mutant, Tree, Verdict, judge, read, run

SATURATE = "hls/rtl/rfssm_saturate.sv"
BENCH = [["rtl_tests/rfssm_saturate"]]
needs_icarus = pytest.mark.skipif(
    shutil.which("iverilog") is None and not os.environ.get("CI"),
    reason="Icarus Verilog is not installed",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    copy = Tree(tmp_path_factory.mktemp("mutation") / "tree")
    yield copy
    copy.close()


def healthy(tree: Tree, test: str) -> None:
    """These tests pass here as everywhere."""


def changed(file: str, old: str, new: str) -> Mutant:
    text = (ROOT / file).read_text()
    assert text.count(old) == 1, f"{file} no longer says {old}"
    return Mutant.of(file, "by hand", text, text.replace(old, new))


@needs_icarus
@pytest.mark.rtl
@pytest.mark.parametrize(
    ("old", "new", "outcome"),
    [
        ("!= {(A_W", "== {(A_W", "killed"),
        ("{(Y_W-1){!sign}}", "{(Y_W-1){sign}}", "killed"),
        ("over ? {sign, {(Y_W-1){!sign}}} : a[Y_W-1:0]", "over ? a[Y_W-1:0] : '0", "killed"),
        ("sign = a[A_W-1];", "sign = (a < 0);", "survived"),
        ("sign = a[A_W-1];", "sign = a[A_W-1;", "invalid"),
    ],
)
def test_verdicts(tree: Tree, old: str, new: str, outcome: str) -> None:
    mutant = changed(SATURATE, old, new)
    verdict = judge(tree, mutant, BENCH, rtl.compiles, healthy)
    assert verdict.outcome == outcome
    assert (tree.folder / SATURATE).read_text() == (ROOT / SATURATE).read_text()
    if outcome == "killed":
        assert verdict.by.startswith("rtl_tests/rfssm_saturate/")


def test_verdicts_on_python(tree: Tree) -> None:
    file = "quant/qformat.py"
    killed = changed(file, 'if rounding == "TRN":', 'if rounding != "TRN":')
    same = changed(file, "half_up & 1", "1 & half_up")
    tests = [python.QFORMAT]
    verdicts = [judge(tree, each, tests, python.compiles, healthy) for each in (killed, same)]
    assert [verdict.outcome for verdict in verdicts] == ["killed", "survived"]


def test_a_cut_run_goes_on(tmp_path: Path) -> None:
    file = "quant/qformat.py"
    mutants = [changed(file, "half_up & 1", f"half_up & {k}") for k in (3, 2)]
    judged: list[Mutant] = []

    def quietly(futures: Iterable[Any], done: int, total: int) -> Iterable[Any]:
        return futures

    def compiles(tree: Tree, mutant: Mutant) -> bool:
        judged.append(mutant)
        return True

    def both() -> list[Verdict]:
        tests = lambda mutant: [python.QFORMAT]  # noqa: E731
        return run(mutants, tests, compiles, tmp_path, jobs=1, progress=quietly)

    first = both()
    assert judged == mutants
    results = tmp_path / "results.jsonl"
    lines = results.read_text().splitlines(keepends=True)
    results.write_text(lines[0] + lines[1][:20])  # cut while the second was being written
    assert len(read(results)) == 1
    second = both()
    assert judged == [*mutants, mutants[1]]
    assert [v.outcome for v in first] == [v.outcome for v in second] == ["killed", "killed"]


def test_tests_that_fail_anyway_kill_nothing(tree: Tree, tmp_path: Path) -> None:
    sick = tree.folder / "tests" / "test_sick.py"
    sick.write_text("def test_sick():\n    assert False\n")
    mutant = changed("quant/qformat.py", "half_up & 1", "half_up & 3")
    health = Health(tmp_path / "healthy.txt")
    with pytest.raises(RuntimeError, match="without a mutant"):
        judge(tree, mutant, [["tests/test_sick.py"]], python.compiles, health.check)


MODULE = """\
module m #(parameter int W = 4) (input wire logic clk);
  localparam int A_W = W + 1;  // 1 + 1
  logic [3:0] a_q;
  initial if (W < 1) $fatal(1, "%m");
  wire logic y = (a_q <= 2) ? !b : c;
  always_ff @(posedge clk) begin
    if (y && en) a_q <= 4'd15;
  end
endmodule
"""


def test_what_is_changed_in_verilog() -> None:
    found = {
        (mutant.operator, mutant.line, mutant.becomes)
        for mutant in (
            Mutant.of("m.sv", edit.operator, MODULE, edit.apply(MODULE))
            for edit in verilog.edits(MODULE)
        )
    }
    assert found == {
        ("arithmetic", 2, "localparam int A_W = W - 1;  // 1 + 1"),
        ("constant", 2, "localparam int A_W = W + 0;  // 1 + 1"),
        ("relation", 5, "wire logic y = (a_q < 2) ? !b : c;"),
        ("relation", 5, "wire logic y = (a_q > 2) ? !b : c;"),
        ("constant", 5, "wire logic y = (a_q <= 3) ? !b : c;"),
        ("constant", 5, "wire logic y = (a_q <= 1) ? !b : c;"),
        ("negation", 5, "wire logic y = (a_q <= 2) ? b : c;"),
        ("choice", 5, "wire logic y = (a_q <= 2) ? c : !b;"),
        ("condition", 7, "if (1'b1) a_q <= 4'd15;"),
        ("condition", 7, "if (1'b0) a_q <= 4'd15;"),
        ("logic", 7, "if (y || en) a_q <= 4'd15;"),
        ("deletion", 7, "if (y && en) ;"),
        ("constant", 7, "if (y && en) a_q <= 4'd0;"),
        ("constant", 7, "if (y && en) a_q <= 4'd14;"),
    }


def test_the_mutants_are_always_the_same_and_of_every_module() -> None:
    mutants = rtl.chosen()
    assert mutants == rtl.chosen()
    assert {mutant.file for mutant in mutants} == set(rtl.files())
    assert len({mutant.digest for mutant in mutants}) == len(mutants) > 300


def test_annotations_are_no_program() -> None:
    text = "def half(a: int | None) -> int | None:\n    b: int | None = a\n    return b >> 1\n"
    found = python.mutants_of("half.py", text)
    assert {mutant.line for mutant in found} == {3}
    assert "return b << 1" in [mutant.becomes for mutant in found]
