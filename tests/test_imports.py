"""Imports point one way, no two modules import each other, and packages state their public names.

Every import of the product is read, those inside functions too; those below ``if TYPE_CHECKING``
are for type checkers, and nothing runs because of them.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "base": "rfssm",
    "model": "rfssm.model",
    "quant": "rfssm.quant",
    "hls": "rfssm.hls",
    "scripts": "rfssm.scripts",
}
ORDER = (
    ("rfssm",),  # infrastructure: every module of base but the front door
    ("rfssm.model",),
    ("rfssm.quant",),
    ("rfssm.hls",),  # design, memories, packets, names, toolchain
    ("rfssm.hls.emit",),
    ("rfssm.hls.hls4ml",),
    ("rfssm.hls.engines",),
    ("rfssm.hls.boards", "rfssm.hls.estimate", "rfssm.hls.synthesis"),
    ("rfssm.hls.convert", "rfssm.hls.describe", "rfssm.hls.verify"),
    ("rfssm.front",),
    ("rfssm.scripts",),
)
"""Each part may import itself and what stands above it; a module belongs to its longest name."""
UPWARD = {
    # hls4ml's own users choose among engines: model.predict(x, sim="verilator")
    ("rfssm.hls.hls4ml.backend", "rfssm.hls.engines"),
    # what this engine simulates is what Yosys makes of the network
    ("rfssm.hls.engines.netlist", "rfssm.hls.synthesis.yosys"),
}
"""The imports that point the other way, and why."""


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Every module of the product, by its name."""
    found = {}
    for folder, package in FOLDERS.items():
        for path in (root / folder).rglob("*.py"):
            words = path.relative_to(root / folder).with_suffix("").parts
            found[".".join([package, *words]).removesuffix(".__init__")] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """What a file imports, modules by their full names."""
    nodes: list[ast.AST] = [ast.parse(path.read_text())]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            nodes += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in known else node.module or ""
        nodes += ast.iter_child_nodes(node)


def graph(root: Path = ROOT) -> dict[str, set[str]]:
    """The modules of the product that each of them imports."""
    known = modules(root)
    return {
        name: {found for found in imports(path, known) if found in known and found != name}
        for name, path in known.items()
    }


def rank(module: str) -> int:
    """The place of a module's part in the order."""
    if module == "rfssm":  # the front door's names, found when they are asked for
        return rank("rfssm.front")
    parts = {part: place for place, group in enumerate(ORDER) for part in group}
    while module not in parts:
        module = module.rpartition(".")[0]
    return parts[module]


def upward(edges: dict[str, set[str]]) -> set[tuple[str, str]]:
    return {(a, b) for a, found in edges.items() for b in found if rank(b) > rank(a)}


def cycle(edges: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a ring; none where there is no such ring."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def packages_with(foreign: str) -> set[str]:
    """The packages of the product in which somebody imports another package."""
    known = modules()
    return {
        name if path.name == "__init__.py" else name.rpartition(".")[0]
        for name, path in known.items()
        if any(found.split(".")[0] == foreign for found in imports(path, known))
    }


def test_imports_point_one_way() -> None:
    edges = graph()
    assert len(edges) > 100
    assert sum(map(len, edges.values())) > 400
    assert upward(edges) == UPWARD


def test_no_two_modules_import_each_other() -> None:
    assert not cycle(graph())


@pytest.mark.parametrize(
    ("module", "line", "ring"),
    [
        ("model/hippo.py", "from rfssm.quant import arithmetic", False),
        ("hls/packets.py", "def f():\n    import rfssm.hls.engines.icarus", True),
        ("base/files.py", "from rfssm import front", True),
        ("hls/emit/tops.py", "from rfssm.hls.boards.boards import Board", True),
        ("quant/samples.py", "from rfssm.quant.golden import run", True),
        ("quant/golden.py", "if TYPE_CHECKING:\n    from rfssm.hls import design", None),
    ],
)
def test_a_planted_import_is_found(
    module: str, line: str, ring: bool | None, tmp_path: Path
) -> None:
    for path in modules().values():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")
    edges = graph(tmp_path)
    found = (upward(edges) != UPWARD, bool(cycle(edges)))
    if ring is None:
        assert found == (False, False)
    else:
        assert any(found)
        assert found[1] == ring


def test_hls4ml_is_imported_by_its_own_package_only() -> None:
    assert packages_with("hls4ml") == {"rfssm.hls.hls4ml"}


def test_brevitas_is_imported_by_qat_only() -> None:
    assert packages_with("brevitas") == {"rfssm.quant.qat"}


def test_the_golden_model_uses_integers_only() -> None:
    path = ROOT / "quant" / "golden.py"
    assert set(imports(path, modules())).isdisjoint({"torch", "math", "scipy"})
    assert "float" not in path.read_text()


PACKAGES = sorted(name for name, path in modules().items() if path.name == "__init__.py")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_states_its_public_names(package: str) -> None:
    module = importlib.import_module(package)
    names = module.__all__
    assert names
    assert len(names) == len(set(names))
    for name in names:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing'"):
        module.nothing  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES)
def test_no_public_name_hides_a_module(package: str) -> None:
    """``rfssm.quant.freeze`` is a module or a function, whichever was imported last: never both."""
    module = importlib.import_module(package)
    inside = {name for name in modules() if name.rpartition(".")[0] == package}
    for name in module.__all__:
        if f"{package}.{name}" in inside:
            assert getattr(module, name) is sys.modules[f"{package}.{name}"]


def test_the_installed_tree_is_this_one() -> None:
    for folder, package in FOLDERS.items():
        found = importlib.import_module(package).__file__ or ""
        assert Path(found).resolve().parent == ROOT / folder
