"""Every refusal of a network file, by the field and the value that its message names."""

from __future__ import annotations

import copy
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as save_tensors

from rfssm.errors import NetworkError
from rfssm.hls.design import Design
from rfssm.quant.network import IntegerNetwork

Metadata = dict[str, Any]
Tensors = dict[str, np.ndarray]


def legal() -> tuple[Metadata, Tensors]:
    """Two spiking layers, complex and real, and a readout; every tensor that a file can have."""
    common = {"guard_bits": 1, "rounding": "RND", "overflow": "SAT"}
    spiking = common | {
        "kind": "spiking", "model": "s5rf", "weight_bits": 5, "transition_bits": 8,
        "transition_frac": 6,
    }  # fmt: skip
    metadata = {
        "format": "rfssm-network", "version": 1, "name": "small",
        "input": {"channels": 3, "bits": 2, "signed": False, "frac": 0, "steps_max": 10},
        "layers": [
            spiking | {"inputs": 3, "neurons": 4, "complex_input": True, "skip": False,
                       "bias_bits": 6, "state_bits": 12},
            spiking | {"inputs": 4, "neurons": 4, "complex_input": False, "skip": True,
                       "bias_bits": 0, "state_bits": 10},
            common | {"kind": "readout", "inputs": 4, "classes": 2, "weight_bits": 4,
                      "bias_bits": 7, "leak_frac": 9, "state_bits": 14, "score": "sum",
                      "score_bits": 20},
        ],
        "labels": ["no", "yes"], "provenance": {"recipe": "by hand"},
    }  # fmt: skip
    rng = np.random.default_rng(0)

    def integers(low: int, high: int, *shape: int) -> np.ndarray:
        return rng.integers(low, high, shape).astype(np.int32)

    tensors = {
        "layers.0.weight_u": integers(-15, 16, 4, 3),
        "layers.0.weight_v": integers(-15, 16, 4, 3),
        "layers.0.bias_u": integers(-31, 32, 4),
        "layers.0.bias_v": integers(-31, 32, 4),
        "layers.1.weight_u": integers(-15, 16, 4, 4),
        "layers.2.weight_u": integers(-7, 8, 2, 4),
        "layers.2.bias_u": integers(-63, 64, 2),
        "layers.2.leak": integers(0, 512, 2),
        "layers.2.scale": np.array([0.25]),
    }
    for i in (0, 1):
        tensors |= {
            f"layers.{i}.transition": integers(-60, 60, 4, 2, 2),
            f"layers.{i}.reset": integers(-500, 500, 4, 2),
            f"layers.{i}.threshold": integers(-500, 500, 4),
            f"layers.{i}.scale": rng.random(4),
        }
    return metadata, tensors


def at(metadata: Metadata, path: str) -> tuple[Any, str | int]:
    """The container of a dotted path's last part, and that part."""
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = metadata
    for part in parents:
        place = place[part]
    return place, last


def refused(metadata: Metadata, tensors: Tensors, *words: str) -> None:
    """Both ways in say the same: arrays in memory, and a file."""
    with pytest.raises(NetworkError) as caught:
        IntegerNetwork.build(metadata, tensors)
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{caught.value!s} does not name {missing}"
    assert "\n" not in str(caught.value)


def test_the_network_that_these_tests_spoil_is_legal() -> None:
    IntegerNetwork.build(*legal())


# ---------------------------------------------------------------------------------------------
# Metadata
# ---------------------------------------------------------------------------------------------

RANGES = {
    "input.channels": (1, 4096),
    "input.bits": (1, 16),
    "input.steps_max": (1, 65535),
    "layers.0.weight_bits": (2, 16),
    "layers.0.bias_bits": (0, 12),
    "layers.0.transition_bits": (4, 32),
    "layers.0.transition_frac": (0, 32),
    "layers.0.guard_bits": (0, 16),
    "layers.0.state_bits": (4, 32),
    "layers.0.neurons": (1, 4096),
    "layers.0.inputs": (1, 4096),
    "layers.2.weight_bits": (2, 16),
    "layers.2.bias_bits": (0, 14),
    "layers.2.guard_bits": (0, 16),
    "layers.2.state_bits": (4, 32),
    "layers.2.leak_frac": (4, 24),
    "layers.2.classes": (2, 1024),
    "layers.2.inputs": (1, 4096),
    "layers.2.score_bits": (18, 64),
}


