"""Count the cells of ``rfssm_cells`` and its lanes, ``rfssm_cell``, line by line."""

from __future__ import annotations

from rfssm.hls.design import PIPE
from rfssm.hls.estimate import memory_map
from rfssm.hls.estimate.area_parameters import Images, LayerParameters, index_bits
from rfssm.hls.estimate.area_streams import sweep
from rfssm.hls.estimate.contributions import (
    DSP_BITS,
    Lines,
    adder,
    array,
    choice,
    control,
    logic,
    memory,
    product,
    register,
    rom,
)
from rfssm.quant.layers import SpikingLayer

_STATES = 2  # per cell: u and v


def cells(p: LayerParameters, layer: SpikingLayer, images: Images, family: str) -> Lines:
    """Yield the lines of ``rfssm_cells``."""
    chunk, first = index_bits(p.chunks), 3 if p.RESET else 1 + p.STATE_RAM
    yield from sweep(p.chunks)
    yield register("tags: chunk, valid, end, last", PIPE * (chunk + 3))
    yield register("tags: silent, first", 4 + first)
    yield from _cell_memories(p, images, family)
    yield from _cell_lanes(p, layer, images, family)
    yield control("cells")


def _cell_memories(p: LayerParameters, images: Images, family: str) -> Lines:
    side = p.NEURON_LANES
    yield from rom("coef_rom", memory_map.rom(images["COEF"], family), images["COEF"])
    limits = memory_map.rom(images["THRESHOLD"], family)
    yield from rom("limit_rom", limits, images["THRESHOLD"])
    yield register("limits_q8", limits.width)
    if "OFFSET" in images:
        yield from rom("offset_rom", memory_map.rom(images["OFFSET"], family), images["OFFSET"])
    states = side * _STATES * p.STATE_W
    if p.STATE_RAM:
        mapped = memory_map.block(p.chunks, states, written=True, family=family)
        yield memory("states", mapped, states)
        yield logic("state, zero at first", states)
    else:
        mapped = array(p.chunks, states, family)
        yield memory("states", mapped, states)
        yield choice("states, rows", states, mapped.rows)
    yield register("state_q", states)
    if p.RESET:
        mapped = memory_map.distributed(p.chunks, side)
        yield memory("spikes", mapped, side)
        yield register("spiked_q4", side)
        yield choice("spikes, rows", side, mapped.rows)


def _cell_lanes(p: LayerParameters, layer: SpikingLayer, images: Images, family: str) -> Lines:
    side, state, shift = p.NEURON_LANES, p.STATE_W, p.TRANS_FRAC
    constant = "OFFSET" in images and memory_map.rom(images["OFFSET"], family).logic
    full = state + p.TRANS_W + 1
    rounded = max(full, shift + 1) + 1 - shift
    # synthesis removes the constant bits of an offset that is stored in logic
    added = _offset_bits(layer) if constant else state + (1 if p.RESET and p.BIAS_W else 0)
    summed = max(p.CURRENT_W + p.GUARD, added) + 1
    result = max(rounded, summed) + 1
    kept, top, current = result, full, p.CURRENT_W
    if not p.SATURATE:  # the bits above the state are never read
        kept, top, current = state, min(full, shift + state), max(0, min(current, state - p.GUARD))
        rounded, added, summed = (min(bits, state) for bits in (rounded, added, summed))
    sums = full if p.ROUND == 1 else top  # rounding toward zero reads the sign
    low = {0: shift, 1: 0, 2: max(0, shift - 1), 3: 0}[p.ROUND]  # bits below are never read
    yield from product("mul_u, mul_v", state, p.TRANS_W, _STATES * _STATES * side, family)
    if max(state, p.TRANS_W) > DSP_BITS:  # the registers before the multipliers; each is read twice
        entries = len(images["COEF"])
        yield register("mul_u, mul_v: operands", side * (_STATES * state + entries * p.TRANS_W))
    for j in range(_STATES):
        name, enters = "uv"[j], j < p.COMPLEX + 1
        bias = bool(p.BIAS_W) and enters
        offset = bool(p.RESET) or bias
        yield adder(f"{name}: sum of the products", sums, side)
        yield register(f"{name}: sum_q5", side * max(1, sums - low))
        if p.ROUND and shift:
            yield adder(f"{name}: round", rounded if p.ROUND > 1 else top, side)
        yield register(f"{name}: q_q6", side * rounded)
        if p.ROUND == 3 and shift:
            yield logic(f"{name}: round, is it half", side * -(-shift // 3))
        if offset:
            yield register(f"{name}: add_q5", side * added)
            if p.RESET and bias:
                yield adder(f"{name}: bias + reset", added, side)
        if enters:
            yield register(f"{name}: in_q5", side * current)
            if offset:
                yield adder(f"{name}: in + add", summed - p.GUARD, side)
        yield register(f"{name}: x_q6", side * (summed if offset else current if enters else 0))
        if offset or enters:
            yield adder(f"{name}: q_q6 + x_q6", kept, side)
        yield register(f"{name}: r_q7", side * kept)
        yield register(f"{name}: next_q8", side * state)
        if p.SATURATE:
            yield logic(f"{name}: saturate", side * (result + 1))
    yield adder("u_next > limit", state, side)
    yield register("spike_q", side)


def _offset_bits(layer: SpikingLayer) -> int:
    """Return the bits of the largest sum of bias and reset."""
    biases = [int(abs(b).max()) for b in (layer.bias_u, layer.bias_v) if b is not None]
    return 1 + (max(biases, default=0) + int(abs(layer.reset).max())).bit_length()
