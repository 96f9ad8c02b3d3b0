"""Post-training quantisation of published networks."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rfssm.errors import NetworkError, SamplesError
from rfssm.model.inputs import alive
from rfssm.model.network import FloatNetwork, build
from rfssm.model.neurons import S5RFCell
from rfssm.model.published import PublishedNetwork, load_published
from rfssm.model.recipe import NetworkConfig
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.ptq import Calibration, quantize
from rfssm.quant.samples import Samples

NAMES = ["s5rf_a", "s5rf_skip_a", "silif_a", "csilif_a", "cadlif_a"]


@pytest.mark.data
@pytest.mark.parametrize("name", NAMES)
def test_wide_words_change_almost_no_spike(data_root: Path, name: str) -> None:
    path = data_root / "published" / f"{name}.npz"
    calibration = Calibration.load(path)
    frozen, report = quantize(
        load_published(path), calibration, name=name, weight_bits=16, transition_frac=20
    )
    stored = np.load(path)
    spikes = golden.run(frozen, Samples(stored["x"].astype(np.int64), calibration.steps),
                        spikes=True).spikes  # fmt: skip
    assert spikes is not None
    for i, change in enumerate(report.layers):
        assert change.spikes == int(stored[f"spikes.{i}"].sum())
        assert change.changed == int((spikes[i] != stored[f"spikes.{i}"]).sum())  # told truly
        assert change.changed <= max(3, 0.01 * change.spikes)
        assert change.places == stored[f"spikes.{i}"].size
    assert report.labels_changed == 0


@pytest.mark.data
def test_narrow_words_change_more_and_the_report_says_so(data_root: Path) -> None:
    path = data_root / "published" / "silif_a.npz"
    changed = [
        quantize(load_published(path), Calibration.load(path), name="x", weight_bits=bits)[1]
        for bits in (16, 8, 3)
    ]
    counts = [report.layers[0].changed for report in changed]
    assert counts == sorted(counts)
    assert counts[0] < counts[2]


def slow_network(one_minus_radius: float) -> PublishedNetwork:
    """Two neurons, the first of which forgets this much per step."""
    from rfssm.model.layers import Readout, SpikingLayer
    from rfssm.model.neurons import LeakCell

    damping = torch.tensor([-np.log1p(-one_minus_radius), 0.2]).log()
    cell = S5RFCell(torch.zeros(2), damping, torch.tensor([0.3, 0.3]))
    layer = SpikingLayer(cell, torch.ones(2, 2))
    return PublishedNetwork(
        [layer], Readout(LeakCell(torch.ones(2)), torch.eye(2)), "log_softmax"
    ).double()


@pytest.mark.parametrize(("loses", "named"), [(2.0**-11, ()), (2.0**-13, (0,))])
def test_decays_closer_to_one_than_the_format_are_named(
    loses: float, named: tuple[int, ...]
) -> None:
    calibration = Calibration(np.ones((1, 20, 1)), np.array([20]))
    frozen, report = quantize(slow_network(loses), calibration, name="x", transition_frac=12)
    assert report.layers[0].slower == named
    assert isinstance(frozen, IntegerNetwork)


@pytest.mark.parametrize(
    ("x", "bits", "signed", "frac"),
    [
        (np.array([0, 1]), 1, False, 0),
        (np.array([0.0, 5.0]), 3, False, 0),
        (np.array([-4, 3]), 3, True, 0),
        (np.array([0.0, 0.3]), 8, False, 9),
        (np.array([-1.5, 0.2]), 8, True, 6),
    ],
)
def test_words_of_the_input_follow_the_samples(
    x: np.ndarray, bits: int, signed: bool, frac: int
) -> None:
    calibration = Calibration(x.reshape(1, 2, 1), np.array([2]))
    spec, samples = calibration.integers()
    assert (spec.bits, spec.signed, spec.frac) == (bits, signed, frac)
    assert np.abs(samples.x.reshape(-1) * 2.0**-frac - x).max() <= 2.0 ** -(frac + 1)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": np.zeros(3)}, "has no array 'x'"),
        ({"x": np.zeros((3, 4))}, r"x: shape \[3, 4\], must be \[samples, steps"),
        ({"x": np.zeros((0, 4, 1))}, r"x: shape \[0, 4, 1\], must be .* none of them 0"),
        ({"x": np.full((1, 2, 3), np.nan)}, "finite"),
        ({"x": np.zeros((2, 4, 1)), "steps": np.array([4, 5])}, r"steps\[1\] = 5: .* 1 and 4"),
        ({"x": np.zeros((2, 4, 1)), "steps": np.ones(2)}, "steps: dtype float64, must be integers"),
        ({"x": np.full((1, 2, 1), 70_000)}, "must fit 16 bits"),
    ],
)
def test_refused_calibrations(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(SamplesError, match=message):
        quantize(slow_network(0.1), Calibration.load(tmp_path / "x.npz"), name="x")


@pytest.mark.data
def test_a_readout_without_weights_is_refused(data_root: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(data_root / "published" / "silif_a.npz"))
    arrays["param.snn.2.W.weight"] *= 0
    path = tmp_path / "network.npz"
    np.savez(path, **arrays)
    with pytest.raises(NetworkError, match="readout: every weight is 0"):
        quantize(load_published(path), Calibration.load(path), name="x")


def test_samples_of_any_float_type(tmp_path: Path) -> None:
    formats = []
    for dtype in (np.float16, np.float64, np.longdouble):
        np.savez(tmp_path / "x.npz", x=np.linspace(0, 1, 20, dtype=dtype).reshape(1, 20, 1))
        calibration = Calibration.load(tmp_path / "x.npz")
        formats.append(quantize(slow_network(0.1), calibration, name="x")[1].formats)
    assert formats[0] == formats[1] == formats[2]


def test_a_network_that_grows_beyond_any_width_is_refused() -> None:
    grown = slow_network(0.1)
    grown.spiking()[0].weight.data *= 1e308  # not infinite, but its states are
    calibration = Calibration(np.ones((1, 100, 1)), np.array([100]))
    with pytest.raises(NetworkError, match="layer 0: states grow"):
        quantize(grown, calibration, name="x")


def test_calibration_must_fit_the_network() -> None:
    calibration = Calibration(np.ones((1, 20, 3)), np.array([20]))
    with pytest.raises(SamplesError, match="3 inputs, the network has 1"):
        quantize(slow_network(0.1), calibration, name="x")


@pytest.mark.data
def test_zoh_is_refused_with_what_to_train_instead(data_root: Path) -> None:
    path = data_root / "published" / "s5rf_zoh_a.npz"
    with pytest.raises(NetworkError, match="bilinear or dirac"):
        quantize(load_published(path), Calibration.load(path), name="x")


def test_a_given_state_width_is_kept_and_saturates_if_it_must() -> None:
    calibration = Calibration(np.ones((1, 20, 1)), np.array([20]))
    frozen, report = quantize(slow_network(0.1), calibration, name="x", state_bits=6)
    assert report.formats.state_bits == frozen.layers[0].state_bits == 6


def random_network(x_unit: float = 1.0, **choices: object) -> tuple[FloatNetwork, Calibration]:
    config = NetworkConfig.model_validate({"neurons": [16], "cell": {"model": "silif"}, **choices})
    network = build(config, 4, 5, torch.Generator().manual_seed(0), x_unit)
    random = np.random.default_rng(0)
    x = random.integers(0, 16, (60, 30, 4)) * (random.random((60, 30, 4)) < 0.5)
    steps = random.integers(5, 31, 60)
    calibration = Calibration(x, steps)
    given = torch.from_numpy(calibration.x).float(), torch.from_numpy(calibration.steps)
    network.calibrate(*given, 1.0)
    return network.double(), calibration


@pytest.mark.parametrize(
    ("score", "x_unit"), [("sum", 2.0**-4), ("last", 1.0), ("max", 2.0**3), ("each", 2.0**-4)]
)
def test_the_report_tells_what_has_changed_to_the_network_as_it_runs(
    score: str, x_unit: float
) -> None:
    """Its inputs are worth x_unit each, its labels are those of its own score."""
    network, calibration = random_network(x_unit, score=score)
    frozen, report = quantize(network, calibration, name="x", state_bits=18)
    x, steps = torch.from_numpy(calibration.x), torch.from_numpy(calibration.steps)
    with torch.no_grad():
        activity = network.eval().run(x.double(), steps)
    samples = Samples(calibration.x, calibration.steps)
    outputs = golden.run(frozen, samples, spikes=True)
    live = alive(steps, 30).numpy()
    labels = activity.logits.argmax(-1).numpy()
    changed = labels != outputs.label
    assert report.labels_changed == int((changed & live if score == "each" else changed).sum())
    assert outputs.spikes is not None
    spikes = (activity.spikes[0].numpy() * live[..., None]).astype(bool)
    assert report.layers[0].spikes == int(spikes.sum()) > 200
    assert report.layers[0].changed == int((spikes != outputs.spikes[0]).sum())
    assert report.layers[0].changed < 0.1 * spikes.sum()
    assert frozen.readout.score == score
    assert 2.0**-frozen.input.frac == x_unit


@pytest.mark.parametrize("x_unit", [2.0**-4, 1.0, 2.0**3])
def test_no_bias_is_clipped_whatever_an_input_is_worth(x_unit: float) -> None:
    """States and biases of the first layer count in LSBs of the input's."""
    network, calibration = random_network(x_unit, normalize=True)
    norm = network.spiking()[0].norm
    assert norm is not None
    with torch.no_grad():
        norm.bias.fill_(0.9)
    _, report = quantize(network, calibration, name="x", weight_bits=16, transition_frac=20)
    assert report.layers[0].spikes > 200
    assert report.layers[0].changed <= 0.01 * report.layers[0].spikes


