import random
from pathlib import Path

import pytest
from simulation import check

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize(("width", "depth"), [(1, 1), (5, 7), (32, 32), (41, 25), (40, 300)])
def test_words(width: int, depth: int, tmp_path: Path) -> None:
    rng = random.Random(depth)
    words = "".join(f"{rng.getrandbits(width):x}\n" for _ in range(depth))
    (tmp_path / "words.mem").write_text(words)
    parameters = {"W": width, "DEPTH": depth, "FILE": "words.mem"}
    check("rfssm_rom", "rfssm_rom.rfssm_rom_tb", tmp_path, parameters=parameters)
