from pathlib import Path

import pytest
from simulation import BOARD_RTL, check

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize("clks", [4, 5, 12, 25])
def test_bytes(clks: int, tmp_path: Path) -> None:
    parameters = {"CLKS_PER_BIT": clks}
    bench = "rfssm_uart_rx.rfssm_uart_rx_tb"
    check("rfssm_uart_rx", bench, tmp_path, parameters=parameters, rtl=BOARD_RTL)
