"""The mutation machinery itself: what it changes, and that its verdicts are right."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from test_random_networks import CHUNK, GOLDEN_CASES, chunks, engine_cases, seeds_of

from tests.mutation import campaign, cpp, python, rtl, verilog
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
    file = "quant/arithmetic.py"
    killed = changed(file, 'if rounding == "TRN":', 'if rounding != "TRN":')
    same = changed(file, "half_up & 1", "1 & half_up")
    tests = [python.QFORMAT]
    verdicts = [judge(tree, each, tests, python.compiles, healthy) for each in (killed, same)]
    assert [verdict.outcome for verdict in verdicts] == ["killed", "survived"]


def test_a_cut_run_goes_on(tmp_path: Path) -> None:
    file = "quant/arithmetic.py"
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
    mutant = changed("quant/arithmetic.py", "half_up & 1", "half_up & 3")
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


HEADER = """\
// 1 < 2
#define ONE 1
struct small_config {
    static const unsigned n = 3;
};
template <class T, int N = 2> void add(hls::stream<T> &in, hls::stream<array<T, 4> > &out) {
    #pragma HLS PIPELINE II=1
    static_assert(N > 1, "too few");
    const unsigned reset_factor = 2 * N;
    T x = in.read();
    if (!x || y < 5)
        sum[0] += fit<T>(x);
    out.write(x > y ? sum : other);
}
"""


def test_what_is_changed_in_a_header() -> None:
    found = {
        (mutant.operator, mutant.line, mutant.becomes)
        for mutant in (
            Mutant.of("m.h", edit.operator, HEADER, edit.apply(HEADER))
            for edit in cpp.edits(HEADER)
        )
    }
    assert found == {
        ("condition", 11, "if (true)"),
        ("condition", 11, "if (false)"),
        ("negation", 11, "if (x || y < 5)"),
        ("logic", 11, "if (!x && y < 5)"),
        ("relation", 11, "if (!x || y <= 5)"),
        ("relation", 11, "if (!x || y >= 5)"),
        ("constant", 11, "if (!x || y < 6)"),
        ("constant", 11, "if (!x || y < 4)"),
        ("constant", 12, "sum[1] += fit<T>(x);"),
        ("arithmetic", 12, "sum[0] -= fit<T>(x);"),
        ("deletion", 12, ";"),
        ("relation", 13, "out.write(x >= y ? sum : other);"),
        ("relation", 13, "out.write(x <= y ? sum : other);"),
        ("choice", 13, "out.write(x > y ? other : sum);"),
        ("deletion", 13, ";"),
    }


def test_a_header_that_does_not_compile_is_no_mutant_and_a_program_that_writes_one_is_dead(
    tree: Tree,
) -> None:
    """Whichever test it is, and only there: the one says what g++ says, the other is Python."""
    test = tree.folder / "tests" / "test_compiler.py"
    test.write_text("def test_it():\n    assert 0, 'g++-12 failed with status 1:'\n")
    header = changed(cpp.FILES[0], "scaled.V = product.V;", ";")
    program = changed("quant/arithmetic.py", "half_up & 1", "half_up & 3")
    tests = [["tests/test_compiler.py"]]
    verdicts = [judge(tree, each, tests, python.compiles, healthy) for each in (header, program)]
    assert [verdict.outcome for verdict in verdicts] == ["invalid", "killed"]


PROGRAM = '''\
@dataclass
class A:
    """Of 2 numbers."""

    n: int = 2

    @property
    def double(self) -> int | None:
        return 2 * self.n

N = 3
'''


def test_a_program_is_changed_piece_by_piece() -> None:
    found = python.mutants_of("a.py", PROGRAM)
    numbers = {(m.line, m.becomes) for m in found if m.operator == "NumberReplacer"}
    assert numbers == {
        (5, "n: int = 3"), (5, "n: int = 1"), (9, "return 3 * self.n"), (9, "return 1 * self.n"),
        (11, "N = 4"), (11, "N = 2"),
    }  # fmt: skip
    removed = {mutant.was for mutant in found if mutant.operator == "RemoveDecorator"}
    assert removed == {"@dataclass", "@property"}
    assert all(mutant.text.count("\n") >= PROGRAM.count("\n") - 1 for mutant in found)


def test_the_test_that_killed_a_change_before_is_asked_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has changed elsewhere since."""
    old = changed("quant/arithmetic.py", "half_up & 1", "half_up & 3")
    killer = "tests/quant/test_qformat.py::test_killer"
    verdict = Verdict(
        old.digest, old.file, old.line, old.operator, old.was, old.becomes, "killed", killer, "",
        1.0, "",
    )  # fmt: skip
    (tmp_path / "results.jsonl").write_text(json.dumps(asdict(verdict)) + "\n")
    new = replace(old, text=f"{old.text}# changed\n", line=old.line)
    asked: list[Any] = []

    def judged(*_: Any, first: Any, **__: Any) -> Verdict:
        asked.extend(first)
        return replace(verdict, digest=new.digest)

    monkeypatch.setattr(campaign, "judge", judged)
    tests = lambda mutant: [python.QFORMAT]  # noqa: E731
    quietly = lambda futures, done, total: futures  # noqa: E731
    run([new], tests, python.compiles, tmp_path, jobs=1, progress=quietly)
    assert asked[0] == [killer]


def test_what_is_no_python_is_not_chosen() -> None:
    """The star before named arguments is taken for an operator; / is legal there, + is not."""
    text = "def half(a, *, b):\n    return a * b\n"
    found = [mutant for mutant in python.mutants_of("half.py", text) if python.is_python(mutant)]
    assert {mutant.becomes for mutant in found if mutant.line == 1} == {"def half(a, /, b):"}
    assert {mutant.line for mutant in found} == {1, 2}


def test_what_is_asked_by_name_exists() -> None:
    """Names of parametrised tests change with their parameters."""
    asked = {
        word.partition("::")[2]
        for groups in (cpp.tests_of(cpp.chosen(1)[0]), *python.TESTS.values())
        for group in groups
        for word in group
        if "test_random_networks.py::" in word
    }
    there = {f"test_engine_equals_golden[{case.id}]" for case in engine_cases()}
    there |= {
        f"test_golden_equals_the_reference[{seeds_of(seeds)}]"
        for seeds in chunks(range(GOLDEN_CASES), CHUNK)
    }
    assert asked
    assert asked <= there
