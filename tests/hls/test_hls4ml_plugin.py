"""The road of an hls4ml user: convert, write, compile, predict, build, with every backend."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest
import torch
from rtl_cases import CASES, network, samples_for

from rfssm.hls import plugin
from rfssm.hls.emit import Design, Lanes
from rfssm.hls.layers import lower
from rfssm.hls.plugin import convert_network
from rfssm.model.errors import HardwareError, SamplesError, ToolError
from rfssm.model.network import build
from rfssm.model.recipe import NetworkConfig, S5RFConfig
from rfssm.quant import golden
from rfssm.quant.freeze import freeze
from rfssm.quant.network import InputSpec, IntegerNetwork
from rfssm.quant.qat import QATNetwork
from rfssm.quant.recipe import QuantizationConfig
from rfssm.quant.samples import Samples

pytestmark = pytest.mark.hls

STEPS, CHANNELS = 20, 4


@pytest.fixture(scope="module")
def qat_network() -> QATNetwork:
    """A small network, untrained, that spikes."""
    spec = InputSpec(channels=CHANNELS, bits=3, signed=True, frac=2, steps_max=32)
    random = torch.Generator().manual_seed(4)
    config = NetworkConfig(neurons=(12, 8), bias=True, cell=S5RFConfig(step_min=0.02))
    network = QATNetwork(build(config, CHANNELS, 3, random, 0.25), QuantizationConfig(), spec)
    x, _ = inputs(60)
    network.calibrate(torch.from_numpy(x), torch.full((60,), STEPS), 0.7)
    return network.eval()


def inputs(count: int = 12) -> tuple[np.ndarray, Samples]:
    """Samples over the whole input range, as hls4ml and as the engines take them."""
    rng = np.random.default_rng(2)
    x = rng.integers(-4, 4, (count, STEPS, CHANNELS)) * (rng.random((count, STEPS, CHANNELS)) < 0.5)
    return x.astype(np.float64), Samples(x, np.full(count, STEPS))


def convert(net: Any, folder: Path, backend: str, **hls_config: Any) -> Any:
    """What the user types."""
    config = hls4ml.utils.config_from_pytorch_model(
        net, (STEPS, CHANNELS), backend=backend, **hls_config
    )
    return hls4ml.converters.convert_from_pytorch_model(
        net, output_dir=str(folder), backend=backend, io_type="io_stream", hls_config=config
    )


@pytest.mark.parametrize("backend", ["RFSSM", "Vitis"])
def test_torch_network_in_csim_gives_the_golden_scores(
    qat_network: QATNetwork, tmp_path: Path, backend: str
) -> None:
    model = convert(qat_network, tmp_path, backend)
    model.write()
    model.compile()
    x, samples = inputs()
    scores = model.predict(x)
    outputs = golden.run(freeze(qat_network, name="net"), samples, spikes=True)
    assert outputs.spikes is not None
    assert all(0.02 < s.mean() < 0.9 for s in outputs.spikes)
    assert np.array_equal(scores, outputs.scores)
    assert np.array_equal(scores, qat_network(torch.from_numpy(x)).detach().numpy())
    assert np.array_equal(model.predict(x), scores)  # nothing is left of the first call


def test_every_simulator_behind_predict_gives_the_same_scores(
    qat_network: QATNetwork, tmp_path: Path
) -> None:
    model = convert(qat_network, tmp_path, "RFSSM")
    model.compile()
    x, _ = inputs(3)
    expected = model.predict(x)
    for sim in ("golden", "verilator"):
        assert np.array_equal(model.predict(x, sim=sim), expected)
    assert np.array_equal(model.predict(x[:1], sim="golden"), model.predict(x[:1]))
    with pytest.raises(HardwareError, match="sim = 'modelsim': must be one of csim, golden"):
        model.predict(x, sim="modelsim")


def test_build_lints_the_systemverilog_and_says_where_it_is(
    qat_network: QATNetwork, tmp_path: Path
) -> None:
    model = convert(qat_network, tmp_path, "RFSSM")
    report = model.build(synth=False)
    assert Path(report["directory"]) == tmp_path / "rtl"
    for top in report["tops"]:
        assert (tmp_path / "rtl" / f"{top}.sv").exists()
    assert report["cycles_per_step_at_most"] > 0


@pytest.mark.parametrize("conversion", ["full", "internal", "off"])
@pytest.mark.parametrize("granularity", ["model", "type", "name"])
def test_no_way_of_configuring_changes_the_network(
    qat_network: QATNetwork, tmp_path: Path, conversion: str, granularity: str
) -> None:
    model = convert(
        qat_network,
        tmp_path,
        "RFSSM",
        channels_last_conversion=conversion,
        granularity=granularity,
        default_precision="ap_fixed<5,2>",
    )
    names = [node.class_name for node in model.get_layers()]
    assert names == ["Input", "RFSSMSpiking", "RFSSMSpiking", "RFSSMReadout"]
    assert lower(model).digest() == freeze(qat_network, name="net").digest()
    assert str(model.get_input_variables()[0].type.precision) == "int<3>"


def test_the_shortest_configuration_is_an_input_shape(
    qat_network: QATNetwork, tmp_path: Path
) -> None:
    model = hls4ml.converters.convert_from_pytorch_model(
        qat_network,
        output_dir=str(tmp_path),
        backend="RFSSM",
        io_type="io_stream",
        hls_config={"InputShape": (STEPS, CHANNELS)},
    )
    assert lower(model).digest() == freeze(qat_network, name="net").digest()


@pytest.mark.parametrize("name", CASES)
def test_a_graph_is_lowered_to_the_network_it_came_from(name: str, tmp_path: Path) -> None:
    net = CASES[name]()
    for backend in plugin.BACKENDS:
        lowered = lower(convert_network(net, tmp_path, backend))
        assert lowered.digest() == net.digest()
        assert lowered.metadata() == net.metadata()


def lanes_in_cpp(folder: Path) -> list[tuple[int, int]]:
    """Synapse and neuron lanes of every spiking layer, then the readout's synapse lanes and 1."""
    text = (folder / "firmware" / "parameters.h").read_text()
    synapse, neuron = (
        [int(n) for n in re.findall(rf"{kind}_lanes = (\d+);", text)]
        for kind in ("synapse", "neuron")
    )
    return list(zip(synapse, [*neuron, 1], strict=True))


