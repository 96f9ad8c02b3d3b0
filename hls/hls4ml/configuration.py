"""Check the configuration of a conversion: a name and lanes, nothing that the integers decide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml
from hls4ml.model.types import FixedPrecisionType

from rfssm.errors import HardwareError, short_repr
from rfssm.hls.design import LaneChoice, Lanes
from rfssm.hls.hls4ml.backends import BACKENDS
from rfssm.hls.names import MAX_NAME_CHARS, is_reserved


def configured_lanes(config: Any) -> LaneChoice | None:
    """Return the lanes that are configured for the whole network, or None."""
    lanes = config.get_config_value("Lanes")
    if lanes is None:
        return None
    pairs = [lanes] if lanes and not isinstance(lanes[0], Sequence) else lanes
    if not pairs or any(
        not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2 for pair in pairs
    ):
        raise HardwareError(
            f"Lanes = {short_repr(lanes)}: must be [synapse, neuron], or one such pair for "
            "each layer"
        )
    chosen = tuple(Lanes(*pair) for pair in pairs)
    return chosen[0] if pairs[0] is lanes else chosen


class NotKept:
    """A stand-in for the model in a configuration: a graph keeps the integers, not the model."""

    words = (
        "the model that this project came from is not kept: convert the QATNetwork or the "
        "network file again (hls4ml.model.profiling.numerical, which does so by itself and knows "
        "two kinds of weights per layer, cannot profile it; ModelGraph.trace gives what every "
        "layer sends)"
    )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise HardwareError(self.words)


yaml.add_representer(NotKept, lambda dumper, stand_in: dumper.represent_str(stand_in.words))


def check_configuration(config: Any) -> None:
    """Raise HardwareError if a backend, name or option does not suit a graph of rfssm's layers."""
    if config.backend.name not in BACKENDS:
        raise HardwareError(
            f"backend = {config.backend.name!r}: spiking layers have kernels for "
            f"{', '.join(BACKENDS)} alone"
        )
    check_project_name(config.get_project_name())
    model = config.config["HLSConfig"].get("Model") or {}
    for name, precision in _by_name(model.get("Precision")).items():
        if name != "default" or not _is_hls4mls_default(config, precision):
            raise _no_precision("Model", name, precision)
    for name, value, reason in (
        ("BitExact", True, "every precision is exact already"),
        ("PipelineStyle", "pipeline", "the layers are processes of a DATAFLOW region"),
    ):
        if model.get(name) == value:
            raise HardwareError(
                f"Model: {name} = {value} in hls_config: {reason}; remove the entry"
            )


def check_project_name(name: Any) -> None:
    """Raise HardwareError for a name that is not valid for a C++ function and a file."""
    valid = rf"[A-Za-z]\w{{0,{MAX_NAME_CHARS - 1}}}"
    if not isinstance(name, str) or not re.fullmatch(valid, name, re.A):
        raise HardwareError(
            f"project_name = {short_repr(name)}: the C++ function and the files are called so: must"
            f" be letters, digits and underscores, a letter first, at most {MAX_NAME_CHARS} "
            "characters"
        )
    if is_reserved(name.lower()):
        raise HardwareError(
            f"project_name = {name!r}: has a meaning of its own in the C++ project or in a "
            "hardware language; choose another"
        )


def _by_name(precision: Any) -> dict[str, Any]:
    """Return either of hls4ml's two spellings of a precision as a dict."""
    return precision if isinstance(precision, dict) else {"default": precision or "auto"}


def _is_hls4mls_default(config: Any, precision: Any) -> bool:
    """Whether a precision of the whole model is hls4ml's default."""
    if precision == "auto":
        return True
    return bool(config.backend.convert_precision_string(precision) == FixedPrecisionType(16, 6))


def _no_precision(of: str, name: str, precision: Any) -> HardwareError:
    return HardwareError(
        f"precision of {of}: {name} = {short_repr(precision)} in hls_config, but every "
        "width comes from "
        "the integer network; remove the entry"
    )


def check_layer(node: Any) -> None:
    """Raise HardwareError for a precision or a reuse factor of a layer, or of the input before."""
    source, config = node.get_input_node(), node.model.config
    for each in (source, node) if source.class_name == "Input" else (node,):
        asked = config.get_layer_config(each).get("Precision")
        for name, precision in _by_name(asked).items():
            if precision != "auto":
                raise _no_precision(repr(each.name), name, precision)
    reuse = config.get_reuse_factor(node) or 1
    if reuse != 1:
        raise HardwareError(
            f"reuse_factor = {reuse} of layer {node.name!r}: a layer shares its multipliers by "
            "SynapseLanes and NeuronLanes (neurons side by side); set these instead, and leave "
            "ReuseFactor at 1"
        )
