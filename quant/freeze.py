"""A trained network becomes integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rfssm.quant.network import IntegerNetwork
from rfssm.quant.qat import QATNetwork, QATReadout, QATSpiking


def freeze(
    network: QATNetwork,
    *,
    name: str,
    labels: Sequence[str] = (),
    provenance: Mapping[str, Any] | None = None,
) -> IntegerNetwork:
    """Write down the integers that the network computes with; nothing is rounded here."""
    layers: list[QATSpiking | QATReadout] = [*network.spiking(), network.readout]
    metadata = {
        "format": "rfssm-network",
        "version": 1,
        "name": name,
        "input": network.input_spec.model_dump(),
        "layers": [layer.header() for layer in layers],
        "labels": list(labels),
        "provenance": dict(provenance or {}),
    }
    tensors = {
        f"layers.{i}.{key}": tensor
        for i, layer in enumerate(layers)
        for key, tensor in layer.tensors().items()
    }
    return IntegerNetwork.build(metadata, tensors)
