"""Define the hls4ml backend RFSSM: Vitis HLS C++ for C simulation, and the SystemVerilog IP.

The backend inherits the whole Vitis flow, compiles the same C++ faster and checks the arguments of
``predict``.  It works without vendor tools; if Vitis HLS is installed, ``build`` runs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import yaml
from hls4ml.backends.vitis.vitis_backend import VitisBackend
from hls4ml.backends.vivado.vivado_backend import VivadoBackend
from hls4ml.model.flow import register_flow
from hls4ml.writer.vitis_writer import VitisWriter
from numpy.typing import NDArray

from rfssm.cache import cached
from rfssm.errors import HardwareError, SamplesError, ToolError, one_line
from rfssm.hls.design import LaneChoice, Lanes, check_lanes, lane_choice
from rfssm.hls.emit.project import write_rtl
from rfssm.hls.hls4ml import vitis
from rfssm.hls.hls4ml.backends import CPP_LOCK
from rfssm.hls.hls4ml.configuration import configured_lanes
from rfssm.hls.hls4ml.layers import lower, rfssm_layers
from rfssm.hls.names import module_name
from rfssm.hls.toolchain import gxx, gxx_version, run_tool, verilate, verilator_version
from rfssm.quant.layers import InputSpec
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.network_file import NETWORK

SIMULATORS = ("csim", "golden", "verilator", "icarus")
MAX_UNOPTIMISED_WEIGHTS = 1 << 10
"""The weights up to which g++ spends more time on optimising than a small test set would save."""
AP_TYPES = Path(hls4ml.__file__).parent / "templates" / "vivado" / "ap_types"
HOST = Path(__file__).parent / "nnet_utils" / "nnet_host.h"
FLAGS = ["-std=c++11", "-fPIC", "-fno-gnu-unique", "-w", "-DWEIGHTS_DIR=nnet::weights_dir()"]


class RFSSMWriter(VitisWriter):  # type: ignore[misc]
    """The writer of the HLS C++ project, the network file and the SystemVerilog in ``rtl``."""

    def write_hls(self, model: Any) -> None:
        """Write both projects, and the network from which a linked project is read again."""
        network, config = lower(model), model.config
        config.config["Lanes"] = as_numbers(lanes_of(model))
        super().write_hls(model)
        network.save(Path(config.get_output_dir()) / NETWORK)
        own_data = config.get_config_value("WriteTestData", True)
        if own_data and not config.get_config_value("OutputPredictions"):
            vitis.complete_test_data(
                Path(config.get_output_dir()),
                network,
                model.get_input_variables()[0].shape[0],
                given=bool(config.get_config_value("InputData")),
            )
        if config.get_config_value("WriteRTL"):
            write_rtl(network, rtl_dir(model), lanes_of(model), rtl_name(model))


class RFSSMBackend(VitisBackend):  # type: ignore[misc]
    """The backend that makes Vitis HLS C++ and SystemVerilog from one ``ModelGraph``."""

    def __init__(self) -> None:
        super(VivadoBackend, self).__init__(name="RFSSM")  # skips Vivado's, as Vitis does
        self._register_layer_attributes()
        self._register_flows()

    def _register_flows(self) -> None:
        self._default_flow = register_flow("ip", None, requires=["vitis:ip"], backend=self.name)
        self._writer_flow = register_flow(
            "write", ["make_stamp", "rfssm:write_hls"], requires=["rfssm:ip"], backend=self.name
        )

    def create_initial_config(
        self,
        *,
        synapse_lanes: int | Sequence[int] | None = None,
        neuron_lanes: int | Sequence[int] | None = None,
        write_rtl: bool = True,
        io_type: str = "io_stream",
        **vitis: Any,
    ) -> dict[str, Any]:
        """Return the configuration of a conversion.

        synapse_lanes    neurons per cycle to which one event is added
        neuron_lanes     cells per cycle.  Both lanes must be given or neither, each as one number
                         for all layers or one for each, the readout last
        write_rtl        whether to write the SystemVerilog beside the HLS C++
        vitis            arguments of the Vitis backend
        """
        if io_type != "io_stream":
            raise HardwareError(
                f"io_type = {io_type!r}: spiking layers stream one step per beat, use "
                "io_type='io_stream'"
            )
        if (synapse_lanes is None) != (neuron_lanes is None):
            raise HardwareError(
                f"synapse_lanes = {synapse_lanes} and neuron_lanes = {neuron_lanes}: "
                "give both or neither"
            )
        config: dict[str, Any] = super().create_initial_config(io_type=io_type, **vitis)
        lanes: LaneChoice | None = None
        if synapse_lanes is not None and neuron_lanes is not None:
            lanes = lane_choice(synapse_lanes, neuron_lanes)
        return config | {"Lanes": as_numbers(lanes), "WriteRTL": write_rtl}

    def compile(self, model: Any, *, much: bool | None = None) -> str:
        """Compile the project's C++ for C simulation; return the library's path.

        much    whether long simulations make optimising worthwhile; None: for large networks only
        """
        project = model.config.get_project_name()
        directory = _project(model)
        library = directory / f"firmware/{project}-{model.config.get_config_value('Stamp')}.so"
        if much is None:
            layers = network_of(model).all_layers
            much = sum(layer.inputs * layer.outputs for layer in layers) > MAX_UNOPTIMISED_WEIGHTS
        flags = [*FLAGS, "-O2" if much else "-O0"]
        host = HOST if much else _precompiled(flags)
        # one translation unit, because most of the time is spent on reading ap_fixed
        source = directory / f"{project}_csim.cpp"
        source.write_text(f'#include "firmware/{project}.cpp"\n#include "{project}_bridge.cpp"\n')
        includes: list[str | Path] = ["-include", host, "-I", AP_TYPES]
        run_tool([gxx(), *flags, *includes, "-shared", source.name, "-o", library], cwd=directory)
        return str(library)

    def predict(self, model: Any, x: NDArray[Any], sim: str = "csim") -> NDArray[np.float64]:
        """Return the scores of samples as integers in float64, in hls4ml's shapes.

        x      [B, T, C], or one sample [T, C]: an array, a CPU tensor or lists
        sim    csim (compile() first), golden, verilator or icarus

        Raises SamplesError unless x holds integers of the input format in the project's shape.
        """
        if sim not in SIMULATORS:
            raise HardwareError(f"sim = {sim!r}: must be one of {', '.join(SIMULATORS)}")
        network = network_of(model)
        samples = _checked_samples(model, network.input, x)
        if sim == "csim":
            if model._top_function_lib is None:
                raise ToolError("this model is not compiled: call compile() before predict()")
            with CPP_LOCK:
                scores: NDArray[np.float64] = model._predict(samples.astype(np.float64))
            return scores
        if not len(samples):
            return np.zeros(0)  # hls4ml's shape of no samples
        from rfssm.hls.engines import run
        from rfssm.quant.samples import Samples

        steps = np.full(len(samples), samples.shape[1], dtype=np.int64)
        outputs = run(network, Samples(samples, steps), sim, lanes=lanes_of(model))
        rows = outputs.scores.reshape(len(samples), -1).astype(np.float64)
        return rows[0] if len(rows) == 1 else rows

    def build(
        self,
        model: Any,
        reset: bool = False,
        csim: bool | None = None,
        synth: bool | None = None,
        cosim: bool = False,
        validation: bool = False,
        export: bool = False,
        vsynth: bool = False,
        fifo_opt: bool = False,
        log_to_stdout: bool = True,
    ) -> dict[str, Any]:
        """Write and lint the SystemVerilog project, and run Vitis HLS on the HLS C++.

        The options are hls4ml's.  csim and synth are on by default if ``vitis-run`` or
        ``vitis_hls`` is on PATH; otherwise the report says that they are missing.

        Returns the directory, the tops, a bound on the cycles of a step and the linter;
        ``vitis_hls``, the command or why it did not run; and hls4ml's report of its results.
        Raises ToolError with the linter's message, if Vitis HLS is requested and missing, if it
        fails, or if csim or cosim differ from the golden model.
        """
        others = {
            "cosim": cosim,
            "validation": validation,
            "export": export,
            "vsynth": vsynth,
            "fifo_opt": fifo_opt,
        }
        asked = [name for name, on in {"csim": csim, "synth": synth, **others}.items() if on]
        absent = vitis.missing()
        if asked and absent:
            raise ToolError(f"build({asked[0]}=True) needs Vitis HLS: {absent}")
        report = self._build_rtl(model)
        if absent or not (asked or synth is None):
            return report | {"vitis_hls": absent or "not asked for"}
        directory = Path(model.config.get_output_dir())
        if not _linked(model) and not (directory / "build_prj.tcl").exists():
            model.write()
        options = {
            "reset": reset,
            "csim": synth is not False if csim is None else csim,
            "synth": synth is not False,
            **others,
        }
        return report | vitis.build(directory, options, log_to_stdout=log_to_stdout)

    def _build_rtl(self, model: Any) -> dict[str, Any]:
        if _linked(model):
            _project(model)
        directory = rtl_dir(model)
        design = write_rtl(network_of(model), directory, lanes_of(model), rtl_name(model))
        tops = [f"{design.name}_axis", f"{design.name}_axis_dense"]
        for top in tops:
            verilate(
                ["--lint-only", "-Wall", "-y", ".", "--top-module", top, f"{top}.sv"], cwd=directory
            )
        return {
            "directory": str(directory),
            "tops": tops,
            "cycles_per_step_at_most": design.slowest_step,
            "linter": verilator_version(),
        }


def rtl_dir(model: Any) -> Path:
    """Return the folder of a model's SystemVerilog project."""
    return Path(model.config.get_output_dir()) / "rtl"


