from pathlib import Path

import pytest
from simulation import BOARD_RTL, check

pytestmark = pytest.mark.rtl


def test_crc(tmp_path: Path) -> None:
    check("rfssm_crc16", "rfssm_crc16.rfssm_crc16_tb", tmp_path, rtl=BOARD_RTL)
