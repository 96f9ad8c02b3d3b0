from pathlib import Path

import pytest
from simulation import RTL, check, ice40_multiplier

pytestmark = pytest.mark.rtl
ECP5_MODELS = [RTL / "sim" / "ecp5" / f"MULT18X18D{part}.sv" for part in ("", "_register")]


@pytest.mark.parametrize(("a", "b"), [(1, 1), (18, 16), (32, 32)])
def test_product(a: int, b: int, tmp_path: Path) -> None:
    check("rfssm_mul", "rfssm_mul.rfssm_mul_tb", tmp_path, parameters={"A_W": a, "B_W": b})


@pytest.mark.parametrize(("a", "b"), [(1, 1), (18, 18), (18, 19), (19, 18)])
def test_product_of_the_ecp5_s_twin(a: int, b: int, tmp_path: Path) -> None:
    parameters = {"A_W": a, "B_W": b}
    check("rfssm_mul", "rfssm_mul.rfssm_mul_tb", tmp_path, parameters=parameters,
          rtl=RTL / "ecp5", sources=ECP5_MODELS)  # fmt: skip


@pytest.mark.parametrize(("a", "b"), [(16, 16), (18, 16), (1, 32), (17, 17)])
def test_product_of_the_ice40_s_twin(a: int, b: int, tmp_path: Path) -> None:
    parameters = {"A_W": a, "B_W": b}
    check("rfssm_mul", "rfssm_mul.rfssm_mul_tb", tmp_path, parameters=parameters,
          rtl=RTL / "ice40", sources=[ice40_multiplier(tmp_path)])  # fmt: skip
