"""Compute with LLVM the smallest initiation interval that a PIPELINE loop's dependences allow.

clang compiles the synthesis view with stand-ins for the AP types and for the streams (folder
``ap_standins``), LLVM unrolls what the pragmas unroll and puts scalars into registers, and its
dependence analysis reports which accesses of an array meet.  These and the flow of values give a
graph of each loop; a cycle of the graph that takes ``latency`` clock cycles and returns
``distance`` iterations later forbids every interval below ``latency / distance``.

Where LLVM does not know whether two accesses of an array meet ("confused"), they are taken to meet
in the same and in the next iteration.  Latencies, in clock cycles:

- reading a memory 2, a multiplication 3, both pipelined; an array under ``ARRAY_PARTITION
  complete`` is registers, and reading them takes 0;
- a written value can be read one cycle later; a register changes at the end of a cycle;
- a stream takes at most one word per cycle and returns at most one word per cycle;
- all other operations between two registers fit into one cycle.  This is assumed, not examined.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from rfssm.hls.hls4ml.templates import HEADERS
from rfssm.hls.toolchain import run_tool

TOOLS = ("clang++-14", "opt-14", "llvm-extract-14")
"""The tools of Debian 12; later versions print other text."""
CLANG, OPT, EXTRACT = TOOLS
STANDINS = Path(__file__).parent / "ap_standins"
READ, MULTIPLY = 2, 3
_SOURCE = "dependences.cpp"
_PASSES = (
    "forceattrs,cgscc(inline),function(sroa,early-cse,instcombine,simplifycfg,loop-simplify,lcssa,"
    "loop(indvars,loop-unroll-full),sroa,early-cse,dse,instcombine,simplifycfg,loop-simplify,"
    "lcssa,loop(indvars),instnamer)"
)
_NAME = re.compile(r'%[\w.$-]+|%"[^"]*"')
_FOR = r"for \([^{]*\{(?:\s*//[^\n]*)*\s*"


@dataclass
class Instruction:
    text: str
    block: str
    name: str
    operation: str
    operands: list[str]


@dataclass
class Edge:
    source: Instruction
    target: Instruction
    latency: int
    distance: int


@dataclass
class Loop:
    """A PIPELINE loop: the requested interval, and the one that its dependences allow."""

    kernel: str
    label: str
    asked: int
    allowed: int = 1
    cycle: list[str] = field(default_factory=list)
    """The instructions on a cycle that forbids ``allowed - 1``."""
    recurrences: set[str] = field(default_factory=set)
    """The variables whose next value depends on their last: each must be ready in one cycle."""
    known: set[str] = field(default_factory=set)
    """The arrays all of whose accesses LLVM could compare."""
    unknown: set[str] = field(default_factory=set)
    """The arrays some of whose accesses were assumed to meet because LLVM could not decide."""


def loops(project: Path, kernels: list[str], name: str = "network") -> list[Loop]:
    """Return the PIPELINE loops of a written project, which is changed: call once per project."""
    registers, labels = _prepare(project / "firmware" / "nnet_utils")
    declarations = "".join(f'extern "C" void asked_{label}(unsigned);\n' for label in labels)
    (project / _SOURCE).write_text(f'{declarations}#include "firmware/{name}.cpp"\n')
    flags = ["-std=c++11", "-D__SYNTHESIS__", "-DNDEBUG", "-O1", "-fno-exceptions", "-w"]
    flags += ["-fno-discard-value-names", "-S", "-emit-llvm", "-I", str(STANDINS)]
    flags += ["-Xclang", "-disable-llvm-passes", "-Xclang", "-disable-lifetime-markers"]
    run_tool([CLANG, *flags, _SOURCE, "-o", "view.ll"], cwd=project)
    mangled = "|".join(f"{len(kernel)}{kernel}" for kernel in kernels)
    functions = re.findall(
        rf"^define .*?@(_ZN4nnet(?:{mangled})I\w+)", (project / "view.ll").read_text(), re.MULTILINE
    )
    kept = [f"-force-attribute={function}:noinline" for function in functions]
    thresholds = ["-inline-threshold=100000", "-unroll-threshold=1"]
    run_tool(
        [OPT, *kept, *thresholds, f"-passes={_PASSES}", "-S", "view.ll", "-o", "opt.ll"],
        cwd=project,
    )
    found = []
    for function in functions:
        run_tool([EXTRACT, "-S", f"-func={function}", "opt.ll", "-o", "one.ll"], cwd=project)
        analysis = run_tool(
            [OPT, "-disable-output", "-passes=print<loops>,print<da>", "one.ll"], cwd=project
        )
        kernel = next(k for k in kernels if function.startswith(f"_ZN4nnet{len(k)}{k}I"))
        found += _loops(kernel, (project / "one.ll").read_text(), analysis, registers)
    return found


def _prepare(headers: Path) -> tuple[set[str], set[str]]:
    """Replace UNROLL by clang's own pragma, and PIPELINE by a call that stays in the loop."""
    registers: set[str] = set()
    labels: set[str] = set()
    ours = [headers / header.name for header in HEADERS.glob("*.h")]
    for header in [headers / "nnet_types.h", *ours]:  # the first has the copies of arrays
        text = header.read_text()
        registers |= set(re.findall(r"ARRAY_PARTITION variable=(\w+) complete", text))
        text = re.sub(
            rf"({_FOR})#pragma HLS UNROLL\n", r"\n#pragma clang loop unroll(full)\n\1\n", text
        )
        pipeline = re.compile(rf"(\w+):(\s*{_FOR})#pragma HLS PIPELINE II=(\d+)")
        labels |= {match[1] for match in pipeline.finditer(text)}
        text = pipeline.sub(r"\1:\2asked_\1(\3);", text)
        assert not re.search(r"#pragma HLS (UNROLL|PIPELINE)", text), header.name
        header.write_text(text)
    return registers, labels


