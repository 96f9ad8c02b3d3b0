"""Mutants of the golden model, as cosmic-ray makes them, and the tests of each."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from tests.mutation.campaign import ROOT, Groups, Mutant, Tree, share

QFORMAT = ["quant/qformat.py", "tests/quant/test_qformat.py"]
_RANDOM = [
    f"tests/test_random_networks.py::test_golden_equals_the_reference[seeds {k}-{k + 19}]"
    for k in range(0, 100, 20)
]
TESTS = {
    "quant/qformat.py": [QFORMAT, _RANDOM],
    "quant/golden.py": [["tests/quant/test_golden.py", *_RANDOM]],
}
COUNT = 200
_NEEDS_NAMES = ("core/VariableInserter", "core/VariableReplacer")


def chosen(count: int = COUNT) -> list[Mutant]:
    """Mutants of both files, by the number that each has; always the same ones."""
    return share({file: mutants_of(file, (ROOT / file).read_text()) for file in TESTS}, count)


def mutants_of(file: str, text: str) -> list[Mutant]:
    """All that are another program: annotations and docstrings do not count."""
    original = _program(text)
    found = {}
    for operator, changed in _changed(text):
        if _program(changed) != original:
            mutant = Mutant.of(file, operator, text, changed)
            found.setdefault(mutant.digest, mutant)
    return list(found.values())


def _changed(text: str) -> Iterator[tuple[str, str]]:
    for name in sorted(operator_names()):
        if not name.startswith("core/") or name in _NEEDS_NAMES:
            continue
        operator = get_operator(name)()
        occurrence = 0
        while (changed := mutate_code(text, operator, occurrence)) not in (None, text):
            yield name.removeprefix("core/"), changed
            occurrence += 1


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
    """The exhaustive tests of small widths, and random networks against the reference."""
    return TESTS[mutant.file]


def compiles(tree: Tree, mutant: Mutant) -> bool:
    """Whether it is Python at all."""
    try:
        compile(mutant.text, mutant.file, "exec")
    except SyntaxError:
        return False
    return True