def fit_tensors(metadata: Metadata) -> Tensors:
    """Zeros in the shapes that the metadata ask for, and widths that follow from one another."""
    tensors: Tensors = {}
    inputs = metadata["input"]["channels"]
    for i, layer in enumerate(metadata["layers"]):
        layer["inputs"] = inputs
        rows = layer["classes"] if layer["kind"] == "readout" else layer["neurons"]
        layer["bias_bits"] = min(layer["bias_bits"], layer["state_bits"])
        parts = ("u", "v") if layer.get("complex_input") else ("u",)
        shapes: dict[str, tuple[int, ...]] = {f"weight_{part}": (rows, inputs) for part in parts}
        if layer["bias_bits"]:
            shapes |= {f"bias_{part}": (rows,) for part in parts}
        if layer["kind"] == "readout":
            shapes |= {"leak": (rows,)}
            tensors[f"layers.{i}.scale"] = np.ones(1)
        else:
            layer["skip"] = layer["skip"] and inputs == rows
            shapes |= {"transition": (rows, 2, 2), "reset": (rows, 2), "threshold": (rows,)}
            tensors[f"layers.{i}.scale"] = np.ones(rows)
        for name, shape in shapes.items():
            tensors[f"layers.{i}.{name}"] = np.zeros(shape, dtype=np.int32)
        inputs = rows
    return tensors


@pytest.mark.parametrize("path", RANGES)
@pytest.mark.parametrize("end", ["low", "high"])
def test_both_ends_of_a_legal_range_load(path: str, end: str, tmp_path: Path) -> None:
    metadata, _ = legal()
    value = RANGES[path][end == "high"]
    if path == "layers.0.inputs":
        metadata["input"]["channels"] = value
    elif path == "layers.2.inputs":
        metadata["layers"][1]["neurons"] = value
    container, key = at(metadata, path)
    container[key] = value
    metadata["layers"][2]["score_bits"] = max(48, metadata["layers"][2]["score_bits"])
    if path == "layers.2.score_bits":
        container[key] = value
    network = IntegerNetwork.build(metadata, fit_tensors(metadata))
    container, key = at(network.metadata(), path)
    assert container[key] == value
    if max(network.input.channels, network.readout.inputs) < 4096:
        network.save(tmp_path / "network.safetensors")
        again = IntegerNetwork.load(tmp_path / "network.safetensors")
        assert again.digest() == network.digest()


@pytest.mark.parametrize("path", RANGES)
@pytest.mark.parametrize("end", ["low", "high"])
def test_values_just_outside_a_legal_range_are_refused(path: str, end: str) -> None:
    metadata, _ = legal()
    low, high = RANGES[path]
    value = low - 1 if end == "low" else high + 1
    container, key = at(metadata, path)
    container[key] = value
    tensors = {} if value < 0 or value > 4096 else legal()[1]
    refused(metadata, tensors, path.split(".")[-1], str(value))


@pytest.mark.parametrize("layers", [1, 2, 16])
def test_one_to_sixteen_layers_load(layers: int) -> None:
    metadata, _ = legal()
    spiking, readout = metadata["layers"][1], metadata["layers"][2]
    metadata["layers"] = [copy.deepcopy(spiking) for _ in range(layers - 1)] + [readout]
    network = IntegerNetwork.build(metadata, fit_tensors(metadata))
    assert len(network.layers) == layers - 1


@pytest.mark.parametrize("layers", [0, 17])
def test_no_layer_and_seventeen_layers_are_refused(layers: int) -> None:
    metadata, tensors = legal()
    spiking, readout = metadata["layers"][1], metadata["layers"][2]
    metadata["layers"] = ([spiking] * (layers - 1) + [readout])[: max(layers, 0)] * (layers > 0)
    refused(metadata, tensors, "layers", str(layers), "16" if layers else "1")


