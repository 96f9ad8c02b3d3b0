from pathlib import Path

import pytest
from simulation import check_cases

pytestmark = pytest.mark.rtl
CASES = [(1, 1), (140, 1), (9, 5), (4096, 16)]


def test_axi_beats_become_events(tmp_path: Path) -> None:
    cases = {
        f"inputs{inputs}_bits{bits}": {"N_IN": inputs, "VALUE_W": bits} for inputs, bits in CASES
    }
    check_cases("rfssm_axis_in", "rfssm_axis_in.rfssm_axis_in_tb", tmp_path, cases)
