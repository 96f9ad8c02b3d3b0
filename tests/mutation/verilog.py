"""Mutants of a SystemVerilog file: one small change of its text each, found without a parser.

Comments, strings and attributes are blanked first, so places stay what they are in the file.  Left
alone are the module's header, widths in declarations, and the checks of parameters ($fatal).

    relation     <  <=  >  >=  ==  !=     next to it, and its opposite
    arithmetic   +  -  *  /  %  << >>     exchanged
    bits         &  |  ^                  exchanged
    logic        && ||                    exchanged
    negation     !  ~  $signed            taken away
    choice       c ? a : b                the two exchanged
    constant     a number                 one more, one less
    condition    if (...) of a process    always, never
    deletion     a statement of a process taken away

Where a width stands, only narrower ones: what takes a wider value cuts it off again, and the
circuit is the same.  For that reason the larger of two, (a > b) ? a : b, keeps its relation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Span = tuple[int, int]


@dataclass(frozen=True)
class Edit:
    """One change of a text."""

    operator: str
    start: int
    end: int
    instead: str

    def apply(self, text: str) -> str:
        return text[: self.start] + self.instead + text[self.end :]


def edits(text: str) -> list[Edit]:
    """Every mutant of one module's text, in the order of the text."""
    code = _blanked(text)
    process = _Processes(code)
    skipped = list(_skipped(code))
    found = {
        *_operators(code, process.assigns),
        *_constants(code),
        *choices(code),
        *_conditions(process),
        *(Edit("deletion", start, end, ";") for start, end in process.statements),
    }
    kept = [e for e in found if not any(start <= e.start < end for start, end in skipped)]
    return sorted(kept, key=lambda e: (e.start, e.end, e.operator, e.instead))


# -- what is no code, or none to be changed --------------------------------------------------------


_NO_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"[^"\n]*"|\(\*(?!\)).*?\*\)|`[^\n]*', re.DOTALL)


def _blanked(text: str) -> str:
    return _NO_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def _skipped(code: str) -> Iterator[Span]:
    header = re.search(r"\bmodule\b.*?\);", code, re.DOTALL)
    if header:
        yield header.span()
    for match in re.finditer(r"\binitial\b", code):
        end = _Processes.end_of_statement(code, match.end())
        if re.search(r"\$(fatal|readmemh)", code[match.start() : end]):
            yield match.start(), end
    for match in re.finditer(r"\b(?:logic|localparam|genvar|typedef)\b[^;]*?(=(?![=])|;)", code):
        yield match.start(), match.end()  # up to its value, or all of it


# -- processes: statements and conditions ----------------------------------------------------------


