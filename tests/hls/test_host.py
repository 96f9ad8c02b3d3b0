"""The host driver against the emitted boards, bit by bit on their serial pins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from rtl_cases import network, samples_for
from simulated_board import NO_STOP, Noise, PseudoTerminal, SimulatedBoard

from rfssm.errors import DeviceError, SamplesError
from rfssm.hls import toolchain
from rfssm.hls.boards import protocol
from rfssm.hls.boards.boards import ICEBREAKER, ULX3S
from rfssm.hls.boards.host import Device
from rfssm.hls.boards.protocol import EVENTS, FIRST, IDENTIFY, Identity, Status, encode
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples, compare

SUM = network([{}, {"neurons": 9}], channels=7, bits=3, steps_max=120, seed=4)
EACH = network(
    [{"reset": True}], bits=4, signed=True, steps_max=60, score="each", score_bits=40, classes=5
)
DESIGNS = {"ulx3s": (ULX3S, SUM), "icebreaker": (ICEBREAKER, EACH)}


@pytest.fixture(params=DESIGNS)
def board(request: pytest.FixtureRequest) -> Iterator[SimulatedBoard]:
    if reason := toolchain.missing_verilator():
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    description, net = DESIGNS[request.param]
    with SimulatedBoard(net, description) as simulated:
        yield simulated
        assert simulated.broken == 0


def held(board: SimulatedBoard) -> IntegerNetwork:
    return DESIGNS[board.board.name][1]


def whole_samples(net: IntegerNetwork, count: int = 3) -> Samples:
    """The longest and densest first, which needs several frames; random ones."""
    given = Samples.random(net, count, seed=7)
    given.x[0], given.steps[0] = 1, net.input.steps_max
    return given


def equal(board: SimulatedBoard, device: Device, given: Samples) -> None:
    """The board gives the golden model's scores and labels."""
    expected = golden.run(held(board), given)
    assert compare(expected, device.run(given)) == []


pytestmark = pytest.mark.rtl


def test_scores_and_labels_are_the_golden_model_s(board: SimulatedBoard) -> None:
    given = whole_samples(held(board))
    seen: list[tuple[int, int]] = []
    with Device(board, held(board)) as device:
        expected = golden.run(held(board), given)
        got = device.run(given, progress=lambda done, of: seen.append((done, of)))
    assert compare(expected, got) == []
    assert device.repeated == 0
    assert seen == [(i + 1, len(given)) for i in range(len(given))]
    assert board.sent > 1 + len(given), "no sample needed several frames"
    last = int(
        expected.label[-1] if expected.label.ndim == 1 else expected.label[-1][given.steps[-1] - 1]
    )
    assert board.label == last & ((1 << len(board.board.led_label)) - 1)
    assert not board.busy


def test_a_wrong_score_would_be_seen(board: SimulatedBoard) -> None:
    """The check above can fail: one bit of one score changed, and its CRC made good again."""
    given = samples_for(held(board), count=3)
    changed: list[bytes] = []
    deframer = protocol.Deframer()

    def falsified(data: bytes) -> bytes:
        out = b""
        for content in deframer.feed(data):
            assert content is not None
            if content[-1] == Status.DONE:
                changed.append(content)
                content = content[:1] + bytes([content[1] ^ 1]) + content[2:]
            out += encode(content)
        return out or bytes([protocol.FLAG])  # nothing would read as silence

    board.to_host = falsified
    with Device(board, held(board)) as device:
        differences = compare(golden.run(held(board), given), device.run(given))
    assert changed
    assert "scores" in {difference.key for difference in differences}


def test_identify(board: SimulatedBoard) -> None:
    with Device(board, held(board)) as device:
        assert device.identify() == Identity.of(held(board), board.board.buffer_bytes)


@pytest.mark.parametrize("off", [0.02, -0.02])
def test_a_clock_that_is_off(off: float) -> None:
    with SimulatedBoard(SUM, ULX3S, off=off) as board, Device(board, SUM) as device:
        equal(board, device, whole_samples(SUM, 2))
        assert device.repeated == 0


