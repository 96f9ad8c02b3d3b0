from pathlib import Path

import pytest
from simulation import RTL, check, require

from rfssm.hls import toolchain

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize(("width", "words"), [(3, 1), (5, 2), (4, 7), (1, 16), (6, 33), (2, 128)])
def test_selects(width: int, words: int, tmp_path: Path) -> None:
    parameters = {"W": width, "WORDS": words}
    check("rfssm_select", "rfssm_select.rfssm_select_tb", tmp_path, parameters=parameters)


@pytest.mark.parametrize("words", [1, 2, 3, 5, 6, 7, 13, 25, 33])
def test_lint_of_any_number_of_words(words: int, tmp_path: Path) -> None:
    """A word that is not there would be read, or an index is cut off, where it complains."""
    require("verilator")
    arguments = ["--lint-only", "-Wall", "-Wno-DECLFILENAME", f"-GWORDS={words}"]
    toolchain.verilate([*arguments, RTL / "rfssm_select.sv"], cwd=tmp_path)
