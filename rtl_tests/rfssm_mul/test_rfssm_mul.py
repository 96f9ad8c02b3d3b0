from pathlib import Path

import pytest
from simulation import RTL, check, check_cases, ice40_multiplier

pytestmark = pytest.mark.rtl
ECP5_MODELS = [RTL / "sim" / "ecp5" / f"MULT18X18D{part}.sv" for part in ("", "_register")]


def run(folder: Path, widths: list[tuple[int, int]], rtl: Path, *sources: Path) -> None:
    cases = {f"bits{a}_{b}": {"A_W": a, "B_W": b} for a, b in widths}
    check_cases("rfssm_mul", "rfssm_mul.rfssm_mul_tb", folder, cases, rtl=rtl, sources=sources)


def test_product(tmp_path: Path) -> None:
    run(tmp_path, [(1, 1), (18, 16), (32, 32)], RTL)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (18, 18), (18, 19), (19, 18)])
def test_product_of_the_ecp5_s_twin(a: int, b: int, tmp_path: Path) -> None:
    parameters = {"A_W": a, "B_W": b}
    check("rfssm_mul", "rfssm_mul.rfssm_mul_tb", tmp_path, parameters=parameters,
          rtl=RTL / "ecp5", sources=ECP5_MODELS)  # fmt: skip


def test_product_of_the_ice40_s_twin(tmp_path: Path) -> None:
    model = ice40_multiplier(tmp_path)
    run(tmp_path, [(16, 16), (18, 16), (1, 32), (17, 17)], RTL / "ice40", model)