WRONG_VALUES = [
    ("format", "rfssm-networks", "must be 'rfssm-network'"),
    ("format", None, "must be 'rfssm-network'"),
    ("version", 2, "must be 1"),
    ("version", 0, "must be 1"),
    ("version", "1", "must be 1"),
    ("name", 3, "string"),
    ("input", "140 channels", "input"),
    ("input.bits", 1.5, "integer"),
    ("input.bits", "1", "integer"),
    ("input.bits", True, "integer"),
    ("input.bits", None, "integer"),
    ("input.signed", 1, "boolean"),
    ("input.frac", 0.5, "integer"),
    ("layers", {}, "list"),
    ("layers.0", [], "dict"),
    ("layers.0.kind", "dense", "'spiking' or 'readout'"),
    ("layers.0.kind", None, "'spiking' or 'readout'"),
    ("layers.0.rounding", "round", "'RND_CONV'"),
    ("layers.2.rounding", "RND_INF", "'RND_CONV'"),
    ("layers.0.overflow", "CLIP", "'WRAP'"),
    ("layers.2.overflow", "SAT_SYM", "'WRAP'"),
    ("layers.0.skip", "yes", "boolean"),
    ("layers.0.complex_input", 0, "boolean"),
    ("layers.2.score", "mean", "'each'"),
]


@pytest.mark.parametrize(("path", "value", "allowed"), WRONG_VALUES)
def test_a_wrong_value_is_refused_by_name(path: str, value: Any, allowed: str) -> None:
    metadata, tensors = legal()
    container, key = at(metadata, path)
    container[key] = value
    named = str(key) if isinstance(key, str) else f"layers[{key}]"
    refused(metadata, tensors, named, repr(value), allowed)


REQUIRED = [
    "format", "version", "input", "layers",
    *(f"input.{key}" for key in legal()[0]["input"]),
    *(f"layers.0.{key}" for key in legal()[0]["layers"][0] if key not in ("kind", "model")),
    *(f"layers.2.{key}" for key in legal()[0]["layers"][2] if key != "kind"),
]  # fmt: skip


@pytest.mark.parametrize("path", REQUIRED)
def test_a_missing_key_is_refused_by_name(path: str) -> None:
    metadata, tensors = legal()
    container, key = at(metadata, path)
    del container[key]
    refused(metadata, tensors, str(key), "missing")


def test_layers_that_do_not_fit_together_are_refused() -> None:
    metadata, tensors = legal()
    metadata["layers"][1]["inputs"] = 5
    metadata["layers"][1]["skip"] = False
    refused(metadata, tensors, "layers[1].inputs", "5", "layers[0].neurons", "4")


def test_a_first_layer_that_does_not_fit_the_input_is_refused() -> None:
    metadata, tensors = legal()
    metadata["input"]["channels"] = 7
    refused(metadata, tensors, "layers[0].inputs", "3", "input.channels", "7")


def test_a_readout_that_does_not_fit_is_refused() -> None:
    metadata, tensors = legal()
    metadata["layers"][2]["inputs"] = 9
    refused(metadata, tensors, "layers[2].inputs", "9", "layers[1].neurons", "4")


def test_a_skip_between_unequal_widths_is_refused() -> None:
    metadata, tensors = legal()
    metadata["layers"][0]["skip"] = True
    refused(metadata, tensors, "layers[0]", "skip", "inputs = 3", "neurons = 4")


def test_a_network_without_readout_is_refused() -> None:
    metadata, tensors = legal()
    del metadata["layers"][2]
    refused(metadata, tensors, "layers[1].kind", "'spiking'", "readout")


def test_a_readout_before_the_end_is_refused() -> None:
    metadata, tensors = legal()
    readout = metadata["layers"].pop()
    metadata["layers"].insert(1, readout)
    refused(metadata, tensors, "layers[1].kind", "'readout'")


@pytest.mark.parametrize(
    ("score", "state_bits", "steps_max", "needed"),
    [
        ("sum", 14, 10, 18),
        ("sum", 14, 1, 14),
        ("sum", 14, 2, 15),
        ("sum", 14, 16, 18),
        ("sum", 14, 17, 19),
        ("sum", 32, 65535, 48),
        ("last", 14, 65535, 14),
        ("max", 20, 65535, 20),
        ("each", 32, 65535, 32),
    ],
)
def test_score_bits_one_below_what_the_score_needs_are_refused(
    score: str, state_bits: int, steps_max: int, needed: int
) -> None:
    metadata, tensors = legal()
    metadata["input"]["steps_max"] = steps_max
    metadata["layers"][2] |= {"score": score, "state_bits": state_bits, "score_bits": needed}
    IntegerNetwork.build(metadata, tensors)
    metadata["layers"][2]["score_bits"] = needed - 1
    refused(metadata, tensors, "layers[2].score_bits", str(needed - 1), str(needed))


