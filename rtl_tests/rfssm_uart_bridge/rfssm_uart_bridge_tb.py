"""rfssm_uart_bridge: frames in, events out, scores back; no damage reaches the IP or lasts."""

from typing import Any

import cocotb
from harness import (
    NO_PAUSE,
    Bench,
    Pattern,
    claims,
    expect,
    measured,
    parameters,
    test,
    test_under_four_patterns,
)
from serial_line import Line

from rfssm.hls.boards.protocol import ESCAPE, EVENTS, FIRST, FLAG, IDENTIFY, LAST, Status, encode

CLKS, BUFFER, TDATA_W = (parameters()[name] for name in ("CLKS_PER_BIT", "BUFFER", "TDATA_W"))
LABEL_W = parameters()["LABEL_W"]
IDENTITY = parameters()["IDENTITY"].encode()[::-1]
MOST = BUFFER // 4 - 1  # events of a frame
WORD = TDATA_W // 8
DAMAGED = {Status.BAD_CRC, Status.LOST, Status.OVERRUN, Status.UNKNOWN, Status.ORDER}


class Host:
    """The host's end of the line, and the IP's end of the bridge."""

    def __init__(self, dut: Any, pattern: Pattern = NO_PAUSE) -> None:
        self.dut, self.bench = dut, Bench(dut)
        self.line = Line(self.bench, CLKS, rx=dut.uart_rx, tx=dut.uart_tx)
        self.events = self.bench.sink("m_axis_t", "data last", pattern.sink)
        self.events.resetn = dut.m_aresetn
        self.scores = self.bench.source("s_axis_t", "data last", pattern.source)
        self.sequence = 0x7B  # the next is an ESCAPE

    @property
    def rng(self) -> Any:
        return self.bench.rng

    def frame(self, command: int, payload: bytes = b"") -> bytes:
        self.sequence = (self.sequence + 1) & 0xFF
        return encode(bytes([command, self.sequence]) + payload)

    async def ask(self, command: int, payload: bytes = b"") -> tuple[Status, bytes]:
        """A request and its one reply."""
        await self.line.send(self.frame(command, payload))
        return await self.answer()

    async def answer(self) -> tuple[Status, bytes]:
        (reply,) = await self.line.reply()
        assert reply is not None, "the reply is damaged"
        assert reply[0] == self.sequence
        return Status(reply[-1]), reply[1:-1]

    def words(self, count: int) -> list[int]:
        """Events, many of them with bytes that must be escaped."""
        special = [FLAG, ESCAPE, 0, 0xFF]
        rng = self.rng
        return [
            int.from_bytes(
                bytes(
                    rng.choice(special) if rng.random() < 0.4 else rng.getrandbits(8)
                    for _ in range(4)
                ),
                "little",
            )
            for _ in range(count)
        ]

    async def sample(self, count: int, packets: int = 1, tail: int = 0) -> None:
        """A whole sample, and every byte of it compared.

        packets    scores that the IP gives: one packet at the end, or others before it
        tail       packets that come only when the last event is in
        """
        sent = self.words(count)
        given: list[int] = []
        got = b""
        self.events.clear()
        for at in range(0, count, MOST):
            part = sent[at : at + MOST]
            last = at + MOST >= count
            flags = FIRST * (at == 0) | LAST * last
            words = [self.rng.getrandbits(TDATA_W) for _ in range(packets if last else tail)]
            await self.line.send(self.frame(EVENTS | flags, words_of(part)))
            await self.events.receive(min(at + MOST, count))
            self.scores.send(
                [(word, int(last and i == len(words) - 1)) for i, word in enumerate(words)]
            )
            given += words
            status, payload = await self.answer()
            assert status == (Status.DONE if last else Status.OK)
            got += payload
        # scores that came too late for their own reply come with the next
        expect(list(got), list(b"".join(w.to_bytes(WORD, "little") for w in given)), "byte")
        beats = [(word, int(i == count - 1)) for i, word in enumerate(sent)]
        expect(self.events.beats, beats, "event")
        assert int(self.dut.label.value) == given[-1] & ((1 << LABEL_W) - 1)
        assert not int(self.dut.busy.value)

    async def refused(self, line: bytes, stop_at: int | None = None) -> set[Status]:
        """Send bytes that are no good request: no event may come.  What the replies say."""
        self.events.clear()
        for i, byte in enumerate(line):
            await self.line.send([byte], stop=int(i != stop_at))
            if i == stop_at:
                await self.line.gap(2)
        await self.line.gap(150)
        assert self.events.beats == [], f"{line.hex()} gave events"
        found, self.line.frames = self.line.frames, []
        assert None not in found
        return {Status(reply[-1]) for reply in found if reply}


def words_of(words: list[int]) -> bytes:
    return b"".join(word.to_bytes(4, "little") for word in words)


