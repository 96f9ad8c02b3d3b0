"""Mutants of the HLS headers, and the tests of each.

One small change of the text each, with the operators of ``verilog``.  As C++ is written here, an
operator has a space on both sides, and ``<`` of a template is none.  Left alone are default
configurations, which every project replaces, ``static_assert``, preprocessor lines, and numbers
that only pragmas read.

    relation     <  <=  >  >=  ==  !=    next to it, and its opposite
    arithmetic   +  -  *  /  %  << >>    exchanged
    bits         &  |                    exchanged
    logic        && ||                   exchanged
    negation     !  ~                    taken away
    choice       c ? a : b               the two exchanged
    constant     a number                one more, one less
    condition    if (...)                always, never
    deletion     an assignment, a call, continue: taken away
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.mutation.campaign import ROOT, Groups, Mutant, Tree, share
from tests.mutation.verilog import INSTEAD, Edit, choices, group

FILES = [
    f"hls/hls4ml/nnet_utils/nnet_{part}.h"
    for part in ("cell", "probe", "readout", "spiking", "synapse")
]
"""What synthesis reads; ``nnet_host.h`` is the test bench's side."""
COUNT = 100
FEWEST = 8
SECONDS = 90
"""Of processor time for one process."""
LIBRARIES = ("h5py", "scipy.signal")

_NETWORKS = ["tests/hls/test_csim.py", "-k", "equal_golden"]
_RANDOM = [f"tests/test_random_networks.py::test_engine_equals_golden[csim seeds {k}]"
           for k in ("0 46 67 115", "256 278 286 330")]  # fmt: skip
_HLS4ML = ["tests/hls/test_hls4ml_plugin.py", "-k", "predict or trace"]
_SYNTHESIS = ["tests/hls/test_synthesis_view.py", "tests/hls/test_dataflow.py"]


def mutants_of(file: str) -> list[Mutant]:
    """All mutants of one header."""
    text = (ROOT / file).read_text()
    return [Mutant.of(file, edit.operator, text, edit.apply(text)) for edit in edits(text)]


def chosen(count: int = COUNT) -> list[Mutant]:
    """Mutants of all headers, by the number that each has; always the same ones."""
    return share({file: mutants_of(file) for file in FILES}, count, FEWEST)


def tests_of(mutant: Mutant) -> Groups:
    """Corner networks and random ones in C simulation, hls4ml's, what is said of the synthesis."""
    return [_NETWORKS, _RANDOM, _HLS4ML, _SYNTHESIS]


def compiles(tree: Tree, mutant: Mutant) -> bool:
    """Templates: only the networks of the tests show it."""
    return True


# -- what is changed -------------------------------------------------------------------------------


_NO_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|"[^"\n]*"|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*|\bstatic_assert\(.*?\);'
    r"|\bstruct \w+_config \{.*?\n\};|\btemplate <[^\n]*>"
    r"|\bconst unsigned (?:\w+_factor|\w+_depth|least|most) = [^;]*;",
    re.DOTALL | re.MULTILINE,
)
_OPERATOR = re.compile(
    r"(?<= )(?:<<|>>|<=|>=|==|!=|&&|\|\||[-<>+*/%&|])(?= (?!&))|(?<=[ \[])[|&+]=(?= )|[!~](?=[\w(])"
)
_NUMBER = re.compile(r"(?<![\w'.])(0x[0-9a-fA-F]+|\d+)(ULL)?(?![\w.])")
_CONDITION = re.compile(r"\bif (?=\()")
_STATEMENT = re.compile(
    r"^[ ]+((?:[\w.]+(?:\[[^;=]*\])? [-+|&]?= [^;]*|"
    r"[\w.]+(?:<[^;\n]*>)?\([^;]*\)|\w+\+\+|continue);)",
    re.MULTILINE,
)


def edits(text: str) -> list[Edit]:
    """Every mutant of a header's text, in the order of the text."""
    code = _NO_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    found = {*_operators(code), *_constants(code), *choices(code), *_conditions(code)}
    found |= {Edit("deletion", *match.span(1), ";") for match in _STATEMENT.finditer(code)}
    return sorted(found, key=lambda e: (e.start, e.end, e.operator, e.instead))


def _operators(code: str) -> Iterator[Edit]:
    for match in _OPERATOR.finditer(code):
        token = match[0]
        if token in "!~":
            yield Edit("negation", *match.span(), "")
        elif token.endswith("=") and token[0] in "+|&":
            yield Edit("bits" if token[0] != "+" else "arithmetic", *match.span(),
                       {"+=": "-=", "|=": "&=", "&=": "|="}[token])  # fmt: skip
        else:
            for operator, table in INSTEAD.items():
                for instead in table.get(token, "").split():
                    yield Edit(operator, *match.span(), instead)


def _constants(code: str) -> Iterator[Edit]:
    for match in _NUMBER.finditer(code):
        value = int(match[1], 0)
        for other in (value + 1, value - 1):
            if other >= 0:
                text = hex(other) if match[1].startswith("0x") else str(other)
                yield Edit("constant", *match.span(), text + (match[2] or ""))


def _conditions(code: str) -> Iterator[Edit]:
    for match in _CONDITION.finditer(code):
        start, end = group(code, match.end())
        yield Edit("condition", start + 1, end - 1, "true")
        yield Edit("condition", start + 1, end - 1, "false")
