"""Run the hls4ml project's C++, compiled with g++, by hls4ml's ``predict`` (C simulation)."""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import rfssm.quant
from rfssm.cache import cached
from rfssm.hls.design import LaneChoice, chosen_lanes
from rfssm.hls.engines.trace import Trace
from rfssm.hls.hls4ml import plugin
from rfssm.hls.hls4ml.backends import CPP_LOCK
from rfssm.hls.toolchain import gxx_version, missing_gxx
from rfssm.progress import Progress
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples

SOURCES = Path(__file__).parents[1]
_NAME = "network"  # for all networks, so that equal ones share one library
ALL_STEPS = 0xFFFFFFFF
MAX_UNOPTIMISED_WORK = 4_000_000
"""Weights plus 20 per neuron, times steps, up to which an optimising compiler takes longer than it
saves."""


def missing() -> str | None:
    """Return why this engine cannot run here, and what to install; None if it can."""
    return plugin.missing() or missing_gxx()


def run(
    network: IntegerNetwork,
    samples: Samples,
    *,
    spikes: bool = False,
    states: bool = False,
    lanes: LaneChoice | None = None,
    progress: Progress | None = None,
) -> Outputs:
    """Run samples; compile one library per network, lanes and number of steps."""
    longest = int(samples.steps.max())
    # An hls4ml project has a fixed number of steps: many test sets share the next power of two.
    steps = min(network.input.steps_max, 1 << (longest - 1).bit_length())
    work = sum((layer.inputs + 20) * layer.outputs for layer in network.all_layers)
    much = int(samples.steps.sum()) * work > MAX_UNOPTIMISED_WORK
    with CPP_LOCK, _loaded(network, steps, lanes, much) as model:
        return simulate(model, network, samples, spikes=spikes, states=states, progress=progress)


def simulate(
    model: Any,
    network: IntegerNetwork,
    samples: Samples,
    *,
    spikes: bool = False,
    states: bool = False,
    progress: Progress | None = None,
) -> Outputs:
    """Run samples through a compiled ``ModelGraph`` that has at least as many steps."""
    with CPP_LOCK:
        return _simulate(model, network, samples, spikes, states, progress)


def _simulate(
    model: Any,
    network: IntegerNetwork,
    samples: Samples,
    spikes: bool,
    states: bool,
    progress: Progress | None,
) -> Outputs:
    library = model._top_function_lib
    steps = model.get_input_variables()[0].shape[0]
    batch, longest, channels = samples.x.shape
    classes, each = network.readout.classes, network.readout.score == "each"
    scores = np.zeros((batch, longest, classes) if each else (batch, classes), dtype=np.int64)
    trace = Trace.zeros(network, batch, longest)
    try:
        for i, count in enumerate(samples.steps.tolist()):
            x = np.zeros((steps, channels))
            x[:count] = samples.x[i, :count]
            library.rfssm_set_steps(ctypes.c_uint(count))
            one = Trace.zeros(network, steps)
            for k, arrays in enumerate(one.layers() if spikes or states else ()):
                addresses = (array.ctypes.data_as(ctypes.c_void_p) for array in arrays)
                library.rfssm_set_probe(ctypes.c_uint(k), *addresses)
            found = model._predict(x).astype(np.int64)  # the samples have been checked
            if each:
                scores[i, :count] = found.reshape(-1, classes)[:count]
            else:
                scores[i] = found
            if spikes or states:
                trace.keep(i, one, count)
            if progress:
                progress(i + 1, len(samples))
    finally:
        library.rfssm_set_steps(ctypes.c_uint(ALL_STEPS))
        for i in range(len(network.layers)):
            library.rfssm_set_probe(ctypes.c_uint(i), None, None, None)
    return trace.outputs(scores, scores.argmax(axis=-1), spikes=spikes, states=states)


@contextmanager
def _loaded(
    network: IntegerNetwork, steps: int, lanes: LaneChoice | None, much: bool
) -> Iterator[Any]:
    """Yield a ``ModelGraph`` whose compiled library comes from the cache."""
    chosen = chosen_lanes([layer.outputs for layer in network.all_layers], lanes)
    choices = str(network.saturates), str(steps), str(chosen), str(much)
    folder = cached(
        "csim",
        [network.digest(), *choices, *_tools(), *_writers()],
        lambda f: _build(network, steps, chosen, much, f),
    )
    model = plugin.convert_network(
        network, folder, "RFSSM", lanes=chosen, steps=steps, name=_NAME, rtl=False, test_data=False
    )
    library = ctypes.CDLL(str(next(folder.glob("*.so"))))
    model._top_function_lib = library
    try:
        yield model
    finally:
        model._top_function_lib = None
        _unload(library)


def _build(
    network: IntegerNetwork, steps: int, lanes: LaneChoice, much: bool, folder: Path
) -> None:
    """Write and compile the project; keep the library and the weights that it reads.

    The library reads the weights when it runs, so networks that differ only in them share it.
    """
    with tempfile.TemporaryDirectory() as name:
        model = plugin.convert_network(
            network, name, "RFSSM", lanes=lanes, steps=steps, name=_NAME, rtl=False, test_data=False
        )
        model.write()
        project = Path(name)
        code = [*sorted((project / "firmware").glob("*.*")), project / f"{_NAME}_bridge.cpp"]
        compiled = cached(
            "csim-code",
            [*(file.read_bytes() for file in code), str(much), *_tools()],
            lambda f: _keep(model.config.backend.compile(model, much=much), f / "network.so"),
        )
        shutil.copy(compiled / "network.so", folder)
        weights = folder / "weights"
        weights.mkdir()
        for file in (project / "firmware" / "weights").glob("*.txt"):
            shutil.copy(file, weights)


def _keep(library: str, path: Path) -> None:
    shutil.copy(library, path)


def _tools() -> list[str | bytes]:
    """Return all that the library depends on in addition to the text that is compiled."""
    headers = sorted((SOURCES / "hls4ml" / "nnet_utils").glob("*.h"))
    return [version("hls4ml"), gxx_version(), *(file.read_bytes() for file in headers)]


def _writers() -> list[bytes]:
    """Return the sources of rfssm that may affect the text: all of ``hls`` and ``quant``."""
    folders = SOURCES, Path(rfssm.quant.__path__[0])
    return [file.read_bytes() for folder in folders for file in sorted(folder.rglob("*.py"))]


def _unload(library: ctypes.CDLL) -> None:
    close = ctypes.CDLL(None).dlclose
    close.argtypes = [ctypes.c_void_p]
    close(library._handle)
