"""Define the contents of a design's memories, word by word, for all code that writes or counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rfssm.hls.design import Design, Lanes, Parameters
from rfssm.quant.arithmetic import Integers
from rfssm.quant.layers import ReadoutLayer, SpikingLayer

Fields = Sequence[tuple[Integers, int]]
"""The contents of a memory: fields of values [words, lanes] and the bits of each value.  The first
field is the lowest in each lane."""


def memories(design: Design) -> Iterator[tuple[str, Fields]]:
    """Yield the names and contents of all memories."""
    for i, layer in enumerate(design.network.layers):
        yield from _layer_memories(layer, design.layers[i], design.lanes[i])
    yield from _readout_memories(design.network.readout, design.readout, design.lanes[-1])


def _layer_memories(
    layer: SpikingLayer, parameters: Parameters, lanes: Lanes
) -> Iterator[tuple[str, Fields]]:
    parts = [layer.weight_u] if layer.weight_v is None else [layer.weight_u, layer.weight_v]
    yield str(parameters["WEIGHTS"]), _weight_words(parts, lanes.synapse, layer.weight_bits)

    def chunked(values: Integers) -> Integers:
        return padded(values, lanes.neuron).reshape(-1, lanes.neuron)

    a = layer.transition
    entries = [(0, 0), (1, 0)] if parameters["ROTATION"] else [(0, 0), (0, 1), (1, 0), (1, 1)]
    coefficients = [(chunked(a[:, j, k]), layer.transition_bits) for j, k in entries]
    yield str(parameters["COEF"]), coefficients
    yield str(parameters["THRESHOLD"]), [(chunked(layer.threshold), layer.state_bits)]
    offsets = [
        (chunked(bias), layer.bias_bits)
        for bias in (layer.bias_u, layer.bias_v)
        if bias is not None
    ]
    if parameters["RESET"]:
        offsets += [(chunked(layer.reset[:, j]), layer.state_bits) for j in (0, 1)]
    if offsets:
        yield str(parameters["OFFSET"]), offsets


def _readout_memories(
    readout: ReadoutLayer, parameters: Parameters, lanes: Lanes
) -> Iterator[tuple[str, Fields]]:
    weights = _weight_words([readout.weight_u], lanes.synapse, readout.weight_bits)
    yield str(parameters["WEIGHTS"]), weights
    fields = [(readout.leak[:, None], readout.leak_frac)]
    if readout.bias_u is not None:
        fields.append((readout.bias_u[:, None], readout.bias_bits))
    yield str(parameters["LEAK"]), fields


def _weight_words(parts: Sequence[Integers], lanes: int, bits: int) -> Fields:
    """Return the words of the synapse: for each input, all neurons, ``lanes`` of them per word.

    parts    weight_u and perhaps weight_v    [N, M] each
    """
    rows = [padded(part, lanes).T.reshape(-1, lanes) for part in parts]
    return [(row, bits) for row in rows]


def padded(values: Integers, multiple: int) -> Integers:
    """Append zeros along the first axis, up to a multiple."""
    missing = -len(values) % multiple
    return np.pad(values, [(0, missing)] + [(0, 0)] * (values.ndim - 1))


def words(fields: Fields) -> str:
    """Return one line of hexadecimal per memory word, for $readmemh."""
    words = len(fields[0][0])
    per_block = max(1, 1 << 22 >> (sum(v.shape[1] * b for v, b in fields)).bit_length())
    blocks = (
        _hexadecimal([(values[at : at + per_block], bits) for values, bits in fields])
        for at in range(0, words, per_block)
    )
    return "".join(blocks)


def _hexadecimal(fields: Fields) -> str:
    planes = [(values[..., None] >> np.arange(bits)) & 1 for values, bits in fields]
    bits: NDArray[np.uint8] = np.concatenate(planes, axis=-1).astype(np.uint8)
    rows = bits.reshape(len(bits), -1)
    digits = -(-rows.shape[1] // 4)
    packed = np.packbits(rows, axis=1, bitorder="little")[:, ::-1]
    return "".join(f"{row.tobytes().hex()[-digits:]}\n" for row in packed)
