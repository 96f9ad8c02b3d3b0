from pathlib import Path

import pytest
from simulation import check

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize(("width", "words"), [(3, 1), (5, 2), (4, 7), (1, 16), (6, 33), (2, 128)])
def test_selects(width: int, words: int, tmp_path: Path) -> None:
    parameters = {"W": width, "WORDS": words}
    check("rfssm_select", "rfssm_select.rfssm_select_tb", tmp_path, parameters=parameters)