def rtl_name(model: Any) -> str:
    """Return the name of a model's SystemVerilog: that of its C++, in small letters."""
    return module_name(model.config.get_project_name())


def as_numbers(lanes: LaneChoice | None) -> list[Any] | None:
    """Return lanes for YAML: [synapse, neuron], or a list of such pairs."""
    if lanes is None:
        return None
    check_lanes(lanes)
    if isinstance(lanes, Lanes):
        return [lanes.synapse, lanes.neuron]
    return [[each.synapse, each.neuron] for each in lanes]


def lanes_of(model: Any) -> LaneChoice:
    """Return the lanes of every layer, the readout last."""
    if _linked(model):
        return configured_lanes(model.config) or ()
    nodes = rfssm_layers(model)
    return tuple(Lanes(n.get_attr("synapse_lanes"), n.get_attr("neuron_lanes")) for n in nodes)


def network_of(model: Any) -> IntegerNetwork:
    """Return the integer network of a graph, or of the project to which a graph is linked."""
    return IntegerNetwork.load(_project(model) / NETWORK) if _linked(model) else lower(model)


def _linked(model: Any) -> bool:
    """Whether a model is a project folder without layers (``link_existing_project``)."""
    from hls4ml.utils.link import FilesystemModelGraph

    return isinstance(model, FilesystemModelGraph)