@pytest.mark.parametrize("i", [0, 2])
def test_bias_bits_above_state_bits_are_refused(i: int) -> None:
    metadata, tensors = legal()
    bits = metadata["layers"][i]["state_bits"]
    metadata["layers"][i]["bias_bits"] = bits + 1
    refused(metadata, tensors, f"layers[{i}].bias_bits", str(bits + 1), f"state_bits = {bits}")


@pytest.mark.parametrize("i", [0, 1, 2])
def test_wrap_without_a_proof_is_refused(i: int) -> None:
    metadata, tensors = legal()
    metadata["layers"][i] |= {"overflow": "WRAP", "guard_bits": 8, "state_bits": 12}
    refused(metadata, tensors, f"layers[{i}].overflow", "'WRAP'", "state_bits = 12")


@pytest.mark.parametrize("i", [0, 1, 2])
def test_wrap_that_cannot_act_is_accepted(i: int) -> None:
    metadata, tensors = legal()
    metadata["layers"][i] |= {"overflow": "WRAP", "state_bits": 32}
    metadata["layers"][2]["score_bits"] = 64
    if i < 2:
        tensors[f"layers.{i}.transition"] //= 4
    else:
        tensors["layers.2.leak"] //= 2
    IntegerNetwork.build(metadata, tensors)


# ---------------------------------------------------------------------------------------------
# Tensors
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", legal()[1])
def test_a_missing_tensor_is_refused_by_name(name: str) -> None:
    metadata, tensors = legal()
    del tensors[name]
    refused(metadata, tensors, name, "missing")


@pytest.mark.parametrize(
    "name",
    ["layers.1.weight_v", "layers.1.bias_u", "layers.1.bias_v", "layers.2.weight_v",
     "layers.2.bias_v", "layers.2.threshold", "layers.0.leak", "layers.3.weight_u", "weight",
     "layers.0.Weight_u"],
)  # fmt: skip
def test_an_unexpected_tensor_is_refused_by_name(name: str) -> None:
    metadata, tensors = legal()
    tensors[name] = np.zeros(4, dtype=np.int32)
    refused(metadata, tensors, name, "unexpected")


@pytest.mark.parametrize("name", legal()[1])
def test_a_wrong_shape_is_refused_by_name(name: str) -> None:
    metadata, tensors = legal()
    shape = tensors[name].shape
    for wrong in ((*shape, 1), (shape[0] + 1, *shape[1:]), (), (0,)):
        tensors[name] = np.zeros(wrong, dtype=tensors[name].dtype)
        refused(metadata, tensors, name, str(list(wrong)), str(list(shape)))


def test_transposed_weights_are_refused() -> None:
    metadata, tensors = legal()
    tensors["layers.0.weight_u"] = np.ascontiguousarray(tensors["layers.0.weight_u"].T)
    refused(metadata, tensors, "layers.0.weight_u", "[3, 4]", "[4, 3]")


@pytest.mark.parametrize("name", legal()[1])
def test_a_wrong_dtype_is_refused_by_name(name: str) -> None:
    metadata, tensors = legal()
    right = tensors[name].dtype
    for dtype in (np.int8, np.int32, np.int64, np.uint32, np.float32, np.float64, np.bool_):
        if np.dtype(dtype) == right:
            continue
        spoiled = tensors | {name: tensors[name].astype(dtype)}
        refused(metadata, spoiled, name, str(np.dtype(dtype)), str(right))


VALUE_RANGES = {
    "layers.0.weight_u": (-16, 15),
    "layers.0.weight_v": (-16, 15),
    "layers.0.bias_u": (-32, 31),
    "layers.0.bias_v": (-32, 31),
    "layers.0.transition": (-128, 127),
    "layers.0.reset": (-2048, 2047),
    "layers.0.threshold": (-2048, 2047),
    "layers.1.weight_u": (-16, 15),
    "layers.1.transition": (-128, 127),
    "layers.1.reset": (-512, 511),
    "layers.1.threshold": (-512, 511),
    "layers.2.weight_u": (-8, 7),
    "layers.2.bias_u": (-64, 63),
    "layers.2.leak": (0, 511),
}


