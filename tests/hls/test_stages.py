"""The numbers of pipeline stages that Python counts with are those of the SystemVerilog."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rfssm.hls import design

RTL = Path(design.__file__).parent / "rtl"


@pytest.mark.parametrize(
    ("name", "modules"),
    [
        ("PIPE", ["rfssm_cells", "rfssm_layer", "rfssm_readout"]),
        ("LOOP", ["rfssm_cells", "rfssm_readout"]),
    ],
)
def test_stages_are_those_of_the_modules(name: str, modules: list[str]) -> None:
    found = {
        path.stem: int(said[1])
        for path in sorted(RTL.glob("*.sv"))
        if (said := re.search(rf"localparam int {name} *= *(\d+);", path.read_text()))
    }
    assert found == dict.fromkeys(modules, getattr(design, name))