async def started(dut: Any, pattern: Pattern = NO_PAUSE) -> Host:
    host = Host(dut, pattern)
    await host.bench.reset()
    await host.bench.edge(20)
    return host


@test
async def identify_is_answered(dut: Any) -> None:
    host = await started(dut)
    for _ in range(4):  # sequence numbers FLAG and ESCAPE among them
        assert await host.ask(IDENTIFY) == (Status.OK, IDENTITY)


@test_under_four_patterns
async def samples_go_through(dut: Any, pattern: Pattern) -> None:
    host = await started(dut, pattern)
    await host.sample(1)
    await host.sample(MOST, packets=3)
    await host.sample(2 * MOST + 1, packets=2, tail=2)
    await host.sample(MOST + 1, packets=1)


@test
async def a_damaged_frame_gives_no_event_and_harms_no_sample(dut: Any) -> None:
    host = await started(dut)
    for i in range(14):
        line = bytearray(host.frame(EVENTS | FIRST | LAST, words_of(host.words(1))))
        at, kind = host.rng.randrange(1, len(line) - 1), ("flip", "drop", "add", "cut")[i % 4]
        if kind == "flip":
            line[at] ^= 1 << host.rng.randrange(8)
        elif kind == "drop":
            del line[at]
        elif kind == "add":
            line.insert(at, host.rng.choice([0x11, FLAG]))
        else:
            line[max(at, 2) : -1] = b""  # the end is lost, the next frame's start ends it
        said = await host.refused(bytes(line))
        assert said, f"{kind} at {at}: no answer"
        assert said <= DAMAGED, f"{kind} at {at}: {said}"
        if i % 3 == 0:
            await host.sample(1)
    await host.sample(MOST + 1)


@test
async def a_truncated_frame_ends_where_the_next_begins(dut: Any) -> None:
    host = await started(dut)
    for length in (1, 2, 3, 5, 7):
        cut = host.frame(EVENTS | FIRST | LAST, words_of(host.words(1)))[:length]
        await host.line.send(cut)
        await host.line.gap(30)  # the sender has gone; another takes its place
        assert host.line.frames == []
        await host.line.send([FLAG])
        await host.line.gap(100)
        host.line.frames.clear()
        await host.sample(1)


@test
async def a_lost_byte_is_told_apart(dut: Any) -> None:
    host = await started(dut)
    line = host.frame(EVENTS | FIRST | LAST, words_of([0x00010001]))
    for at in range(1, len(line) - 1):
        assert await host.refused(line, stop_at=at) == {Status.LOST}
    await host.sample(1)


@test
async def noise_between_frames_costs_an_answer_at_most(dut: Any) -> None:
    host = await started(dut)
    assert await host.refused(bytes([0x12, 0x34, 0x56, FLAG])) == {Status.BAD_CRC}
    assert await host.refused(bytes([FLAG] * 4)) == set()
    await host.sample(1)


@test
async def a_frame_beyond_the_buffer_is_refused(dut: Any) -> None:
    host = await started(dut)
    for count in (MOST + 1, 2 * MOST + 3):
        line = host.frame(EVENTS | FIRST | LAST, words_of([0x80000000] * count))
        assert await host.refused(line) == {Status.OVERRUN}
    await host.sample(MOST)


@test
async def what_is_no_request_is_refused(dut: Any) -> None:
    host = await started(dut)
    one = words_of([0x80010001])
    wrong = [(0x01, b""), (0x20, one), (0x14, one), (0xFF, b""), (IDENTIFY, b"x"), (EVENTS, b"")]
    for size in (1, 2, 3):
        wrong.append((EVENTS | FIRST | LAST, one[:size]))
    for command, payload in wrong:
        said = await host.refused(host.frame(command, payload))
        assert said == {Status.UNKNOWN}, (command, payload)
    assert await host.refused(encode(b"\x00")) == {Status.BAD_CRC}, "a frame without a number"
    await host.sample(1)


@test
async def only_a_first_frame_begins_a_sample(dut: Any) -> None:
    host = await started(dut)
    event = words_of([0x80010001])
    for flags in (0, LAST):
        assert await host.refused(host.frame(EVENTS | flags, event)) == {Status.ORDER}
    assert await host.ask(EVENTS | FIRST, event) == (Status.OK, b"")
    assert int(dut.busy.value)
    damaged = bytearray(host.frame(EVENTS, event))
    damaged[4] ^= 4
    assert await host.refused(bytes(damaged)) == {Status.BAD_CRC}
    assert not int(dut.busy.value)
    assert await host.refused(host.frame(EVENTS | LAST, event)) == {Status.ORDER}
    await host.sample(2)
    assert await host.refused(host.frame(EVENTS | LAST, event)) == {Status.ORDER}


