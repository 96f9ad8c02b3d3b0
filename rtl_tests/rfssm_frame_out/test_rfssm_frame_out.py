from pathlib import Path

import pytest
from simulation import BOARD_RTL, check

pytestmark = pytest.mark.rtl


def test_contents_become_frames(tmp_path: Path) -> None:
    check("rfssm_frame_out", "rfssm_frame_out.rfssm_frame_out_tb", tmp_path, rtl=BOARD_RTL)