@pytest.mark.parametrize("name", VALUE_RANGES)
def test_both_ends_of_a_declared_width_load(name: str) -> None:
    metadata, tensors = legal()
    for value in VALUE_RANGES[name]:
        tensors[name].flat[-1] = value
        IntegerNetwork.build(metadata, tensors)


@pytest.mark.parametrize("name", VALUE_RANGES)
def test_a_value_outside_its_declared_width_is_refused_by_name(name: str) -> None:
    metadata, tensors = legal()
    low, high = VALUE_RANGES[name]
    last = [size - 1 for size in tensors[name].shape]
    for value in (low - 1, high + 1, -(2**31), 2**31 - 1):
        tensors[name].flat[-1] = value
        refused(metadata, tensors, f"{name}{last}", str(value), str(low), str(high))


def test_every_tensor_with_a_width_is_tested() -> None:
    assert set(VALUE_RANGES) == {name for name in legal()[1] if not name.endswith("scale")}


@pytest.mark.parametrize("i", [0, 1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_scale_that_is_not_finite_is_refused(i: int, value: float) -> None:
    metadata, tensors = legal()
    tensors[f"layers.{i}.scale"][-1] = value
    refused(metadata, tensors, f"layers.{i}.scale", str(value), "finite")


# ---------------------------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------------------------


def file_of(metadata: Any, tensors: Tensors, key: str = "rfssm") -> bytes:
    text = metadata if isinstance(metadata, str) else json.dumps(metadata)
    return bytes(save_tensors(tensors, metadata={key: text}))


def refused_file(path: Path, content: bytes, *words: str) -> None:
    path.write_bytes(content)
    with pytest.raises(NetworkError) as caught:
        IntegerNetwork.load(path)
    missing = [word for word in (str(path), *words) if word not in str(caught.value)]
    assert not missing, f"{caught.value!s} does not name {missing}"


def test_a_refused_file_is_named(tmp_path: Path) -> None:
    metadata, tensors = legal()
    metadata["version"] = 7
    refused_file(tmp_path / "network.safetensors", file_of(metadata, tensors), "version = 7")


@pytest.mark.parametrize("text", ["", "{", "format: rfssm-network", "nul"])
def test_metadata_that_are_no_json_are_refused(tmp_path: Path, text: str) -> None:
    refused_file(tmp_path / "n.safetensors", file_of(text, legal()[1]), "rfssm", "JSON")


@pytest.mark.parametrize("text", ["[]", "3", "null", '"rfssm-network"'])
def test_metadata_that_are_no_object_are_refused(tmp_path: Path, text: str) -> None:
    refused_file(tmp_path / "n.safetensors", file_of(text, legal()[1]), "rfssm", "object", text)


def test_a_file_without_our_metadata_is_refused(tmp_path: Path) -> None:
    metadata, tensors = legal()
    refused_file(tmp_path / "n.safetensors", file_of(metadata, tensors, key="other"), "'rfssm'")
    refused_file(tmp_path / "n.safetensors", save_tensors(tensors), "'rfssm'")


def test_a_file_that_is_cut_off_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    content = file_of(*legal())
    ends = [0, 1, 7, 8, 9, 100, len(content) // 2, len(content) - 1]
    for end in ends:
        refused_file(tmp_path / "n.safetensors", content[:end], "safetensors")


def test_a_file_with_bytes_after_its_end_is_refused(tmp_path: Path) -> None:
    refused_file(tmp_path / "n.safetensors", file_of(*legal()) + b"more", "safetensors")


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"format: rfssm-network\n" * 20,
        b'{"format": "rfssm-network"}',
        struct.pack("<Q", 4) + b"null",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 3) + b"\xff\xfe{",
    ],
)
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    refused_file(tmp_path / "n.safetensors", content, "safetensors")


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "F16", "I16", "U64"])
def test_a_dtype_that_numpy_may_not_know_is_refused_by_name(tmp_path: Path, dtype: str) -> None:
    metadata, tensors = legal()
    size = {"F8_E4M3": 1, "BF16": 2, "F16": 2, "I16": 2, "U64": 8}[dtype]
    leak = np.zeros(tensors.pop("layers.2.leak").size * size, dtype=np.uint8)
    content = file_of(metadata, tensors | {"layers.2.leak": leak})
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    header["layers.2.leak"] |= {"dtype": dtype, "shape": [2]}
    new = json.dumps(header).encode()
    spoiled = struct.pack("<Q", len(new)) + new + content[8 + length :]
    refused_file(tmp_path / "n.safetensors", spoiled, "layers.2.leak", "int32")


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.safetensors", tmp_path):
        with pytest.raises(NetworkError) as caught:
            IntegerNetwork.load(path)
        assert str(path) in str(caught.value)