@pytest.mark.parametrize("direction", ["to_board", "to_host"])
def test_noise_costs_time_and_nothing_else(board: SimulatedBoard, direction: str) -> None:
    given = whole_samples(held(board), 1)
    short = board.board is ULX3S and direction == "to_host"  # replies of a few bytes
    noise = Noise(5, 0.01 if short else 0.0004, stop_bits=direction == "to_board")
    setattr(board, direction, noise)
    with Device(board, held(board), retries=20) as device:
        while noise.count < 3:
            equal(board, device, given)
    assert device.repeated > 0


@pytest.mark.parametrize("damage", ["flip", "drop", "stop", "cut"])
def test_each_damage_of_a_frame_repeats_the_sample(board: SimulatedBoard, damage: str) -> None:
    given = samples_for(held(board), count=3)
    ways = {
        "flip": lambda line: [*line[:6], line[6] ^ 0x40, *line[7:]],
        "drop": lambda line: [*line[:6], *line[7:]],
        "stop": lambda line: [*line[:6], line[6] | NO_STOP, *line[7:]],
        "cut": lambda line: line[:7],
    }
    hit = []

    def once(line: bytes) -> bytes | list[int]:
        if len(line) > 12 and not hit:
            hit.append(line)
            return ways[damage](line)
        return line

    board.to_board = once
    with Device(board, held(board)) as device:
        equal(board, device, given)
        assert device.repeated == 1


def test_a_host_that_died_leaves_nothing_behind(board: SimulatedBoard) -> None:
    given = samples_for(held(board), count=3)
    event = bytes([3, 0, 1, 0])
    half = encode(bytes([EVENTS | FIRST, 9]) + event * 5)
    for line in (half, half[:9], half + half, encode(bytes([IDENTIFY, 1])) + half[:4]):
        board.write(line)
        board.wait(3000)
        with Device(board, held(board)) as device:
            equal(board, device, given)


def test_the_button_in_mid_sample(board: SimulatedBoard) -> None:
    given = whole_samples(held(board), 2)
    frames_sent = []

    def pressed(line: bytes) -> bytes:
        frames_sent.append(line)
        if len(frames_sent) == 3:
            board.press()
        return line

    board.to_board = pressed
    with Device(board, held(board)) as device:
        equal(board, device, given)
        assert device.repeated > 0


def test_a_board_with_another_network_is_refused(board: SimulatedBoard) -> None:
    other = network([{}], channels=held(board).input.channels, seed=99)
    found, wanted = held(board).digest()[:16], other.digest()[:16]
    with (
        Device(board, other) as device,
        pytest.raises(DeviceError, match=f"holds network {found} .* must be 'corner', {wanted}"),
    ):
        device.run(samples_for(other))


def test_a_port_by_its_name(board: SimulatedBoard) -> None:
    """pyserial itself, on a pseudo-terminal whose other end is the board."""
    given = samples_for(held(board), count=3)
    with PseudoTerminal(board) as name, Device(name, held(board), timeout=20) as device:
        equal(board, device, given)
        assert device.repeated == 0


# -- without a board -------------------------------------------------------------------------------


class Scripted:
    """A port that answers every request with what a function makes of its content."""

    def __init__(self, answer: object) -> None:
        self._answer = answer
        self._waiting = b""
        self._deframer = protocol.Deframer()
        self.requests: list[bytes] = []
        self.closed = False

    @property
    def in_waiting(self) -> int:
        return len(self._waiting)

    def read(self, size: int = 1, /) -> bytes:
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data

    def write(self, data: bytes, /) -> int:
        for content in self._deframer.feed(data):
            assert content is not None
            self.requests.append(content)
            self._waiting += self._answer(content)  # type: ignore[operator]
        return len(data)

    def reset_input_buffer(self) -> None:
        self._waiting = b""

    def close(self) -> None:
        self.closed = True


def identified(content: bytes) -> bytes:
    identity = Identity.of(SUM, 512).encode()
    return encode(content[1:2] + identity + bytes([Status.OK]))