def _project(model: Any) -> Path:
    """Return a model's project folder.  Raises ToolError if a linked project is not there."""
    directory = Path(model.config.get_output_dir())
    if _linked(model):
        try:
            there = yaml.safe_load((directory / "hls4ml_config.yml").read_text())["Stamp"]
        except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
            there = None
        if there is None or there != model.config.get_config_value("Stamp"):
            raise ToolError(
                f"the linked project does not lie in {directory} (OutputDir of its "
                "hls4ml_config.yml): it was moved, or the working directory is another; write "
                "there where it lies, best as an absolute path, and link it again"
            )
    return directory.resolve()


def _checked_samples(model: Any, spec: InputSpec, x: Any) -> NDArray[np.int64]:
    """Return samples as integers [B, T, C]; raise SamplesError where hls4ml would wrap silently."""
    steps, channels = model.get_input_variables()[0].shape
    try:
        x = np.asarray(x.detach() if hasattr(x, "detach") else x)
    except (TypeError, ValueError) as error:
        raise SamplesError(
            f"x: cannot be read as an array of [samples, {steps}, {channels}] ({one_line(error)})"
        ) from None
    if x.dtype.kind not in "iufb" or x.ndim not in (2, 3) or x.shape[-2:] != (steps, channels):
        raise SamplesError(
            f"x: {x.dtype} of shape {list(x.shape)}, must be numbers of shape [samples, {steps}, "
            f"{channels}]"
        )
    x = x.reshape(-1, steps, channels)
    bad = ~((x >= spec.low) & (x <= spec.high)) | (x != np.floor(x))
    if bad.any():
        at = tuple(int(k) for k in np.argwhere(bad)[0])
        raise SamplesError(
            f"x{list(at)} = {x[at]}: must be an integer between {spec.low} and {spec.high} "
            f"({spec.bits}-bit {'signed' if spec.signed else 'unsigned'} input)"
        )
    return np.ascontiguousarray(x, dtype=np.int64)


def _precompiled(flags: list[str]) -> Path:
    """Return the host header with its precompiled form beside it, which g++ finds there."""

    def build(folder: Path) -> None:
        header = folder / HOST.name
        header.write_bytes(HOST.read_bytes())
        run_tool([gxx(), *flags, "-I", AP_TYPES, "-x", "c++-header", header.name], cwd=folder)

    versions = [gxx_version(), version("hls4ml")]
    return cached("csim-headers", [HOST.read_bytes(), *versions, *flags], build) / HOST.name