# ---------------------------------------------------------------------------------------------
# What is kept
# ---------------------------------------------------------------------------------------------


def test_saved_and_loaded_equals_the_original(tmp_path: Path) -> None:
    metadata, tensors = legal()
    network = IntegerNetwork.build(metadata, tensors)
    network.save(tmp_path / "n.safetensors")
    again = IntegerNetwork.load(tmp_path / "n.safetensors")
    assert again.metadata() == metadata
    assert again.tensors().keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert again.tensors()[name].dtype == tensor.dtype
        np.testing.assert_array_equal(again.tensors()[name], tensor)


def test_what_is_unpickled_is_checked_and_cannot_be_changed() -> None:
    network = IntegerNetwork.build(*legal())
    again = pickle.loads(pickle.dumps(network))
    assert again == network
    assert again.saturates == network.saturates
    with pytest.raises(ValueError, match="read-only"):
        again.layers[0].weight_u[0, 0] = 1 << 20


def test_keys_that_a_reader_does_not_know_are_kept_and_ignored(tmp_path: Path) -> None:
    metadata, tensors = legal()
    plain = IntegerNetwork.build(*legal()).digest()
    metadata["comment"] = {"by": ["another", "tool"], "value": 1.5, "nothing": None}
    metadata["input"]["unit"] = "spikes"
    metadata["layers"][0]["tau"] = [0.1, 0.2]
    metadata["layers"][2]["dropout"] = 0.25
    IntegerNetwork.build(metadata, tensors).save(tmp_path / "n.safetensors")
    again = IntegerNetwork.load(tmp_path / "n.safetensors")
    assert again.metadata() == metadata
    assert again.digest() == plain


@pytest.mark.parametrize(
    "key",
    ["weight_u", "weight_v", "bias_u", "bias_v", "transition", "reset", "threshold", "scale",
     "leak", "outputs", "low", "model_config", "classes", "metadata", "unknown", "copy"],
)  # fmt: skip
def test_an_unknown_key_may_have_any_name(key: str, tmp_path: Path) -> None:
    """Also the name of a tensor, or of something in our own classes."""
    metadata, tensors = legal()
    for place in (metadata, metadata["input"], metadata["layers"][1], metadata["layers"][2]):
        place.setdefault(key, "someone's own")
    network = IntegerNetwork.build(metadata, tensors)
    assert network.metadata() == metadata
    network.save(tmp_path / "n.safetensors")
    again = IntegerNetwork.load(tmp_path / "n.safetensors")
    assert again.metadata() == metadata
    assert again.digest() == IntegerNetwork.build(*legal()).digest()
    assert again.layers[1].weight_v is None
    np.testing.assert_array_equal(again.layers[1].threshold, tensors["layers.1.threshold"])


def test_labels_inform_people_only() -> None:
    metadata, tensors = legal()
    for labels in ([], ["one"], ["a", "b", "c"]):
        network = IntegerNetwork.build(metadata | {"labels": labels}, tensors)
        assert network.metadata()["labels"] == labels


def test_a_label_has_at_most_256_letters() -> None:
    metadata, tensors = legal()
    longest = ["é" * 256, "yes"]
    assert IntegerNetwork.build(metadata | {"labels": longest}, tensors).labels == (*longest,)
    refused(metadata | {"labels": ["no", "y" * 257]}, tensors, "labels[1]", "256")


