"""The HLS C++ against the golden model, bit for bit; planted faults that it must not survive."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kept_compiler import kept_compilers
from rtl_cases import CASES, network, samples_for

from rfssm.errors import ToolError
from rfssm.hls import engines
from rfssm.hls.design import Lanes
from rfssm.hls.engines import csim
from rfssm.hls.hls4ml import backend
from rfssm.hls.hls4ml.plugin import convert_network
from rfssm.quant import golden
from rfssm.quant.arithmetic import ROUNDINGS, signed_range
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Difference, Outputs, Samples, compare

pytestmark = pytest.mark.hls


def expected(net: IntegerNetwork, samples: Samples) -> Outputs:
    return golden.run(net, samples, spikes=True, states=True)


LANES = Lanes(synapse=4, neuron=2)  # two words and three chunks of six neurons


def assert_equals_golden(
    net: IntegerNetwork, samples: Samples, lanes: Lanes | None = None
) -> Outputs:
    got = engines.run(net, samples, "csim", spikes=True, states=True, lanes=lanes)
    assert compare(expected(net, samples), got) == []
    return got


@pytest.mark.parametrize("name", CASES)
def test_corner_networks_equal_golden(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    net = CASES[name]()
    assert_equals_golden(net, samples_for(net), lanes=LANES)
    assert "hls::stream" not in capfd.readouterr().err  # none is read while empty, nothing is left


def test_scores_that_nobody_watches_equal_golden() -> None:
    """No buffers for spikes and states are given to the library."""
    net = CASES["everything once"]()
    samples = samples_for(net)
    got = engines.run(net, samples, "csim", lanes=LANES)
    assert compare(golden.run(net, samples), got) == []


def corner_network(rounding: str, **readout: Any) -> tuple[IntegerNetwork, Samples]:
    """Products with two fractional bits, narrow states, and thresholds that states meet exactly."""
    layer = {
        "neurons": 24, "transition_bits": 5, "transition_frac": 2, "state_bits": 6,
        "guard_bits": 1, "weight_bits": 4, "rounding": rounding,
    }  # fmt: skip
    rng = np.random.default_rng(3)
    tensors = {
        "layers.0.transition": rng.integers(-4, 5, (24, 2, 2)),
        "layers.0.threshold": np.zeros(24, dtype=int),
    }
    options: dict[str, Any] = {
        "channels": 3, "bits": 2, "signed": True, "steps_max": 64, "rounding": rounding,
        "leak_frac": 4, "state_bits": 10, **readout,
    }  # fmt: skip
    x = rng.integers(-2, 2, (12, 64, 3)) * (rng.random((12, 64, 3)) < 0.5)
    samples = Samples(x, rng.integers(1, 65, 12))
    net = network([layer], tensors=tensors, **options)
    states = golden.run(net, samples, states=True).u
    assert states is not None  # nothing resets, so the states do not depend on the thresholds
    tensors["layers.0.threshold"] = np.array(
        [rng.choice(states[0][..., n].ravel()) for n in range(24)]
    )
    return network([layer], tensors=tensors, **options), samples


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_ties_saturation_and_met_thresholds_equal_golden(rounding: str) -> None:
    net, samples = corner_network(rounding)
    got = assert_equals_golden(net, samples)
    assert got.u is not None
    assert got.v is not None
    (u,), (v,), layer = got.u, got.v, net.layers[0]
    low, high = signed_range(layer.state_bits)
    live = np.arange(64) < samples.steps[:, None]
    a, b = layer.transition[:, 0, 0], layer.transition[:, 0, 1]
    product = (a * u[:, :-1] + b * v[:, :-1])[live[:, 1:]]
    assert ((product % 4 == 2) & (product < 0)).sum() > 300
    assert ((product % 4 == 2) & (product > 0)).sum() > 300
    assert (u[live] == low).sum() > 50
    assert (u[live] == high).sum() > 50
    assert (u[live] == layer.threshold).sum() > 300


# -- planted faults --------------------------------------------------------------------------------

TYPES = {  # a fault in a type needs a library of its own
    "floor for round": ("AP_RND", "AP_TRN"),
    "wrap-around for saturation": ("AP_SAT", "AP_WRAP"),
    "a lost carry in the currents": (
        "ap_int<{accum}> layer0_accum_t", "ap_int<{less}> layer0_accum_t"),
}  # fmt: skip
SWITCHED = {  # these are planted in one library, where FAULT says whether it is this one's turn
    ">= for >": ("spiking", "u_new > threshold[n]",
                 "(FAULT ? u_new >= threshold[n] : u_new > threshold[n])"),
    "products rounded one by one": (
        "spiking",
        "round_once<CONFIG_T>(transition[4 * n] * u_old + transition[4 * n + 1] * v_old);",
        "FAULT ? round_once<CONFIG_T>(transition[4 * n] * u_old) : "
        "round_once<CONFIG_T>(transition[4 * n] * u_old + transition[4 * n + 1] * v_old);"
        "if (FAULT) u_sum += round_once<CONFIG_T>(transition[4 * n + 1] * v_old);",
    ),
    "reset without a spike": ("spiking", "has_reset && spiked", "has_reset && (FAULT || spiked)"),
    "new spike for the old one": (
        "spiking",
        "u_new = fit<CONFIG_T>(u_sum);",
        "u_new = fit<CONFIG_T>(u_sum);"
        "if (FAULT && u_new > threshold[n]) v_sum += reset[2 * n + 1];",
    ),
    "currents off the state's grid": (
        "spiking", "<< CONFIG_T::guard_bits", "<< (FAULT ? 0 : CONFIG_T::guard_bits)"),
    "no bias": ("spiking", "if (CONFIG_T::has_bias)", "if (CONFIG_T::has_bias && !FAULT)"),
    "skip lost": ("spiking", "s[n] + x[n]", "s[n] + x[n] * !FAULT"),
    "state kept from sample to sample": (
        "readout",
        "const state_t m_old = t == 0 ? state_t(0) : m[c];",
        "static state_t kept[CONFIG_T::n_out]; state_t *const own = m;"
        "state_t *const m = FAULT ? kept : own;"
        "const state_t m_old = t == 0 && !FAULT ? state_t(0) : m[c];",
    ),
    "event lost": ("synapse", "e == count", "(FAULT ? e + 1 >= count : e == count)"),
    "words of currents exchanged": (
        "synapse", "n_words + w)", "n_words + (FAULT ? n_words - 1 - w : w))"),
    "sums kept from word to word": ("synapse", "if (e == 0)", "if (FAULT ? k == 0 : e == 0)"),
    "wrong place in a word": ("spiking", "% chunks_per_word", "% (FAULT ? 1 : chunks_per_word)"),
    "wrong input": ("synapse", "0xccccccccccccccccULL", "(FAULT ? 0 : 0xccccccccccccccccULL)"),
    "padding counted as steps": (
        "probe", "t >= the_probe().steps", "!FAULT && t >= the_probe().steps"),
    "maximum starts at zero": ("readout", "t == 0 || ", "(t == 0 && !FAULT) || "),
}  # fmt: skip
SWITCH = "planted_fault"


def fault_network() -> tuple[IntegerNetwork, Samples]:
    """Everything that a fault may touch: reset, bias, skip, saturation, a maximum below zero."""
    net = network(
        [
            {"reset": True, "bias_bits": 5, "state_bits": 8, "weight_bits": 6, "neurons": 6,
             "rotation": False},
            {"skip": True, "neurons": 6, "state_bits": 9},
        ],
        channels=4, bits=2, steps_max=24, score="max", bias_bits=8, state_bits=14,
        tensors={"layers.2.bias_u": np.array([-128, -100, -90])},
    )  # fmt: skip
    rng = np.random.default_rng(5)
    x = rng.integers(0, 4, (8, 24, 4)) * (rng.random((8, 24, 4)) < 0.5)
    return net, Samples(x, rng.integers(1, 24, 8))


def project(folder: Path) -> tuple[Any, IntegerNetwork, Samples]:
    net, samples = fault_network()
    model = convert_network(net, folder, "RFSSM", lanes=LANES, name="network", rtl=False)
    model.write()
    return model, net, samples


def substitute(source: Path, old: str, new: str) -> None:
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new))


def differences(model: Any, net: IntegerNetwork, samples: Samples) -> list[Difference]:
    got = csim.simulate(model, net, samples, spikes=True, states=True)
    return compare(expected(net, samples), got)


@pytest.fixture(scope="module")
def switched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, IntegerNetwork, Samples]:
    """A compiled project with every fault of SWITCHED, none of them on."""
    folder = tmp_path_factory.mktemp("switched")
    model, net, samples = project(folder)
    for at, (header, old, new) in enumerate(SWITCHED.values()):
        source = folder / "firmware" / "nnet_utils" / f"nnet_{header}.h"
        substitute(source, old, new.replace("FAULT", f"({SWITCH} == {at})"))
    for header in {header for header, _, _ in SWITCHED.values()}:
        source = folder / "firmware" / "nnet_utils" / f"nnet_{header}.h"
        source.write_text(f'extern "C" {{ extern int {SWITCH}; }}\n{source.read_text()}')
    with (folder / "network_bridge.cpp").open("a") as bridge:
        bridge.write(f'extern "C" {{ int {SWITCH} = -1; }}\n')
    with kept_compilers():
        model._top_function_lib = ctypes.CDLL(model.config.backend.compile(model))
    return model, net, samples


def test_a_network_whose_faults_are_off_equals_golden(
    switched: tuple[Any, IntegerNetwork, Samples],
) -> None:
    assert differences(*switched) == []


def test_threads_wait_for_one_another(switched: tuple[Any, IntegerNetwork, Samples]) -> None:
    """A library keeps a sample's length and buffers, and hls4ml changes the working directory."""
    model, net, samples = switched
    before, interval = Path.cwd(), sys.getswitchinterval()
    parts = [samples[k::2] for k in (0, 1, 0, 1)]
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda part: differences(model, net, part), parts))
    finally:
        sys.setswitchinterval(interval)
    assert found == [[]] * 4
    assert Path.cwd() == before


