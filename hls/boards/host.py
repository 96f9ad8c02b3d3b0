"""Run samples on a board: send them over a serial port and read back scores and labels.

Each request waits for its reply, so the board's buffer never overflows and the network may take any
time.  After any error on the line the whole sample is sent again: its first frame resets the
network.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import serial
from serial.tools import list_ports

from rfssm.errors import DeviceError
from rfssm.hls import packets
from rfssm.hls.boards import protocol
from rfssm.hls.boards.boards import BAUD
from rfssm.hls.boards.protocol import Deframer, Identity, Status
from rfssm.progress import Progress
from rfssm.quant.arithmetic import Bools, Integers
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples

_MAX_WRITE_SECONDS = 10.0  # for a frame, which normally takes 20 ms
_MAX_OTHER_FRAMES = 100  # frames that are not the reply, before a request counts as lost


class Port(Protocol):
    """The interface of a serial port, which pyserial's ``Serial`` has."""

    @property
    def in_waiting(self) -> int:
        """The number of bytes that can be read without waiting."""

    def read(self, size: int = 1, /) -> bytes:
        """Read ``size`` bytes; fewer, or none, if no byte comes within the port's timeout."""

    def write(self, data: bytes, /) -> int | None:
        """Send bytes."""

    def reset_input_buffer(self) -> None:
        """Discard the bytes that have been received."""

    def close(self) -> None:
        """Close the port."""