def test_a_unit_that_no_word_has_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"x_unit = 0\.3: must be a power of two"):
        quantize(*random_network(0.3), name="x")


def test_the_network_keeps_its_mode_and_its_statistics() -> None:
    network, calibration = random_network(normalize=True)
    network.train()
    before = [b.clone() for b in network.buffers()]
    quantize(network, calibration, name="x", state_bits=16)
    assert all(module.training for module in network.modules())
    assert all(map(torch.equal, before, network.buffers()))


def test_formats_that_cannot_be_computed_with_are_refused() -> None:
    network, calibration = random_network()
    with pytest.raises(NetworkError, match=r"state_bits = 32, transition_bits = .*: must add up"):
        quantize(network, calibration, name="x", state_bits=32, transition_frac=22)


def test_a_network_that_is_not_finite_is_refused() -> None:
    network, calibration = random_network()
    with torch.no_grad():
        network.readout.weight[0] = torch.nan
    with pytest.raises(NetworkError, match="not finite"):
        quantize(network, calibration, name="x")


@pytest.mark.parametrize(
    ("x", "steps", "message"),
    [
        (np.zeros((2, 3)), [3, 3], "x: shape"),
        (np.zeros((2, 3, 1)), [3, 4], r"steps\[1\] = 4: must be between 1 and 3"),
        (np.zeros((2, 3, 1)), [3.0, 3.0], "steps: dtype float64"),
        (np.full((2, 3, 1), np.inf), [3, 3], "x: must hold finite numbers"),
    ],
)
def test_calibrations_are_checked_however_they_are_made(
    x: np.ndarray, steps: list[float], message: str
) -> None:
    with pytest.raises(SamplesError, match=message):
        Calibration(x, np.array(steps))


def test_calibration_samples_of_hardly_anything_are_refused() -> None:
    """Their unit is beyond floating point."""
    with pytest.raises(SamplesError, match=r"x: from 4\.94066e-324 to 4\.94066e-324"):
        Calibration(np.full((1, 1, 3), 5e-324), np.array([1])).integers()