@pytest.mark.parametrize("fault", SWITCHED)
def test_planted_faults_are_noticed(
    switched: tuple[Any, IntegerNetwork, Samples], fault: str
) -> None:
    switch = ctypes.c_int.in_dll(switched[0]._top_function_lib, SWITCH)
    switch.value = list(SWITCHED).index(fault)
    try:
        assert differences(*switched)
    finally:
        switch.value = -1


@pytest.mark.parametrize("fault", TYPES)
def test_planted_types_are_noticed(tmp_path: Path, fault: str) -> None:
    model, net, samples = project(tmp_path)
    bits = net.current_bits(0)
    old, new = (part.format(accum=bits, less=bits - 2) for part in TYPES[fault])
    substitute(tmp_path / "firmware" / "defines.h", old, new)
    with kept_compilers():
        model._top_function_lib = ctypes.CDLL(model.config.backend.compile(model))
    assert differences(model, net, samples)


def test_the_documents_count_the_faults() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "evidence" / "checks.md").read_text()
    faults = len(TYPES) + len(SWITCHED)
    assert f"in the HLS C++ (`tests/hls/test_csim.py`), {faults}: " in page


# -- the engine ------------------------------------------------------------------------------------


def test_what_lies_beyond_a_samples_end_changes_nothing() -> None:
    net, samples = fault_network()
    x = samples.x.copy()
    x[np.arange(24) >= samples.steps[:, None]] = 3
    padded = Samples(np.pad(x, ((0, 0), (0, 9), (0, 0)), constant_values=1), samples.steps)
    got = assert_equals_golden(net, padded)
    assert got.u is not None
    assert got.u[0].shape[1] == 33


