from pathlib import Path

import pytest
from simulation import BOARD_RTL, check

pytestmark = pytest.mark.rtl
IDENTITY = "}~an identity}~~"  # a string's last character is its lowest byte


@pytest.mark.parametrize(("clks", "buffer", "tdata"), [(4, 16, 32), (4, 32, 64), (5, 8, 32)])
def test_requests_and_replies(clks: int, buffer: int, tdata: int, tmp_path: Path) -> None:
    parameters = {
        "CLKS_PER_BIT": clks,
        "BUFFER": buffer,
        "TDATA_W": tdata,
        "LABEL_W": 5,
        "IDENTITY": IDENTITY,
    }
    bench = "rfssm_uart_bridge.rfssm_uart_bridge_tb"
    check("rfssm_uart_bridge", bench, tmp_path, parameters=parameters, rtl=BOARD_RTL)