def test_of_many_complaints_eight_are_told_and_the_others_counted() -> None:
    metadata, tensors = legal()
    for count, more in ((8, ""), (9, "; and 1 more"), (12, "; and 4 more")):
        with pytest.raises(NetworkError) as caught:
            IntegerNetwork.build(metadata | {"labels": [0] * count}, tensors)
        told, found, rest = str(caught.value).partition("; and ")
        assert told.count("labels[") == 8
        assert found + rest == more


def test_a_header_that_is_read_in_two_pieces_is_read_to_its_end(tmp_path: Path) -> None:
    network = IntegerNetwork.build(*legal())
    path = tmp_path / "n.safetensors"
    network.save(path)
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = b"{" + data[9:end].rstrip().rjust(1 << 20)  # a piece has 2^20 bytes
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[end:])
    assert IntegerNetwork.load(path).digest() == network.digest()


def test_what_informs_people_does_not_change_the_digest() -> None:
    metadata, tensors = legal()
    plain = IntegerNetwork.build(metadata, tensors).digest()
    metadata |= {"name": "other", "labels": ["x", "y"], "provenance": {}}
    metadata["layers"][0]["model"] = "other"
    tensors["layers.0.scale"] = tensors["layers.0.scale"] * 2
    assert IntegerNetwork.build(metadata, tensors).digest() == plain


@pytest.mark.parametrize("name", [name for name in legal()[1] if not name.endswith("scale")])
def test_every_integer_changes_the_digest(name: str) -> None:
    metadata, tensors = legal()
    plain = IntegerNetwork.build(metadata, tensors).digest()
    value = int(tensors[name].flat[-1])
    tensors[name].flat[-1] = value - 1 if value > 0 else value + 1
    assert IntegerNetwork.build(metadata, tensors).digest() != plain


def test_a_network_does_not_change_with_the_arrays_that_it_came_from() -> None:
    metadata, tensors = legal()
    network = IntegerNetwork.build(metadata, tensors)
    plain = network.digest()
    tensors["layers.0.weight_u"][:] = 0
    metadata["layers"][0]["guard_bits"] = 0
    assert network.digest() == plain
    with pytest.raises(ValueError, match="read-only"):
        network.layers[0].weight_u[0, 0] = 1


# ---------------------------------------------------------------------------------------------
# Saving
# ---------------------------------------------------------------------------------------------


