"""C++ of our IR layers: configuration structs and kernel calls, the same for Vivado and Vitis.

The kernels are real files in ``nnet_utils``; what is generated here are parameters and types.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate

from rfssm.hls.layers import RFSSMReadout, RFSSMSpiking

HEADERS = Path(__file__).parent / "nnet_utils"

_COMMON = """\
    static const unsigned n_in = {n_in};
    static const unsigned n_out = {n_out};
    static const unsigned n_steps = {n_steps};
    static const bool has_bias = {has_bias};
    static const unsigned guard_bits = {guard_bits};
    static const unsigned reuse_factor = {reuse};
    typedef {weight_u_t.name} weight_t;
    typedef {bias_u_t.name} bias_t;
    typedef {accum_t.name} accum_t;
    typedef {product_t.name} product_t;
    typedef {rounded_t.name} rounded_t;
    typedef {sum_t.name} sum_t;
    typedef {state_t.name} state_t;
"""
_SPIKING = (
    "struct config{index} : nnet::spiking_config {{\n"
    + _COMMON
    + """\
    static const unsigned layer = {layer};
    static const bool complex_input = {complex_input};
    static const bool has_reset = {has_reset};
    static const bool skip = {skip};
    typedef {transition_t.name} transition_t;
    typedef {reset_t.name} reset_t;
    typedef {threshold_t.name} threshold_t;
}};
"""
)
_READOUT = (
    "struct config{index} : nnet::readout_config {{\n"
    + _COMMON
    + """\
    static const nnet::readout_score score = nnet::score_{score};
    typedef {leak_t.name} leak_t;
}};
"""
)


class SpikingConfig(LayerConfigTemplate):  # type: ignore[misc]
    """``struct configN`` of a spiking layer."""

    def __init__(self) -> None:
        super().__init__(RFSSMSpiking)

    def format(self, node: RFSSMSpiking) -> str:
        """Fill in the struct."""
        return _SPIKING.format(**self._default_config_params(node))


class ReadoutConfig(LayerConfigTemplate):  # type: ignore[misc]
    """``struct configN`` of the readout."""

    def __init__(self) -> None:
        super().__init__(RFSSMReadout)

    def format(self, node: RFSSMReadout) -> str:
        """Fill in the struct."""
        return _READOUT.format(**self._default_config_params(node))


class _KernelCall(FunctionCallTemplate):  # type: ignore[misc]
    """Call of a kernel with its streams and memories."""

    kernel: str
    memories: tuple[str, ...]

    def transform(self, model: Any, node: Any) -> bool:
        """Fill in the call; the stream behind it needs two places, not a whole sample's."""
        node.get_output_variable().pragma = ("stream", 2)
        return bool(super().transform(model, node))

    def format(self, node: Any) -> str:
        """Write the call."""
        memories = ", ".join(node.get_weights(name).name for name in self.memories)
        call = "nnet::{kernel}<{input_t}, {output_t}, {config}>({input}, {output}, {memories});"
        return call.format(
            **self._default_function_params(node) | {"kernel": self.kernel, "memories": memories}
        )


class SpikingCall(_KernelCall):
    """Call of ``nnet::spiking``."""

    kernel = "spiking"
    memories = ("weight_u", "weight_v", "bias_u", "bias_v", "transition", "reset", "threshold")

    def __init__(self) -> None:
        super().__init__(RFSSMSpiking, include_header=["nnet_utils/nnet_spiking.h"])


class ReadoutCall(_KernelCall):
    """Call of ``nnet::readout``."""

    kernel = "readout"
    memories = ("weight_u", "bias_u", "leak")

    def __init__(self) -> None:
        super().__init__(RFSSMReadout, include_header=["nnet_utils/nnet_readout.h"])


TEMPLATES = (SpikingConfig, ReadoutConfig, SpikingCall, ReadoutCall)
