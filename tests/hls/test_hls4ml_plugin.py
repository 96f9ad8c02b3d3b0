"""The road of an hls4ml user: convert, write, compile, predict, build, with every backend."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest
import torch
from hls4ml.utils.serialization import deserialize_model
from kept_compiler import kept_compilers
from rtl_cases import CASES, network, samples_for

from rfssm.errors import HardwareError, NetworkError, SamplesError, ToolError
from rfssm.hls import convert as conversion
from rfssm.hls.design import Design, Lanes
from rfssm.hls.engines import csim
from rfssm.hls.hls4ml import plugin
from rfssm.hls.hls4ml.configuration import check_project_name
from rfssm.hls.hls4ml.layers import lower
from rfssm.hls.hls4ml.plugin import convert_network
from rfssm.hls.names import module_name
from rfssm.model.network import build
from rfssm.model.recipe import NetworkConfig, S5RFConfig
from rfssm.quant import golden
from rfssm.quant.freeze import freeze
from rfssm.quant.layers import InputSpec
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.qat import QATNetwork
from rfssm.quant.recipe import QuantizationConfig
from rfssm.quant.samples import Outputs, Samples

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


@pytest.fixture(scope="module", autouse=True)
def compilers() -> Iterator[None]:
    """hls4ml's own script asks g++ for -O3, which takes most of the time, and names the folder of
    the weights, which is another in every run: without its name it is beside the library."""
    with kept_compilers("-O0", "-UWEIGHTS_DIR"):
        yield


@pytest.mark.parametrize("backend", ["RFSSM", "Vitis"])
def test_torch_network_in_csim_gives_the_golden_scores(
    qat_network: QATNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    model = convert(qat_network, tmp_path, backend)
    model.write()
    model.compile()
    monkeypatch.chdir(tmp_path / "firmware")  # where Vitis' library finds the weights
    x, samples = inputs()
    scores = model.predict(x)
    outputs = golden.run(freeze(qat_network, name="net"), samples, spikes=True)
    assert outputs.spikes is not None
    assert all(0.02 < s.mean() < 0.9 for s in outputs.spikes)
    assert np.array_equal(scores, outputs.scores)
    assert np.array_equal(scores, qat_network(torch.from_numpy(x)).detach().numpy())
    assert np.array_equal(model.predict(x), scores)  # nothing is left of the first call


def test_a_network_is_frozen_once_in_a_conversion_and_anew_in_the_next(
    qat_network: QATNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = []
    module = sys.modules["rfssm.quant.freeze"]
    monkeypatch.setattr(
        module, "freeze", lambda net, *, name: frozen.append(freeze(net, name=name)) or frozen[-1]
    )
    changed = copy.deepcopy(qat_network)
    convert(changed, tmp_path / "first", "RFSSM")
    assert len(frozen) == 2  # one for the configuration, one for the model
    with torch.no_grad():
        changed.readout.dense.weight.mul_(-1)
    model = convert(changed, tmp_path / "second", "RFSSM")
    assert len(frozen) == 4
    assert lower(model) == frozen[3]
    assert frozen[3].readout != frozen[1].readout


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


def test_network_file_in_a_vivado_project_gives_the_golden_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = network(
        [{"neurons": 5, "skip": True, "reset": True, "rounding": "RND_CONV"}, {"bias_bits": 6}],
        bits=4,
        signed=True,
        score="each",
    )
    model = convert_network(net, tmp_path, "Vivado")
    model.compile()
    monkeypatch.chdir(tmp_path / "firmware")
    samples = samples_for(net)
    full = Samples(samples.x, np.full(len(samples), samples.x.shape[1]))
    scores = model.predict(full.x.astype(np.float64))
    assert np.array_equal(scores.reshape(len(full), 12, 3), golden.run(net, full).scores)


# -- what else an hls4ml user does ----------------------------------------------------------------


@pytest.fixture(scope="module")
def project(qat_network: QATNetwork, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A compiled model that is traced, in a folder of its own."""
    folder = tmp_path_factory.mktemp("project") / "with space"
    config = hls4ml.utils.config_from_pytorch_model(
        qat_network, (STEPS, CHANNELS), backend="RFSSM", granularity="name"
    )
    for layer in config["LayerName"].values():
        layer["Trace"] = True
    model = hls4ml.converters.convert_from_pytorch_model(
        qat_network, output_dir=str(folder), project_name="traced", backend="RFSSM",
        io_type="io_stream", hls_config=config, synapse_lanes=[8, 4, 2], neuron_lanes=2,
    )  # fmt: skip
    model.traced = model.trace(inputs()[0])  # compiles it
    return model