def break_off(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("step", ["fdopen", "replace"])
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    network = IntegerNetwork.build(*legal())
    path = tmp_path / "network.safetensors"
    path.write_bytes(b"what was there before")

    def fails(*arguments: Any, **named: Any) -> Any:
        if step == "fdopen":
            os.close(arguments[0])
        break_off()

    monkeypatch.setattr(os, step, fails)
    failing: Callable[[], None] = lambda: network.save(path)  # noqa: E731
    with pytest.raises((OSError, NetworkError)):
        failing()
    assert path.read_bytes() == b"what was there before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["network.safetensors"]


def test_a_save_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    path.write_bytes(b"what was there before")
    IntegerNetwork.build(*legal()).save(path)
    assert IntegerNetwork.load(path).name == "small"
    assert [entry.name for entry in tmp_path.iterdir()] == ["network.safetensors"]


def test_a_saved_file_is_readable_by_everyone_who_may_read_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    IntegerNetwork.build(*legal()).save(path)
    assert path.stat().st_mode == plain.stat().st_mode


def test_any_damaged_byte_of_a_header_is_refused_or_harmless(tmp_path: Path) -> None:
    """Never another error than ours."""
    whole = file_of(*legal())
    length = 8 + struct.unpack("<Q", whole[:8])[0]
    path = tmp_path / "n.safetensors"
    refusals = 0
    for place in range(0, length, 4):
        for flip in (0x01, 0x80):
            damaged = bytearray(whole)
            damaged[place] ^= flip
            path.write_bytes(damaged)
            try:
                IntegerNetwork.load(path)
            except NetworkError as error:
                refusals += str(path) in str(error)
    assert refusals > length // 4


def quiet() -> IntegerNetwork:
    """The legal network with nothing that comes in: no state can leave its word."""
    metadata, tensors = legal()
    for name in tensors:
        if not name.endswith(("scale", "threshold")):
            tensors[name] = tensors[name] * 0
    return IntegerNetwork.build(metadata, tensors)


def test_a_copy_has_the_proof_of_its_own_integers() -> None:
    metadata, tensors = legal()
    tensors = {k: t * 0 + 60 if "transition" in k else t for k, t in tensors.items()}
    loud, still = IntegerNetwork.build(metadata, tensors), quiet()
    assert still.saturates == (False, False, False)
    assert loud.saturates[0]
    for name in ("layers", "readout"):
        copied = still.model_copy(update={name: getattr(loud, name)})
        again = IntegerNetwork.build(copied.metadata(), copied.tensors())
        assert copied == again
        assert copied.saturates == again.saturates
        assert [p["SATURATE"] for p in (*Design.of(copied).layers, Design.of(copied).readout)] == [
            *map(int, again.saturates)
        ]
    for renewed in (still.model_copy, still.copy):
        assert renewed(update={"layers": loud.layers}).saturates[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n: {"no such": 1}, "'no such': not a field"),
        (lambda n: {"layers": n.layers[:1], "readout": n.layers[1]}, "readout = .*must be"),
        (lambda n: {"layers": n.layers[1:]}, r"layers\[0\].inputs = 4: must be input.channels = 3"),
        (lambda n: {"layers": "none"}, "layers = 'none': must be a valid tuple"),
        (lambda n: {"input": n.input.model_copy(update={"bits": 99})}, "input.bits = 99"),
        (
            lambda n: {"readout": n.readout.model_copy(update={"state_bits": 99})},
            r"layers\[2\].state_bits = 99",
        ),
        (
            lambda n: {"readout": n.readout.model_copy(update={"leak": n.readout.leak + 512})},
            r"tensor layers.2.leak\[0\] = .*: must be between 0 and 511",
        ),
        (
            lambda n: {"readout": n.readout.model_copy(update={"leak": n.readout.leak + 2**33})},
            r"tensor layers.2.leak: holds 85899\d+, which",
        ),
    ],
)
def test_a_copy_is_checked_like_a_new_network(
    change: Callable[[IntegerNetwork], Metadata], message: str
) -> None:
    network = IntegerNetwork.build(*legal())
    for renewed in (network.model_copy, network.copy):
        with pytest.raises(NetworkError, match=message):
            renewed(update=change(network))


def test_networks_are_equal_if_their_files_are() -> None:
    network, again = (IntegerNetwork.build(*legal()) for _ in range(2))
    other = network.model_copy(update={"name": "other"})
    assert network == again == network.model_copy() == copy.deepcopy(network)
    assert hash(network) == hash(again) == hash(other)
    assert other != network != quiet()
    assert again in [other, network]
    assert again not in [other, quiet()]
    assert len({network, again, other}) == 2
    assert network.layers[0] == again.layers[0] != network.layers[1]
    assert hash(network.readout) == hash(again.readout)
    metadata, tensors = legal()
    metadata["layers"][0]["of another tool"] = 1
    assert IntegerNetwork.build(metadata, tensors) != network
    metadata, tensors = legal()
    tensors["layers.1.scale"][0] += 1
    assert IntegerNetwork.build(metadata, tensors) != network
    assert Design.of(network) == Design.of(again)
    assert network != "a network"


def test_what_a_network_tells_is_not_what_it_holds() -> None:
    metadata, tensors = legal()
    metadata["provenance"] = {"nested": {"a": 1}}
    metadata["another tool's"] = {"b": [1]}
    network = IntegerNetwork.build(metadata, tensors)
    metadata["provenance"]["nested"]["a"] = 2
    metadata["another tool's"]["b"].append(2)
    network.metadata()["provenance"]["nested"]["a"] = 3
    network.metadata()["another tool's"]["b"].append(3)
    assert network.metadata()["provenance"] == {"nested": {"a": 1}}
    assert network.metadata()["another tool's"] == {"b": [1]}


def test_what_an_input_is_worth_does_not_change_the_digest() -> None:
    metadata, tensors = legal()
    plain = IntegerNetwork.build(metadata, tensors)
    metadata["input"]["frac"] = 5
    other = IntegerNetwork.build(metadata, tensors)
    assert other.digest() == plain.digest()
    assert other != plain
    # of a network with integer inputs it is what boards of version 0.1 hold
    assert quiet().digest()[:16] == "95ac201eeee99d3c"
