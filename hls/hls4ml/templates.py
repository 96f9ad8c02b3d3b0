"""Write the C++ of the IR layers: configuration structs and kernel calls for Vivado and Vitis.

The kernels are real files in ``nnet_utils``; only parameters and types are generated here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate

from rfssm.hls.hls4ml.layers import RFSSMReadout, RFSSMSpiking

HEADERS = Path(__file__).parent / "nnet_utils"

_COMMON = """\
    static const unsigned n_in = {n_in};
    static const unsigned n_out = {n_out};
    static const unsigned n_steps = {n_steps};
    static const bool has_bias = {has_bias};
    static const unsigned guard_bits = {guard_bits};
    static const unsigned synapse_lanes = {synapse_lanes};
    static const unsigned n_weight = {n_weight};
    static const unsigned n_bias = {n_bias};
    typedef {weight_t.name} weight_t;
    typedef {bias_t.name} bias_t;
    typedef {accum_t.name} accum_t;
    typedef {product_t.name} product_t;
    typedef {rounded_t.name} rounded_t;
    typedef {sum_t.name} sum_t;
    typedef {state_t.name} state_t;
"""
_SPIKING = (
    "struct {config} : nnet::spiking_config {{\n"
    + _COMMON
    + """\
    static const unsigned layer = {layer};
    static const unsigned neuron_lanes = {neuron_lanes};
    static const bool complex_input = {complex_input};
    static const bool has_reset = {has_reset};
    static const unsigned n_transition = {n_transition};
    static const unsigned n_reset = {n_reset};
    static const unsigned n_threshold = {n_threshold};
    typedef {transition_t.name} transition_t;
    typedef {reset_t.name} reset_t;
    typedef {threshold_t.name} threshold_t;
}};
"""
)
_READOUT = (
    "struct {config} : nnet::readout_config {{\n"
    + _COMMON
    + """\
    static const nnet::readout_score score = nnet::score_{score};
    static const unsigned n_leak = {n_leak};
    typedef {leak_t.name} leak_t;
}};
"""
)


def _config(node: Any) -> str:
    """Return the name of a layer's struct, unique in a program: kernels are compiled for each."""
    return f"{node.prefixed('config')}{node.index}"


def _sizes(node: Any) -> dict[str, int]:
    """Return the length of each memory."""
    return {f"n_{name}": memory.data_length for name, memory in node.weights.items()}


class SpikingConfig(LayerConfigTemplate):  # type: ignore[misc]
    """The template of ``struct PROJECT_configN`` of a spiking layer."""

    def __init__(self) -> None:
        super().__init__(RFSSMSpiking)

    def format(self, node: RFSSMSpiking) -> str:
        """Fill in the struct."""
        return _SPIKING.format(
            **self._default_config_params(node) | {"config": _config(node)} | _sizes(node)
        )


class ReadoutConfig(LayerConfigTemplate):  # type: ignore[misc]
    """The template of ``struct PROJECT_configN`` of the readout."""

    def __init__(self) -> None:
        super().__init__(RFSSMReadout)

    def format(self, node: RFSSMReadout) -> str:
        """Fill in the struct."""
        return _READOUT.format(
            **self._default_config_params(node) | {"config": _config(node)} | _sizes(node)
        )


class _KernelCall(FunctionCallTemplate):  # type: ignore[misc]
    """The template of a call of a kernel with its streams and memories."""

    memories: tuple[str, ...]

    def kernel(self, node: Any) -> str:
        """Return the name of the kernel."""
        raise NotImplementedError

    def transform(self, model: Any, node: Any) -> bool:
        """Fill in the call; the FIFO behind it holds two steps instead of hls4ml's whole sample.

        One step is read while the next is written.  A deeper FIFO would not make a chain of layers
        faster, since its slowest layer sets the pace.
        """
        node.get_output_variable().pragma = ("stream", 2)
        return bool(super().transform(model, node))

    def format(self, node: Any) -> str:
        """Write the call."""
        memories = ", ".join(node.get_weights(name).name for name in self.memories)
        call = "nnet::{kernel}<{input_t}, {output_t}, {config}>({input}, {output}, {memories});"
        return call.format(
            **self._default_function_params(node)
            | {"config": _config(node), "kernel": self.kernel(node), "memories": memories}
        )


class SpikingCall(_KernelCall):
    """The template of a call of ``nnet::spiking``, or of ``nnet::spiking_skip`` around it."""

    memories = ("weight", "bias", "transition", "reset", "threshold")

    def __init__(self) -> None:
        super().__init__(RFSSMSpiking, include_header=["nnet_utils/nnet_spiking.h"])

    def kernel(self, node: Any) -> str:
        """Return the kernel of the layer, with a skip or without."""
        return "spiking_skip" if node.get_attr("skip") else "spiking"


class ReadoutCall(_KernelCall):
    """The template of a call of ``nnet::readout``."""

    memories = ("weight", "bias", "leak")

    def __init__(self) -> None:
        super().__init__(RFSSMReadout, include_header=["nnet_utils/nnet_readout.h"])

    def kernel(self, node: Any) -> str:
        """Return the readout's only kernel."""
        return "readout"


TEMPLATES = (SpikingConfig, ReadoutConfig, SpikingCall, ReadoutCall)