def test_a_reply_behind_a_stale_one_is_found() -> None:
    stale = encode(bytes([0x77, Status.ABORTED]))
    port = Scripted(lambda content: stale + identified(content))
    with Device(port, SUM) as device:
        assert device.identify() == Identity.of(SUM, 512)
    assert len(port.requests) == 1


def test_a_silent_port_is_named() -> None:
    port = Scripted(lambda content: b"")
    with (
        pytest.raises(
            DeviceError,
            match=r"no answer at 1000000 baud, at last because nothing came for 0\.1 s; is the",
        ),
        Device(port, SUM, timeout=0.1) as device,
    ):
        device.identify()
    assert len(port.requests) == 4
    assert port.closed


def test_a_port_that_never_stops_talking_is_left() -> None:
    for noise in (b"U" * 5000, encode(b"\x00\x00") * 200, encode(b"")[:1] + b"\x00\x7e"):
        port = Scripted(lambda content, noise=noise: noise)
        with pytest.raises(DeviceError, match="no answer"), Device(port, SUM) as device:
            device.identify()


def test_another_protocol_is_refused() -> None:
    port = Scripted(lambda content: encode(content[1:2] + b"\x63" + bytes(15) + b"\x00"))
    with (
        pytest.raises(DeviceError, match=r"another protocol \(protocol 63, 16 bytes\), must be 1"),
        Device(port, SUM) as device,
    ):
        device.identify()


def test_an_identity_that_contradicts_itself_is_refused() -> None:
    wrong = bytearray(Identity.of(SUM, 512).encode())
    wrong[4] += 1
    port = Scripted(lambda content: encode(content[1:2] + bytes(wrong) + b"\x00"))
    with (
        pytest.raises(DeviceError, match=r"classes=4.*must be .*classes=3"),
        Device(port, SUM) as device,
    ):
        device.run(samples_for(SUM))


@pytest.mark.parametrize(
    ("status", "payload", "said"),
    [
        (Status.BAD_CRC, b"", "answers BAD_CRC"),
        (Status.ORDER, b"", "answers ORDER"),
        (Status.OK, b"", "answers OK"),
        (Status.DONE, b"\x00\x00\x00", "a score was cut off"),
    ],
)
def test_a_sample_is_given_up_after_so_many_tries(
    status: Status, payload: bytes, said: str
) -> None:
    def answer(content: bytes) -> bytes:
        if content[0] == IDENTIFY:
            return identified(content)
        return encode(content[1:2] + payload + bytes([status]))

    port = Scripted(answer)
    with (
        pytest.raises(DeviceError, match=f"sample 0 failed 3 times, at last because .*{said}"),
        Device(port, SUM, retries=2) as device,
    ):
        device.run(samples_for(SUM))
    assert sum(content[0] != IDENTIFY for content in port.requests) == 3


def test_too_many_words_are_no_sample() -> None:
    def answer(content: bytes) -> bytes:
        if content[0] == IDENTIFY:
            return identified(content)
        return encode(content[1:2] + bytes(20) + bytes([Status.DONE]))

    with (
        pytest.raises(DeviceError, match="sample 0 gave 5 words, must be 4"),
        Device(Scripted(answer), SUM) as device,
    ):
        device.run(samples_for(SUM))


def test_a_cable_that_is_pulled_out() -> None:
    def answer(content: bytes) -> bytes:
        raise serial.SerialException("device disconnected")

    with (
        pytest.raises(DeviceError, match=r"broke \(device disconnected\); is the board still"),
        Device(Scripted(answer), SUM) as device,
    ):
        device.identify()


def test_a_port_that_does_not_exist(tmp_path: Path) -> None:
    name = str(tmp_path / "ttyUSB9")
    with pytest.raises(DeviceError, match=r"ttyUSB9: cannot be opened \(No such file.*ports here:"):
        Device(name, SUM).__enter__()
    with pytest.raises(ValueError, match="not open"):
        Device(name, SUM).identify()


def test_samples_that_do_not_fit_are_refused_before_anything_is_sent() -> None:
    port = Scripted(identified)
    with pytest.raises(SamplesError, match="channels"), Device(port, SUM) as device:
        device.run(samples_for(EACH))
    assert port.requests == []
