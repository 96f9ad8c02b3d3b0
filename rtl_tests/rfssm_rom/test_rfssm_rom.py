import random
from pathlib import Path

import pytest
from simulation import check_cases

pytestmark = pytest.mark.rtl


def test_words(tmp_path: Path) -> None:
    cases = {}
    for width, depth in ((1, 1), (5, 7), (32, 32), (41, 25), (40, 300)):
        rng = random.Random(depth)
        words = "".join(f"{rng.getrandbits(width):x}\n" for _ in range(depth))
        name = f"width{width}_depth{depth}"
        (tmp_path / name).mkdir()
        (tmp_path / name / "words.mem").write_text(words)
        cases[name] = {"W": width, "DEPTH": depth, "FILE": "words.mem"}
    check_cases("rfssm_rom", "rfssm_rom.rfssm_rom_tb", tmp_path, cases)
