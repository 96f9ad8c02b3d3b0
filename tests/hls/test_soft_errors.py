"""Upset bits: each does exactly what the contract says of that bit, and what they cost is told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import reference
from rtl_cases import network, samples_for

from rfssm.errors import HardwareError, SamplesError
from rfssm.hls.design import Lanes
from rfssm.hls.engines import bulk
from rfssm.hls.engines.soft_errors import MEMORIES, UpsetCircuit, soft_errors
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples, compare

pytestmark = pytest.mark.rtl


@pytest.fixture(scope="module")
def net() -> IntegerNetwork:
    """Two kinds of layer, and samples with different answers."""
    return network(
        [{"neurons": 6, "weight_bits": 6}, {"neurons": 7, "complex_input": False}],
        channels=6,
        steps_max=20,
        seed=4,
    )


@pytest.fixture(scope="module")
def samples(net: IntegerNetwork) -> Samples:
    return samples_for(net, count=20)


def memory_bits(circuit: UpsetCircuit) -> Iterator[tuple[str, int, int, int]]:
    """Name, word and bit of every bit that ``flip`` knows, and its number."""
    number = 0
    for place in circuit.places:
        memory = circuit.circuit.memories[place]
        for word in range(memory.words):
            for bit in range(memory.bits):
                yield memory.name, word, bit, number
                number += 1


def test_an_upset_weight_is_that_weight_with_one_bit_flipped(
    net: IntegerNetwork, samples: Samples
) -> None:
    lanes = Lanes(2, 2)
    seen = 0
    with UpsetCircuit(net, "weights", lanes) as circuit:
        for memory, word, bit, number in memory_bits(circuit):
            if number % 13:
                continue
            where = memory.split(".")[1]
            i = len(net.layers) if where == "readout" else int(where.removeprefix("layer"))
            layer = net.all_layers[i]
            parts = 1 if where == "readout" or layer.weight_v is None else 2
            lane, within = divmod(bit, parts * layer.weight_bits)
            part, weight_bit = divmod(within, layer.weight_bits)
            words = -(-layer.outputs // 2)
            m, k = divmod(word, words)
            n = 2 * k + lane
            if n >= layer.outputs:
                continue  # padding
            field = "weight_v" if part else "weight_u"
            weight = getattr(layer, field).copy()
            sign = 1 << (layer.weight_bits - 1)
            weight[n, m] = ((weight[n, m] ^ (1 << weight_bit)) & (2 * sign - 1) ^ sign) - sign
            name = f"layers.{i}.{field}"
            tensors = net.tensors() | {name: weight.astype(np.int32)}
            other = IntegerNetwork.build(net.metadata(), tensors)
            if other.current_bits(i) > net.current_bits(i):
                continue  # its sums no longer fit the circuit
            expected = golden.run(other, samples[2:3], spikes=True, states=True)
            circuit.flip(number)
            call = circuit.call(samples[2:3], traced=True)
            circuit.circuit.to_the_end(call)
            circuit.flip(number)
            assert compare(expected, call.result().outputs) == []
            seen += 1
    assert seen > 50


@pytest.mark.parametrize("lanes", [Lanes(2, 2), Lanes(16, 1)])
def test_an_upset_state_is_that_state_with_one_bit_flipped(
    net: IntegerNetwork, samples: Samples, lanes: Lanes
) -> None:
    """The sample pauses after some steps, all of which the layers finish; one bit of u falls."""
    layer = net.layers[0]
    sample = Samples(samples.x[:1], np.array([samples.x.shape[1]]))
    x = sample.x[0]
    whole = golden.run(net, sample, spikes=True, states=True)
    assert whole.u is not None
    assert whole.v is not None
    paused, neuron = 4, 3
    with UpsetCircuit(net, "states", lanes) as circuit:
        for bit in range(layer.state_bits):
            call = circuit.call(sample, traced=True)
            beats = call.run.n_beats
            ends = np.flatnonzero(call.sent[:, 1] & 2)
            call.run.n_beats = int(ends[paused - 1]) + 1
            assert not circuit.circuit.go(call, 100)
            assert call.run.sent == call.run.n_beats
            place = next(
                number
                for name, word, at, number in memory_bits(circuit)
                if name.startswith("core.layer0.")
                and word == neuron // lanes.neuron
                and at == 2 * layer.state_bits * (neuron % lanes.neuron) + bit
            )
            circuit.flip(place)
            call.run.n_beats = beats
            circuit.circuit.to_the_end(call)
            got = call.result().outputs
            assert got.u is not None
            assert got.v is not None
            before = [int(a[0][0, paused - 1, neuron]) for a in (whole.u, whole.v)]
            sign = 1 << (layer.state_bits - 1)
            u = ((before[0] ^ (1 << bit)) & (2 * sign - 1) ^ sign) - sign
            for k, (states, weight) in enumerate(
                ((got.u[0], layer.weight_u), (got.v[0], layer.weight_v))
            ):
                assert weight is not None
                a, b = (int(c) for c in layer.transition[neuron, k])
                total = reference.rounded(
                    a * u + b * before[1], layer.transition_frac, layer.rounding
                )
                total += int(x[paused] @ weight[neuron]) << layer.guard_bits
                overflow = layer.overflow if net.saturates[0] else "WRAP"  # as it is built
                expected = reference.fitted(total, layer.state_bits, overflow)
                assert states[0, paused, neuron] == expected
            others = np.arange(layer.neurons) != neuron
            assert (got.u[0][..., others] == whole.u[0][..., others]).all()
            assert (got.u[0][:, :paused] == whole.u[0][:, :paused]).all()


@pytest.mark.parametrize("memory", MEMORIES)
def test_no_rate_no_change_and_the_next_sample_is_whole(
    net: IntegerNetwork, samples: Samples, memory: str
) -> None:
    labelled = Samples(samples.x, samples.steps, golden.run(net, samples).label)
    result = soft_errors(net, labelled, memory, (0.0, 0.5, 0.0))
    nothing, much, again = result.runs
    assert result.accuracy == 1
    assert (nothing.upsets, nothing.changed, nothing.accuracy) == (0, 0, 1)
    assert much.accuracy is not None
    assert round(20 * much.accuracy) == 20 - round(20 * much.changed) < 20
    assert (again.upsets, again.changed) == (0, 0)
    expected = 0.5 * result.bits * len(samples)
    assert abs(much.upsets - expected) < 6 * expected**0.5
    assert soft_errors(net, labelled, memory, (0.0, 0.5, 0.0)) == result
    assert soft_errors(net, labelled, memory, (0.0, 0.5, 0.0), seed=1) != result


def test_every_memory_of_the_kind_is_open(net: IntegerNetwork) -> None:
    """Bits of the whole memories, by the sizes that the headers of the modules state."""
    with UpsetCircuit(net, "states", Lanes(2, 2)) as circuit:
        assert circuit.bits == 2 * 12 * 6 + 2 * 12 * 8 + 12 * 3  # 7 neurons lie in 4 words of 2
    with UpsetCircuit(net, "weights", Lanes(2, 2)) as circuit:
        assert circuit.bits == 2 * 6 * 6 * 6 + 5 * 6 * 8 + 6 * 7 * 4
    large = network([{"neurons": 70}], channels=40)  # states and weights in block memory
    with UpsetCircuit(large, "states", Lanes(8, 1)) as circuit:
        assert circuit.bits == 2 * 12 * 70 + 12 * 3
    with UpsetCircuit(large, "weights", Lanes(8, 1)) as circuit:
        assert circuit.bits == 2 * 5 * 40 * 72 + 6 * 70 * 4  # 3 classes lie in a word of 4


def test_upsets_that_do_not_arrive_are_noticed(
    net: IntegerNetwork, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: a driver that flips nothing."""
    monkeypatch.setattr(bulk.Circuit, "flip", lambda *_: None)
    with pytest.raises(AssertionError):
        test_no_rate_no_change_and_the_next_sample_is_whole(net, samples, "states")
    with pytest.raises(AssertionError):
        test_an_upset_weight_is_that_weight_with_one_bit_flipped(net, samples)


def test_labels_of_every_step_count() -> None:
    net = network([{}], score="each")
    samples = samples_for(net)
    result = soft_errors(net, samples, "states", (0.05,))
    assert result.labels == samples.steps.sum()
    assert result.accuracy is None
    assert result.runs[0].accuracy is None


def test_progress_counts_all_rates(net: IntegerNetwork, samples: Samples) -> None:
    told: list[tuple[int, int]] = []
    soft_errors(net, samples, "states", (1e-3,), progress=lambda *now: told.append(now))
    assert told == [(k, 40) for k in range(1, 41)]


def test_bad_wishes_are_refused(net: IntegerNetwork, samples: Samples) -> None:
    with pytest.raises(HardwareError, match="memory = 'flash': must be states or weights"):
        soft_errors(net, samples, "flash")
    with pytest.raises(HardwareError, match=r"rate = 1\.5: must be between 0 and 1"):
        soft_errors(net, samples, "states", (1.5,))
    wrong = Samples(samples.x, samples.steps, np.zeros(samples.x.shape[:2], dtype=np.int64))
    with pytest.raises(SamplesError, match="labels: one per step"):
        soft_errors(net, wrong, "states", (1e-3,))
