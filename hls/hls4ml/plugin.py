"""Extend hls4ml by the backend RFSSM, layers for Vivado and Vitis, and network files as input.

hls4ml finds ``register`` through its entry point group ``hls4ml.backends`` and calls it while
hls4ml itself is being imported.  The part of hls4ml that holds the torch handlers does not exist at
that time, so they are registered when a QATNetwork is traced, which is the frontend's first use of
it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rfssm.errors import HardwareError, ToolError, one_line, short_repr
from rfssm.extras import how_to_install
from rfssm.hls.hls4ml.backends import BACKENDS
from rfssm.hls.names import checked_name, module_name
from rfssm.quant.network import IntegerNetwork, check_network
from rfssm.quant.tracing import OBSERVERS

if TYPE_CHECKING:
    from rfssm.hls.design import LaneChoice


def register(
    *, register_backend: Callable[..., None], register_writer: Callable[..., None]
) -> None:
    """Register backend, layers, templates and handlers; a second call changes nothing."""
    from hls4ml.backends.backend import get_available_backends, get_backend
    from hls4ml.model.layers import layer_map, register_layer
    from hls4ml.model.optimizer import get_backend_passes

    from rfssm.hls.hls4ml.backend import RFSSMBackend, RFSSMWriter
    from rfssm.hls.hls4ml.layers import KINDS
    from rfssm.hls.hls4ml.templates import HEADERS, TEMPLATES

    if "rfssm" not in get_available_backends():
        register_writer("RFSSM", RFSSMWriter)
        register_backend("RFSSM", RFSSMBackend)
    for layer in KINDS.values():
        if layer.__name__ not in layer_map:
            register_layer(layer.__name__, layer)
    # Vitis and RFSSM run Vivado's template flow, but each backend has its own header files.
    vivado = get_backend("Vivado")
    for template in TEMPLATES:
        if f"vivado:{template().get_name()}" not in get_backend_passes("vivado"):
            vivado.register_template(template)
    for name in BACKENDS:
        for header in sorted(HEADERS.glob("*.h")):
            get_backend(name).register_source(header)
    _register_handlers()
    if _register_handlers not in OBSERVERS:
        OBSERVERS.append(_register_handlers)


def convert_network(
    network: IntegerNetwork,
    output_dir: Path | str,
    backend: str = "Vitis",
    *,
    lanes: LaneChoice | None = None,
    steps: int | None = None,
    name: str | None = None,
    rtl: bool = True,
    test_data: bool = True,
) -> Any:
    """Turn an integer network into an hls4ml ``ModelGraph``; torch is not needed.

    backend         Vitis or Vivado (HLS C++), RFSSM (HLS C++ and SystemVerilog)
    lanes           the same for all layers, or one each; ``default_lanes`` if absent
    steps           steps of a sample in the HLS C++; ``steps_max`` of the network if absent
    name            name of everything that is generated, as the C++ top; the network's if absent
    rtl             whether backend RFSSM also writes the SystemVerilog
    test_data       whether it also writes drawn samples and the golden model's answer

    Raises ToolError if hls4ml is missing, NetworkError if the network is not an IntegerNetwork,
    HardwareError for an invalid backend, lanes, steps or name.
    """
    if backend not in BACKENDS:
        raise HardwareError(
            f"backend = {short_repr(backend)}: must be one of {', '.join(BACKENDS)}"
        )
    check_network(network)
    if steps is not None and (not isinstance(steps, int) or isinstance(steps, bool)):
        raise HardwareError(f"steps = {short_repr(steps)}: must be a whole number")
    name = module_name(network.name) if name is None else checked_name(name)
    if (absent := missing()) is not None:
        raise ToolError(absent)
    import hls4ml  # late, because the import takes half a second

    _register_handlers()  # by now the frontend has been imported
    from rfssm.hls.hls4ml.backend import as_numbers
    from rfssm.hls.hls4ml.layers import describe

    spec = network.input
    steps = spec.steps_max if steps is None else steps
    config = hls4ml.utils.config.create_config(
        output_dir=str(output_dir),
        project_name=name,
        backend=backend,
        io_type="io_stream",
        write_rtl=rtl,
    )
    config["Lanes"] = as_numbers(lanes)
    config["WriteTestData"] = test_data
    config["HLSConfig"] = {"Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1}}
    names = ["x", *(f"layer{i}" for i in range(len(network.layers))), "readout"]
    layers = [{"class_name": "InputLayer", "name": "x", "input_shape": [steps, spec.channels]}]
    for i in range(len(network.all_layers)):
        layers.append(describe(network, i, names[i + 1], [names[i]], steps))
    return hls4ml.model.ModelGraph.from_layer_list(config, layers)


def missing() -> str | None:
    """Return why hls4ml cannot be used here, and what to install; None if it can."""
    try:
        import hls4ml  # noqa: F401
    except ImportError as error:
        return f"hls4ml cannot be imported ({one_line(error)}): {how_to_install('hls4ml')}"
    return None


def _register_handlers() -> None:
    """Register the handlers with hls4ml's PyTorch frontend, if that has been imported."""
    frontend: Any = sys.modules.get("hls4ml.converters.pytorch_to_hls")
    if hasattr(frontend, "layer_handlers"):
        from rfssm.hls.hls4ml.handlers import HANDLERS

        for name, handler in HANDLERS.items():
            frontend.layer_handlers.setdefault(name, handler)
