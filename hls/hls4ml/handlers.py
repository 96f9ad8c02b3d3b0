"""Parse the layers of a ``QATNetwork`` for hls4ml's PyTorch frontend.

hls4ml finds the handlers by the class names of the modules and calls them only after torch has been
imported; this module does not import torch before that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from rfssm.errors import HardwareError
from rfssm.quant.network import IntegerNetwork

Shape = list[int | None]
Handler = Callable[..., tuple[dict[str, Any], Shape]]
_FROZEN: WeakKeyDictionary[Any, IntegerNetwork] = WeakKeyDictionary()
"""The frozen network of each data reader; hls4ml makes one reader for all layers of a model."""


def parse_layer(
    operation: str,
    layer_name: str,
    input_names: Sequence[str],
    input_shapes: Sequence[Shape],
    node: Any,
    class_object: Any,
    data_reader: Any,
    config: dict[str, Any],
) -> tuple[dict[str, Any], Shape]:
    """Describe one module of a QAT network by the integers that it freezes to.

    The arguments are hls4ml's.

    input_shapes    [[None, T, C]], the batch first
    returns         the layer as hls4ml describes it, and its output shape, the batch first

    Raises HardwareError if the model is not a QATNetwork or the input shape is not (T, C).
    """
    from rfssm.hls.hls4ml.configuration import check_project_name
    from rfssm.hls.hls4ml.layers import describe
    from rfssm.quant.freeze import freeze
    from rfssm.quant.qat import QATNetwork

    whole = data_reader.torch_model
    if not isinstance(whole, QATNetwork):
        raise HardwareError(
            f"model is a {type(whole).__name__}: convert the QATNetwork itself, a single "
            f"{type(class_object).__name__} does not know what enters it"
        )
    shape = list(input_shapes[0])
    if len(shape) != 3 or shape[1] is None:
        raise HardwareError(f"input shape {shape[1:]}: must be (steps, channels)")
    name = config.get("ProjectName", "network")  # absent while a configuration is made
    check_project_name(name)
    if data_reader not in _FROZEN:
        _FROZEN[data_reader] = freeze(whole, name=name)
    network = _FROZEN[data_reader]
    index = [*whole.spiking(), whole.readout].index(class_object)
    layer = describe(network, index, layer_name, input_names, shape[1])
    sample = [layer["n_out"]] if _one_row(layer["header"]) else [shape[1], layer["n_out"]]
    return layer, [None, *sample]


def _one_row(header: dict[str, Any]) -> bool:
    """Whether a layer's output has one row per sample, not one per step."""
    return bool(header["kind"] == "readout" and header["score"] != "each")


HANDLERS: dict[str, Handler] = {"QATSpiking": parse_layer, "QATReadout": parse_layer}
