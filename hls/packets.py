"""Encode samples as beats of the IP's streams, and decode the packets that leave the IP."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rfssm.errors import ToolError
from rfssm.quant.arithmetic import Bools, Integers
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

Beats = NDArray[np.uint32]
"""The beats of a stream, one per row: words of tdata, then flags (LAST, STEP_END)."""

LAST, STEP_END = 1, 2


def event_beats(samples: Samples, rng: Generator | None = None) -> Beats:
    """Return the beats with the events of all samples, one sample after the other.

    rng        shuffles the events of each step and puts some step ends into separate beats
    returns    tdata and flags of each beat    [beats, 2]
    """
    batch, longest, _ = samples.x.shape
    live = np.arange(longest) < samples.steps[:, None]  # [B, T]
    x = np.where(live[..., None], samples.x, 0)
    b, t, channel = np.nonzero(x)
    value = x[b, t, channel] & 0xFFFF
    alone = live & ~x.any(axis=-1)  # steps that end with an empty beat
    if rng is not None:
        alone |= live & (rng.random((batch, longest)) < 0.2)
    b_alone, t_alone = np.nonzero(alone)
    step = np.concatenate([b * longest + t, b_alone * longest + t_alone])
    address = np.concatenate([channel, np.zeros_like(b_alone)])
    data = np.concatenate([value, np.zeros_like(b_alone)])
    within = channel if rng is None else rng.permutation(len(channel))
    place = np.concatenate([within, np.full(len(b_alone), 1 << 40)])  # empty beats come last
    order = np.lexsort((place, step))
    step, words = step[order], (data | address << 16)[order]
    ends = np.append(step[1:] != step[:-1], True)
    words[ends] |= 1 << 31
    sample = step // longest
    last = np.append(sample[1:] != sample[:-1], True)
    return np.stack([words, LAST * last + STEP_END * ends], axis=1).astype(np.uint32)


def code_and_memories(
    sources: Mapping[str, bytes],
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the files that are compiled, and those that the circuit reads when it starts.

    Networks that differ only in the latter share one compilation.
    """
    code = {name: data for name, data in sources.items() if not name.endswith(".mem")}
    return code, {name: data for name, data in sources.items() if name not in code}


def bench_lines(sent: Beats) -> str:
    """Return event beats as rfssm_bench reads them: tdata in bits 31:0, tlast in bit 32."""
    return "".join(f"{(flags & LAST) << 32 | data:x}\n" for data, flags in sent.tolist())


def dense_words(network: IntegerNetwork) -> int:
    """Return the number of 32-bit words of a dense beat."""
    return -(-network.input.channels * network.input.bits // 32)


def dense_beats(network: IntegerNetwork, samples: Samples) -> Beats:
    """Return all samples' steps, one per beat, channel 0 in the low bits    [steps, words + 1]."""
    bits = network.input.bits
    live = np.arange(samples.x.shape[1]) < samples.steps[:, None]  # [B, T]
    x = samples.x[live]
    planes = ((x[..., None] >> np.arange(bits)) & 1).astype(np.uint8).reshape(len(x), -1)
    missing = 32 * dense_words(network) - planes.shape[1]
    packed = np.packbits(np.pad(planes, ((0, 0), (0, missing))), axis=1, bitorder="little")
    flags = np.full(len(x), STEP_END)
    flags[np.cumsum(samples.steps) - 1] |= LAST
    return np.hstack([packed.view("<u4"), flags[:, None]]).astype(np.uint32)


def packet_counts(network: IntegerNetwork, samples: Samples) -> Integers:
    """Return the packets that leave the IP for each sample: one, or one per step    [samples]."""
    steps = samples.steps
    return steps if network.readout.score == "each" else np.ones_like(steps)


def packet_ends(network: IntegerNetwork, samples: Samples) -> Integers:
    """Return the beats, scores and labels, that have left when each sample ends    [samples]."""
    return packet_counts(network, samples).cumsum() * (network.readout.classes + 1)


def packet_beats(network: IntegerNetwork, samples: Samples) -> int:
    """Return the number of beats that leave the IP for samples."""
    return int(packet_counts(network, samples).sum()) * (network.readout.classes + 1)


def step_rows(samples: Samples) -> Integers:
    """Return each step's row in an array [B * T, ...], in the order in which the steps enter."""
    batch, longest, _ = samples.x.shape
    live = np.arange(longest) < samples.steps[:, None]
    return np.flatnonzero(live.reshape(batch * longest)).astype(np.int64)


def decode_packets(
    network: IntegerNetwork, samples: Samples, data: Integers, last: Bools
) -> tuple[Integers, Integers]:
    """Return the scores and labels of packets.

    data, last    tdata and tlast of the beats that left the IP    [beats]

    Raises ToolError if tlast is not set exactly where a sample ends.
    """
    classes = network.readout.classes
    each = network.readout.score == "each"
    packets = data.reshape(-1, classes + 1)
    ends = np.cumsum(samples.steps) - 1 if each else np.arange(len(samples))
    expected = np.zeros(packets.shape, dtype=bool)
    expected[ends, -1] = True
    wrong = np.flatnonzero(expected.reshape(-1) != last)
    if wrong.size:
        raise ToolError(f"the IP's tlast is wrong at output beat {wrong[0]}")
    scores, label = packets[:, :-1], packets[:, -1]
    if not each:
        return scores.copy(), label.copy()
    batch, longest, _ = samples.x.shape
    rows = step_rows(samples)
    all_scores = np.zeros((batch * longest, classes), dtype=np.int64)
    all_labels = np.zeros(batch * longest, dtype=np.int64)
    all_scores[rows], all_labels[rows] = scores, label
    return all_scores.reshape(batch, longest, classes), all_labels.reshape(batch, longest)
