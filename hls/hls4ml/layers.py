"""Define hls4ml's IR layers: a spiking layer and a readout, which hold integers and their formats.

A node carries the integer network's complete description of its layer, so that a ``ModelGraph``
can be lowered to the same network again.  Every precision follows from that description; none can
be configured, guessed or defaulted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hls4ml.model.attributes import (
    Attribute,
    ConfigurableAttribute,
    TypeAttribute,
    WeightAttribute,
)
from hls4ml.model.layers import Layer
from hls4ml.model.types import (
    FixedPrecisionType,
    IntegerPrecisionType,
    NamedType,
    PrecisionType,
)

from rfssm.errors import HardwareError
from rfssm.hls.design import Lanes, chosen_lanes
from rfssm.hls.hls4ml.configuration import (
    NotKept,
    check_configuration,
    check_layer,
    configured_lanes,
)
from rfssm.hls.memories import padded
from rfssm.quant.arithmetic import Integers, smallest_word
from rfssm.quant.layers import ReadoutLayer, SpikingLayer
from rfssm.quant.network import IntegerNetwork


def describe(
    network: IntegerNetwork, i: int, name: str, inputs: Sequence[str], steps: int
) -> dict[str, Any]:
    """Return layer i of a network in the form of hls4ml's frontends.

    name      the node's name in the graph
    inputs    names of the nodes that feed it
    steps     steps of a sample; an hls4ml project has a fixed number
    """
    layer = network.all_layers[i]
    metadata = network.metadata()
    low, high = network.value_range(i)
    return {
        "class_name": KINDS[type(layer)].__name__,
        "name": name,
        "inputs": list(inputs),
        "layer": i,
        "n_in": layer.inputs,
        "n_out": layer.outputs,
        "n_steps": steps,
        "widths": [each.outputs for each in network.all_layers],
        "low": low,
        "high": high,
        "accum_bits": network.current_bits(i),
        "saturates": network.saturates[i],
        "header": metadata["layers"][i],
        "network": {key: value for key, value in metadata.items() if key != "layers"},
        # lists, because hls4ml's ``save`` removes arrays from the nodes for good
        "tensors": {
            key.removeprefix(f"layers.{i}."): tensor.tolist()
            for key, tensor in network.tensors().items()
            if key.startswith(f"layers.{i}.")
        },
    }


def lower(model: Any) -> IntegerNetwork:
    """Return the integer network in a ``ModelGraph``.  Raises HardwareError for foreign layers."""
    nodes = rfssm_layers(model)
    tensors = {
        f"layers.{i}.{name}": np.array(tensor, np.float64 if name == "scale" else np.int32)
        for i, node in enumerate(nodes)
        for name, tensor in node.get_attr("tensors").items()
    }
    metadata = {**nodes[0].get_attr("network"), "layers": [n.get_attr("header") for n in nodes]}
    return IntegerNetwork.build(metadata, tensors)


def rfssm_layers(model: Any) -> list[RFSSMLayer]:
    """Return a graph's layers without its input.  Raises HardwareError for foreign layers."""
    nodes = [node for node in model.get_layers() if node.class_name != "Input"]
    for node in nodes:
        if not isinstance(node, RFSSMLayer):
            raise HardwareError(
                f"layer {node.name!r} is a {node.class_name}: an RFSSM network consists of spiking "
                "layers and a readout, and of nothing else"
            )
    return nodes


