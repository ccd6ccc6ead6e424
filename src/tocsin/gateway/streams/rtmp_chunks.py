"""RTMP's chunks (Adobe's specification 1.0): messages cut into pieces and woven together, put together again here."""

import asyncio
import os
import struct
from dataclasses import dataclass
from typing import Any

from tocsin.gateway.streams import amf

CHUNK_SIZE, ABORT, ACK, CONTROL, WINDOW, BANDWIDTH = 1, 2, 3, 4, 5, 6
AUDIO, VIDEO, DATA, COMMAND, AGGREGATE = 8, 9, 18, 20, 22
MOST_MESSAGE = 16 << 20
"""A message (a picture, mostly) larger than this ends the connection."""
_MOST_STREAMS = 64
_HANDSHAKE = 1536
_OUT = 4096


class RtmpError(ValueError):
    """What came is no RTMP."""


@dataclass(slots=True)
class Message:
    """One message: its kind, the stream it is of, its time in milliseconds."""

    kind: int
    stream: int
    at: int
    data: bytes


@dataclass(slots=True)
class _Held:
    """What is known of one chunk stream: the header before, and the message that is being put together."""

    at: int = 0
    delta: int = 0
    length: int = 0
    kind: int = 0
    stream: int = 0
    extended: bool = False
    data: bytearray | None = None


class Connection:
    """One RTMP connection after its handshake, either end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._size = 128
        self._held: dict[int, _Held] = {}
        self._read, self._told, self._window = 0, 0, 0

    async def call(self) -> None:
        """Shake hands as the one that calls."""
        self._writer.write(b"\x03" + bytes(8) + os.urandom(_HANDSHAKE - 8))
        await self._writer.drain()
        if (await self._exactly(1)) != b"\x03":
            raise RtmpError("The other side does not speak RTMP.")
        theirs = await self._exactly(_HANDSHAKE)
        await self._exactly(_HANDSHAKE)
        self._writer.write(theirs)
        await self._size_out()

    async def answer(self) -> None:
        """Shake hands as the one that is called."""
        if (await self._exactly(1)) != b"\x03":
            raise RtmpError("The other side does not speak RTMP.")
        theirs = await self._exactly(_HANDSHAKE)
        self._writer.write(b"\x03" + bytes(8) + os.urandom(_HANDSHAKE - 8) + theirs)
        await self._writer.drain()
        await self._exactly(_HANDSHAKE)
        await self._size_out()

    async def message(self) -> Message:
        """Return the next message that is not the protocol's own. Raises RtmpError, or OSError where it broke."""
        while True:
            message = await self._message()
            if message.kind == CHUNK_SIZE and len(message.data) >= 4:
                self._size = int.from_bytes(message.data[:4], "big") & 0x7FFFFFFF
                if not 1 <= self._size <= MOST_MESSAGE:
                    raise RtmpError("The pieces are of a size that cannot be.")
            elif message.kind == WINDOW and len(message.data) >= 4:
                self._window = int.from_bytes(message.data[:4], "big")
            elif message.kind == BANDWIDTH:
                await self.send(WINDOW, struct.pack(">I", 2_500_000))
            elif message.kind == CONTROL and message.data[:2] == b"\x00\x06":
                await self.send(CONTROL, b"\x00\x07" + message.data[2:6])
            elif message.kind not in (ABORT, ACK):
                return message

    async def command(self, *values: Any, stream: int = 0) -> None:
        """Send a command."""
        await self.send(COMMAND, amf.encode(*values), stream=stream, channel=3)

    async def send(self, kind: int, data: bytes, *, stream: int = 0, channel: int = 2) -> None:
        """Send a message."""
        head = struct.pack(">B", channel) + bytes(3) + len(data).to_bytes(3, "big") + bytes([kind])
        head += struct.pack("<I", stream)
        out = bytearray(head + data[:_OUT])
        for at in range(_OUT, len(data), _OUT):
            out += bytes([0xC0 | channel]) + data[at : at + _OUT]
        self._writer.write(bytes(out))
        await self._writer.drain()

    async def _size_out(self) -> None:
        await self.send(CHUNK_SIZE, struct.pack(">I", _OUT))

    async def _message(self) -> Message:
        while True:
            head = (await self._exactly(1))[0]
            channel = head & 63
            if channel < 2:
                more = await self._exactly(channel + 1)
                channel = 64 + int.from_bytes(more, "little")
            if channel not in self._held and len(self._held) >= _MOST_STREAMS:
                raise RtmpError("Too many streams of pieces.")
            held = self._held.setdefault(channel, _Held())
            await self._header(held, head >> 6)
            assert held.data is not None
            if sum(len(one.data or b"") for one in self._held.values()) > 2 * MOST_MESSAGE:
                raise RtmpError("Too much is begun and not ended.")
            held.data += await self._exactly(min(self._size, held.length - len(held.data)))
            await self._acknowledge()
            if len(held.data) == held.length:
                data, held.data = bytes(held.data), None
                return Message(held.kind, held.stream, held.at, data)

    async def _header(self, held: _Held, form: int) -> None:
        """Read the rest of a piece's header and begin a message where one begins."""
        begins = held.data is None
        stamp = held.delta
        if form < 3:
            raw = await self._exactly((11, 7, 3)[form])
            stamp = int.from_bytes(raw[:3], "big")
            held.extended = stamp == 0xFFFFFF
            if form < 2:
                held.length, held.kind = int.from_bytes(raw[3:6], "big"), raw[6]
            if form == 0:
                held.stream = int.from_bytes(raw[7:11], "little")
        if held.extended:
            stamp = int.from_bytes(await self._exactly(4), "big")
        if held.length > MOST_MESSAGE:
            raise RtmpError("A message is too large.")
        if begins:
            held.at = stamp if form == 0 else (held.at + stamp) & 0xFFFFFFFF
            held.delta = 0 if form == 0 else stamp
            held.data = bytearray()
        elif form != 3:
            raise RtmpError("A message begins before the one before it has ended.")

    async def _acknowledge(self) -> None:
        if self._window and self._read - self._told >= self._window // 2:
            self._told = self._read
            await self.send(ACK, struct.pack(">I", self._read & 0xFFFFFFFF))

    async def _exactly(self, count: int) -> bytes:
        try:
            data = await self._reader.readexactly(count)
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the connection was closed") from error
        self._read += count
        return data


FLV_HEADER = b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"


def flv(message: Message) -> bytes:
    """Return a message of sound or picture as a tag of an FLV file."""
    if message.kind == AGGREGATE:
        return message.data if _whole(message.data) else b""
    at = message.at.to_bytes(4, "big")
    head = bytes([message.kind]) + len(message.data).to_bytes(3, "big") + at[1:] + at[:1] + bytes(3)
    return head + message.data + (len(message.data) + 11).to_bytes(4, "big")


def _whole(data: bytes) -> bool:
    """Tell whether an aggregate is made of whole tags."""
    at = 0
    while at + 15 <= len(data):
        at += 15 + int.from_bytes(data[at + 1 : at + 4], "big")
    return at == len(data)
