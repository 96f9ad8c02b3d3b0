"""Compute how many clock cycles the RTL takes for given samples from the events of each step.

In the mean over many steps, one step takes

    max over the layers of max(events * ceil(N / synapse lanes), ceil(N / neuron lanes), 8) + c

cycles: the layers work on different steps at once, so the slowest one sets the pace.  c is -0.7: no
cycle is lost between steps, and the buffers between layers let a layer that is fast in one step
work ahead for the next.

This module follows each step through those buffers: the two buffers of currents of each layer, the
FIFO of each encoder, the two packets of the readout.  For each step and layer it computes when the
last event has been used up, when the sweep over the cells begins and when it ends, with the
latencies that the headers of the RTL modules state.  Only the effect of a full FIFO is
approximate.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rfssm.hls.design import FIFO_DEPTH, LOOP, PIPE, Design
from rfssm.hls.engines.timing import Cycles
from rfssm.quant import golden
from rfssm.quant.arithmetic import Bools
from rfssm.quant.network import IntegerNetwork, check_network
from rfssm.quant.samples import Samples

STEP_OVERHEAD = -0.7
"""c of the formula, in cycles."""

_LABEL_CYCLES = 1  # from the last score to the label that completes a packet: rfssm_readout
_ENCODE_CYCLES = 4  # from a chunk to the first event of the chunk that it pushes out: rfssm_encoder
_START_CYCLES = 2  # from done to the sweep's first issue, without synapse stages: rfssm_sweep
_ENTRY_CYCLE = 2  # in which the first event of an idle IP reaches the first layer: rfssm_axis_in
# above this many chunks in an encoder's FIFO no further chunk is issued: rfssm_encoder
_MAX_FIFO_CHUNKS = FIFO_DEPTH - (PIPE + 1) - 4
_MEAN_CHUNKS_IN_FLIGHT = 5  # beyond those in the FIFO, calibrated


@dataclass(frozen=True, eq=False)
class Activity:
    """The activity of a network: which values that enter each layer are not zero.

    values     whether an input of a layer is not zero, the readout last    [B, T, M] each
    steps      of each sample                                               [B]
    given      samples from which these were chosen; 0 if the events are random
    """

    values: tuple[Bools, ...]
    steps: NDArray[np.int64]
    given: int = 0

    @property
    def live(self) -> Bools:
        """Whether a step is within its sample    [B, T]."""
        steps: Bools = np.arange(self.values[0].shape[1]) < self.steps[:, None]
        return steps

    @classmethod
    def of(cls, network: IntegerNetwork, samples: Samples, *, given: int | None = None) -> Activity:
        """Compute the activity for samples with the golden model."""
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
        """Draw independent events: each input and neuron has one with the same chance per step."""
        check_network(network)
        rng = np.random.default_rng(seed)
        widths = [layer.inputs for layer in network.all_layers]
        values = tuple(rng.random((samples, steps, n)) < rate for n in widths)
        return cls(values, np.full(samples, steps))

    def rates(self) -> tuple[float, ...]:
        """Return the events per input and step of each layer."""
        return tuple(float(v[self.live].mean()) for v in self.values)


def cycles(design: Design, activity: Activity) -> Cycles:
    """Compute the cycles that ``rfssm.hls.engines.timing.measure`` would measure."""
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
    """Return the cycles per sample by the formula of the module's docstring."""
    slowest = np.maximum.reduce(_needs(design, activity)) + STEP_OVERHEAD
    return float(slowest.sum() / len(activity.steps))


def layers_alone(design: Design, activity: Activity) -> tuple[float, ...]:
    """Return the cycles per sample that each layer would need on its own."""
    return tuple(float(needs.sum() / len(activity.steps)) for needs in _needs(design, activity))


