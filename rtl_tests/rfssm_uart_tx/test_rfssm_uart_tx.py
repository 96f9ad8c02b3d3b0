from pathlib import Path

import pytest
from simulation import BOARD_RTL, check_cases

pytestmark = pytest.mark.rtl
CASES = [4, 5, 12, 25]


def test_bytes(tmp_path: Path) -> None:
    cases = {f"clks{clks}": {"CLKS_PER_BIT": clks} for clks in CASES}
    check_cases("rfssm_uart_tx", "rfssm_uart_tx.rfssm_uart_tx_tb", tmp_path, cases, rtl=BOARD_RTL)
