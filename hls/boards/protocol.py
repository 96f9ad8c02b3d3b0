"""Encode and decode the frames of host and board; docs/howto/boards.md tabulates the protocol.

Frames are octet-stuffed as in RFC 1662 and end with CRC-16/IBM-SDLC; ``rtl/boards`` holds the
board's side.  A request is command, sequence number, payload; its reply is the same sequence
number, payload, status.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from rfssm.quant.network import IntegerNetwork

FLAG, ESCAPE, INVERTED = 0x7E, 0x7D, 0x20
IDENTIFY, EVENTS, FIRST, LAST = 0x00, 0x10, 0x01, 0x02  # FIRST and LAST are flags of EVENTS
PROTOCOL = 1
DIGEST_BYTES = 8
EVENT_BYTES = 4


class Status(IntEnum):
    """The status with which a reply ends."""

    OK = 0
    DONE = 1  # the sample's last score has gone out
    BAD_CRC = 2
    LOST = 3  # a byte without its stop bit
    OVERRUN = 4  # a request longer than the buffer, or sent before the previous one's reply
    UNKNOWN = 5  # an unknown command, or a part of an event
    ORDER = 6  # events before the start of a sample
    ABORTED = 7  # by an `identify`


DAMAGED = (Status.BAD_CRC, Status.LOST, Status.OVERRUN)
"""The statuses of requests that did not arrive as they were sent."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The description of itself that a board sends, in 16 bytes.

    buffer_bytes    buffer of a frame, which holds the events and 4 bytes more
    word_bytes      bytes of a score: 4 or 8
    each            whether scores come after every step
    digest          first bytes of the network's digest
    """

    buffer_bytes: int
    word_bytes: int
    each: bool
    classes: int
    channels: int
    digest: bytes

    @classmethod
    def of(cls, network: IntegerNetwork, buffer_bytes: int) -> Self:
        """Return the identity that a board with this network must send."""
        readout = network.readout
        return cls(
            buffer_bytes=buffer_bytes,
            word_bytes=4 if readout.score_bits <= 32 else 8,
            each=readout.score == "each",
            classes=readout.classes,
            channels=network.input.channels,
            digest=bytes.fromhex(network.digest())[:DIGEST_BYTES],
        )

    def encode(self) -> bytes:
        """Return the identity in 16 bytes."""
        sizes = (PROTOCOL, self.buffer_bytes.bit_length() - 1, self.word_bytes, int(self.each))
        counts = self.classes.to_bytes(2, "little") + self.channels.to_bytes(2, "little")
        return bytes(sizes) + counts + self.digest

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Decode the 16 bytes.  Raises ValueError if the board uses another protocol."""
        if len(payload) != 8 + DIGEST_BYTES or payload[0] != PROTOCOL:
            raise ValueError(f"protocol {payload[:1].hex() or 'unknown'}, {len(payload)} bytes")
        if not 3 <= payload[1] <= 16:  # room for an event and the CRC; a few block RAMs
            raise ValueError(f"a buffer of 2^{payload[1]} bytes")
        return cls(
            buffer_bytes=1 << payload[1],
            word_bytes=payload[2],
            each=bool(payload[3]),
            classes=int.from_bytes(payload[4:6], "little"),
            channels=int.from_bytes(payload[6:8], "little"),
            digest=payload[8:],
        )

    @property
    def events_per_frame(self) -> int:
        """The number of events that fit into a frame: the buffer holds them and the CRC."""
        return self.buffer_bytes // EVENT_BYTES - 1


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x8408 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16(data: bytes) -> int:
    """Return the CRC-16/IBM-SDLC of bytes.

    >>> hex(crc16(b"123456789"))
    '0x906e'
    """
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFF


def encode(content: bytes) -> bytes:
    """Return the frame of a content as it goes over the line.

    >>> encode(bytes([0x00, 0x7E])).hex(" ")
    '7e 00 7d 5e be 95 7e'
    """
    stuffed = bytearray([FLAG])
    for byte in content + crc16(content).to_bytes(2, "little"):
        stuffed += bytes([ESCAPE, byte ^ INVERTED]) if byte in (FLAG, ESCAPE) else bytes([byte])
    return bytes(stuffed + bytes([FLAG]))


class Deframer:
    """A decoder that takes the bytes of the line in any pieces and returns whole frames."""

    def __init__(self) -> None:
        self._frame = bytearray()

    def feed(self, data: bytes) -> list[bytes | None]:
        """Return the contents, without CRC, of the frames that end here; None for damaged ones."""
        found = []
        for byte in data:
            if byte != FLAG:
                self._frame.append(byte)
            elif self._frame:
                found.append(_content(bytes(self._frame)))
                self._frame.clear()
        return found

    @property
    def pending(self) -> int:
        """The number of bytes of the frame that has not ended."""
        return len(self._frame)


def _content(frame: bytes) -> bytes | None:
    unstuffed = bytearray()
    escaped = False
    for byte in frame:
        if byte == ESCAPE and not escaped:
            escaped = True
        else:
            unstuffed.append(byte ^ INVERTED if escaped else byte)
            escaped = False
    content, crc = bytes(unstuffed[:-2]), int.from_bytes(unstuffed[-2:], "little")
    if escaped or not content or crc16(content) != crc:
        return None
    return content
