"""Files by somebody who means harm: each is refused in one line, or is a file like any other.

Nothing but our own errors may leave a reader, no message may be long or move a cursor, and no
reader may take more memory than the file is worth.
"""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from interrupts import tiny_network
from numpy.lib import format as npy
from safetensors.numpy import save as save_tensors

from rfssm.errors import NetworkError, RecipeError, RfssmError
from rfssm.model.published import load_published
from rfssm.quant import network_file
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.ptq import Calibration
from rfssm.quant.recipe import parse_recipe, read_recipe
from rfssm.quant.run import train
from rfssm.quant.samples import Outputs, Samples

MOST_MEMORY = 24_000_000  # bytes, for files of a few kilobytes


def read(load: Callable[[Path], Any], path: Path, data: bytes) -> Any:
    """What the file holds; None where it is refused as it should be."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        return load(path)
    except RfssmError as error:
        check(error, path)
        return None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MOST_MEMORY


def check(error: RfssmError, path: Path) -> None:
    """A message names the file and is one short line."""
    said = str(error)
    assert said.startswith(f"{path}: ")
    assert said.isprintable(), said
    assert len(said) < len(str(path)) + 1000


# -- network files ---------------------------------------------------------------------------------

SMALL = tiny_network()
FIRST = "layers.0.weight_u"


def whole_network() -> bytes:
    return save_tensors(SMALL.tensors(), {"rfssm": json.dumps(SMALL.metadata())})


def parts() -> tuple[dict[str, Any], bytes]:
    """Header and body."""
    data = whole_network()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def joined(header: bytes | Mapping[str, Any], body: bytes | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + (parts()[1] if body is None else body)


def with_entry(**fields: Any) -> bytes:
    """The first tensor's entry in the header changed; None: without the field."""
    header = parts()[0]
    header[FIRST] = {k: v for k, v in {**header[FIRST], **fields}.items() if v is not None}
    return joined(header)


def with_text(old: str, new: str) -> bytes:
    """Our JSON changed as text."""
    text = json.dumps(SMALL.metadata())
    assert old in text
    header = parts()[0] | {"__metadata__": {"rfssm": text.replace(old, new, 1)}}
    return joined(header)


def with_metadata(change: Callable[[dict[str, Any]], Any]) -> bytes:
    metadata = copy.deepcopy(SMALL.metadata())
    change(metadata)
    return joined(parts()[0] | {"__metadata__": {"rfssm": json.dumps(metadata)}})


def twice(key: str, value: object) -> bytes:
    """A key of the header a second time."""
    return joined(json.dumps(parts()[0]).encode()[:-1] + f', "{key}": {value}}}'.encode())