def _needs(design: Design, activity: Activity) -> list[NDArray[np.int64]]:
    """Return the cycles of each layer for each step    [steps] each."""
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
    """The timing of a layer: numbers, and lists with one entry per step of all samples.

    stages       cycles from ``done`` to step_valid
    sweep        cycles of a sweep, of which ``slots`` issue a chunk
    busy         cycles that the synapse needs for the step's events
    arrival      cycles from the previous layer's first issue to ``done`` if the synapse never waits
    first        cycles from the previous layer's first issue to the first event
    freed        step, and part of it, whose events must be used up before the previous layer's
                 sweep can begin
    freed_end    the same before that sweep can end
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
            first, arrival = (k + PIPE + skip + _ENCODE_CYCLES for k in (at, until))
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
    """Compute when events leave an encoder, counted from its first chunk, if none waits.

    values     whether a neuron has an event    [steps, N]
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
    """Return the step, and its part, that must leave a FIFO to make room for ``upto`` chunks."""
    wanted = upto - (_MAX_FIFO_CHUNKS + _MEAN_CHUNKS_IN_FLIGHT)
    step = np.searchsorted(total, wanted, side="right")
    before = np.concatenate([[0], total])
    after = before[np.minimum(step + 1, len(total))]
    part = (wanted - before[step]) / np.maximum(after - before[step], 1)
    return [
        (int(k), float(p)) if w >= 0 else (-1, 0.0)
        for k, p, w in zip(step.tolist(), part.tolist(), wanted.tolist(), strict=True)
    ]


class _Stage:
    """A layer while steps pass through it, with the cycles of past events and sweeps by step.

    entry    first cycle in which the layer can take up an event
    """

    def __init__(self, layer: _Layer, begin: int, entry: int) -> None:
        self.layer = layer
        self._begin = begin
        self._entry = entry
        self.first_event: list[int] = []  # when it is taken up
        self.done: list[int] = []  # when the last event is used up
        self.swept: list[int] = []  # when the sweep has its last slot

    def take(self, t: int, sweep: int | None) -> int:
        """Use up the events of step t; return the cycle in which the step's sweep can begin.

        sweep    first issue of the previous layer's sweep; None if the events wait outside the IP
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
        begin = done + layer.stages + _START_CYCLES
        return max(begin, self.swept[-1] + 1) if self.swept else begin

    def used_up(self, t: int, part: float) -> int:
        """Return the cycle in which a part of the events of step t has been used up."""
        first, done = self.first_event[t - self._begin], self.done[t - self._begin]
        return first + int(part * (done - first)) + 2


class _Exit(Protocol):
    """A buffer that a sweep fills and in which the sweep must find room."""

    def room_at(self, t: int) -> int:
        """Return the cycle in which there is room for the sweep of step t to begin."""

    def take(self, t: int, sweep: int) -> int:
        """Take the output of the sweep of step t, which begins in cycle ``sweep``.

        Returns the cycle in which there is room for its last chunk.
        """


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

    steps    the steps that end with a packet
    """

    def __init__(self, classes: int, steps: Container[int]) -> None:
        self._classes = classes
        self._steps = steps
        self._gone = (0, 0)  # when the last two packets left

    @property
    def last_beat(self) -> int:
        """The cycle in which the last packet has left."""
        return self._gone[1]

    def room_at(self, t: int) -> int:
        return self._gone[0] + 1 if t in self._steps else 0

    def take(self, t: int, sweep: int) -> int:
        if t in self._steps:
            known = sweep + self._classes + PIPE + _LABEL_CYCLES
            self._gone = (self._gone[1], max(known, self._gone[1] + 1) + self._classes)
        return 0


def _run(layers: list[_Layer], classes: int, packets: Container[int], begin: int, end: int) -> int:
    """Run steps that follow each other without a gap, on an IP that is idle at first.

    packets    the steps that end with a packet
    returns    cycle in which the last beat leaves; the first beat's is cycle 1
    """
    stages = [_Stage(layer, begin, 0 if i else _ENTRY_CYCLE) for i, layer in enumerate(layers)]
    outlet = _Packets(classes, packets)
    exits: list[_Exit] = [*(_Fifo(stage, begin) for stage in stages[1:]), outlet]
    for t in range(begin, end):
        sweep = None
        for stage, way_out in zip(stages, exits, strict=True):
            sweep = max(stage.take(t, sweep), way_out.room_at(t))
            room, layer = way_out.take(t, sweep), stage.layer
            stage.swept.append(max(sweep + layer.sweep - 1, room + layer.sweep - layer.slots))
    return outlet.last_beat + 1