class Device:
    """A board that runs a network.

    port       name of a serial port, as /dev/ttyUSB1, or an open port
    network    network that the board must hold
    baud       baud rate of the line; the boards of ``rfssm.hls.boards.boards`` use 1,000,000
    timeout    seconds without a byte after which a reply counts as lost
    retries    times that a failed sample is sent again before DeviceError is raised

    Use a device in a ``with`` block, which opens the port and closes it.  Raises DeviceError.
    """

    def __init__(
        self,
        port: str | Path | Port,
        network: IntegerNetwork,
        *,
        baud: int = BAUD,
        timeout: float = 1.0,
        retries: int = 3,
    ) -> None:
        self.network = network
        self.repeated = 0
        """The number of times that a sample was sent again so far."""
        self._given, self._baud, self._timeout, self._retries = port, baud, timeout, retries
        self._name = str(port) if isinstance(port, str | Path) else "serial port"
        self._port: Port | None = None
        self._deframer = Deframer()
        self._received: deque[bytes | None] = deque()  # frames that are not yet processed
        self._sequence = 0

    def __enter__(self) -> Self:
        given = self._given
        if isinstance(given, str | Path):
            given = _open(str(given), self._baud, self._timeout)
        self._port = given
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._port is not None:
            self._port.close()
            self._port = None

    def identify(self) -> Identity:
        """Ask the board for its identity; the board aborts what it was doing."""
        reason = ""
        for _ in range(1 + self._retries):
            self._discard_input()
            try:
                status, payload = self._exchange(protocol.IDENTIFY, b"", longest=16)
                if status != Status.OK:
                    raise _Damage(f"the board answers {status.name}")
            except _Damage as damage:
                reason = str(damage)
                continue
            try:
                return Identity.decode(payload)
            except ValueError as error:
                raise DeviceError(
                    f"{self._name}: the board speaks another protocol ({error}), must be "
                    f"{protocol.PROTOCOL}; program it with a design of this version"
                ) from None
        raise DeviceError(
            f"{self._name}: no answer at {self._baud} baud, at last because {reason}; is the "
            "board programmed, and is this its port?"
        )

    def run(self, samples: Samples, progress: Progress | None = None) -> Outputs:
        """Run samples through the board.

        progress    called with the numbers of samples done and of all samples

        Raises SamplesError for samples that the network cannot take, DeviceError if the board
        holds another network or a sample fails repeatedly.
        """
        samples.check(self.network)
        identity = self._checked()
        scores = []
        for i in range(len(samples)):
            scores.append(self._sample(samples[i : i + 1], identity, f"sample {i}"))
            if progress is not None:
                progress(i + 1, len(samples))
        data = np.concatenate(scores)
        return Outputs(*packets.decode_packets(self.network, samples, data, self._ends(samples)))

    # -- one sample --------------------------------------------------------------------------------

    def _sample(self, sample: Samples, identity: Identity, what: str) -> Integers:
        """Run one sample; return the words of its packets."""
        words = packets.event_beats(sample)[:, 0].astype("<u4")
        expected = packets.packet_beats(self.network, sample)
        reason = ""
        for attempt in range(1 + self._retries):
            if attempt:
                self.repeated += 1
                self._checked()
            try:
                got = self._send(words, identity, expected)
            except _Damage as damage:
                reason = str(damage)
                continue
            if len(got) != expected:
                raise DeviceError(
                    f"{self._name}: {what} gave {len(got)} words, must be {expected}; the board "
                    "does not hold what it says"
                )
            return got
        raise DeviceError(
            f"{self._name}: {what} failed {1 + self._retries} times, at last because {reason}; "
            "check the cable and the baud rate"
        )

    def _send(self, words: Integers, identity: Identity, expected: int) -> Integers:
        """Send a sample frame by frame, each after the reply to the former; return the words."""
        size = identity.events_per_frame
        got = bytearray()
        for at in range(0, len(words), size):
            last = at + size >= len(words)
            flags = (protocol.FIRST if at == 0 else 0) | (protocol.LAST if last else 0)
            status, payload = self._exchange(
                protocol.EVENTS | flags,
                words[at : at + size].tobytes(),
                longest=expected * identity.word_bytes,
            )
            if status != (Status.DONE if last else Status.OK):
                raise _Damage(f"the board answers {status.name}")
            got += payload
        if len(got) % identity.word_bytes:
            raise _Damage("a score was cut off")
        return np.frombuffer(bytes(got), f"<i{identity.word_bytes}").astype(np.int64)

    def _ends(self, samples: Samples) -> Bools:
        """Return where TLAST was in the packets: the last reply of every sample was DONE."""
        ends = packets.packet_ends(self.network, samples)
        last = np.zeros(ends[-1], dtype=bool)
        last[ends - 1] = True
        return last

    def _checked(self) -> Identity:
        """Return the board's identity.  Raises DeviceError if the board holds another network."""
        found = self.identify()
        wanted = Identity.of(self.network, found.buffer_bytes)
        if found.digest != wanted.digest:
            raise DeviceError(
                f"{self._name}: the board holds network {found.digest.hex()} ({found.channels} "
                f"channels, {found.classes} classes), must be {self.network.name!r}, "
                f"{wanted.digest.hex()}; program it with that network's design"
            )
        if found != wanted:
            raise DeviceError(f"{self._name}: the board says {found}, must be {wanted}")
        return found

    # -- one request -------------------------------------------------------------------------------

    def _exchange(self, command: int, payload: bytes, *, longest: int) -> tuple[Status, bytes]:
        """Send a request and wait for its reply; return the reply's status and payload.

        longest    bytes of the payload; a reply of more than twice as many counts as damaged
        """
        self._sequence = (self._sequence + 1) & 0xFF
        self._write(protocol.encode(bytes([command, self._sequence]) + payload))
        for _ in range(_MAX_OTHER_FRAMES):
            reply = self._reply(2 * longest + 64)
            status = reply[-1]
            if status in protocol.DAMAGED:
                raise _Damage(f"the board answers {Status(status).name}")
            if len(reply) >= 2 and reply[0] == self._sequence and status in list(Status):
                return Status(status), reply[1:-1]
        raise _Damage("only replies to other requests came")

    def _reply(self, limit: int) -> bytes:
        """Return the content of the next frame, at least one byte."""
        while not self._received:
            self._received += self._deframer.feed(self._read_some())
            if self._deframer.pending > limit:
                raise _Damage(f"a reply of more than {limit} bytes did not end")
        content = self._received.popleft()
        if content is None:
            raise _Damage("a reply was damaged")
        return content

    def _discard_input(self) -> None:
        """Discard everything received so far: none of it is a reply to a future request."""
        self._opened().reset_input_buffer()
        self._deframer = Deframer()
        self._received.clear()

    def _read_some(self) -> bytes:
        port = self._opened()
        try:
            data = port.read(max(1, port.in_waiting))
        except OSError as error:  # pyserial's own errors among them
            raise self._lost(error) from None
        if not data:
            raise _Damage(f"nothing came for {self._timeout:g} s")
        return data

    def _write(self, data: bytes) -> None:
        try:
            self._opened().write(data)
        except OSError as error:
            raise self._lost(error) from None

    def _lost(self, error: OSError) -> DeviceError:
        return DeviceError(
            f"{self._name}: the connection broke ({error.strerror or error}); is the board still "
            "plugged in?"
        )

    def _opened(self) -> Port:
        if self._port is None:
            raise ValueError("the port is not open: use Device in a with block")
        return self._port


class _Damage(Exception):
    """A request or its reply was lost or damaged on the line."""


def _open(name: str, baud: int, timeout: float) -> serial.Serial:
    """Open a serial port exclusively."""
    try:
        port = serial.Serial(
            name, baud, timeout=timeout, write_timeout=_MAX_WRITE_SECONDS, exclusive=True
        )
    except (OSError, ValueError) as error:
        present = ", ".join(sorted(port.device for port in list_ports.comports()))
        number = getattr(error, "errno", None)  # pyserial's own text names the port twice more
        reason = os.strerror(number) if number else error
        raise DeviceError(
            f"{name}: cannot be opened ({reason}); serial ports here: {present or 'none'}"
        ) from None
    # by default, and on systems without this setting, FTDI chips delay short replies by 16 ms
    with suppress(AttributeError, OSError, ValueError, NotImplementedError):
        port.set_low_latency_mode(True)
    return port
