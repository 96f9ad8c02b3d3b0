from pathlib import Path

import pytest
from simulation import BOARD_RTL, check

pytestmark = pytest.mark.rtl


def test_frames_are_found(tmp_path: Path) -> None:
    check("rfssm_frame_in", "rfssm_frame_in.rfssm_frame_in_tb", tmp_path, rtl=BOARD_RTL)