def test_second_run_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    net, samples = fault_network()
    first = engines.run(net, samples, "csim", states=True)

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("g++ was started")

    monkeypatch.setattr(backend, "run_tool", refuse)
    assert compare(first, engines.run(net, samples, "csim", states=True)) == []


def test_a_large_network_is_compiled_for_speed_and_equals_golden(tmp_path: Path) -> None:
    net = network([{"neurons": 48}], channels=40, steps_max=20, score="each")
    assert backend.MAX_UNOPTIMISED_WEIGHTS < 48 * 40
    rng = np.random.default_rng(7)
    samples = Samples((rng.random((4, 20, 40)) < 0.2).astype(np.int64), np.array([20, 3, 1, 17]))
    model = convert_network(net, tmp_path, "RFSSM", steps=20, rtl=False)
    with kept_compilers():
        model.compile()
    assert differences(model, net, samples) == []


def test_a_long_simulation_is_compiled_for_speed_and_equals_golden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = CASES["lone readout, each"]()
    monkeypatch.setattr(csim, "MAX_UNOPTIMISED_WORK", 100)
    monkeypatch.setattr(backend, "_precompiled", lambda flags: pytest.fail("not optimised"))
    assert_equals_golden(net, samples_for(net))


def test_missing_compiler_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("RFSSM_CACHE", str(tmp_path))
    assert "install g++" in (csim.missing() or "")
    net, samples = fault_network()
    with pytest.raises(ToolError, match=r"no C\+\+ compiler.*install g\+\+"):
        engines.run(net, samples, "csim")
    assert not list(tmp_path.iterdir())


def test_progress_ends_at_all_samples() -> None:
    net, samples = fault_network()
    seen: list[tuple[int, int]] = []
    engines.run(net, samples, "csim", progress=lambda *done: seen.append(done))
    assert seen == [(i + 1, 8) for i in range(8)]


def test_a_network_file_needs_no_torch(tmp_path: Path) -> None:
    net, _ = fault_network()
    net.save(tmp_path / "network.safetensors")
    script = (
        "import sys\n"
        "from rfssm.hls.hls4ml.plugin import convert_network\n"
        "from rfssm.quant.network import IntegerNetwork\n"
        "network = IntegerNetwork.load('network.safetensors')\n"
        "for backend in ('Vitis', 'Vivado', 'RFSSM'):\n"
        "    convert_network(network, backend, backend).write()\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["False"], done.stderr
    for name in ("Vitis", "Vivado", "RFSSM"):
        assert (tmp_path / name / "firmware" / "nnet_utils" / "nnet_spiking.h").exists()
    assert list((tmp_path / "RFSSM" / "rtl").glob("*_axis.sv"))
