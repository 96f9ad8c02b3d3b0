"""Mutants of the golden model and of what surrounds it, as cosmic-ray makes them; tests of each.

What surrounds it: the network, its bounds, quantisation-aware training and freezing, the layers of
hls4ml, the generator of the SystemVerilog.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from tests.mutation.campaign import ROOT, Groups, Mutant, Tree, share

QFORMAT = ["quant/arithmetic.py", "tests/quant/test_qformat.py"]
_RANDOM = [
    f"tests/test_random_networks.py::test_golden_equals_the_reference[seeds {k}-{k + 19}]"
    for k in range(0, 100, 20)
]
GOLDEN: dict[str, Groups] = {
    "quant/arithmetic.py": [QFORMAT, _RANDOM],
    "quant/golden.py": [["tests/quant/test_golden.py", *_RANDOM]],
}
_NETWORK: Groups = [
    ["tests/quant/test_network_refusals.py"],
    ["tests/quant/test_golden.py", _RANDOM[0], "tests/quant/test_bounds.py"],
    ["tests/quant/test_narrow.py", "tests/quant/test_hostile_files.py"],
]
_RANGES: Groups = [
    ["tests/quant/test_bounds.py"],
    ["tests/hls/test_saturation.py", "-k", "follow_the_proof or enough or both_kinds"],
    ["tests/quant/test_network_refusals.py", "-k", "proof"],
    ["tests/quant/test_narrow.py"],
]
_QAT: Groups = [
    ["tests/quant/test_qat.py", "tests/quant/test_freeze.py"],
    ["tests/quant/test_models.py", "-k", "not engines"],
    ["tests/quant/test_width.py"],
]
_EMISSION: Groups = [
    ["tests/hls/test_emit.py", "-k", "not icarus and not verilator and not yosys"],
    ["tests/hls/test_engine_icarus.py", "-k", "equal_golden"],
    ["tests/hls/test_emit.py", "-k", "icarus or verilator"],
    ["tests/hls/test_engine_verilator.py", "tests/hls/test_cycles.py"],
]
AROUND: dict[str, Groups] = {
    "quant/layers.py": _NETWORK,
    "quant/network.py": _NETWORK,
    "quant/network_file.py": _NETWORK,
    "quant/validation.py": _NETWORK,
    "quant/ranges/reach.py": _RANGES,
    "quant/ranges/series.py": _RANGES,
    "quant/qat/integers.py": _QAT,
    "quant/qat/layer.py": _QAT,
    "quant/qat/network.py": _QAT,
    "quant/qat/readout.py": _QAT,
    "quant/qat/scale.py": _QAT,
    "quant/qat/spiking.py": _QAT,
    "quant/freeze.py": [["tests/quant/test_freeze.py"], ["tests/quant/test_qat.py"]],
    "hls/hls4ml/layers.py": [
        ["tests/hls/test_hls4ml_plugin.py", "-k", "not predict and not import"],
        ["tests/hls/test_csim.py", "-k", "corner_networks"],
        ["tests/hls/test_hls4ml_plugin.py"],
    ],
    "hls/hls4ml/configuration.py": [
        ["tests/hls/test_hls4ml_plugin.py", "-k", "not predict and not import"],
        ["tests/hls/test_hls4ml_plugin.py"],
    ],
    "hls/design.py": _EMISSION,
    "hls/memories.py": _EMISSION,
    "hls/emit/project.py": _EMISSION,
    "hls/emit/tops.py": _EMISSION,
}
TESTS = GOLDEN | AROUND
COUNT = 500
"""Two in five of the golden model."""
FEWEST = 12
SECONDS = 90
"""Of processor time for one process."""
LIBRARIES = ("torch", "brevitas.nn", "scipy.signal", "scipy.stats", "sklearn.datasets", "h5py")
_NEEDS_NAMES = ("core/VariableInserter", "core/VariableReplacer")


def chosen(count: int = COUNT) -> list[Mutant]:
    """Mutants of all files, by the number that each has; always the same ones."""
    golden = {file: mutants_of(file, (ROOT / file).read_text()) for file in GOLDEN}
    picked = share(golden, 2 * count // 5)
    around = {file: places(file, (ROOT / file).read_text()) for file in AROUND}
    total = sum(map(len, around.values()))
    for file, found in around.items():
        wanted = max(FEWEST, 3 * count // 5 * len(found) // total)
        mutants = filter(is_python, made(file, (ROOT / file).read_text(), found))
        picked += sorted(islice(mutants, wanted), key=lambda mutant: mutant.line)
    return picked


def mutants_of(file: str, text: str) -> list[Mutant]:
    """All that are another program: annotations and docstrings do not count."""
    return list(made(file, text, places(file, text)))


def made(file: str, text: str, places: Iterable[Place]) -> Iterator[Mutant]:
    """The mutants of these places, one after the other, each once."""
    lines = text.splitlines(keepends=True)
    seen = set()
    for place in places:
        changed = place.changed()
        if changed is None:
            continue
        piece = place.piece
        whole = "".join(lines[: piece.start]) + changed + "".join(lines[piece.stop :])
        mutant = Mutant.of(file, place.operator, text, whole)
        if mutant.digest not in seen:
            seen.add(mutant.digest)
            yield mutant


@dataclass(frozen=True)
class Piece:
    """A function, a method or another statement, which is parsed again for each of its mutants.

    text           its lines
    start, stop    which of the file these are
    before         a line that makes them a program
    after          one behind them
    """

    text: str
    start: int
    stop: int
    before: str = ""
    after: str = ""

    @cached_property
    def code(self) -> str:
        """A program."""
        return self.before + self.text + self.after

    @cached_property
    def program(self) -> str:
        """What it computes."""
        return _program(self.code)


@dataclass(frozen=True)
class Place:
    """Where an operator changes something.

    occurrence    of the operator in the piece, the first is 0
    rank          of the change, whatever stands around its line
    """

    piece: Piece
    operator: str
    occurrence: int
    rank: bytes

    def changed(self) -> str | None:
        """Other lines in the place of the piece's; None where the program is the same."""
        piece = self.piece
        other = mutate_code(piece.code, _operator(self.operator), self.occurrence)
        if other in (None, piece.code) or _program(other) == piece.program:
            return None
        return str(other).removeprefix(piece.before).removesuffix(piece.after)