def link(folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # hls4ml leaves the closing to Python
        return hls4ml.converters.link_existing_project(folder)


def test_trace_gives_the_spikes_of_every_layer(qat_network: QATNetwork, project: Any) -> None:
    _, samples = inputs()
    scores, traced = project.traced
    outputs = golden.run(freeze(qat_network, name="net"), samples, spikes=True)
    assert outputs.spikes is not None
    assert np.array_equal(scores, outputs.scores)
    assert np.array_equal(traced["readout"], outputs.scores)
    for i, spikes in enumerate(outputs.spikes):
        assert np.array_equal(traced[f"layers_{i}"], spikes)


def test_whatever_holds_the_same_numbers_gives_the_same_scores(project: Any) -> None:
    x, _ = inputs(4)
    expected = project.predict(x)
    leaf = torch.from_numpy(x).requires_grad_()
    for same in (x.tolist(), leaf, x.astype(np.int8), np.asfortranarray(x), x[::-1][::-1]):
        assert np.array_equal(project.predict(same), expected)


def test_an_empty_batch_has_no_scores_as_in_hls4ml(project: Any) -> None:
    x, _ = inputs(4)
    for sim in ("csim", "golden", "verilator"):
        assert project.predict(x[:0], sim=sim).shape == project._predict(x[:0]).shape == (0,)


def test_saving_a_model_leaves_it_whole_and_it_loads_again(project: Any, tmp_path: Path) -> None:
    before = lower(project)
    project.save(str(tmp_path / "model.fml"))
    loaded = deserialize_model(tmp_path / "model.fml")
    for model in (project, loaded):
        assert lower(model).digest() == before.digest()
        assert lower(model).metadata() == before.metadata()
    x, _ = inputs(2)
    scores = loaded.predict(x, sim="golden")
    assert np.array_equal(scores, project.predict(x, sim="golden"))


def test_a_linked_project_does_what_the_model_did(project: Any) -> None:
    folder = Path(project.config.get_output_dir())
    linked = link(folder)
    linked.compile()
    x, _ = inputs()
    assert np.array_equal(linked.predict(x), project.predict(x))
    with pytest.raises(SamplesError, match=r"x\[0, 0, 0\] = 9.0: must be an integer between"):
        linked.predict(np.full((1, STEPS, CHANNELS), 9.0))
    report = linked.build(synth=False)
    assert report["directory"] == str(folder / "rtl")
    assert lanes_in_rtl(folder) == [(8, 2), (4, 2), (2, 1)]


@pytest.mark.parametrize("backend", plugin.BACKENDS)
def test_projects_of_every_backend_can_be_linked(
    qat_network: QATNetwork, tmp_path: Path, backend: str
) -> None:
    convert(qat_network, tmp_path, backend).write()
    linked = link(tmp_path)
    assert list(linked.get_input_variables()[0].shape) == [STEPS, CHANNELS]
    assert linked.config.get_config_value("InputShape") == [STEPS, CHANNELS]


def test_a_linked_project_that_was_moved_is_refused(tmp_path: Path) -> None:
    net = CASES["WRAP"]()
    for name in ("a", "b"):
        convert_network(net, tmp_path / name, "RFSSM", rtl=False).write()
    (tmp_path / "a").rename(tmp_path / "c")
    (tmp_path / "b").rename(tmp_path / "a")  # another project lies there now
    for name in ("a", "c"):
        linked = link(tmp_path / name)
        for act in (linked.compile, linked.build, partial(linked.predict, np.zeros((1, 1, 1)))):
            with pytest.raises(
                ToolError, match=r"OutputDir of its hls4ml_config.yml\): it was mov"
            ):
                act()


@pytest.mark.parametrize("torch_model", [True, False])
def test_profiling_of_hls4ml_is_refused_by_name(
    qat_network: QATNetwork, tmp_path: Path, torch_model: bool
) -> None:
    if torch_model:
        model = convert(qat_network, tmp_path, "RFSSM")
    else:
        model = convert_network(CASES["WRAP"](), tmp_path, "RFSSM")
    # the first step of hls4ml.model.profiling.numerical: the model once more, without optimizers
    settings = model.config.config.copy() | {"OutputDir": "again"}
    settings["HLSConfig"] = settings["HLSConfig"] | {"Optimizers": []}
    with pytest.raises(HardwareError, match=r"is not kept: .*profiling\.numerical.*cannot profile"):
        hls4ml.converters.convert_from_config(settings)


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


@pytest.mark.parametrize(
    ("part", "setting", "message"),
    [
        ("layers_1", {"Precision": {"result": "ap_fixed<8,2>"}},
         "precision of 'layers_1': result = 'ap_fixed<8,2>'"),
        ("x", {"Precision": "ap_fixed<2,1>"}, "precision of 'x': default = 'ap_fixed<2,1>'"),
        ("Model", {"Precision": "ap_fixed<5,2>"}, "precision of Model: default = 'ap_fixed<5,2>'"),
        ("Model", {"Precision": {"default": "ap_fixed<16,6,AP_RND>"}}, "of Model: default = 'ap_"),
        ("Model", {"Precision": {"default": "fixed<16,6>", "maximum": "fixed<9,2>"}},
         "precision of Model: maximum = 'fixed<9,2>'"),
        ("Model", {"BitExact": True}, "Model: BitExact = True in hls_config: every precision is"),
        ("Model", {"PipelineStyle": "pipeline"}, "Model: PipelineStyle = pipeline in hls_config"),
    ],
)  # fmt: skip
def test_what_the_network_decides_by_itself_is_refused(
    qat_network: QATNetwork, tmp_path: Path, part: str, setting: Any, message: str
) -> None:
    config = hls4ml.utils.config_from_pytorch_model(
        qat_network, (STEPS, CHANNELS), backend="RFSSM", granularity="name"
    )
    config["Model"]["Precision"] = "ap_fixed<16,6>"  # hls4ml's own default, spelled the short way
    place = config["Model"] if part == "Model" else config["LayerName"][part]
    place.update(setting)
    with pytest.raises(HardwareError, match=message):
        hls4ml.converters.convert_from_pytorch_model(
            qat_network, output_dir=str(tmp_path), backend="RFSSM", io_type="io_stream",
            hls_config=config,
        )  # fmt: skip


@pytest.mark.parametrize("backend", ["Quartus", "oneAPI", "Catapult", "VivadoAccelerator"])
def test_backends_without_our_kernels_are_refused(
    qat_network: QATNetwork, tmp_path: Path, backend: str
) -> None:
    with pytest.raises(HardwareError, match=f"'{backend}': spiking layers have kernels for Vitis"):
        convert(qat_network, tmp_path, backend)


def test_a_float_network_is_refused(tmp_path: Path) -> None:
    config = NetworkConfig(neurons=(4,), cell=S5RFConfig())
    net = build(config, CHANNELS, 3, torch.Generator().manual_seed(1), 0.25)
    with pytest.raises(HardwareError, match="hls4ml converts a QATNetwork"):
        convert(net, tmp_path, "RFSSM")
    with pytest.raises(NetworkError, match="network is a FloatNetwork: must be an IntegerNetwork"):
        convert_network(net, tmp_path)  # type: ignore[arg-type]


def test_no_network_becomes_a_top_called_like_what_its_project_defines() -> None:
    bench = files("hls4ml") / "templates" / "vivado" / "myproject_test.cpp"
    declared = r"(?:int|char|string|[io]fstream|vector<float>|#define) [*]*(\w+)"
    found = set(re.findall(declared, bench.read_text())) - {"main"}
    assert {"e", "argv", "cstr", "fout", "pr", "CHECKPOINT"} <= found
    for name in sorted(found | {"i", "x", "defines", "layer2", "ap_int"}):
        word = module_name(name)
        assert word == f"network_{name.lower()}"
        check_project_name(word)
        with pytest.raises(HardwareError, match="has a meaning of its own"):
            check_project_name(name)
    check_project_name("n" * 40)
    with pytest.raises(HardwareError, match="at most 40 characters"):
        check_project_name("n" * 41)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my net", "the C\\+\\+ function and the files are called so: must be letters"),
        ("a/b", "must be letters"),
        ("9x", "a letter first"),
        ("", "must be letters"),
        ("net\n", "must be letters"),
        ("größe", "must be letters"),
        ("n" * 300, "at most 40 characters"),
        (None, "must be letters"),
        ("class", "'class': has a meaning of its own"),
        ("Module", "'Module': has a meaning of its own"),
        ("main", "has a meaning of its own"),
        ("std", "has a meaning of its own"),
        ("input_t", "has a meaning of its own"),
        ("ap_fixed", "has a meaning of its own"),
        ("weight2", "has a meaning of its own"),
        ("defines", "has a meaning of its own"),
    ],
)
def test_project_names_that_cannot_be_are_refused(
    qat_network: QATNetwork, tmp_path: Path, name: Any, message: str
) -> None:
    with pytest.raises(HardwareError, match=f"project_name = .*{message}"):
        hls4ml.converters.convert_from_pytorch_model(
            qat_network, output_dir=str(tmp_path / "out"), project_name=name, backend="Vitis",
            io_type="io_stream", hls_config={"InputShape": (STEPS, CHANNELS)},
        )  # fmt: skip
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("steps", [0, -1, 1.5, "3", True])
def test_impossible_numbers_of_steps_are_refused(tmp_path: Path, steps: Any) -> None:
    with pytest.raises(HardwareError, match=r"steps"):
        convert_network(CASES["WRAP"](), tmp_path, steps=steps)


