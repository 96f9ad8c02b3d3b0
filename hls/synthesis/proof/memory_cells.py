"""Reduce the memories of a netlist to the words in use, and find the bits of a memory in cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rfssm.hls.synthesis.cell_kinds import Bit, Cell

Place = Callable[[int, int], tuple[int, int]]
"""A function from word and bit to the row of the cell's model and the bit in that row."""


def shrink(cell: Cell, used: set[Bit]) -> list[int]:
    """Reduce a $mem_v2 to the words that it can address; return the address bits that remain.

    used    nets that are read
    """
    parameters, pins = cell["parameters"], cell["connections"]
    abits, width, size = (int(parameters[p], 2) for p in ("ABITS", "WIDTH", "SIZE"))
    reads = [pins["RD_ADDR"][i : i + abits] for i in range(0, len(pins["RD_ADDR"]), abits)]
    writes = [pins["WR_ADDR"][i : i + abits] for i in range(0, len(pins["WR_ADDR"]), abits)]
    wrote = [
        set(pins["WR_EN"][i : i + width]) != {"0"} for i in range(0, len(pins["WR_EN"]), width)
    ]
    read = [
        used.intersection(pins["RD_DATA"][i : i + width])
        for i in range(0, len(pins["RD_DATA"]), width)
    ]
    ports = [a for a, one in zip(reads, read, strict=True) if one]
    ports += [a for a, one in zip(writes, wrote, strict=True) if one]
    if not ports or size != 1 << abits or int(parameters["OFFSET"], 2):
        return list(range(abits))
    # a port that is not read, or that never writes, may have any address
    reads = [a if one else ports[0] for a, one in zip(reads, read, strict=True)]
    writes = [a if one else ports[0] for a, one in zip(writes, wrote, strict=True)]
    kept = [i for i in range(abits) if {a[i] for a in ports} not in ({"0"}, {"1"})] or [0]
    fixed = sum(1 << i for i in range(abits) if i not in kept and ports[0][i] == "1")
    pins["RD_ADDR"] = [a[i] for a in reads for i in kept]
    pins["WR_ADDR"] = [a[i] for a in writes for i in kept]
    init = parameters["INIT"]
    if len(init) == size * width:
        words = [init[len(init) - (k + 1) * width : len(init) - k * width] for k in range(size)]
        parameters["INIT"] = "".join(
            words[fixed + _spread(k, kept)] for k in reversed(range(1 << len(kept)))
        )
    parameters["ABITS"] = f"{len(kept):032b}"
    parameters["SIZE"] = f"{1 << len(kept):032b}"
    return kept


def take_contents(cell: Cell) -> str | None:
    """Remove and return a DP16KD's contents, as $mem_v2's INIT; None for other cells.

    All such cells then have one model, which Yosys elaborates once.
    """
    if cell["type"] != "DP16KD":
        return None
    parameters = cell["parameters"]
    lines = (parameters.pop(f"INITVAL_{k:02X}", "0") for k in reversed(range(64)))
    bits = "".join(line.rjust(320, "0") for line in lines)
    words = (bits[i : i + 40] for i in range(0, len(bits), 40))  # two words of 18 bits in each
    return "".join(word[2:20] + word[22:40] for word in words)


def _spread(word: int, kept: Sequence[int]) -> int:
    """Return the address of a word among all words, without the bits that are fixed."""
    return sum(1 << at for i, at in enumerate(kept) if word >> i & 1)


def packed(address: int, kept: Sequence[int]) -> int:
    """Return the address of a word after the fixed address bits are removed."""
    return sum(1 << i for i, at in enumerate(kept) if address >> at & 1)


# The places of a word's bits in the cells to which Yosys 0.70 maps it, in the order of the columns.
# An error here cannot pass the proof, which compares each bit's behaviour with the RTL's.
_ICE40_DATA = {
    16: (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15),
    8: (0, 8, 4, 12, 2, 10, 6, 14),
    4: (0, 8, 4, 12),
    2: (0, 8),
}


def places(cell: Cell) -> tuple[int, int, Place]:
    """Return the number of words of a family's memory cell, their bits, and a bit's place."""
    parameters = cell["parameters"]
    if cell["type"] == "TRELLIS_DPR16X4":
        return 16, 4, lambda word, bit: (word, bit)
    if cell["type"] == "DP16KD":
        width = min(int(parameters[f"DATA_WIDTH_{port}"], 2) for port in "AB")
        per_row = {36: 1, 18: 2, 9: 4}.get(width, 0)
        if per_row:
            return (
                512 * per_row,
                width,
                lambda word, bit: (
                    word // per_row,
                    width * (word % per_row) + bit,
                ),
            )
        return _halves(width)
    mode = int(parameters["WRITE_MODE"], 2)
    order = _ICE40_DATA[16 >> mode]

    def place(word: int, bit: int) -> tuple[int, int]:
        part = word % (1 << mode)
        reverse = sum(1 << (mode - 1 - i) for i in range(mode) if part >> i & 1)
        return word >> mode, order[bit] + reverse

    return 256 << mode, 16 >> mode, place


def _halves(width: int) -> tuple[int, int, Place]:
    """Return the same for a DP16KD with words of 1, 2 or 4 bits, which uses 8 of every 9 bits."""
    per_nine = 8 // width

    def place(word: int, bit: int) -> tuple[int, int]:
        nine, part = divmod(word, per_nine)
        return nine // 4, 9 * (nine % 4) + width * part + bit

    return 512 * 4 * per_nine, width, place