@test
async def a_first_frame_resets_the_ip_and_no_other_does(dut: Any) -> None:
    host = await started(dut)
    event = words_of([0x80010001])
    low = host.bench.watch("rst", "m_aresetn")  # never: rst is low
    for command, expected in ((FIRST, True), (0, False), (0, False), (LAST, False), (FIRST, True)):
        lows, edges = 0, 0
        await host.line.send(host.frame(EVENTS | command, event))
        if command & LAST:
            host.scores.send([(1, 1)])
        while not host.line.frames:
            await host.bench.edge()
            edges += 1
            lows += not int(dut.m_aresetn.value)
            assert edges < 400 * CLKS
        await host.answer()
        assert (lows >= 4) == expected
        assert (lows > 0) == expected
    assert low.beats == []


@test
async def the_label_changes_with_a_sample_s_last_score_only(dut: Any) -> None:
    host = await started(dut)
    seen = [int(dut.label.value)]

    async def watch() -> None:
        while True:
            await host.bench.edge()
            if int(dut.label.value) != seen[-1]:
                seen.append(int(dut.label.value))

    cocotb.start_soon(watch())
    for samples in (1, 2):
        await host.sample(MOST, packets=5)
        assert len(seen) <= 1 + samples, f"labels {seen} of {samples} samples"


@test
async def a_reset_resets_the_ip_and_ends_its_sample(dut: Any) -> None:
    host = await started(dut)
    assert await host.ask(EVENTS | FIRST, words_of(host.words(1))) == (Status.OK, b"")
    assert (int(dut.m_aresetn.value), int(dut.busy.value)) == (1, 1)
    dut.rst.value = 1
    await host.bench.edge(2)
    for _ in range(5):
        await host.bench.edge()
        assert (int(dut.m_aresetn.value), int(dut.busy.value)) == (0, 0)


@test
async def a_frame_before_the_reply_is_dropped(dut: Any) -> None:
    host = await started(dut)
    words = host.words(MOST)
    host.events.blocked = True
    await host.line.send(host.frame(EVENTS | FIRST | LAST, words_of(words)))
    first = host.sequence
    await host.line.send(
        encode(bytes([EVENTS | FIRST | LAST, 0x33]) + words_of([0x12345678] * MOST))
    )
    await host.line.gap(20)
    host.events.blocked = False
    expected = [(word, int(i == MOST - 1)) for i, word in enumerate(words)]
    expect(await host.events.receive(MOST), expected, "event")
    host.scores.send([(5, 1)])
    host.sequence = first
    assert await host.answer() == (Status.DONE, (5).to_bytes(WORD, "little"))
    assert len(host.events.beats) == MOST
    await host.sample(2)


@test
async def a_frame_that_began_before_the_reply_ended_is_refused(dut: Any) -> None:
    host = await started(dut)
    await host.line.send(host.frame(0x55))  # refused: a short reply
    line = host.frame(EVENTS | FIRST | LAST, words_of([0x80010001]))
    await host.line.send(line[:5])
    await host.line.reply()
    assert await host.refused(line[5:]) == {Status.OVERRUN}
    await host.sample(1)


@test
async def identify_frees_a_bridge_whose_ip_hangs(dut: Any) -> None:
    host = await started(dut)
    for blocked, flags in ((True, FIRST), (False, FIRST | LAST), (True, FIRST | LAST)):
        host.events.blocked = blocked  # the IP takes nothing, or never answers
        await host.line.send(host.frame(EVENTS | flags, words_of([1] * MOST)))
        await host.line.gap(100)
        assert host.line.frames == []
        first = host.sequence
        await host.line.send(host.frame(IDENTIFY))
        replies = await host.line.reply(2)
        assert replies == [
            bytes([first, Status.ABORTED]),
            bytes([host.sequence]) + IDENTITY + bytes([Status.OK]),
        ]
        host.events.blocked = False
        await host.sample(2)


@test
async def latency_is_as_claimed(dut: Any) -> None:
    claims(
        "rfssm_uart_bridge",
        "Latency: 6 cycles from the end of a frame to its first event, 14 for the first frame",
    )
    claims("rfssm_uart_bridge", "II: 6 cycles per event")
    host = await started(dut)
    ends = host.bench.watch("f_end", "f_good")
    for flags, claim in ((FIRST, 14), (0, 6)):
        ends.clear()
        host.events.clear()
        assert await host.ask(EVENTS | flags, words_of([0x80000000] * MOST)) == (Status.OK, b"")
        measured("latency", host.events.cycles[0] - ends.cycles[0], claim)
        if MOST > 1:
            measured("II", (host.events.cycles[-1] - host.events.cycles[0]) / (MOST - 1), 6)


@test
async def reset_in_mid_frame_forgets_it(dut: Any) -> None:
    host = await started(dut)
    line = host.frame(EVENTS | FIRST | LAST, words_of([0x80010001]))
    for length in (3, 7, len(line) - 1):
        await host.line.send(line[:length])
        await host.bench.reset()
        await host.line.gap(15)
        await host.sample(1)