def test_without_hls4ml_a_conversion_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hls4ml", None)
    message = r"hls4ml cannot be imported \(import of hls4ml halted.*pip install 'rfssm\[hls4ml\]'"
    with pytest.raises(ToolError, match=message):
        convert_network(CASES["WRAP"](), tmp_path / "project")
    assert "pip install 'rfssm[hls4ml]'" in str(csim.missing())
    assert not (tmp_path / "project").exists()


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
    with pytest.raises(HardwareError, match=r"33 steps.*for 1 to steps_max = 32"):
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


def test_inputs_that_are_no_array_are_refused(qat_network: QATNetwork, tmp_path: Path) -> None:
    model = convert(qat_network, tmp_path, "RFSSM")
    for x in ([[1, 2], [3]], None, "x", 3.0):
        with pytest.raises(SamplesError, match=r"x: .*\[samples, 20, 4\]"):
            model.predict(x)


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
    "first",
    ["hls4ml", "rfssm.hls.hls4ml.plugin", "rfssm.hls.hls4ml.layers", "rfssm.hls.engines.csim"],
)
def test_any_order_of_imports_leaves_a_working_backend(first: str, tmp_path: Path) -> None:
    CASES["WRAP"]().save(tmp_path / "network.safetensors")
    script = (
        f"import {first}\n"
        "from rfssm.hls.hls4ml.plugin import convert_network\n"
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


@pytest.mark.parametrize("first", ["layers", "templates", "backend"])
def test_the_backend_is_registered_whatever_is_imported_first(first: str) -> None:
    script = (
        f"import rfssm.hls.hls4ml.{first}, hls4ml\n"
        "from hls4ml.backends import get_available_backends\n"
        "from hls4ml.model.layers import layer_map\n"
        "print('rfssm' in get_available_backends(), 'RFSSMSpiking' in layer_map)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr
    assert "rfssm" not in done.stderr.lower()


def test_converting_runs_the_golden_model_on_the_given_samples_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once as they are, for the bench; once padded, as the HLS project has a fixed length."""
    net = network([{"neurons": 5}])
    samples = samples_for(net, count=3)
    ran, run = [], golden.run

    def counted(network: IntegerNetwork, samples: Samples, **options: bool) -> Outputs:
        ran.append((len(samples), samples.x.shape[1]))
        return run(network, samples, **options)

    monkeypatch.setattr(golden, "run", counted)
    conversion.convert(net, tmp_path / "ip", samples)
    assert ran == [(3, net.input.steps_max), (3, samples.x.shape[1])]
    csim.run(net, samples)
    assert len(ran) == 2