def _operator(name: str) -> Any:
    return get_operator(f"core/{name}")()


def places(file: str, text: str) -> list[Place]:
    """All places of a file, in the order of a hash: a change elsewhere moves none."""
    names = [name.removeprefix("core/") for name in sorted(operator_names())
             if name.startswith("core/") and name not in _NEEDS_NAMES]  # fmt: skip
    found = []
    for piece in pieces(text):
        nodes = list(ast_nodes(get_ast(piece.code)))
        lines = piece.code.splitlines()
        for name in names:
            operator = _operator(name)
            positions = [at for node in nodes for at in operator.mutation_positions(node)]
            same: Counter[str] = Counter()
            for occurrence, ((row, _), _end) in enumerate(positions):
                line = lines[row - 1].strip()
                parts = (file, name, line, str(same[line]))
                same[line] += 1
                rank = hashlib.sha256("\0".join(parts).encode()).digest()
                found.append(Place(piece, name, occurrence, rank))
    return sorted(found, key=lambda place: place.rank)


def pieces(text: str) -> Iterator[Piece]:
    """All of a file, but for comments between them."""
    lines = text.splitlines(keepends=True)

    def piece(start: int, stop: int, before: str = "", after: str = "") -> Piece:
        return Piece("".join(lines[start:stop]), start, stop, before, after)

    for node in ast.parse(text).body:
        if not isinstance(node, ast.ClassDef):
            yield piece(_first(node) - 1, node.end_lineno or 0)
            continue
        yield piece(_first(node) - 1, _first(node.body[0]) - 1, after="    pass\n")
        for inner in node.body:
            yield piece(_first(inner) - 1, inner.end_lineno or 0, before="class _:\n")


def _first(node: ast.stmt) -> int:
    """Its line, or that of its first decorator."""
    return min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])


def _program(text: str) -> str:
    """A text without what is never computed; one that is no Python as it stands."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign) and not isinstance(node.target, ast.Attribute):
            node.annotation = ast.Constant(0)
    return ast.dump(tree)


def tests_of(mutant: Mutant) -> Groups:
    """Those of the file, the quick ones first."""
    return TESTS[mutant.file]


def compiles(tree: Tree, mutant: Mutant) -> bool:
    """Whether it counts."""
    return is_python(mutant)


def is_python(mutant: Mutant) -> bool:
    """Whether it can be read: the * before named arguments becomes no operator."""
    try:
        compile(mutant.text, mutant.file, "exec")
    except SyntaxError:
        return False
    return True
