"""The emitted IP between AXI4-Stream endpoints: words, packets, scores and label."""

from itertools import pairwise
from typing import Any

import cocotb
from events import beats, packets
from harness import NO_PAUSE, Axis, Pattern, expect, test, test_under_four_patterns

from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

NETWORK = IntegerNetwork.load("network.safetensors")
SAMPLES = Samples.load("samples.npz")
SPEC, READOUT = NETWORK.input, NETWORK.readout
WORD = 4 if READOUT.score_bits <= 32 else 8  # bytes of a score beat
EXPECTED = packets(golden.run(NETWORK, SAMPLES), SAMPLES)


def frames(axis: Axis) -> list[bytes]:
    """The samples as packets of input words, in the layout of the top under test."""
    if len(axis.dut.s_axis_tdata) == 32 and "dense" not in axis.dut._name:
        return [event_words(SAMPLES[b : b + 1], axis) for b in range(len(SAMPLES))]
    return [dense_words(b) for b in range(len(SAMPLES))]


def event_words(sample: Samples, axis: Axis) -> bytes:
    """Value in bits 15:0, extended by its sign; address in 27:16; step_end in 31."""
    words = [
        value & 0xFFFF | addr << 16 | step_end << 31
        for addr, value, step_end, _ in beats(sample, axis.rng)
    ]
    return b"".join(word.to_bytes(4, "little") for word in words)


def dense_words(b: int) -> bytes:
    """A step per beat, channel 0 lowest, filled up to whole bytes."""
    size = -(-SPEC.channels * SPEC.bits // 8)
    mask = (1 << SPEC.bits) - 1
    return b"".join(
        sum((int(x) & mask) << (c * SPEC.bits) for c, x in enumerate(row)).to_bytes(size, "little")
        for row in SAMPLES.x[b, : SAMPLES.steps[b]]
    )


async def started(dut: Any, pattern: Pattern = NO_PAUSE) -> Axis:
    axis = Axis(dut, dut.aclk, dut.aresetn, WORD, pattern)
    await axis.reset()
    return axis


async def answers_as_golden(axis: Axis) -> None:
    """Send all samples without a gap, and compare every word of every packet."""
    got: list[tuple[int, int]] = []
    sent = frames(axis)
    for frame in sent:
        await axis.source.send(frame)
    for _ in sent:
        data = bytes((await axis.sink.recv()).tdata)
        words = [
            int.from_bytes(data[k : k + WORD], "little", signed=True)
            for k in range(0, len(data), WORD)
        ]
        got += [(word, 0) for word in words[:-1]] + [(words[-1], 1)]
    expect(got, EXPECTED, "beat (data, last)")
    await axis.edge(60)
    assert axis.sink.empty(), "a packet came twice"
    assert axis.held_checks > 0


@test_under_four_patterns
async def scores_and_label_equal_golden(dut: Any, pattern: Pattern) -> None:
    await answers_as_golden(await started(dut, pattern))


@test
async def after_a_reset_in_mid_sample_the_next_sample_is_exact(dut: Any) -> None:
    axis = await started(dut, Pattern(source=False, sink=True))
    for _ in range(6):
        for frame in frames(axis):
            await axis.source.send(frame)
        await axis.edge(axis.rng.randint(1, 150))
        await axis.reset(axis.rng.randint(1, 2))
    await answers_as_golden(axis)


@test
async def samples_follow_each_other_without_a_gap(dut: Any) -> None:
    """The first beat of a sample is taken while the one before it is still being computed."""
    axis = await started(dut)
    await answers_as_golden(axis)
    last_taken = [cycle for cycle, last in axis.taken if last]
    first_taken = [after for (_, last), (after, _) in pairwise(axis.taken) if last]
    ready_at = axis.packets
    overlapped = sum(first < done for first, done in zip(first_taken, ready_at, strict=False))
    assert len(last_taken) == len(SAMPLES)
    cocotb.log.info("%d of %d samples overlap", overlapped, len(SAMPLES) - 1)
    assert overlapped == len(SAMPLES) - 1
