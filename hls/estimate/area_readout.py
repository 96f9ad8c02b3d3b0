"""Count the cells of ``rfssm_readout`` and ``rfssm_packets``, line by line."""

from __future__ import annotations

from rfssm.hls.design import PIPE, address_bits
from rfssm.hls.estimate import memory_map
from rfssm.hls.estimate.area_parameters import Images, ReadoutParameters
from rfssm.hls.estimate.area_streams import sweep
from rfssm.hls.estimate.contributions import (
    DSP_BITS,
    Lines,
    adder,
    choice,
    control,
    logic,
    memory,
    product,
    register,
    rom,
)
from rfssm.hls.estimate.memory_map import Mapped
from rfssm.quant.layers import ReadoutLayer


def readout(p: ReadoutParameters, layer: ReadoutLayer, images: Images, family: str) -> Lines:
    """Yield the lines of ``rfssm_readout``."""
    yield from sweep(p.CLASSES)
    # a packet ends with each sample or with each step
    yield register("tags: class, valid, last, end", PIPE * (address_bits(p.CLASSES) + 3))
    yield register("tags: silent, first", 4 + 8)
    yield from _integrator(p, images, family)
    # where scores are not sums, the copies of the sign share one register
    own = p.SCORE_W if layer.score == "sum" else p.STATE_W
    yield register("score_q9", own)
    if layer.score in ("sum", "max"):
        scores = memory_map.distributed(p.CLASSES, p.SCORE_W)
        yield memory("scores", scores, p.SCORE_W)
        yield choice("scores, rows", p.SCORE_W, scores.rows)
        yield register("old_q8", p.SCORE_W)
        yield adder("old_q8 + m_wide", p.SCORE_W)
        yield logic("score at first", p.SCORE_W)
    yield from _packets(p, own)
    yield control("readout")


def _integrator(p: ReadoutParameters, images: Images, family: str) -> Lines:
    state, leak = p.STATE_W, p.LEAK_FRAC + 1
    rounded = state + leak + 1 - p.LEAK_FRAC
    summed = max(p.CURRENT_W + p.GUARD, state) + 1
    result = max(rounded, summed) + 1
    kept = result if p.SATURATE else state
    low = {0: p.LEAK_FRAC, 1: 0, 2: p.LEAK_FRAC - 1, 3: 0}[p.ROUND]  # bits below are never read
    yield from rom("leak_rom", memory_map.rom(images["LEAK"], family), images["LEAK"])
    states = memory_map.distributed(p.CLASSES, state)
    yield memory("states", states, state)
    yield choice("states, rows", state, states.rows)
    yield from product("mul", state, leak, 1, family)
    if max(state, leak) > DSP_BITS:
        yield register("mul: operands", state + leak)
    yield register("m_q2, m_q8", 2 * state)
    yield register("in_q5", p.CURRENT_W)
    yield register("p_q5", state + leak - low)
    yield register("q_q6", rounded if p.SATURATE else min(rounded, state))
    yield register("r_q7", kept)
    yield register("x_q6", summed if p.BIAS_W else p.CURRENT_W)
    yield register("bias_q3 to bias_q5", 3 * p.BIAS_W)
    if p.BIAS_W:
        yield adder("in + bias", summed - p.GUARD)
    if p.ROUND:
        yield adder("round", rounded if p.ROUND > 1 else state + leak)
    if p.ROUND == 3:
        yield logic("round, is it half", -(-p.LEAK_FRAC // 3))
    yield adder("q_q6 + x_q6", kept)
    if p.SATURATE:
        yield logic("saturate", result + 1)


def _packets(p: ReadoutParameters, own: int) -> Lines:
    """Yield the lines of ``rfssm_packets``; ``own`` bits of a score are not copies of its sign."""
    index = address_bits(p.CLASSES)
    packets = memory_map.distributed(2 << index, p.SCORE_W)
    yield memory("packets.scores", packets, p.SCORE_W)
    yield choice("packets.scores, rows", p.SCORE_W, packets.rows)
    yield memory("packets.label_q", Mapped(0, 0, 1, index, 2), index)
    yield adder("score_q9 > best_q", own)
    yield adder("get_class_q + 1", index)
    yield register("best_q", own)
    yield register("label_q, get_class_q", 3 * index)
    yield register("last_q, full_q, taken_q, put_q, done_q, get_q, get_label_q", 10)
