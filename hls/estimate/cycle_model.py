"""How many clock cycles the RTL takes for given samples: computed, from what happens in each step.

In the mean over many steps, a step takes a network

    max over its layers of max(events * ceil(N / synapse lanes), ceil(N / neuron lanes), 8) + c

cycles: the layers work on different steps at once, so the slowest one sets the pace.  c is -0.7: no
cycle is lost between steps, and the buffers between layers let a layer that is fast in this step
help out in the next.

This module computes it step by step through those buffers: the two buffers of currents of each
layer, the FIFO of each encoder, the two packets of the readout.  For each step and layer it finds
when the last event has been used up, when the sweep over the cells begins and when it ends; the
latencies are those that the headers of the modules state.  Only what a full FIFO does is
approximate.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rfssm.hls.design import LOOP, PIPE, Design
from rfssm.hls.engines.timing import Cycles
from rfssm.quant import golden
from rfssm.quant.arithmetic import Bools
from rfssm.quant.network import IntegerNetwork, check_network
from rfssm.quant.samples import Samples

STEP_OVERHEAD = -0.7
"""c of the formula, in cycles."""

_LABEL = 1  # from the last score to the label that makes a packet: rfssm_readout
_ENCODE = 4  # from the chunk that pushes another one out to that one's first event: rfssm_encoder
_START = 2  # from done to the sweep's first issue, besides the synapse's own stages: rfssm_sweep
_ENTRY = 2  # cycle in which the first event of an idle IP reaches the first layer: rfssm_axis_in
_ROOM = 18  # chunks in an encoder's FIFO above which no further chunk is issued
_IN_FLIGHT = 5  # chunks that on average are on their way beyond those, calibrated


@dataclass(frozen=True, eq=False)
class Activity:
    """What happens in a network: which values that enter a layer are not zero.

    values     of each layer, the readout last    [B, T, M] each
    steps      of each sample                     [B]
    given      samples that there are, of which these are some; 0: events are random
    """

    values: tuple[Bools, ...]
    steps: NDArray[np.int64]
    given: int = 0

    @property
    def live(self) -> Bools:
        """Which steps there are    [B, T]."""
        steps: Bools = np.arange(self.values[0].shape[1]) < self.steps[:, None]
        return steps

    @classmethod
    def of(cls, network: IntegerNetwork, samples: Samples, *, given: int | None = None) -> Activity:
        """What samples do, by the golden model."""
        spikes = golden.run(network, samples, spikes=True).spikes or ()
        x = samples.x
        values = [x != 0]
        for layer, spike in zip(network.layers, spikes, strict=True):
            x = spike + x if layer.skip else spike.astype(np.int64)
            values.append(x != 0)
        return cls(tuple(values), samples.steps, len(samples) if given is None else given)

    @classmethod
    def random(
        cls, network: IntegerNetwork, rate: float, *, samples: int, steps: int, seed: int = 0
    ) -> Activity:
        """Independent events: each input and each neuron has one with the same chance per step."""
        check_network(network)
        rng = np.random.default_rng(seed)
        widths = [layer.inputs for layer in network.all_layers]
        values = tuple(rng.random((samples, steps, n)) < rate for n in widths)
        return cls(values, np.full(samples, steps))

    def rates(self) -> tuple[float, ...]:
        """Events per input and step of each layer."""
        return tuple(float(v[self.live].mean()) for v in self.values)


def cycles(design: Design, activity: Activity) -> Cycles:
    """The cycles that ``rfssm.hls.engines.timing.measure`` would find."""
    layers, readout = _layers(design, activity), design.network.readout
    ends = activity.steps.cumsum().tolist()
    packets = range(ends[-1]) if readout.score == "each" else {end - 1 for end in ends}
    packed = _run(layers, readout.classes, packets, 0, ends[-1])
    latency = [
        _run(layers, readout.classes, packets, begin, end)
        for begin, end in zip([0, *ends], ends, strict=False)
    ]
    steps = int(activity.steps.sum())
    return Cycles(
        samples=len(activity.steps),
        steps=steps,
        events=int(activity.values[0][activity.live].sum()),
        per_step=packed / steps,
        per_sample=packed / len(activity.steps),
        latency=float(np.mean(latency)),
        latency_min=int(min(latency)),
        latency_max=int(max(latency)),
    )


def formula(design: Design, activity: Activity) -> float:
    """Cycles per sample by the formula above."""
    slowest = np.maximum.reduce(_needs(design, activity)) + STEP_OVERHEAD
    return float(slowest.sum() / len(activity.steps))


def layers_alone(design: Design, activity: Activity) -> tuple[float, ...]:
    """Cycles per sample that each layer would need if no other were there."""
    return tuple(float(needs.sum() / len(activity.steps)) for needs in _needs(design, activity))


def _needs(design: Design, activity: Activity) -> list[NDArray[np.int64]]:
    """Cycles of each layer for each step    [steps] each."""
    needs = []
    for layer, lanes, values in zip(
        design.network.all_layers, design.lanes, activity.values, strict=True
    ):
        events = values[activity.live].sum(axis=1)
        chunks = -(-layer.outputs // lanes.neuron)
        words = -(-layer.outputs // lanes.synapse)
        needs.append(np.maximum(events * words, max(chunks, LOOP)))
    return needs


# -- one step after the other ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Layer:
    """A layer's numbers, and lists with one entry per step of all samples.

    stages       from ``done`` to step_valid
    sweep        cycles of a sweep, of which ``slots`` issue a chunk
    busy         cycles that the synapse needs for the step's events
    arrival      from the first issue of the sweep before to ``done``, if the synapse never waits
    first        from the first issue of the sweep before to the first event
    chunks       chunks of the encoder before with an event, all steps up to and with this one
    freed        step, and part of it, whose events must be used up so that a sweep before can begin
    freed_end    the same so that it can end
    """

    stages: int
    sweep: int
    slots: int
    busy: list[int]
    arrival: list[int]
    first: list[int]
    freed: list[tuple[int, float]]
    freed_end: list[tuple[int, float]]


def _layers(design: Design, activity: Activity) -> list[_Layer]:
    layers = []
    live = activity.live
    parameters = [*design.layers, design.readout]
    for i, (layer, lanes) in enumerate(zip(design.network.all_layers, design.lanes, strict=True)):
        values = activity.values[i][live]
        words = -(-layer.outputs // lanes.synapse)
        events = values.sum(axis=1)
        slots = -(-layer.outputs // lanes.neuron)
        arrival = first = np.zeros(len(events), dtype=np.int64)
        freed = freed_end = [(-1, 0.0)] * len(events)
        if i > 0:
            skip = int(design.network.layers[i - 1].skip)
            at, until, used = _from_encoder(values, design.lanes[i - 1].neuron, words)
            first, arrival = (k + PIPE + skip + _ENCODE for k in (at, until))
            total = np.cumsum(used)
            freed = _freed(total, total - used)
            freed_end = _freed(total, total)
        fields = parameters[i]
        multiply = int(fields["VALUE_W"]) > 1 or int(fields["VALUE_SIGNED"]) != 0
        layers.append(
            _Layer(
                stages=1 + multiply,
                sweep=max(slots, LOOP),
                slots=slots,
                busy=np.where(events > 0, events * words, 1).tolist(),
                arrival=arrival.tolist(),
                first=first.tolist(),
                freed=freed,
                freed_end=freed_end,
            )
        )
    return layers


def _from_encoder(
    values: Bools, lanes: int, words: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """When events leave an encoder, counted from its first chunk, if none waits.

    values     [steps, N]
    returns    cycle of the first event, of the last event's ``done``, chunks with an event [steps]

    A chunk leaves when the next one with an event comes, or with the end of the step.
    """
    steps, n = values.shape
    chunks = -(-n // lanes)
    padded = np.zeros((steps, chunks * lanes), dtype=bool)
    padded[:, :n] = values
    events = padded.reshape(steps, chunks, lanes).sum(axis=2)
    some = events > 0
    place = np.where(some, np.arange(chunks), chunks)
    following = np.full((steps, chunks + 1), chunks)
    following[:, :-1] = np.minimum.accumulate(place[:, ::-1], axis=1)[:, ::-1]
    leaves = following[:, 1:]
    rest = np.cumsum(events[:, ::-1], axis=1)[:, ::-1]
    done = np.where(some, leaves + rest * words, 0).max(axis=1)
    silent = ~some.any(axis=1)
    done[silent] = chunks + 1
    at = np.where(some, leaves, chunks).min(axis=1)
    return at, done, np.maximum(some.sum(axis=1), 1)


def _freed(total: NDArray[np.int64], upto: NDArray[np.int64]) -> list[tuple[int, float]]:
    """Step and part of it that must have left a FIFO so that ``upto`` chunks have found room."""
    wanted = upto - (_ROOM + _IN_FLIGHT)
    step = np.searchsorted(total, wanted, side="right")
    before = np.concatenate([[0], total])
    after = before[np.minimum(step + 1, len(total))]
    part = (wanted - before[step]) / np.maximum(after - before[step], 1)
    return [
        (int(k), float(p)) if w >= 0 else (-1, 0.0)
        for k, p, w in zip(step.tolist(), part.tolist(), wanted.tolist(), strict=True)
    ]


class _Stage:
    """A layer while steps pass through it; the cycles of what has happened in each step so far.

    entry    cycle in which the first event of all can be taken up
    """

    def __init__(self, layer: _Layer, begin: int, entry: int) -> None:
        self.layer = layer
        self._begin = begin
        self._entry = entry
        self.first_event: list[int] = []  # taken up
        self.done: list[int] = []  # the last event is used up
        self.swept: list[int] = []  # last slot of the sweep

    def take(self, t: int, sweep: int | None) -> int:
        """Use up the events of step t; returns the cycle in which its sweep can begin.

        sweep    first issue of the sweep of the layer before; None: the events wait outside
        """
        layer = self.layer
        ready = self.done[-1] if self.done else self._entry
        if len(self.swept) > 1:  # two buffers of currents: one of them must have been read
            ready = max(ready, self.swept[-2])
        first, done = ready, ready + layer.busy[t]
        if sweep is not None:
            first = max(first, sweep + layer.first[t])
            done = max(done, sweep + layer.arrival[t])
        self.first_event.append(first)
        self.done.append(done)
        begin = done + layer.stages + _START
        return max(begin, self.swept[-1] + 1) if self.swept else begin

    def used_up(self, t: int, part: float) -> int:
        """When a part of the events of step t has been used up."""
        first, done = self.first_event[t - self._begin], self.done[t - self._begin]
        return first + int(part * (done - first)) + 2


class _Exit(Protocol):
    """What a sweep fills, and must find room in."""

    def room_at(self, t: int) -> int:
        """When there is room for the sweep of step t to begin."""

    def take(self, t: int, sweep: int) -> int:
        """Take what a sweep makes that begins in a cycle; when there is room for the last of it."""


class _Fifo:
    """The FIFO of an encoder, emptied by the stage behind it."""

    def __init__(self, behind: _Stage, begin: int) -> None:
        self._behind = behind
        self._begin = begin

    def room_at(self, t: int) -> int:
        step, part = self._behind.layer.freed[t]
        return self._behind.used_up(step, part) if self._begin <= step < t else 0

    def take(self, t: int, sweep: int) -> int:
        behind = self._behind
        step, part = behind.layer.freed_end[t]
        if step < self._begin:
            return 0
        if step < t:
            return behind.used_up(step, part)
        # this step's own events make room for its last ones
        first = max(sweep + behind.layer.first[t], behind.done[-1] if behind.done else 0)
        return first + int(part * behind.layer.busy[t])


class _Packets:
    """The two packets of the readout.

    steps    those that end with a packet
    """

    def __init__(self, classes: int, steps: Container[int]) -> None:
        self._classes = classes
        self._steps = steps
        self._gone = (0, 0)  # when the last two packets left

    @property
    def last_beat(self) -> int:
        """When the last packet has left."""
        return self._gone[1]

    def room_at(self, t: int) -> int:
        return self._gone[0] + 1 if t in self._steps else 0

    def take(self, t: int, sweep: int) -> int:
        if t in self._steps:
            known = sweep + self._classes + PIPE + _LABEL
            self._gone = (self._gone[1], max(known, self._gone[1] + 1) + self._classes)
        return 0


def _run(layers: list[_Layer], classes: int, packets: Container[int], begin: int, end: int) -> int:
    """Steps that follow each other without a gap, from an idle IP on.

    packets    the steps that end with a packet
    returns    cycle in which the last beat leaves, counted from the first beat's as the first
    """
    stages = [_Stage(layer, begin, 0 if i else _ENTRY) for i, layer in enumerate(layers)]
    outlet = _Packets(classes, packets)
    exits: list[_Exit] = [*(_Fifo(stage, begin) for stage in stages[1:]), outlet]
    for t in range(begin, end):
        sweep = None
        for stage, way_out in zip(stages, exits, strict=True):
            sweep = max(stage.take(t, sweep), way_out.room_at(t))
            room, layer = way_out.take(t, sweep), stage.layer
            stage.swept.append(max(sweep + layer.sweep - 1, room + layer.sweep - layer.slots))
    return outlet.last_beat + 1