class RFSSMLayer(Layer):  # type: ignore[misc]
    """The common part of both layers: place in the chain, input format, memories, accumulator."""

    _expected_attributes = [  # noqa: RUF012 - hls4ml's spelling
        Attribute("layer"),
        Attribute("n_in"),
        Attribute("n_out"),
        Attribute("n_steps"),
        Attribute("widths", value_type=list),
        Attribute("low"),
        Attribute("high"),
        Attribute("accum_bits"),
        Attribute("saturates", value_type=bool),
        Attribute("header", value_type=dict),
        Attribute("network", value_type=dict),
        Attribute("tensors", value_type=dict),
        ConfigurableAttribute("synapse_lanes", default=0, description="0: chosen by width"),
        ConfigurableAttribute("neuron_lanes", default=0, description="0: chosen by width"),
        WeightAttribute("weight"),
        WeightAttribute("bias"),
        *(
            TypeAttribute(name, configurable=False)
            for name in ("accum", "product", "rounded", "sum", "state")
        ),
    ]

    def initialize(self) -> None:
        """Check the place in the graph, then derive every type from the description."""
        # the kernels stream [T, C], so hls4ml must not insert the transposes of images
        self.channels_last_converted = True
        self.get_input_node().channels_last_converted = True
        check_configuration(self.model.config)
        # make the configuration readable for hls4ml's own ``link_existing_project``
        config = self.model.config.config
        config["PytorchModel"] = NotKept()
        if isinstance(config.get("InputShape"), tuple):
            config["InputShape"] = list(config["InputShape"])
        self._check_place()
        check_layer(self)
        self._choose_lanes()
        source = self.get_input_node()
        if source.class_name == "Input":
            source.get_output_variable().type.precision = value_type(
                self.get_attr("low"), self.get_attr("high")
            )
        header = self.get_attr("header")
        self.set_attr("guard_bits", header["guard_bits"])
        self.set_attr("has_bias", header["bias_bits"] > 0)
        self._add_types(header)
        self._add_output()
        tensors = self.get_attr("tensors")
        self._add_memories(header, {key: np.array(tensors[key]) for key in tensors})

    def _add_types(self, header: dict[str, Any]) -> None:
        raise NotImplementedError

    def _add_output(self) -> None:
        raise NotImplementedError

    def _add_memories(self, header: dict[str, Any], tensors: dict[str, Integers]) -> None:
        raise NotImplementedError

    def _check_place(self) -> None:
        io_type = self.model.config.get_config_value("IOType")
        if io_type != "io_stream":
            raise HardwareError(
                f"io_type = {io_type!r}: spiking layers stream one step per beat, use "
                "io_type='io_stream'"
            )
        index, source = self.get_attr("layer"), self.get_input_node()
        before = source.get_attr("layer", -1)
        if len(self.inputs) != 1 or before != index - 1:
            raise HardwareError(
                f"layer {self.name!r} is layer {index} of its network, but {source.name!r} feeds "
                "it: the layers must form one chain, in the network's order"
            )
        shape = list(self.get_input_variable().shape)
        expected = [self.get_attr("n_steps"), self.get_attr("n_in")]
        if shape != expected:
            raise HardwareError(
                f"layer {self.name!r}: input shape {shape}, must be {expected} (steps, inputs)"
            )
        limit = self.get_attr("network")["input"]["steps_max"]
        if not 1 <= expected[0] <= limit:
            raise HardwareError(
                f"input shape {shape}: {expected[0]} steps, but the scores are sized for 1 to "
                f"steps_max = {limit}"
            )

    def _choose_lanes(self) -> None:
        """Choose the lanes by the layer's configuration, the whole network's, or the width."""
        whole = configured_lanes(self.model.config)
        lanes = chosen_lanes(self.get_attr("widths"), whole)[self.get_attr("layer")]
        model = self.model.config.config["HLSConfig"].get("Model", {}) if whole is None else {}
        synapse, neuron = (
            self.get_attr(attribute) or model.get(key) or default
            for attribute, key, default in (
                ("synapse_lanes", "SynapseLanes", lanes.synapse),
                ("neuron_lanes", "NeuronLanes", lanes.neuron),
            )
        )
        try:
            lanes = Lanes(synapse, neuron).fitted(self.get_attr("n_out"))
        except HardwareError as error:
            raise HardwareError(f"layer {self.name!r}: {error}") from None
        self.set_attr("synapse_lanes", lanes.synapse)
        self.set_attr("neuron_lanes", lanes.neuron)

    def prefixed(self, name: str) -> str:
        """Return a global name in the C++ that is unique to this project."""
        return f"{self.model.config.get_project_name()}_{name}"

    def _add_type(self, name: str, precision: PrecisionType) -> None:
        self.set_attr(f"{name}_t", NamedType(f"{self.name}_{name}_t", precision))

    def _add_arithmetic(self, header: dict[str, Any], product_bits: int, frac: int) -> None:
        """Add the types between memory and state: accumulator, product, rounded, sum, state.

        product_bits    bits that hold the exact sum of products
        frac            fractional bits in it
        """
        bits = header["state_bits"]
        # At least two bits before the point: values under one half round within {-1, 0, 1}.
        product_bits = max(product_bits, frac + 2)
        whole = product_bits - frac
        terms = [whole, self.get_attr("accum_bits") + header["guard_bits"], bits]
        self._add_type("accum", IntegerPrecisionType(self.get_attr("accum_bits")))
        self._add_type("product", FixedPrecisionType(product_bits, whole))
        self._add_type(
            "rounded", FixedPrecisionType(whole, whole, True, header["rounding"], "WRAP")
        )
        self._add_type("sum", IntegerPrecisionType(max(terms) + 2))  # four terms: two carries
        overflow = header["overflow"] if self.get_attr("saturates") else "WRAP"  # without logic
        self._add_type("state", FixedPrecisionType(bits, bits, True, "TRN", overflow))

    def _add_memory(self, name: str, data: Integers | None, bits: int, signed: bool = True) -> None:
        """Add an array of integers; a memory that the network does not have is a single zero."""
        kept = np.zeros(1, np.int64) if data is None else np.ascontiguousarray(data, np.int64)
        self.add_weights_variable(
            name=name,
            var_name=self.prefixed(name) + "{index}",
            precision=IntegerPrecisionType(bits, signed),
            data=kept,
        )

    def _add_weights(self, parts: Sequence[Integers], bits: int) -> None:
        """Add the words of weights: for each input, ``synapse_lanes`` neurons of a part per word.

        parts    weight_u and perhaps weight_v    [N, M] each
        """
        lanes = self.get_attr("synapse_lanes")
        rows = [padded(part, lanes).T.reshape(-1, lanes) for part in parts]
        self._add_memory("weight", np.concatenate(rows, axis=1), bits)