# -- LLVM's text -----------------------------------------------------------------------------------


def _instructions(text: str) -> list[Instruction]:
    body = text[re.search(r"^define .*\{$", text, re.MULTILINE).end() :].split("\n}")[0]  # type: ignore[union-attr]
    found: list[Instruction] = []
    block = ""
    for line in body.splitlines():
        if label := re.match(r'([\w.$-]+|"[^"]*"):', line):
            block = f"%{label[1]}"
        elif line.startswith("  "):
            code = line.strip().split(", !")[0]
            name, equals, rest = code.partition(" = ")
            rest = rest if equals and name.startswith("%") else code
            words = re.sub(r"^(tail|musttail|notail) ", "", rest)
            found.append(
                Instruction(
                    code, block, name if rest != code else "", words.split()[0], _NAME.findall(rest)
                )
            )
    assert not any(each.operation in ("switch", "]", "indirectbr") for each in found)
    return found


def _loops(kernel: str, text: str, analysis: str, registers: set[str]) -> list[Loop]:
    instructions = _instructions(text)
    nests = [
        (
            int(depth),
            set(re.findall(_NAME, blocks)),
            re.search(rf"({_NAME.pattern})<header>", blocks),
        )
        for depth, blocks in re.findall(r"Loop at depth (\d+) containing: (.*)", analysis)
    ]
    met = {}
    for source, target, verdict in re.findall(
        r"^Src:(.*) --> Dst:(.*)\n  da analyze - (.*)!$", analysis, re.MULTILINE
    ):
        met[source.strip().split(", !")[0], target.strip().split(", !")[0]] = verdict
    found = []
    for marker in instructions:
        if asked := re.search(r"@asked_(\w+)\(i32 [a-z ]*(\d+)\)", marker.text):
            around = [nest for nest in nests if marker.block in nest[1]]
            depth, blocks, header = max(around, key=lambda nest: nest[0])
            assert header is not None
            inner = [nest for nest in nests if nest[0] > depth and nest[1] < blocks]
            assert not inner, f"{kernel}: {asked[1]} holds a loop that was not unrolled"
            loop = Loop(kernel, asked[1], int(asked[2]))
            _Graph(loop, depth, blocks, header[1], instructions, met, registers).solve()
            found.append(loop)
    return found


# -- dependences and their cycles ------------------------------------------------------------------


