"""Turn a trained network into integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rfssm.errors import NetworkError, check_kind
from rfssm.model.hooks import refuse_all_hooks
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.qat import QATNetwork, QATReadout, QATSpiking


def freeze(
    network: QATNetwork,
    *,
    name: str,
    labels: Sequence[str] = (),
    provenance: Mapping[str, Any] | None = None,
) -> IntegerNetwork:
    """Write down the integers that the network computes with, those of evaluation mode.

    Raises NetworkError for a network that has no integer form, or has hooks.
    """
    way = "QATNetwork(network, formats, input) makes one of a FloatNetwork"
    check_kind("network", network, QATNetwork, way, NetworkError)
    refuse_all_hooks(network, "the network")
    for i, layer in enumerate(network.spiking()):
        refuse_all_hooks(layer, f"layers[{i}]")
    refuse_all_hooks(network.readout, "readout")
    layers: list[QATSpiking | QATReadout] = [*network.spiking(), network.readout]
    described = [layer.described() for layer in layers]
    metadata = {
        "format": "rfssm-network",
        "version": 1,
        "name": name,
        "input": network.input_spec.model_dump(),
        "layers": [header for header, _ in described],
        "labels": list(labels),
        "provenance": dict(provenance or {}),
    }
    tensors = {
        f"layers.{i}.{key}": tensor
        for i, (_, of_layer) in enumerate(described)
        for key, tensor in of_layer.items()
    }
    return IntegerNetwork.build(metadata, tensors)