def lanes_in_rtl(folder: Path) -> list[tuple[int, int]]:
    (file,) = (folder / "rtl").glob("*_parameters.json")
    parameters = json.loads(file.read_text())
    layers = [(p["SYNAPSE_LANES"], p["NEURON_LANES"]) for p in parameters["layers"]]
    return [*layers, (parameters["readout"]["SYNAPSE_LANES"], 1)]


@pytest.mark.parametrize("backend", plugin.BACKENDS)
@pytest.mark.parametrize(
    "lanes", [None, Lanes(4, 2), (Lanes(8, 1), Lanes(2, 2), Lanes(1, 1))], ids=str
)
def test_lanes_of_a_network_file_reach_the_hardware(
    tmp_path: Path, backend: str, lanes: Any
) -> None:
    net = CASES["two complex layers"]()
    convert_network(net, tmp_path, backend, lanes=lanes).write()
    wanted = [(each.synapse, each.neuron) for each in Design.of(net, lanes).lanes]
    assert lanes_in_cpp(tmp_path) == wanted
    if backend == "RFSSM":
        assert lanes_in_rtl(tmp_path) == wanted


def test_lanes_as_words_of_the_backend_reach_the_hardware(
    qat_network: QATNetwork, tmp_path: Path
) -> None:
    model = hls4ml.converters.convert_from_pytorch_model(
        qat_network,
        output_dir=str(tmp_path),
        backend="RFSSM",
        io_type="io_stream",
        hls_config={"InputShape": (STEPS, CHANNELS)},
        synapse_lanes=[8, 4, 2],
        neuron_lanes=2,
    )
    model.write()
    assert lanes_in_cpp(tmp_path) == lanes_in_rtl(tmp_path) == [(8, 2), (4, 2), (2, 1)]