class _Processes:
    """What stands in ``always_ff``, ``always_comb`` and ``initial``."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.statements: list[Span] = []
        self.conditions: list[Span] = []
        self.assigns: set[int] = set()
        """Places of the ``<=`` that assign."""
        for match in re.finditer(r"\balways_ff\s*@\s*\([^)]*\)|\balways_comb\b|\binitial\b", code):
            self._statement(match.end())

    @staticmethod
    def end_of_statement(code: str, at: int) -> int:
        """Where the statement that begins at or behind ``at`` ends."""
        reader = object.__new__(_Processes)
        reader.code, reader.statements, reader.conditions, reader.assigns = code, [], [], set()
        return reader._statement(at)

    def _word(self, at: int) -> tuple[str, int]:
        match = re.compile(r"\s*(\w+|.)", re.DOTALL).match(self.code, at)
        return (match[1], match.end()) if match else ("", len(self.code))

    def _statement(self, at: int) -> int:
        word, after = self._word(at)
        if word == "begin":
            at = after
            label = re.compile(r"\s*:\s*\w+").match(self.code, at)
            at = label.end() if label else at
            while self._word(at)[0] != "end":
                at = self._statement(at)
            return self._word(at)[1]
        if word == "if":
            start, end = group(self.code, after)
            self.conditions.append((start + 1, end - 1))
            end = self._statement(end)
            word, after = self._word(end)
            return self._statement(after) if word == "else" else end
        if word == "for":
            return self._statement(group(self.code, after)[1])
        if word == "case":
            at = group(self.code, after)[1]
            while self._word(at)[0] != "endcase":
                at = self._statement(self.code.index(":", at) + 1)
            return self._word(at)[1]
        start = after - len(word)
        end = start
        depth = 0
        while self.code[end] != ";":
            depth += (self.code[end] in "([{") - (self.code[end] in ")]}")
            if depth == 0 and self.code.startswith("<=", end):
                self.assigns.add(end)
                depth += 100  # the first one assigns, no other does
            end += 1
        if end > start and not self.code.startswith("$", start):
            self.statements.append((start, end + 1))
        return end + 1


def group(code: str, at: int) -> Span:
    """The bracket that opens at or behind ``at``, its ends included."""
    start = code.index("(", at)
    depth = 0
    for k in range(start, len(code)):
        depth += (code[k] == "(") - (code[k] == ")")
        if depth == 0:
            return start, k + 1
    raise ValueError("a bracket is not closed")


# -- operators -------------------------------------------------------------------------------------


INSTEAD = {
    "relation": {"<": "<= >=", ">": ">= <=", "<=": "< >", ">=": "> <", "==": "!=", "!=": "=="},
    "arithmetic": {"+": "-", "-": "+", "*": "+", "/": "*", "%": "/", "<<": ">>", ">>": "<<",
                   "<<<": ">>>"},
    "bits": {"&": "|", "|": "&", "^": "|"},
    "logic": {"&&": "||", "||": "&&"},
}  # fmt: skip
_OPERATOR = re.compile(
    r"<<<|>>>|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|\+:|-:|\+=|[-<>+*/%&|^!~]|\$signed\b"
)


def _conditions(process: _Processes) -> Iterator[Edit]:
    for start, end in process.conditions:
        yield Edit("condition", start, end, "1'b1")
        yield Edit("condition", start, end, "1'b0")


def _operators(code: str, assigns: set[int]) -> Iterator[Edit]:
    for match in _OPERATOR.finditer(code):
        token = match[0]
        if match.start() in assigns:
            continue
        if token in "!~":
            yield Edit("negation", *match.span(), "")
        elif token == "$signed":
            yield Edit("negation", *match.span(), "$unsigned")
        larger = token == ">" and _is_the_larger(code, match.start())
        for operator, table in INSTEAD.items():
            for instead in table.get(token, "").split():
                if larger and instead == ">=":
                    continue
                if token in ("-", "*", "&&") and _is_width(code, match.start()):
                    continue
                yield Edit(operator, *match.span(), instead)


def _is_the_larger(code: str, at: int) -> bool:
    """Whether ``>`` stands in (a > b) ? a : b, or both a step further: equal where a is b."""
    left = re.search(r"\(\s*(\w+)\s*$", code[:at])
    right = re.match(r">\s*([\w +]+?)\s*\)\s*\?\s*([\w +]+?)\s*:\s*([\w +]+?)\s*[);]", code[at:])
    if not left or not right:
        return False
    other, yes, no = right.groups()
    values = {name: 7**k for k, name in enumerate(re.findall(r"[A-Za-z_]\w*", other), start=3)}
    values[left[1]] = _sum(other, values)
    return _sum(yes, values) == _sum(no, values)


def _sum(text: str, values: dict[str, int]) -> int:
    return sum(int(t) if t.isdigit() else values.get(t, -1) for t in text.replace("+", " ").split())


_NUMBER = re.compile(r"(?<![\w'.$])(?:(\d*'[bdh])([0-9A-Fa-f]+)|(\d+)(?!['\w])|'([01])(?!\w))")
_BASES = {"b": 2, "d": 10, "h": 16}


def _constants(code: str) -> Iterator[Edit]:
    for match in _NUMBER.finditer(code):
        prefix, digits, plain, fill = match.groups()
        if fill is not None:
            yield Edit("constant", *match.span(), "'1" if fill == "0" else "'0")
            continue
        value = int(plain) if plain else int(digits, _BASES[prefix[-1]])
        width = _is_width(code, match.start())
        wider = value - 1 if code[: match.start()].rstrip().endswith("-") else value + 1
        for other in (value + 1, value - 1):
            if other < 0 or (width and other == wider):
                continue
            if plain:
                yield Edit("constant", *match.span(), str(other))
                continue
            bits = int(prefix[:-2] or 32)
            wrapped = other % (1 << bits)
            if bits > 1 or other > value or value > 0:
                text = {"b": "b", "d": "d", "h": "X"}[prefix[-1]]
                yield Edit("constant", *match.span(), f"{prefix}{wrapped:{text}}")


_WIDTH = re.compile(r"\s*localparam\b[^=]*\w*_A?W\s*=|.*\.\w*W\([^()]*$", re.DOTALL)


def _is_width(code: str, at: int) -> bool:
    """Whether this is in a width: of a constant of such a name, a parameter, or a part-select."""
    begin = code.rfind(";", 0, at) + 1
    if _WIDTH.match(code[begin:at]):
        return True
    depth, k = 0, at
    while depth >= 0 and code[k] not in ";\n":  # out to the bracket around it
        k -= 1
        depth += (code[k] in ")]}") - (code[k] in "([{")
    if code[k] != "[":
        return False
    colon = _until(code, k + 1)  # or the closing bracket, where there is none
    return code[colon] == ":" and (at < colon) != (code[colon - 1] in "+-")


def choices(code: str) -> Iterator[Edit]:
    for match in re.finditer(r"\?", code):
        start = match.end()
        colon = _until(code, start)
        end = _until(code, colon + 1)
        yes, no = code[start:colon], code[colon + 1 : end]
        if yes.strip() != no.strip():
            yield Edit("choice", start, end, f" {no.strip()} : {yes.strip()}")


def _until(code: str, at: int) -> int:
    """Where an operand ends: at its own colon, or where the whole expression does."""
    depth = inner = 0
    while True:
        mark = code[at]
        depth += (mark in "([{") - (mark in ")]}")
        if depth < 0:
            return at
        if depth == 0:
            if mark in ";,":
                return at
            if mark == "?":
                inner += 1
            elif mark == ":":
                if not inner:
                    return at
                inner -= 1
        at += 1
