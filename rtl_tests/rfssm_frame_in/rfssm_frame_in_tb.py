"""rfssm_frame_in: whole frames are good, anything else is not, and no frame harms the next."""

from typing import Any

from harness import Bench, claims, measured, test

from rfssm.hls.boards.protocol import ESCAPE, FLAG, INVERTED, crc16, encode

LOST = -1  # in place of a byte: its stop bit was missing


class Frames:
    """Bytes in, a byte or a gap per cycle; contents and verdicts out."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.bench = dut, Bench(dut)
        self.got = self.bench.watch("m_valid", "m_data")
        self.ends = self.bench.watch("m_end", "m_good m_lost")
        dut.s_valid.value = dut.s_error.value = dut.s_data.value = 0

    async def send(self, data: list[int] | bytes, gaps: bool = False) -> None:
        dut = self.dut
        for byte in data:
            dut.s_valid.value, dut.s_error.value = int(byte != LOST), int(byte == LOST)
            dut.s_data.value = byte & 0xFF
            await self.bench.edge()
            dut.s_valid.value = dut.s_error.value = 0
            if gaps:
                await self.bench.edge(self.bench.rng.randrange(3))
        await self.bench.edge(3)

    def take(self) -> tuple[bytes, list[tuple[int, ...]]]:
        """Contents and verdicts since the last call."""
        found = bytes(data for (data,) in self.got.beats), list(self.ends.beats)
        self.got.clear()
        self.ends.clear()
        return found


async def started(dut: Any) -> Frames:
    frames = Frames(dut)
    await frames.bench.reset()
    return frames


def contents(frames: Frames, count: int) -> list[bytes]:
    """Random ones, many of them full of bytes that must be escaped."""
    rng = frames.bench.rng
    special = [FLAG, ESCAPE, FLAG ^ INVERTED, ESCAPE ^ INVERTED]
    return [
        bytes(
            rng.choice(special) if rng.random() < 0.4 else rng.getrandbits(8)
            for _ in range(rng.randint(1, 30))
        )
        for _ in range(count)
    ]


def with_crc(content: bytes) -> bytes:
    return content + crc16(content).to_bytes(2, "little")


@test
async def good_frames(dut: Any) -> None:
    frames = await started(dut)
    for i, content in enumerate(contents(frames, 60)):
        await frames.send(encode(content), gaps=i % 2 == 0)
        assert frames.take() == (with_crc(content), [(1, 0)])


@test
async def any_byte_may_be_escaped(dut: Any) -> None:
    frames = await started(dut)
    content = with_crc(bytes(range(256)))
    line = [FLAG]
    for byte in content:
        line += [ESCAPE, byte ^ INVERTED] if byte ^ INVERTED not in (FLAG, ESCAPE) else [byte]
    await frames.send([*line, FLAG])
    assert frames.take() == (content, [(1, 0)])


@test
async def frames_may_share_a_flag_and_flags_may_repeat(dut: Any) -> None:
    frames = await started(dut)
    await frames.send([FLAG] * 5)
    assert frames.take() == (b"", [])
    first, second = contents(frames, 2)
    await frames.send(encode(first)[:-1] + encode(second))
    assert frames.take() == (with_crc(first) + with_crc(second), [(1, 0), (1, 0)])


@test
async def every_damaged_frame_is_bad_and_harms_no_other(dut: Any) -> None:
    frames = await started(dut)
    rng, checked = frames.bench.rng, 0
    for content in contents(frames, 40):
        line = list(encode(content))
        at = rng.randrange(1, len(line) - 1)
        damage = rng.choice(["flip", "drop", "add", "lose", "cut"])
        if damage == "flip":
            line[at] ^= 1 << rng.randrange(8)
        elif damage == "drop":
            del line[at]
        elif damage == "add":
            line.insert(at, rng.choice([0x00, 0x55, FLAG]))
        elif damage == "lose":
            line[at] = LOST
        else:
            line[max(at, 2) :] = []
        good = encode(b"good")
        await frames.send(line + list(good))
        got, ends = frames.take()
        assert ends[-1] == (1, 0), f"the frame behind {damage} at {at} is good"
        assert got.endswith(with_crc(b"good"))
        bad = ends[:-1]
        assert bad, damage
        assert not any(good for good, _ in bad), f"{damage} at {at} of {bytes(content).hex()}"
        assert (damage == "lose") == any(lost for _, lost in bad)
        checked += 1
    assert checked == 40


@test
async def an_escaped_flag_ends_a_frame_that_shall_not_count(dut: Any) -> None:
    frames = await started(dut)
    await frames.send(encode(b"abc")[:-1] + bytes([ESCAPE, FLAG]))
    assert frames.take()[1] == [(0, 0)]


@test
async def reset_in_mid_frame_forgets_it(dut: Any) -> None:
    frames = await started(dut)
    await frames.send(encode(b"abc")[:3])
    await frames.bench.reset()
    await frames.send(encode(b"def"))
    assert frames.take() == (with_crc(b"def"), [(1, 0)])


@test
async def latency_is_as_claimed(dut: Any) -> None:
    claims("rfssm_frame_in", "Latency 1, II 1.")
    frames = await started(dut)
    begin = frames.bench.cycle
    await frames.send(encode(b"latency"))
    # the edge after `begin` takes the flag, the next the first byte, the next shows it
    measured("latency", frames.got.cycles[0] - begin - 2, 1)
    measured("II", (frames.got.cycles[-1] - frames.got.cycles[0]) / 8, 1)