@pytest.mark.parametrize("backend", plugin.BACKENDS)
def test_lanes_in_the_configuration_reach_the_hardware(
    qat_network: QATNetwork, tmp_path: Path, backend: str
) -> None:
    config = hls4ml.utils.config_from_pytorch_model(
        qat_network, (STEPS, CHANNELS), backend=backend, granularity="name"
    )
    config["Model"] |= {"SynapseLanes": 4, "NeuronLanes": 1}
    config["LayerName"]["layers_1"] |= {"SynapseLanes": 8, "NeuronLanes": 8}
    model = hls4ml.converters.convert_from_pytorch_model(
        qat_network, output_dir=str(tmp_path), backend=backend, io_type="io_stream",
        hls_config=config,
    )  # fmt: skip
    model.write()
    assert lanes_in_cpp(tmp_path) == [(4, 1), (8, 8), (4, 1)]
    if backend == "RFSSM":
        assert lanes_in_rtl(tmp_path) == [(4, 1), (8, 8), (4, 1)]


def test_network_file_in_a_vivado_project_gives_the_golden_scores(tmp_path: Path) -> None:
    net = network(
        [{"neurons": 5, "skip": True, "reset": True, "rounding": "RND_CONV"}, {"bias_bits": 6}],
        bits=4,
        signed=True,
        score="each",
    )
    model = convert_network(net, tmp_path, "Vivado")
    model.compile()
    samples = samples_for(net)
    full = Samples(samples.x, np.full(len(samples), samples.x.shape[1]))
    scores = model.predict(full.x.astype(np.float64))
    assert np.array_equal(scores.reshape(len(full), 12, 3), golden.run(net, full).scores)


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["RFSSM", "Vitis", "Vivado"])
def test_io_parallel_is_refused(qat_network: QATNetwork, tmp_path: Path, backend: str) -> None:
    with pytest.raises(HardwareError, match=r"io_type = 'io_parallel'.*use io_type='io_stream'"):
        hls4ml.converters.convert_from_pytorch_model(
            qat_network,
            output_dir=str(tmp_path),
            backend=backend,
            io_type="io_parallel",
            hls_config={"InputShape": (STEPS, CHANNELS)},
        )


def test_a_precision_of_the_users_is_refused(qat_network: QATNetwork, tmp_path: Path) -> None:
    config = hls4ml.utils.config_from_pytorch_model(
        qat_network, (STEPS, CHANNELS), backend="RFSSM", granularity="name"
    )
    config["LayerName"]["layers_1"]["Precision"] = {"result": "ap_fixed<8,2>"}
    with pytest.raises(HardwareError, match="precision of 'layers_1': result = ap_fixed<8,2>"):
        hls4ml.converters.convert_from_pytorch_model(
            qat_network, output_dir=str(tmp_path), backend="RFSSM", hls_config=config
        )


