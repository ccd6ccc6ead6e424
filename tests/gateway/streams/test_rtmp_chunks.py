"""RTMP's chunks: woven messages come apart as they were sent; what is no RTMP ends the connection."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tocsin.gateway.streams.rtmp_chunks import AGGREGATE, VIDEO, Connection, Message, RtmpError, flv


class Nowhere:
    """A writer that keeps what is written."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data

    async def drain(self) -> None:
        """Nothing waits."""


def connection(data: bytes) -> tuple[Connection, Nowhere]:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    writer = Nowhere()
    return Connection(reader, writer), writer  # type: ignore[arg-type]


def run(doing: Callable[[], Awaitable[object]]) -> object:
    return asyncio.run(doing())  # type: ignore[arg-type]


def head(form: int, channel: int, at: int, length: int, kind: int, stream: int = 1) -> bytes:
    raw = at.to_bytes(3, "big") + length.to_bytes(3, "big") + bytes([kind]) + stream.to_bytes(4, "little")
    return bytes([form << 6 | channel]) + raw[: (11, 7, 3, 0)[form]]


def test_what_is_sent_is_what_is_read() -> None:
    async def both() -> list[Message]:
        sending, writer = connection(b"")
        await sending._size_out()
        await sending.send(VIDEO, b"v" * 10_000, stream=1, channel=6)
        await sending.command("play", 1, None, "key")
        reading, _ = connection(bytes(writer.data))
        return [await reading.message(), await reading.message()]

    video, command = run(both)
    assert video.data == b"v" * 10_000
    assert command.data.startswith(b"\x02\x00\x04play")


def test_two_messages_woven_together_come_apart() -> None:
    first, second = b"a" * 200, b"b" * 150
    data = head(0, 4, 10, 200, 9) + first[:128] + head(0, 5, 12, 150, 8) + second[:128]
    data += bytes([0xC0 | 5]) + second[128:] + bytes([0xC0 | 4]) + first[128:]
    data += head(2, 4, 40, 0, 0) + first[:128] + bytes([0xC0 | 4]) + first[128:]

    async def three() -> list[Message]:
        reading, _ = connection(data)
        return [await reading.message() for _ in range(3)]

    found = run(three)
    assert [(m.kind, m.at, m.data) for m in found] == [(8, 12, second), (9, 10, first), (9, 50, first)]


def test_a_ping_is_answered() -> None:
    async def ping() -> bytes:
        reading, writer = connection(head(0, 2, 0, 6, 4, 0) + b"\x00\x06\x00\x00\x00\x09" + head(0, 4, 0, 1, 9) + b"x")
        await reading.message()
        return bytes(writer.data)

    assert b"\x00\x07\x00\x00\x00\x09" in run(ping)


@pytest.mark.parametrize(
    "data",
    [
        head(0, 2, 0, 4, 1, 0) + b"\x00\x00\x00\x00",
        head(0, 4, 0, 0xFFFFFF, 9) + b"x",
        head(0, 4, 0, 300, 9) + b"x" * 128 + head(0, 4, 0, 300, 9) + b"x" * 128,
        b"".join(b"\x00" + bytes([n]) + head(0, 0, 0, 300, 9)[1:] + b"x" * 128 for n in range(70)),
    ],
)
def test_what_cannot_be_is_refused(data: bytes) -> None:
    async def read() -> None:
        reading, _ = connection(data)
        for _ in range(80):
            await reading.message()

    with pytest.raises((RtmpError, OSError)):
        run(read)


def test_another_protocol_is_told_apart() -> None:
    async def call() -> None:
        reading, _ = connection(b"HTTP/1.1 400 Bad Request\r\n" + bytes(4000))
        await reading.call()

    with pytest.raises(RtmpError, match="does not speak RTMP"):
        run(call)


def test_a_message_becomes_a_tag_and_a_false_aggregate_nothing() -> None:
    tag = flv(Message(9, 1, 0x01020304, b"abc"))
    assert tag == b"\x09\x00\x00\x03\x02\x03\x04\x01\x00\x00\x00abc\x00\x00\x00\x0e"
    assert flv(Message(AGGREGATE, 1, 0, tag)) == tag
    assert flv(Message(AGGREGATE, 1, 0, tag[:-1])) == b""