class _Graph:
    def __init__(
        self,
        loop: Loop,
        depth: int,
        blocks: set[str],
        header: str,
        instructions: list[Instruction],
        met: dict[tuple[str, str], str],
        registers: set[str],
    ) -> None:
        self.loop, self.depth, self.header, self.met = loop, depth, header, met
        self.registers = registers
        self.named = {each.name: each for each in instructions if each.name}
        self.inside = [each for each in instructions if each.block in blocks]
        self.edges: list[Edge] = []
        ends = {each.block: each for each in self.inside if each.operation in ("br", "ret")}
        self.after = {
            block: {word for word in re.findall(rf"label ({_NAME.pattern})", ends[block].text)}
            for block in blocks
        }
        self.conditions = {
            block: ends[block].operands[0] for block in blocks if " i1 %" in ends[block].text
        }
        self.exits = {block for block in self.conditions if self.after[block] - blocks}
        self.reached = {block: self._reach(block) for block in blocks}

    def _reach(self, start: str, without: str = "") -> set[str]:
        """Return a block and those after it in the same iteration; '' stands for the end."""
        seen: set[str] = set()
        todo = [start]
        while todo:
            block = todo.pop()
            if block in seen or block == without:
                continue
            seen.add(block)
            for after in self.after.get(block, ()):
                todo.append(after if after in self.after and after != self.header else "")
        return seen

    def _decided_by(self, block: str) -> set[str]:
        """Return the conditions that decide whether a block runs in an iteration."""
        return {
            condition
            for other, condition in self.conditions.items()
            if other != block and block in self.reached[other] and "" in self._reach(other, block)
        }

    def _root(self, pointer: str) -> Instruction | None:
        """Return what a pointer points into: a kernel's array, a stream's word, else None."""
        while each := self.named.get(pointer):
            if each.operation not in ("getelementptr", "bitcast"):
                assert each.operation in ("alloca", "call"), each.text
                return each
            base = re.search(rf"\* (?:noundef |nonnull )*({_NAME.pattern})", each.text)
            if base is None:
                return None
            pointer = base[1]
        return None

    def _fields(self, pointer: str) -> list[str]:
        """Return the indices of a pointer's target in its array; none if a cast hides them."""
        each = self.named.get(pointer)
        if each is None or each.operation != "getelementptr":
            return []
        base, *indices = [word.split()[-1] for word in each.text.split("* ", 1)[1].split(", ")]
        if each.text.count("* ") != 1 or not indices or indices[0] != "0":
            return []
        if self.named[base].operation == "alloca":
            return indices[1:]
        outer = self._fields(base)
        return [*outer, *indices[1:]] if outer else []

    def _apart(self, first: Instruction, second: Instruction) -> bool:
        """Whether two accesses are of different fields of the records of an array."""
        if {first.operation, second.operation} - {"load", "store"}:
            return False
        pairs = zip(
            self._fields(first.operands[-1]), self._fields(second.operands[-1]), strict=False
        )
        return any(a != b and a.isdigit() and b.isdigit() for a, b in pairs)

    def _accesses(self) -> dict[str, list[tuple[Instruction, bool, bool]]]:
        """Return by array of the kernel: instruction, whether it reads, whether it writes."""
        found: dict[str, list[tuple[Instruction, bool, bool]]] = {}
        for each in self.inside:
            if each.operation in ("load", "store"):
                pointers = [(each.operands[-1] if "@" not in each.text else "", each.operation)]
            elif "@llvm.mem" in each.text:
                names = [n for n in each.operands if n in self.named][:2]
                pointers = [(names[0], "store")]
                if "@llvm.memset" not in each.text:
                    pointers += [(n, "load") for n in names[1:]]
            else:
                continue
            for pointer, kind in pointers:
                root = self._root(pointer)
                assert root is not None or kind == "load", f"outside is written: {each.text}"
                if root is None:
                    continue
                if root.operation == "call":  # a word of a stream goes with its call
                    if kind == "store":
                        self.edges.append(Edge(each, root, 0, 0))
                    continue
                found.setdefault(root.name, []).append((each, kind == "load", kind == "store"))
        return found

    def _latency(self, each: Instruction) -> int:
        if each.operation == "load":
            root = self._root(each.operands[-1]) if "@" not in each.text else None
            if root is not None and (
                root.operation == "call" or _bare(root.name) in self.registers
            ):
                return 0
            return READ
        if each.operation == "mul":
            return MULTIPLY if len(each.operands) == 2 else 0
        return 1 if "@stream_read" in each.text else 0

    def _flow(self) -> None:
        """Add edges for values, the conditions that choose them, and the conditions of effects."""
        inside = {each.name: each for each in self.inside if each.name}
        for each in self.inside:
            deciding: set[str] = set()
            if each.operation == "phi":
                for value, block in re.findall(rf"\[ ([^,]+), ({_NAME.pattern}) \]", each.text):
                    back = each.block == self.header
                    if value in inside:
                        source = inside[value]
                        self.edges.append(
                            Edge(source, each, self._latency(source) + back, int(back))
                        )
                    if not back:
                        deciding |= self._decided_by(block) - self._decided_by(each.block)
                        deciding |= {self.conditions[block]} if block in self.conditions else set()
            else:
                for name in each.operands:
                    if name in inside:
                        source = inside[name]
                        self.edges.append(Edge(source, each, self._latency(source), 0))
            if each.operation in ("store", "call"):
                deciding = self._decided_by(each.block)
                for block in self.exits:
                    if self.conditions[block] in inside:
                        self.edges.append(Edge(inside[self.conditions[block]], each, 0, 1))
            for name in deciding & set(inside):
                self.edges.append(Edge(inside[name], each, self._latency(inside[name]), 0))

    def _streams(self) -> None:
        calls = [each for each in self.inside if "@stream_" in each.text]
        for first in calls:
            for second in calls:
                same = self._port(first) == self._port(second)
                if not same:
                    continue
                self.edges.append(Edge(first, second, 1, 1))
                later = self.inside.index(first) < self.inside.index(second)
                if later and second.block in self.reached[first.block]:
                    self.edges.append(Edge(first, second, 1, 0))

    def _port(self, call: Instruction) -> str:
        pointer = call.operands[-1]
        while (each := self.named.get(pointer)) and each.operation in ("getelementptr", "bitcast"):
            pointer = _NAME.findall(each.text.split("* ", 1)[1])[0]
        return pointer

    def _memory(self) -> None:
        for array, accesses in self._accesses().items():
            compared = True
            for i, (first, *first_does) in enumerate(accesses):
                for second, *second_does in accesses[i:]:
                    if not (first_does[1] or second_does[1]) or self._apart(first, second):
                        continue
                    verdict = self.met.get((first.text, second.text), "confused")
                    distances = self._distances(verdict)
                    compared = compared and distances is not None
                    for distance in (-1, 0, 1) if distances is None else distances:
                        self._meet(first, second, first_does, second_does, distance)
            (self.loop.known if compared else self.loop.unknown).add(_bare(array))

    def _distances(self, verdict: str) -> tuple[int, ...] | None:
        """Return the iterations from the first access to the second; None if LLVM cannot tell."""
        if verdict == "none":
            return ()
        vector = re.search(r"\[(.*?)(?:\|<)?\]", verdict)
        if vector is None:
            return None
        entries = vector[1].split()
        if len(entries) < self.depth or "(" in vector[1]:
            return None  # a distance that is an expression
        if any(not re.search(r"[=S*]|^p?0p?$", entry) for entry in entries[: self.depth - 1]):
            return ()  # they meet in different iterations of the loop around only
        entry = entries[self.depth - 1].strip("p")
        if re.fullmatch(r"-?\d+", entry):
            return (int(entry),)
        if entry == "=":
            return (0,)
        return None

    def _meet(
        self,
        first: Instruction,
        second: Instruction,
        first_does: list[bool],
        second_does: list[bool],
        distance: int,
    ) -> None:
        if distance < 0:
            first, second, first_does, second_does = second, first, second_does, first_does
        if distance == 0 and (first is second or second.block not in self.reached[first.block]):
            return
        # after a write one cycle; a write may come in the cycle of the read before it
        self.edges.append(Edge(first, second, int(first_does[1]), abs(distance)))

    def solve(self) -> None:
        self._flow()
        self._streams()
        self._memory()
        while (cycle := self._forbidding(self.loop.allowed)) and self.loop.allowed < 100:
            self.loop.cycle = [each.text for each in cycle]
            self.loop.allowed += 1
        self._recurrences()

    def _forbidding(self, interval: int) -> list[Instruction]:
        """Return a cycle that takes longer than ``interval`` per iteration, if there is one."""
        time = {id(each): 0 for each in self.inside}
        came: dict[int, Edge] = {}
        late: Edge | None = None
        for _ in range(len(time) + 1):
            late = None
            for edge in self.edges:
                if id(edge.target) not in time or id(edge.source) not in time:
                    continue
                arrival = time[id(edge.source)] + edge.latency - interval * edge.distance
                if arrival > time[id(edge.target)]:
                    time[id(edge.target)] = arrival
                    came[id(edge.target)] = edge
                    late = edge
            if late is None:
                return []
        assert late is not None
        at = late.target
        for _ in time:
            at = came[id(at)].source
        cycle = [at]
        while (at := came[id(at)].source) is not cycle[0]:
            cycle.append(at)
        return cycle[::-1]

    def _recurrences(self) -> None:
        after: dict[int, list[Instruction]] = {}
        for edge in self.edges:
            after.setdefault(id(edge.source), []).append(edge.target)
        for phi in self.inside:
            if phi.operation != "phi" or phi.block != self.header:
                continue
            seen: set[int] = set()
            todo = list(after.get(id(phi), []))
            while todo:
                each = todo.pop()
                if id(each) not in seen:
                    seen.add(id(each))
                    todo += after.get(id(each), [])
            if id(phi) in seen:
                self.loop.recurrences.add(_bare(phi.name))


def _bare(name: str) -> str:
    """Return the variable behind a name of LLVM's."""
    return re.sub(r"\d*(\..*)?$", "", name.strip('%"'))