@pytest.mark.parametrize(
    ("part", "setting", "message"),
    [
        ("Model", {"ReuseFactor": 4}, r"reuse_factor = 4 of layer 'layers_0': .* SynapseLanes and"),
        ("Model", {"SynapseLanes": 3}, r"layer 'layers_0': synapse lanes = 3: must be a power of"),
        ("LayerType", {"RFSSMSpiking": {"NeuronLanes": 5}}, "'layers_0': neuron lanes = 5: must"),
        ("Model", {"NeuronLanes": "2"}, r"layer 'layers_0': neuron lanes = '2': must be a power"),
        ("LayerName", {"layers_1": {"SynapseLanes": 1, "NeuronLanes": 2}},
         r"layer 'layers_1': synapse lanes = 1: must be neuron lanes = 2 times"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("backend", plugin.BACKENDS)
def test_impossible_sharing_is_refused(
    qat_network: QATNetwork, tmp_path: Path, backend: str, part: str, setting: Any, message: str
) -> None:
    config = hls4ml.utils.config_from_pytorch_model(qat_network, (STEPS, CHANNELS), backend=backend)
    config.setdefault(part, {}).update(setting)
    with pytest.raises(HardwareError, match=message):
        hls4ml.converters.convert_from_pytorch_model(
            qat_network, output_dir=str(tmp_path), backend=backend, io_type="io_stream",
            hls_config=config,
        )  # fmt: skip


def test_more_steps_than_the_scores_hold_are_refused(
    qat_network: QATNetwork, tmp_path: Path
) -> None:
    with pytest.raises(HardwareError, match=r"33 steps.*at most steps_max = 32"):
        hls4ml.converters.convert_from_pytorch_model(
            qat_network,
            output_dir=str(tmp_path),
            backend="Vitis",
            io_type="io_stream",
            hls_config={"InputShape": (33, CHANNELS)},
        )


def test_a_layer_without_its_network_is_refused(qat_network: QATNetwork, tmp_path: Path) -> None:
    alone = torch.nn.Sequential(qat_network.spiking()[0])
    with pytest.raises(HardwareError, match="convert the QATNetwork itself"):
        convert(alone, tmp_path, "RFSSM")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (4.0, r"x\[1, 2, 3\] = 4.0: must be an integer between -4 and 3 \(3-bit signed input\)"),
        (-5.0, r"x\[1, 2, 3\] = -5.0: must be"),
        (0.5, r"x\[1, 2, 3\] = 0.5: must be an integer"),
        (np.nan, r"x\[1, 2, 3\] = nan: must be an integer"),
    ],
)
def test_inputs_that_hls4ml_would_wrap_are_refused(
    qat_network: QATNetwork, tmp_path: Path, value: float, message: str
) -> None:
    model = convert(qat_network, tmp_path, "RFSSM")
    x, _ = inputs(2)
    x[1, 2, 3] = value
    with pytest.raises(SamplesError, match=message):
        model.predict(x)


def test_inputs_of_a_wrong_shape_are_refused(qat_network: QATNetwork, tmp_path: Path) -> None:
    model = convert(qat_network, tmp_path, "RFSSM")
    x, _ = inputs(2)
    with pytest.raises(SamplesError, match=r"shape \[2, 19, 4\], must be .* \[samples, 20, 4\]"):
        model.predict(x[:, :19])


def test_predict_before_compile_is_refused(qat_network: QATNetwork, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="call compile"):
        convert(qat_network, tmp_path, "RFSSM").predict(inputs(2)[0])


def test_unknown_backend_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match="backend = 'Quartus': must be one of Vitis, Vivado"):
        convert_network(CASES["WRAP"](), tmp_path, "Quartus")


# -- registration ----------------------------------------------------------------------------------


def test_registering_twice_changes_nothing() -> None:
    from hls4ml.backends.backend import register_backend
    from hls4ml.writer.writers import register_writer

    before = hls4ml.backends.get_backend("RFSSM")
    plugin.register(register_backend=register_backend, register_writer=register_writer)
    assert hls4ml.backends.get_backend("RFSSM") is before


@pytest.mark.parametrize(
    "first", ["hls4ml", "rfssm.hls.plugin", "rfssm.hls.layers", "rfssm.hls.engines.csim"]
)
def test_any_order_of_imports_leaves_a_working_backend(first: str, tmp_path: Path) -> None:
    CASES["WRAP"]().save(tmp_path / "network.safetensors")
    script = (
        f"import {first}\n"
        "from rfssm.hls.plugin import convert_network\n"
        "from rfssm.quant.network import IntegerNetwork\n"
        "convert_network(IntegerNetwork.load('network.safetensors'), 'out', 'RFSSM').write()\n"
        "import hls4ml\n"
        "names = hls4ml.converters.get_supported_pytorch_layers()\n"
        "print([name for name in names if name.startswith('QAT')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "['QATSpiking', 'QATReadout']", done.stderr


def test_nothing_is_said_while_converting(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convert_network(CASES["two complex layers"](), tmp_path, "Vitis").write()


def test_metadata_of_a_network_survives_the_graph(tmp_path: Path) -> None:
    net = CASES["two complex layers"]()
    told = net.metadata() | {"labels": ["a", "b", "c"], "provenance": {"recipe": "x"}, "extra": 1}
    net = IntegerNetwork.build(told, net.tensors())
    assert lower(convert_network(net, tmp_path, "RFSSM")).metadata() == told