class RFSSMSpiking(RFSSMLayer):
    """A spiking layer: synapse, second-order cells, spikes and the skip around them."""

    _expected_attributes = [  # noqa: RUF012
        Attribute("complex_input", value_type=bool),
        Attribute("skip", value_type=bool),
        WeightAttribute("transition"),
        WeightAttribute("reset"),
        WeightAttribute("threshold"),
    ]

    def _add_types(self, header: dict[str, Any]) -> None:
        # each product has A + S bits, their sum one more
        bits = header["transition_bits"] + header["state_bits"] + 1
        self._add_arithmetic(header, bits, header["transition_frac"])

    def _add_output(self) -> None:
        low, high = (self.get_attr("low"), self.get_attr("high") + 1)
        skip = self.get_attr("header")["skip"]
        self.add_output_variable(
            [self.get_attr("n_steps"), self.get_attr("n_out")],
            precision=value_type(low, high) if skip else value_type(0, 1),
        )

    def _add_memories(self, header: dict[str, Any], tensors: dict[str, Integers]) -> None:
        self.set_attr("complex_input", header["complex_input"])
        self.set_attr("skip", header["skip"])
        self.set_attr("has_reset", bool(np.any(tensors["reset"])))
        parts = ("u", "v") if header["complex_input"] else ("u",)
        self._add_weights([tensors[f"weight_{part}"] for part in parts], header["weight_bits"])
        lanes, bits = self.get_attr("neuron_lanes"), header["state_bits"]
        bias = reset = None
        if header["bias_bits"]:
            bias = padded(np.stack([tensors[f"bias_{part}"] for part in parts], axis=1), lanes)
        if self.get_attr("has_reset"):
            reset = padded(tensors["reset"], lanes)
        self._add_memory("bias", bias, max(1, header["bias_bits"]))
        self._add_memory(
            "transition", padded(tensors["transition"], lanes), header["transition_bits"]
        )
        self._add_memory("reset", reset, bits)
        self._add_memory("threshold", padded(tensors["threshold"], lanes), bits)


class RFSSMReadout(RFSSMLayer):
    """The readout: synapse, leaky integrators, scores."""

    _expected_attributes = [  # noqa: RUF012
        Attribute("score", value_type=str),
        WeightAttribute("leak"),
    ]

    def _add_types(self, header: dict[str, Any]) -> None:
        bits = header["leak_frac"] + header["state_bits"]
        self._add_arithmetic(header, bits, header["leak_frac"])

    def _add_output(self) -> None:
        header, n_out = self.get_attr("header"), self.get_attr("n_out")
        self.set_attr("neuron_lanes", 1)  # one integrator per cycle, as in the SystemVerilog
        self.set_attr("score", header["score"])
        self.add_output_variable(
            [self.get_attr("n_steps"), n_out] if header["score"] == "each" else [n_out],
            precision=IntegerPrecisionType(header["score_bits"]),
        )

    def _add_memories(self, header: dict[str, Any], tensors: dict[str, Integers]) -> None:
        self._add_weights([tensors["weight_u"]], header["weight_bits"])
        self._add_memory("bias", tensors.get("bias_u"), max(1, header["bias_bits"]))
        self._add_memory("leak", tensors["leak"], header["leak_frac"], signed=False)


def value_type(low: int, high: int) -> IntegerPrecisionType:
    """Return the smallest integer type that holds every value from ``low`` to ``high``."""
    bits, signed = smallest_word(low, high)
    return IntegerPrecisionType(bits, signed=signed)


KINDS = {SpikingLayer: RFSSMSpiking, ReadoutLayer: RFSSMReadout}