HEADER = parts()[0]
HOSTILE_NETWORKS = {
    "empty": b"",
    "header of 2^63 bytes": struct.pack("<Q", 1 << 63) + b"{}",
    "header of 2^64 - 1 bytes": b"\xff" * 8,
    "header longer than the file": struct.pack("<Q", 1 << 20) + b"{}",
    "no header": struct.pack("<Q", 0),
    "header is a list": joined(b"[]"),
    "header is null": joined(b"null"),
    "lists 100,000 deep": joined(b"[" * 100_000),
    "objects 50,000 deep": joined(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "metadata 100,000 deep": joined(HEADER | {"__metadata__": {"rfssm": "[" * 100_000}}),
    "provenance 100 deep": with_text('"provenance": {}', '"provenance": {"a": ' + "[" * 100
                                     + "]" * 100 + "}"),
    "a tensor twice": twice(FIRST, json.dumps(HEADER[FIRST])),
    "metadata twice": twice("__metadata__", json.dumps(HEADER["__metadata__"])),
    "a field twice": with_text('"state_bits": 6', '"state_bits": 6, "state_bits": 7'),
    "a name twice": with_text('"name": "tiny"', '"name": "tiny", "name": "other"'),
    "NaN": with_text('"bits": 1', '"bits": NaN'),
    "NaN in provenance": with_text('"provenance": {}', '"provenance": {"a": NaN}'),
    "Infinity in an unknown key": with_text('"labels"', '"other": -Infinity, "labels"'),
    "1e400": with_text('"provenance": {}', '"provenance": {"a": 1e400}'),
    "2^63": with_text('"bits": 1', '"bits": 9223372036854775808'),
    "4,000 digits": with_text('"bits": 1', '"bits": ' + "9" * 4_000),
    "5,000 digits": with_text('"bits": 1', '"bits": ' + "9" * 5_000),
    "a value of a megabyte": with_metadata(lambda m: m.update(format="x" * 1_000_000)),
    "10,000 wrong labels": with_metadata(lambda m: m.update(labels=[1] * 10_000)),
    "a lone surrogate": with_metadata(lambda m: m.update(name="\ud800")),
    "an escape sequence in the name": with_metadata(lambda m: m.update(name="\x1b[2J")),
    "a line end in the name": with_metadata(lambda m: m.update(name="a\nerror: b")),
    "right-to-left override": with_metadata(lambda m: m.update(labels=["\u202ea", "b"])),
    "a NUL in the name": with_metadata(lambda m: m.update(name="a\0b")),
    "a name of 10,000 letters": with_metadata(lambda m: m.update(name="n" * 10_000)),
    "a bell in a layer's model": with_metadata(lambda m: m["layers"][0].update(model="\a")),
    "kind is a list": with_metadata(lambda m: m["layers"][0].update(kind=[])),
    "kind is an object": with_metadata(lambda m: m["layers"][0].update(kind={})),
    "metadata is a list": joined(HEADER | {"__metadata__": ["rfssm"]}),
    "metadata is text": joined(HEADER | {"__metadata__": "rfssm"}),
    "metadata is a number": joined(HEADER | {"__metadata__": {"rfssm": 5}}),
    "metadata is an object": joined(HEADER | {"__metadata__": {"rfssm": {}}}),
    "entry is null": joined(HEADER | {FIRST: None}),
    "entry is a list": joined(HEADER | {FIRST: []}),
    "entry is text": joined(HEADER | {FIRST: "I32"}),
    "no dtype": with_entry(dtype=None),
    "no shape": with_entry(shape=None),
    "no place": with_entry(data_offsets=None),
    "dtype is a number": with_entry(dtype=5),
    "bfloat16": with_entry(dtype="BF16", shape=[8]),
    "4-bit floats": with_entry(dtype="F4", shape=[32]),
    "complex": with_entry(dtype="C64", shape=[2]),
    "bool": with_entry(dtype="BOOL", shape=[16]),
    "2^80 elements": with_entry(shape=[1 << 40, 1 << 40]),
    "2^64 elements": with_entry(shape=[1 << 32, 1 << 32]),
    "2^63 elements of nothing": with_entry(shape=[0, 1 << 63]),
    "100 dimensions": with_entry(shape=[1] * 98 + [2, 2]),
    "60 dimensions": with_entry(shape=[1] * 58 + [2, 2]),
    "negative shape": with_entry(shape=[-2, -2]),
    "shape of real numbers": with_entry(shape=[2.0, 2]),
    "place before the start": with_entry(data_offsets=[-1, 15]),
    "place beyond the end": with_entry(data_offsets=[1 << 40, (1 << 40) + 16]),
    "place of 2^64": with_entry(data_offsets=[1 << 64, (1 << 64) + 16]),
    "place backwards": with_entry(data_offsets=[16, 0]),
    "another tensor's place": with_entry(data_offsets=HEADER["layers.0.reset"]["data_offsets"]),
    "not UTF-8": joined(json.dumps(HEADER).encode().replace(b"tiny", b"t\xff\xfey")),
    "UTF-16": joined(json.dumps(HEADER).encode("utf-16")),
    "byte order mark": joined(b"\xef\xbb\xbf" + json.dumps(HEADER).encode()),
    "an escape sequence as a tensor": joined(
        {**{k: v for k, v in HEADER.items() if k != FIRST}, "\x1b[31m\n": HEADER[FIRST]}
    ),
    "a byte too many": whole_network() + b"\0",
    "a zip": b"PK\x03\x04" + bytes(99),
    "a pickle": pickle.dumps({"a": 1}),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE_NETWORKS)
def test_hostile_network_files_are_refused(tmp_path: Path, case: str) -> None:
    assert read(IntegerNetwork.load, tmp_path / "n", HOSTILE_NETWORKS[case]) is None


@pytest.mark.parametrize(
    "key", ["self", "unknown", "weight_u", "outputs", "model_dump", "model_extra", "__class__", ""]
)
def test_keys_that_nobody_knows_are_kept_and_change_nothing(tmp_path: Path, key: str) -> None:
    def add(metadata: dict[str, Any]) -> None:
        for place in (metadata, metadata["input"], *metadata["layers"]):
            place[key] = [1]

    network = read(IntegerNetwork.load, tmp_path / "n", with_metadata(add))
    assert network is not None
    assert network.digest() == SMALL.digest()
    network.save(tmp_path / "again")
    again = IntegerNetwork.load(tmp_path / "again").metadata()
    assert again[key] == again["layers"][1][key] == [1]


def test_every_bit_and_every_length_of_a_network_file(tmp_path: Path) -> None:
    """Bits of every byte, all bits of every eighth, all lengths: refused or valid."""
    whole = whole_network()
    size = 8 + struct.unpack("<Q", whole[:8])[0]
    path = tmp_path / "n"
    counts = {"refused": 0, "loaded": 0}

    def attempt(data: bytes) -> None:
        path.write_bytes(data)
        try:
            network = IntegerNetwork.load(path)
        except NetworkError as error:
            counts["refused"] += 1
            check(error, path)
            return
        counts["loaded"] += 1
        again = IntegerNetwork.build(network.metadata(), network.tensors())
        assert again.digest() == network.digest()

    def bits(place: int) -> tuple[int, ...]:
        return tuple(range(8)) if place % 8 == 0 else (0, 7) if place < size else (5,)

    for place in range(len(whole)):
        for bit in bits(place):
            attempt(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
    for end in range(len(whole)):
        attempt(whole[:end])
    assert sum(counts.values()) == sum(len(bits(p)) + 1 for p in range(len(whole)))
    assert counts["refused"] > 5_000
    assert counts["loaded"] > 100


def test_the_check_notices_a_reader_that_trusts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's own reader in place of the strict one."""
    monkeypatch.setattr(network_file, "parse_json", json.loads)
    with pytest.raises(RecursionError):
        read(IntegerNetwork.load, tmp_path / "n", HOSTILE_NETWORKS["lists 100,000 deep"])
    assert read(IntegerNetwork.load, tmp_path / "n", HOSTILE_NETWORKS["a field twice"]) is not None


@pytest.mark.parametrize("load", [IntegerNetwork.load, Samples.load, Outputs.load, read_recipe,
                                  load_published, Calibration.load])  # fmt: skip
def test_what_is_no_file_is_refused(tmp_path: Path, load: Callable[[Path], Any]) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path, tmp_path / "loop", tmp_path / "absent", Path("/dev/zero"), Path("/")):
        with pytest.raises(RfssmError) as caught:
            load(path)
        assert str(caught.value).startswith(f"{path}: ")


# -- arrays ----------------------------------------------------------------------------------------


def array(value: Any) -> bytes:
    buffer = io.BytesIO()
    npy.write_array(buffer, np.asarray(value), allow_pickle=True)
    return buffer.getvalue()


def raw(shape: str, body: bytes = b"", descr: str = "'<i8'", version: int = 1) -> bytes:
    """An array with a header of our own words."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + body


def archive(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in members:
            if name in file.namelist():
                with pytest.warns(UserWarning, match="Duplicate"):
                    file.writestr(name, data)
            else:
                file.writestr(name, data)
    return buffer.getvalue()


def patched(data: bytes, local: int, central: int, value: bytes) -> bytes:
    """Both headers of the first member changed."""
    changed = bytearray(data)
    for mark, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        place = changed.index(mark) + offset
        changed[place : place + len(value)] = value
    return bytes(changed)


X = np.arange(12).reshape(2, 3, 2) % 2
EVIL = "__import__('os').system('touch pwned')"


class Touch:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


HOSTILE_SAMPLES = {
    "empty": b"",
    "no member": archive(),
    "a single array": array(X),
    "a pickle": pickle.dumps(X),
    "objects": archive(("x.npy", array(np.array([{1: 2}], dtype=object)))),
    "objects in a record": archive(("x.npy", array(np.zeros((2, 3, 2), [("a", "O")])))),
    "2^41 elements": archive(("x.npy", raw("(1099511627776, 3, 2)"))),
    "2^65 elements": archive(("x.npy", raw("(4294967296, 4294967296, 2)"))),
    "2 GB of nothing": archive(("x.npy", raw("(250000, 1000, 1)"))),
    "2 GB, and the archive says so too": patched(
        archive(("x.npy", raw("(250000, 1000, 1)"))), 22, 24, struct.pack("<I", 2_000_000_073)
    ),
    "negative": archive(("x.npy", raw("(-1, 3, 2)", bytes(48)))),
    "twice negative": archive(("x.npy", raw("(-2, -3, 2)", bytes(96)))),
    "2^40 times no step": archive(("x.npy", raw("(1099511627776, 0, 2)"))),
    "2^40 samples of no channel": archive(("x.npy", raw("(1099511627776, 3, 0)"))),
    "elements of no size": archive(("x.npy", raw("(1099511627776, 3, 4)", descr="'|V0'"))),
    "shape of real numbers": archive(("x.npy", raw("(2.0, 3, 2)", bytes(96)))),
    "shape of 6,000 digits": archive(("x.npy", raw("(" + "9" * 6_000 + ",)"))),
    "code as a shape": archive(("x.npy", raw(EVIL, bytes(96)))),
    "code as a dtype": archive(("x.npy", raw("(2, 3, 2)", bytes(96), descr=EVIL))),
    "a header of 20,000 bytes": archive(("x.npy", raw("(2, 3, 2)" + " " * 20_000, bytes(96)))),
    "9,000 parentheses": archive(("x.npy", raw("(" * 9_000))),
    "version 9": archive(("x.npy", raw("(2, 3, 2)", bytes(96), version=9))),
    "a byte short": archive(("x.npy", raw("(2, 3, 2)", bytes(95)))),
    "a byte long": archive(("x.npy", raw("(2, 3, 2)", bytes(97)))),
    "NaN": archive(("x.npy", array(np.full((2, 3, 2), np.nan)))),
    "complex": archive(("x.npy", array(X * 1j))),
    "text": archive(("x.npy", array(np.full((2, 3, 2), "1")))),
    "dates": archive(("x.npy", array(np.zeros((2, 3, 2), "M8[s]")))),
    "records": archive(("x.npy", array(np.zeros((2, 3, 2), [("a", "i4")])))),
    "x twice": archive(("x.npy", array(X)), ("x.npy", array(X))),
    "x and x.npy": archive(("x.npy", array(X)), ("x", array(X))),
    "x in another folder": archive(("../../x.npy", array(X))),
    "an escape sequence as a name": archive(("\x1b[31m\n.npy", array(X))),
    "2,000 names": archive(*((f"a{i}.npy", b"") for i in range(2_000))),
    "steps below one": archive(("x.npy", array(X)), ("steps.npy", array([-(1 << 63), 1]))),
    "steps of NaN": archive(("x.npy", array(X)), ("steps.npy", array([np.nan, 1]))),
    "one step for all": archive(("x.npy", array(X)), ("steps.npy", array(3))),
    "labels in 20 dimensions": archive(
        ("x.npy", array(X)), ("labels.npy", array(np.zeros((1,) * 20, int)))
    ),
    "encrypted": patched(archive(("x.npy", array(X))), 6, 8, b"\x01"),
    "compressed by method 99": patched(archive(("x.npy", array(X))), 8, 10, b"\x63"),
    "made by a later zip": patched(archive(("x.npy", array(X))), 4, 6, b"\xff"),
    "another checksum": patched(archive(("x.npy", array(X))), 14, 16, b"\0\0\0\0"),
}


@pytest.mark.parametrize("case", HOSTILE_SAMPLES)
def test_hostile_samples_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for load in (Samples.load, Outputs.load):
        assert read(load, tmp_path / "x.npz", HOSTILE_SAMPLES[case]) is None
    assert not (tmp_path / "pwned").exists()


def test_other_spellings_of_the_same_samples_are_read(tmp_path: Path) -> None:
    for value in (np.asfortranarray(X), X.astype(">i2"), X.astype(bool), X.astype("u8")):
        for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
            data = archive(("x.npy", array(value)), compression=compression)
            samples = read(Samples.load, tmp_path / "x.npz", data)
            np.testing.assert_array_equal(samples.x, X)


def test_what_else_an_archive_holds_is_not_unpacked(tmp_path: Path) -> None:
    bomb = archive(
        ("x.npy", array(X)), ("z.npy", bytes(1 << 26)), ("notes", bytes(1 << 26)),
        compression=zipfile.ZIP_DEFLATED,
    )  # fmt: skip
    assert len(bomb) < 1 << 18
    np.testing.assert_array_equal(read(Samples.load, tmp_path / "x.npz", bomb).x, X)


SCORES = np.zeros((2, 3), int)


@pytest.mark.parametrize(
    "arrays",
    [
        {"scores": np.zeros((2, 3)), "label": SCORES[:, 0]},
        {"scores": np.array(1), "label": SCORES[:, 0]},
        {"scores": SCORES, "label": np.zeros(5, int)},
        {"scores": SCORES, "label": SCORES[:, 0], "spikes.1": np.zeros((2, 3, 4), bool)},
        {"scores": SCORES, "label": SCORES[:, 0], "spikes.00": np.zeros((2, 3, 4), bool)},
        {"scores": SCORES, "label": SCORES[:, 0], "spikes.0": np.zeros((2, 3, 4), int)},
        {"scores": SCORES, "label": SCORES[:, 0], "u.0": np.zeros((2, 3), int)},
    ],
)
def test_arrays_that_no_engine_wrote_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    members = [(f"{name}.npy", array(value)) for name, value in arrays.items()]
    assert read(Outputs.load, tmp_path / "y.npz", archive(*members)) is None


# -- published networks ----------------------------------------------------------------------------


def published(config: str | None = None, **changes: Any) -> bytes:
    """A LIF network of two layers, one with parameters of our choice."""
    text = '{"model": "LIF", "inputs": 2, "sizes": [3, 2]}' if config is None else config
    arrays = {
        "config": text,
        "param.snn.0.W.weight": np.ones((3, 2)),
        "param.snn.0.alpha": np.full(3, 0.9),
        "param.snn.1.W.weight": np.ones((2, 3)),
        "param.snn.1.alpha": np.full(2, 0.9),
    } | {name.replace("__", "."): value for name, value in changes.items()}
    return archive(*((f"{name}.npy", array(value)) for name, value in arrays.items()))


HOSTILE_PUBLISHED = {
    "model is a list": published('{"model": []}'),
    "model is an object": published('{"model": {}}'),
    "model of a megabyte": published(json.dumps({"model": "x" * 1_000_000})),
    "model of escapes": published(json.dumps({"model": "\x1b[31m\n"})),
    "NaN": published('{"model": NaN}'),
    "deep": published("[" * 100_000),
    "5,000 digits": published('{"inputs": ' + "9" * 5_000 + "}"),
    "widths of 2^40": published('{"model": "LIF", "inputs": 2, "sizes": [1099511627776, 2]}'),
    "negative widths": published('{"model": "LIF", "inputs": 2, "sizes": [-3, 2]}'),
    "true as a width": published('{"model": "LIF", "inputs": true, "sizes": [3, true]}'),
    "config of bytes": published(config=np.frombuffer(b"abc", np.uint8)),  # type: ignore[arg-type]
    "config of objects": published(config=np.array({}, object)),  # type: ignore[arg-type]
    "text": published(param__snn__0__alpha=np.full(3, "a")),
    "objects": published(param__snn__0__alpha=np.full(3, None)),
    "dates": published(param__snn__0__alpha=np.zeros(3, "M8[s]")),
    "complex": published(param__snn__0__alpha=np.full(3, 1j)),
    "not finite": published(param__snn__0__alpha=np.array([np.inf, 1, 1])),
    "beyond float64": published(param__snn__0__alpha=np.full(3, np.longdouble("1e4000"))),
}


@pytest.mark.parametrize("case", HOSTILE_PUBLISHED)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_hostile_published_networks_are_refused(tmp_path: Path, case: str) -> None:
    assert read(load_published, tmp_path / "p.npz", HOSTILE_PUBLISHED[case]) is None


def test_every_third_byte_of_a_published_network(tmp_path: Path) -> None:
    """Flipped, or the last one: refused, or the network that was written."""
    whole, path = published(), tmp_path / "p.npz"
    assert read(load_published, path, published(param__snn__0__alpha=np.full(3, 0.9, ">f4")))
    counts = {"refused": 0, "loaded": 0}
    for place in range(0, len(whole), 3):
        flipped = whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
        for data in (flipped, whole[:place]):
            path.write_bytes(data)
            try:
                load_published(path)
            except RfssmError:
                counts["refused"] += 1
            else:
                counts["loaded"] += 1
    assert counts["refused"] > 900 > counts["loaded"] > 50  # clocks and unused fields of zip


# -- recipes ---------------------------------------------------------------------------------------

RECIPE = "name: x\ndata: {set: digits}\nnetwork: {neurons: [4]}\ntraining: {epochs: 1}\n"


def levels(first: str) -> str:
    """Nine levels of nine references each: 3 x 10^8 values."""
    lines = [f"l0: &l0 [{', '.join([first] * 9)}]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 9)]
    return "\n".join(lines) + "\n"


def recipe_with(old: str, new: str) -> str:
    assert old in RECIPE
    return RECIPE.replace(old, new)


HOSTILE_RECIPES = {
    "a call": '!!python/object/apply:os.system ["touch pwned"]',
    "a call as a name": recipe_with("name: x", '!!python/object/apply:os.system ["touch pwned"]'),
    "a function": recipe_with("name: x", "name: !!python/name:os.system"),
    "a billion values": levels("x") + recipe_with("name: x", "name: *l8"),
    "a billion neurons": levels("1") + recipe_with("[4]", "*l8"),
    "a list in itself": recipe_with("name: x", "name: &n [*n]"),
    "2,000 lists": "[" * 2_000,
    "3,000 mappings": "{a: " * 3_000,
    "300 lists": recipe_with("name: x", "name: " + "[" * 300 + "]" * 300),
    "a field twice": RECIPE + "name: y\n",
    "an inner field twice": recipe_with("epochs: 1", "epochs: 1, epochs: 2"),
    "NaN": recipe_with("epochs: 1", "epochs: 1, learning_rate: .nan"),
    "5,000 digits": recipe_with("epochs: 1", "epochs: " + "9" * 5_000),
    "50,000 hexadecimal digits": recipe_with("epochs: 1", "epochs: 0x" + "f" * 50_000),
    "3,000 sexagesimal digits": recipe_with("epochs: 1", "epochs: " + ":".join(["59"] * 3_000)),
    "2^63": recipe_with("epochs: 1", "epochs: 9223372036854775808"),
    "no date": recipe_with("name: x", "name: 2020-99-99"),
    "no time": recipe_with("name: x", "name: 2001-12-14t21:59:43.10-99:99"),
    "no integer": recipe_with("epochs: 1", "epochs: !!int abc"),
    "no truth": recipe_with("epochs: 1", "epochs: !!bool abc"),
    "no timestamp": recipe_with("name: x", "name: !!timestamp abc"),
    "bytes": recipe_with("name: x", "name: !!binary aGVsbG8="),
    "a NUL": RECIPE + "\0",
    "a lone surrogate": recipe_with("name: x", 'name: "\\ud800"'),
    "a name of 100,000 letters": recipe_with("name: x", "name: " + "x" * 100_000),
    "two megabytes": RECIPE + "#" * (1 << 21),
    "2,000 unknown fields": RECIPE + "".join(f"k{i}: 1\n" for i in range(2_000)),
    "an unknown field of escapes": RECIPE + '"\\e[31m": 1\n',
    "2,000 wrong neurons": recipe_with("[4]", "[" + "0, " * 2_000 + "0]"),
    "a list as a data set": recipe_with("set: digits", "set: []"),
    "an object as a neuron": recipe_with("[4]", "[4], cell: {model: {a: 1}}"),
    "an escape sequence as a name": recipe_with("name: x", 'name: "\\e[2J"'),
    "a line end in the name": recipe_with("name: x", 'name: "a\\nb"'),
    "a NUL in the name": recipe_with("name: x", 'name: "a\\0b"'),
    "a name above": recipe_with("name: x", "name: ../x"),
    "an absolute name": recipe_with("name: x", "name: /tmp/x"),
    "a name of two folders": recipe_with("name: x", "name: a/b"),
    "a name for Windows": recipe_with("name: x", "name: a\\b"),
    "the folder itself": recipe_with("name: x", 'name: "."'),
    "the folder above": recipe_with("name: x", 'name: ".."'),
    "a hidden name": recipe_with("name: x", "name: .ssh"),
}


@pytest.mark.parametrize("case", HOSTILE_RECIPES)
def test_hostile_recipes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "r.yaml"
    path.write_text(HOSTILE_RECIPES[case])
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    check(caught.value, path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("data", [b"name: \xff", RECIPE.encode("utf-16"), bytes(range(256))])
def test_recipes_in_other_encodings_are_refused(tmp_path: Path, data: bytes) -> None:
    assert read(read_recipe, tmp_path / "r.yaml", data) is None


def test_every_byte_of_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    loaded = 0
    for place in range(len(RECIPE)):
        for flip in (0x01, 0x20, 0x80):
            data = bytearray(RECIPE.encode())
            data[place] ^= flip
            path.write_bytes(data)
            try:
                recipe = read_recipe(path)
            except RfssmError:
                continue
            loaded += 1
            assert recipe.name.isprintable()
            assert "/" not in recipe.name
    assert 0 < loaded < 20


# -- run folders -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "run"
    recipe = parse_recipe(
        {
            "name": "small",
            "data": {"set": "digits"},
            "network": {"neurons": [4]},
            "training": {"epochs": 1, "batch": 512},
        }
    )
    train(recipe, folder, progress=False)
    return folder


def resumed(finished: Path, folder: Path, checkpoint: object, *, plain: bool = False) -> str:
    """What resuming says of a checkpoint."""
    folder.mkdir()
    text = (finished / "recipe.yaml").read_text()
    (folder / "recipe.yaml").write_text(text)
    path = folder / "checkpoint.ckpt"
    if plain:
        path.write_bytes(pickle.dumps(checkpoint))
    else:
        torch.save(checkpoint, path)
    with pytest.raises(RfssmError) as caught:
        train(read_recipe(folder / "recipe.yaml"), folder, resume=True, progress=False)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert said.isprintable()
    assert len(said) < len(str(path)) + 400
    assert not (folder / "network.safetensors").exists()
    return said


@pytest.mark.filterwarnings("ignore::rfssm.quant.qat.ScaleFloorWarning")
@pytest.mark.parametrize("plain", [False, True])
def test_a_checkpoint_runs_no_code(finished: Path, tmp_path: Path, plain: bool) -> None:
    pwned = tmp_path / "pwned"
    whole = torch.load(finished / "checkpoint.ckpt", weights_only=True)
    evil = whole | {"history": [Touch(pwned)]}
    said = resumed(finished, tmp_path / "run", evil, plain=plain)
    assert "not a complete checkpoint" in said
    assert not pwned.exists()
    if not plain:  # the file could have done it
        torch.load(tmp_path / "run" / "checkpoint.ckpt", weights_only=False)
        assert pwned.exists()


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a list": lambda c: [c],
    "nothing": lambda c: {},
    "no weights": lambda c: {k: v for k, v in c.items() if k != "state_dict"},
    "no history": lambda c: {k: v for k, v in c.items() if k != "history"},
    "no loops": lambda c: {k: v for k, v in c.items() if k != "loops"},
    "no version": lambda c: {k: v for k, v in c.items() if k != "pytorch-lightning_version"},
    "another version": lambda c: c | {"pytorch-lightning_version": "\x1b[31m"},
    "other weights": lambda c: c | {"state_dict": {"a": torch.ones(3)}},
    "wider weights": lambda c: (
        c
        | {
            "state_dict": {
                k: torch.cat([v, v]) if v.ndim else v for k, v in c["state_dict"].items()
            }
        }
    ),
    "weights that are text": lambda c: c | {"state_dict": {k: "a" for k in c["state_dict"]}},
    "no optimiser": lambda c: c | {"optimizer_states": [{}]},
    "two schedules": lambda c: c | {"lr_schedulers": c["lr_schedulers"] * 2},
    "an empty history": lambda c: c | {"history": []},
    "no digest": lambda c: c | {"data": 5},
    "a digest of numbers": lambda c: c | {"data": {"train": 5}},
    "a digest of something else": lambda c: c | {"data": c["data"] | {"\x1b[31m": "\x1b[2J"}},
    "a longer history": lambda c: c | {"history": c["history"] * 2},
    "a history of text": lambda c: c | {"history": [c["history"][0] | {"loss": "a"}]},
    "a history of numbers": lambda c: c | {"history": 5},
    "metrics of another kind": lambda c: c | {"history": [{"epoch": 0}]},
}


@pytest.mark.filterwarnings("ignore::rfssm.quant.qat.ScaleFloorWarning")
def test_checkpoints_of_another_making_are_refused(finished: Path, tmp_path: Path) -> None:
    whole = torch.load(finished / "checkpoint.ckpt", weights_only=True)
    accepted = []
    for i, (name, change) in enumerate(CHANGES.items()):
        try:
            resumed(finished, tmp_path / str(i), change(copy.deepcopy(whole)))
        except pytest.fail.Exception:
            accepted.append(name)
            IntegerNetwork.load(tmp_path / str(i) / "network.safetensors")  # harmless
    assert set(accepted) <= {"no version", "another version", "no loops", "two schedules"}, accepted


def test_bytes_of_a_checkpoint(finished: Path, tmp_path: Path) -> None:
    """Flipped or cut off: torch refuses them, or they are weights."""
    from rfssm.model.training.checkpoint import read_checkpoint

    whole, path = (finished / "checkpoint.ckpt").read_bytes(), tmp_path / "c.ckpt"
    refusals = 0
    for place in range(0, len(whole), 101):
        flipped = whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
        for data in (flipped, whole[:place]):
            path.write_bytes(data)
            try:
                read_checkpoint(path)
            except RfssmError as error:
                refusals += 1
                check(error, path)
    assert refusals > len(whole) // 101


@pytest.mark.filterwarnings("ignore::rfssm.quant.qat.ScaleFloorWarning")
def test_a_run_does_not_write_through_links(finished: Path, tmp_path: Path) -> None:
    """Somebody's run folder, its files links to what is ours."""
    run, mine = tmp_path / "run", tmp_path / "mine"
    run.mkdir()
    mine.write_text("mine")
    (run / "recipe.yaml").write_text((finished / "recipe.yaml").read_text())
    names = {path.name for path in finished.iterdir()} - {"recipe.yaml", "checkpoint.ckpt"}
    for name in (*names, ".checkpoint.ckpt.partial"):
        (run / name).symlink_to(mine)
    train(read_recipe(run / "recipe.yaml"), run, resume=True, progress=False)
    assert mine.read_text() == "mine"
    assert not any(path.is_symlink() for path in run.iterdir())


@pytest.mark.parametrize("text", ["!!python/name:os.system", "[" * 3_000, "\xff", "a: &a [*a]"])
def test_a_hostile_recipe_of_a_run_is_refused(finished: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.yaml").write_bytes(text.encode("latin1"))
    recipe = read_recipe(finished / "recipe.yaml")
    with pytest.raises(RfssmError, match=r"recipe\.yaml: not the recipe of a run"):
        train(recipe, tmp_path, resume=True, progress=False)


def test_the_documents_count_the_cases() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "evidence" / "robustness.md").read_text()
    assert f"{len(HOSTILE_NETWORKS)} built cases: deep nesting" in page
    assert f"| {len(HOSTILE_SAMPLES)} + 7 + {len(HOSTILE_PUBLISHED)} built cases" in page
    assert f"| recipe, `--set` | {len(HOSTILE_RECIPES)} built cases" in page
    assert f"{len(CHANGES)} checkpoints of another making" in page
