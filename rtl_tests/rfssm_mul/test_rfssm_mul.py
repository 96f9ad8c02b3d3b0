from pathlib import Path

import pytest
from simulation import check

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize(("a", "b"), [(1, 1), (18, 16), (32, 32)])
def test_product(a: int, b: int, tmp_path: Path) -> None:
    check("rfssm_mul", "rfssm_mul.rfssm_mul_tb", tmp_path, parameters={"A_W": a, "B_W": b})
