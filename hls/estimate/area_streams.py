"""Count the cells between the layers: the ends of the IP, encoders, skips, sweeps."""

from __future__ import annotations

from rfssm.hls.design import FIFO_DEPTH, LOOP, PIPE, Design, address_bits
from rfssm.hls.estimate import memory_map
from rfssm.hls.estimate.area_parameters import LayerParameters
from rfssm.hls.estimate.contributions import (
    Lines,
    adder,
    array,
    carries,
    choice,
    control,
    logic,
    memory,
    register,
)

_FIFO_ADDRESS_BITS = address_bits(FIFO_DEPTH)
_MAX_BITS_WITHOUT_CARRY = 4  # of a comparison


def source(design: Design) -> Lines:
    """Yield the lines of ``rfssm_axis_in``."""
    channels = design.network.input.channels
    word = address_bits(channels) + design.value_bits + 2
    yield register("skid, two words", 2 * word + 3)
    yield logic("skid, choice; value of an address out of range", word + design.value_bits)
    yield control("source")
    compared = 12 - ((channels & -channels).bit_length() - 1)
    if compared > _MAX_BITS_WITHOUT_CARRY:
        yield carries("address below the number of channels", compared)


def sink(design: Design) -> Lines:
    """Yield the lines of ``rfssm_axis_out``."""
    word = min(design.data_bits, design.tdata_bits)  # the copies of the sign share one register
    yield register("skid, two words", 2 * (word + 1) + 3)
    yield logic("skid, choice", 2 * word)
    yield control("sink")


def sweep(chunks: int) -> Lines:
    """Yield the lines of ``rfssm_sweep``."""
    slot = (max(chunks, LOOP) - 1).bit_length()
    yield register("sweep, flags", 11)
    yield register("sweep, slot_q", slot)
    yield adder("sweep, slot_q + 1", slot)


def encoder(p: LayerParameters, family: str) -> Lines:
    """Yield the lines of ``rfssm_encoder``."""
    side, value, chunk = p.NEURON_LANES, p.OUT_W, address_bits(p.chunks)
    values = side * value
    word = chunk + values + 2
    yield register("held: valid, end, last, chunk, values", 1 + word)
    yield register("push_q, word_q", 1 + word)
    yield memory("fifo", array(FIFO_DEPTH, word, family), word)
    yield register("write_q, read_q, count_q, room_q", 3 * _FIFO_ADDRESS_BITS + 2)
    yield adder("write_q + 1, read_q + 1", _FIFO_ADDRESS_BITS, 2)
    yield adder("count_q + push_q - pop", _FIFO_ADDRESS_BITS + 1, 2)
    yield register("left_q, some_q, chunk_q, end_q, last_q", 1 + side + chunk + 2)
    if value > 1:
        yield register("values_q", values)
    yield register("event: valid, end, last, value, address", 3 + value + address_bits(p.N_OUT))
    if side > _MAX_BITS_WITHOUT_CARRY:
        yield adder("some_q - 1", side)
    yield choice("fifo, two rows", word, 2)
    if value > 1:
        yield choice("value of a lane", value, side)
    yield control("encoder")
    yield control("encoder, each lane", side)


def skip(p: LayerParameters) -> Lines:
    """Yield the lines of ``rfssm_skip``."""
    side, chunk = p.NEURON_LANES, address_bits(p.chunks)
    mapped = memory_map.distributed(2 << chunk, p.VALUE_W)
    for _ in range(side):
        yield memory("values", mapped, p.VALUE_W)
    yield register("fill_q, read_q", 2)
    yield register("there0_q, there1_q", 2 * p.N_OUT)
    yield register("wait_q", side * PIPE * p.VALUE_W)
    yield register("sum_q", side * p.OUT_W)
    yield register("tags: valid, end, last, chunk", 3 + chunk)
    yield adder("in + spike", p.OUT_W, side)
    yield logic("there0_q, there1_q: which is set", 3 * p.N_OUT)
    yield choice("there", side, 2 * p.chunks)
    yield choice("values, rows", side * p.VALUE_W, mapped.rows)
    yield control("skip")
