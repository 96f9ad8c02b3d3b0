"""Count the cells of ``rfssm_synapse`` and its three parts, line by line."""

from __future__ import annotations

from dataclasses import dataclass

from rfssm.hls.design import address_bits
from rfssm.hls.estimate import memory_map
from rfssm.hls.estimate.area_parameters import Common, index_bits
from rfssm.hls.estimate.contributions import (
    Lines,
    adder,
    array,
    choice,
    control,
    logic,
    memory,
    mux_luts,
    product,
    register,
    rom,
)
from rfssm.hls.memories import Fields


@dataclass(frozen=True)
class Synapse:
    """The parameters of ``rfssm_synapse`` and the constants that its source derives from them.

    outputs    neurons or classes
    reads      lanes that read its currents
    parts      of a current: 2 if it is complex, else 1
    """

    p: Common
    outputs: int
    reads: int
    parts: int
    keeps_address: bool

    @property
    def words(self) -> int:
        """The number of words in a row of weights."""
        return -(-self.outputs // self.p.SYNAPSE_LANES)

    @property
    def multiply(self) -> int:
        """Whether weights are multiplied by values."""
        return int(self.p.VALUE_W > 1 or self.p.VALUE_SIGNED != 0)

    @property
    def real(self) -> int:
        """The number of currents that change per cycle: the padding of a whole row is constant."""
        return min(self.outputs, self.p.SYNAPSE_LANES) * self.parts

    @property
    def groups(self) -> int:
        """The number of groups of reading lanes in a word of currents."""
        return self.p.SYNAPSE_LANES // self.reads

    def lines(self, weights: Fields, family: str) -> Lines:
        """Yield the lines of the module, with its memory of weights."""
        yield from self._issue(address_bits(len(weights[0][0])))
        yield from self._row_word(weights, family)
        yield adder("sum", self.p.CURRENT_W, self.real)
        yield from self._row_at_once() if self.words == 1 else self._banks(family)

    def _issue(self, address: int) -> Lines:
        p = self.p
        yield register("ev_q, zero_q, end_q, last_q, first_q", 5)
        yield register("rom_addr_q", address)
        yield register("word_q", index_bits(self.words))
        yield register("closed_q", 2)
        if self.multiply or self.keeps_address:
            yield register("value_q", p.VALUE_W)
        if self.keeps_address:
            yield register("addr_q", address_bits(p.N_IN))
        yield adder("rom_addr_q + 1", address)
        yield adder("row_start", address, self.words.bit_count() - 1)

    def _row_word(self, weights: Fields, family: str) -> Lines:
        p, late = self.p, int(self.words > 1)
        stages, announce = 2 + late + self.multiply, 1 + self.multiply
        yield register("rom_addr_q2", late * address_bits(len(weights[0][0])))
        yield from rom("accumulator.weight_rom", memory_map.rom(weights, family), weights)
        yield register("tag_q, add, first and word", stages * (2 + index_bits(self.words)))
        yield register("tag_q, silent and last", 2 * announce)
        yield register("tag_q, close", stages if late else announce)
        if self.multiply:
            bits = min(p.WEIGHT_W + p.VALUE_W, p.CURRENT_W)
            yield register("wait_q", (2 + late) * p.VALUE_W)
            yield register("product_q", self.real * bits)
            if family == "ecp5":  # other families multiply in logic
                signed = p.VALUE_W + (0 if p.VALUE_SIGNED else 1)
                a, b = min(p.WEIGHT_W, bits), min(signed, bits)
                yield from product("product", a, b, self.real, family)

    def _row_at_once(self) -> Lines:
        currents = self.real * self.p.CURRENT_W
        out = min(self.outputs, self.reads) * self.parts * self.p.CURRENT_W
        yield logic("the first event overwrites", currents)
        yield register("start_q", 1)
        yield register("acc_q, hold_q", 2 * currents)
        # rfssm_select, without the groups that consist of constant padding
        chosen = min(self.groups, -(-self.outputs // self.reads))
        whole, rest = divmod(chosen, 4)
        fours = -(-chosen // 4)
        sixteens = -(-fours // 4)
        luts, muxes = 2 * whole + max(0, min(rest - 1, 2)), whole + (rest == 3)
        yield logic("select, of four", out * luts, out * muxes)
        yield logic("select, of sixteen", sixteens * out * 3 if fours > 1 else 0)
        yield register("select, of four, of sixteen, of all", (fours + sixteens + 1) * out)
        yield choice("select, of all", out, sixteens)
        yield register("select, index", 3 * max(0, index_bits(self.groups) - 2))
        yield control("synapse, whole row")

    def _banks(self, family: str) -> Lines:
        width = self.p.SYNAPSE_LANES * self.parts * self.p.CURRENT_W
        out = self.reads * self.parts * self.p.CURRENT_W
        bank = array(self.words, width, family)
        for k in range(2):
            yield memory(f"reader.bank{k}", bank, width)
        yield register("fill_q, read_q to read_q4, reading_q, reading_q2", 7)
        yield register("addr0_q, addr1_q", 2 * index_bits(self.words))
        yield register("out0_q, out1_q", 2 * width)
        yield register("picked_q", out)
        yield logic("old, without the first event", width * max(1, mux_luts(2 * bank.rows)))
        yield choice("row, group", out, 2 * bank.rows * self.groups)
        yield control("synapse")
