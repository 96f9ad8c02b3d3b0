"""Which memories of the ECP5, or which block memories of an iCE40, an array becomes.

This is Yosys' choice, computed.

``memory_libmap`` tries every width of a block memory and takes the cheapest: blocks times their
price, and half a unit for each 2:1 multiplexer behind rows of blocks.  Of equal ones it takes the
narrowest.  An array whose bits are known never to change loses those bits first.
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
ROM_BLOCK_BITS = 1024  # more of them lie in block memory: rfssm_rom
_BLOCKS = {
    "ecp5": (
        {16384: 1, 8192: 2, 4096: 4, 2048: 9, 1024: 18},  # DP16KD: width by depth
        {16384: 1, 8192: 2, 4096: 4, 2048: 9, 1024: 18, 512: 36},  # PDPW16KD
    ),
    "ice40": ({2048: 2, 1024: 4, 512: 8, 256: 16},),  # SB_RAM40_4K
}
ICE40_PRICE = 64
"""Of a block memory of the iCE40, in Yosys' units: bits in registers."""
_BYTE = {"ecp5": 9, "ice40": 1}  # of one that is written: narrower parts cannot share one
_LUT_WORDS, _LUT_WIDTH = 16, 4  # DPR16X4


@dataclass(frozen=True)
class Mapped:
    """What an array became.

    blocks     block memories
    luts       LUT memories
    rows       how many of them lie one behind the other, with a multiplexer
    width      bits of a word that are kept; of look-up tables only those that differ from another
    words      as declared
    """

    blocks: int
    luts: int
    rows: int
    width: int
    words: int

    @property
    def logic(self) -> bool:
        """Whether it is neither."""
        return self.blocks == 0 and self.luts == 0


def distributed(words: int, width: int) -> Mapped:
    """An array in LUT memory."""
    rows = -(-words // _LUT_WORDS)
    return Mapped(0, rows * -(-width // _LUT_WIDTH), rows, width, words)


def rom(fields: Sequence[tuple[Integers, int]], family: str = "ecp5") -> Mapped:
    """Constants of ``rfssm_rom``.

    fields    values [words, lanes] and bits of each, as they lie in the memory's file
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
    """Bits of each lane that are not the same in all words."""
    ones = np.bitwise_or.reduce(values, axis=0)
    always = np.bitwise_and.reduce(values, axis=0)
    differ: NDArray[np.uint64] = (ones & ~always & ((1 << bits) - 1)).astype(np.uint64)
    return differ


@lru_cache(maxsize=4096)
def block(words: int, width: int, *, written: bool = False, family: str = "ecp5") -> Mapped:
    """An array in block memory."""
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
