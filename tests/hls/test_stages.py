"""Numbers of the hardware that Python counts with are those of the SystemVerilog."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rfssm.hls import design
from rfssm.hls.estimate import cycle_model, memory_map

RTL = Path(design.__file__).parent / "rtl"


@pytest.mark.parametrize(
    ("name", "value", "modules"),
    [
        ("PIPE", design.PIPE, ["rfssm_cells", "rfssm_layer", "rfssm_readout"]),
        ("LOOP", design.LOOP, ["rfssm_cells", "rfssm_readout"]),
        ("BLOCK_BITS", memory_map.ROM_BLOCK_BITS, ["rfssm_rom"]),
    ],
)
def test_constants_are_those_of_the_modules(name: str, value: int, modules: list[str]) -> None:
    found = {
        path.stem: int(said[1])
        for path in sorted(RTL.glob("*.sv"))
        if (said := re.search(rf"localparam int {name} *= *(\d+);", path.read_text()))
    }
    assert found == dict.fromkeys(modules, value)


def test_the_fifo_is_that_of_a_layer() -> None:
    layer, encoder = ((RTL / f"rfssm_{name}.sv").read_text() for name in ("layer", "encoder"))
    assert f".IN_FLIGHT(PIPE + 1), .DEPTH({design.FIFO_DEPTH})" in layer
    reserve = re.search(r"32'\(count_q\) < DEPTH - IN_FLIGHT - (\d+);", encoder)
    assert reserve
    room = design.FIFO_DEPTH - (design.PIPE + 1) - int(reserve[1])
    assert room == cycle_model._MAX_FIFO_CHUNKS == 18
