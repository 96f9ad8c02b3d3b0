from pathlib import Path

import pytest
from simulation import BOARD_RTL, check

pytestmark = pytest.mark.rtl


def test_reset(tmp_path: Path) -> None:
    bench = "rfssm_power_on_reset.rfssm_power_on_reset_tb"
    check("rfssm_power_on_reset", bench, tmp_path, parameters={"WAIT_W": 5}, rtl=BOARD_RTL)
