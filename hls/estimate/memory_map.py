"""Compute to which memories of an ECP5, or block memories of an iCE40, Yosys maps an array.

``memory_libmap`` tries every width of a block memory and takes the cheapest.  The price is that of
the blocks, and half a unit for each 2:1 multiplexer behind rows of blocks.  Among equal prices it
takes the narrowest width.  Bits of an array that are known never to change are removed first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rfssm.hls.synthesis.block_memories import BLOCK_PRICE
from rfssm.quant.arithmetic import Integers

_MUX_PRICE = 0.5
ROM_BLOCK_BITS = 1024  # rfssm_rom puts more bits than these in block memory
_BLOCKS = {
    "ecp5": (
        {16384: 1, 8192: 2, 4096: 4, 2048: 9, 1024: 18},  # DP16KD: width by depth
        {16384: 1, 8192: 2, 4096: 4, 2048: 9, 1024: 18, 512: 36},  # PDPW16KD
    ),
    "ice40": ({2048: 2, 1024: 4, 512: 8, 256: 16},),  # SB_RAM40_4K
}
ICE40_PRICE = 64
"""The price of a block memory of the iCE40 in Yosys' unit, one bit in registers."""
_BYTE = {"ecp5": 9, "ice40": 1}  # bits per write enable: narrower parts cannot share one
_LUT_WORDS, _LUT_WIDTH = 16, 4  # DPR16X4


@dataclass(frozen=True)
class Mapped:
    """The memories to which an array is mapped.

    blocks     block memories
    luts       LUT memories
    rows       memories that lie one behind the other, with a multiplexer
    width      bits of a word that are kept; in look-up tables equal bits are kept once
    words      as declared
    """

    blocks: int
    luts: int
    rows: int
    width: int
    words: int

    @property
    def logic(self) -> bool:
        """Whether the array is in neither kind of memory."""
        return self.blocks == 0 and self.luts == 0


def distributed(words: int, width: int) -> Mapped:
    """Map an array to LUT memory."""
    rows = -(-words // _LUT_WORDS)
    return Mapped(0, rows * -(-width // _LUT_WIDTH), rows, width, words)


def rom(fields: Sequence[tuple[Integers, int]], family: str = "ecp5") -> Mapped:
    """Map the constants of ``rfssm_rom``.

    fields    values [words, lanes] and their bits, in the order of the memory's file
    family    ``ecp5`` or ``ice40``
    """
    words = len(fields[0][0])
    declared = sum(values.shape[1] * bits for values, bits in fields)
    changing = [_changing(values, bits) for values, bits in fields]
    width = sum(int(np.unpackbits(bits.view(np.uint8)).sum()) for bits in changing)
    if width == 0 or words == 1:
        return Mapped(0, 0, 1, 0, words)
    if words * declared > ROM_BLOCK_BITS:
        return block(words, width, family=family)
    columns = [
        (values[:, lane] >> bit) & 1
        for (values, bits), some in zip(fields, changing, strict=True)
        for lane in range(values.shape[1])
        for bit in range(bits)
        if int(some[lane]) >> bit & 1
    ]
    return Mapped(0, 0, 1, len(np.unique(columns, axis=0)), words)


def _changing(values: Integers, bits: int) -> NDArray[np.uint64]:
    """Return a mask of the bits of each lane that differ between words    [lanes]."""
    ones = np.bitwise_or.reduce(values, axis=0)
    always = np.bitwise_and.reduce(values, axis=0)
    differ: NDArray[np.uint64] = (ones & ~always & ((1 << bits) - 1)).astype(np.uint64)
    return differ


@lru_cache(maxsize=4096)
def block(words: int, width: int, *, written: bool = False, family: str = "ecp5") -> Mapped:
    """Map an array to block memory."""
    block_price = BLOCK_PRICE if family == "ecp5" else ICE40_PRICE
    best = Mapped(0, 0, 0, width, words)
    lowest = float("inf")
    for widths in _BLOCKS[family]:
        for depth, unit in widths.items():
            byte = min(_BYTE[family], unit) if written else 1
            rows = -(-words // depth)
            blocks = -(-rows * (-(-width // byte) * byte) // unit)
            price = blocks * block_price + (rows - 1) * width * _MUX_PRICE
            if written and rows > 1:
                price += rows * _MUX_PRICE
            if price < lowest:
                best, lowest = Mapped(blocks, 0, rows, width, words), price
    return best
