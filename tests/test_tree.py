"""The product's files stay small enough to be read at one sitting."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("base", "model", "quant", "hls", "scripts")
LONGEST = 400
"""Lines of a Python file; ruff sees to the complexity of its functions."""


def too_long(root: Path = ROOT) -> dict[str, int]:
    """Files of the product that have too many lines, and how many."""
    paths = [path for folder in PRODUCT for path in (root / folder).rglob("*.py")]
    assert paths
    lines = {str(path.relative_to(root)): len(path.read_text().splitlines()) for path in paths}
    return {path: count for path, count in lines.items() if count > LONGEST}


def test_no_file_of_the_product_is_too_long() -> None:
    assert not too_long()


def test_a_planted_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "quant" / "deep").mkdir(parents=True)
    (tmp_path / "quant" / "deep" / "short.py").write_text("x = 1\n" * LONGEST)
    assert too_long(tmp_path) == {}
    (tmp_path / "quant" / "deep" / "long.py").write_text("x = 1\n" * (LONGEST + 1))
    assert too_long(tmp_path) == {"quant/deep/long.py": LONGEST + 1}
