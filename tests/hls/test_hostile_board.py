"""Whatever sits at the other end of the serial line: an answer to believe, or a DeviceError."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from interrupts import tiny_network

from rfssm.errors import DeviceError
from rfssm.hls.boards import protocol
from rfssm.hls.boards.host import Device
from rfssm.hls.boards.protocol import Deframer, Identity, Status
from rfssm.quant import golden
from rfssm.quant.samples import Outputs, Samples

NETWORK = tiny_network()
SAMPLES = Samples.random(NETWORK, 2, seed=0)
Answer = Callable[[int, int, bytes], bytes]
"""Command, sequence number, payload -> bytes on the line."""


class Board:
    """A serial port whose other end answers each request as it likes."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.deframer = Deframer()
        self.waiting = b""
        self.requests = 0

    @property
    def in_waiting(self) -> int:
        return len(self.waiting)

    def read(self, size: int = 1) -> bytes:
        taken, self.waiting = self.waiting[:size], self.waiting[size:]
        return taken

    def write(self, data: bytes, /) -> int:
        self.requests += 1
        assert self.requests < 200, "the host does not give up"
        for request in self.deframer.feed(data):
            assert request is not None
            self.waiting += self.answer(request[0], request[1], request[2:])
        return len(data)

    def reset_input_buffer(self) -> None:
        self.waiting = b""

    def close(self) -> None:
        pass


def answering(answer: Answer) -> Outputs:
    with Device(Board(answer), NETWORK) as device:
        return device.run(SAMPLES)


def reply(sequence: int, payload: bytes, status: int) -> bytes:
    return protocol.encode(bytes([sequence]) + payload + bytes([status]))


def identity(change: Callable[[bytearray], None] = lambda _: None) -> bytes:
    found = bytearray(Identity.of(NETWORK, 512).encode())
    change(found)
    return bytes(found)


@pytest.mark.parametrize("seed", range(20))
def test_noise_ends_in_a_device_error(seed: int) -> None:
    noise = random.Random(seed)

    def answer(command: int, sequence: int, payload: bytes) -> bytes:
        length = noise.choice([0, 1, 5, 300, 5_000])
        return noise.choice([noise.randbytes(length), bytes([protocol.FLAG]) * length])

    with pytest.raises(DeviceError):
        answering(answer)


@pytest.mark.parametrize("status", [*Status, 8, 255])
@pytest.mark.parametrize("length", [0, 1, 7, 15, 16, 17, 4_000])
def test_replies_of_any_status_and_length_end_in_a_device_error(status: int, length: int) -> None:
    def answer(command: int, sequence: int, payload: bytes) -> bytes:
        if command == protocol.IDENTIFY and status <= 7:
            return reply(sequence, identity(), Status.OK)
        return reply(sequence, bytes(length), status)

    with pytest.raises(DeviceError):
        answering(answer)


@pytest.mark.parametrize("place", range(16))
def test_an_identity_with_any_byte_changed_is_refused_or_of_no_account(place: int) -> None:
    """Only the size of the buffer may differ; a size that no board has is refused."""
    for value in range(256):

        def answer(command: int, sequence: int, payload: bytes, value: int = value) -> bytes:
            if command == protocol.IDENTIFY:
                return reply(sequence, identity(lambda b: b.__setitem__(place, value)), Status.OK)
            return reply(sequence, b"", Status.ORDER)

        with pytest.raises(DeviceError):
            answering(answer)


def test_scores_of_the_right_form_are_believed_as_they_are() -> None:
    """A board that lies about scores cannot be told from one that computes; it does no more."""
    expected = golden.run(NETWORK, SAMPLES)

    def answer(command: int, sequence: int, payload: bytes) -> bytes:
        if command == protocol.IDENTIFY:
            return reply(sequence, identity(), Status.OK)
        words = np.array([3, -4, 0], "<i4")
        return reply(sequence, words.tobytes(), Status.DONE)

    found = answering(answer)
    assert found.scores.tolist() == [[3, -4], [3, -4]]
    assert found.scores.shape == expected.scores.shape
