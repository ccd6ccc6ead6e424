"""RTMP, both ways: we call a server and play a stream, or wait for one to be pushed to us. FFmpeg sees FLV bytes only.

The protocol is spoken here, so that the connection goes to the address that was checked and many streams may be pushed
to one port; no codec is touched outside the limited process.
"""

import asyncio
import contextlib
import hmac
import ssl
import struct
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any
from urllib.parse import unquote

from tocsin.gateway.streams import amf
from tocsin.gateway.streams.addresses import Address, AddressError, pinned
from tocsin.gateway.streams.rtmp_chunks import (
    AGGREGATE,
    AUDIO,
    BANDWIDTH,
    COMMAND,
    CONTROL,
    FLV_HEADER,
    VIDEO,
    WINDOW,
    Connection,
    RtmpError,
    flv,
)
from tocsin.gateway.streams.source import Mark, SourceError, Ways

_MEDIA = (AUDIO, VIDEO, AGGREGATE)
_ENDS = ("NetStream.Play.UnpublishNotify", "NetStream.Play.Stop", "NetStream.Play.Complete")
_HANDSHAKE_S = 10.0
_STREAM = 1


class RtmpSource:
    """One RTMP address: played from its server, or (``?listen``) waited for."""

    paced = True

    def __init__(self, address: Address, ways: Ways) -> None:
        self._address, self._ways = address, ways
        path = unquote(address.parts.path if address.parts else "").strip("/")
        self._app, _, self._name = path.rpartition("/")
        query = "&".join(
            p for p in (address.parts.query if address.parts else "").split("&") if not p.startswith("listen")
        )
        if query:
            self._name += f"?{query}"

    async def chunks(self) -> AsyncIterator[bytes | Mark]:
        """Give the stream as an FLV file. Raises SourceError."""
        source = self._pushed() if self._address.listen else self._played()
        async with contextlib.aclosing(source) as messages:
            async for data in messages:
                yield data

    async def _played(self) -> AsyncGenerator[bytes, None]:
        address, writer = self._address, None
        try:
            host, port = await pinned(address.host, address.port, self._ways.rules)
            tls = ssl.create_default_context() if address.scheme == "rtmps" else None
            name = address.host if tls else None
            async with asyncio.timeout(_HANDSHAKE_S):
                reader, writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname=name)
                connection = Connection(reader, writer)
                await connection.call()
                stream = await self._asked(connection)
            yield FLV_HEADER
            while True:
                async with asyncio.timeout(self._ways.silence):
                    message = await connection.message()
                if message.kind in _MEDIA:
                    yield flv(message)
                elif _ended(message.kind, message.data, stream):
                    return
        except AddressError as error:
            raise SourceError("unsupported", str(error), final=True) from None
        except TimeoutError:
            raise SourceError("time-out", "The RTMP server has sent nothing for long.") from None
        except (RtmpError, amf.AmfError) as error:
            raise SourceError("unreadable", f"What came from the RTMP server is not RTMP: {error}") from None
        except OSError:
            raise SourceError("unreadable", "The connection to the RTMP server broke, or was not made.") from None
        finally:
            if writer is not None:
                writer.close()

    async def _asked(self, connection: Connection) -> int:
        """Ask for the stream; return the number it has on this connection. Raises SourceError where it is refused."""
        host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        where = f"{self._address.scheme}://{host}:{self._address.port}/{self._app}"
        about = {"app": self._app, "flashVer": "LNX 9,0,124,2", "tcUrl": where, "fpad": False, "capabilities": 15}
        about |= {"audioCodecs": 4071, "videoCodecs": 252, "videoFunction": 1, "fourCcList": ["hvc1", "av01", "vp09"]}
        await connection.command("connect", 1, about)
        await _answered(connection, 1)
        await connection.command("createStream", 2, None)
        answer = await _answered(connection, 2)
        stream = int(answer[3]) if len(answer) > 3 and isinstance(answer[3], float) else _STREAM
        await connection.command("play", 3, None, self._name, -1000, stream=stream)
        await connection.send(CONTROL, struct.pack(">HII", 3, stream, 1000))
        return stream

    async def _pushed(self) -> AsyncGenerator[bytes, None]:
        """Wait for the one who pushes, at the port that all streams pushed to it share."""
        address = self._address
        inbox: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=64)
        path = f"{self._app}/{self._name}"
        host = address.host or "0.0.0.0"  # noqa: S104 - what the operator asked to listen at
        try:
            port = await Ports.of(host, address.port)
        except OSError as error:
            said = f"{address.shown} cannot be listened at: {error.strerror or error}."
            raise SourceError("unreadable", said) from None
        if not port.expect(path, inbox):
            raise SourceError("unsupported", "Another watch waits for the same stream already.", final=True)
        begun = False
        try:
            while True:
                try:
                    async with asyncio.timeout(self._ways.silence):
                        data = await inbox.get()
                except TimeoutError:
                    raise SourceError("time-out", f"Nobody has pushed to {address.shown} for long.") from None
                if data is None:
                    return
                if not data:
                    raise SourceError("unreadable", "The connection of the one who pushes broke.")
                if not begun:
                    begun = True
                    yield FLV_HEADER
                yield data
        finally:
            await port.forget(path)


class Ports:
    """A port at which pushed streams are waited for, each by its path. One for all watches of this process."""

    _open: dict[tuple[str, int, int], "Ports"] = {}  # noqa: RUF012 - shared on purpose

    def __init__(self, key: tuple[str, int, int]) -> None:
        self._key = key
        self._expected: dict[str, asyncio.Queue[bytes | None]] = {}
        self._taken: set[str] = set()
        self._server: asyncio.Server | None = None

    @classmethod
    async def of(cls, host: str, port: int) -> "Ports":
        """Return the port, opened if it is not. Raises OSError."""
        key = (host, port, id(asyncio.get_running_loop()))
        found = cls._open.get(key)
        if found is None:
            found = cls._open[key] = cls(key)
            try:
                found._server = await asyncio.start_server(found._serve, host, port)
            except OSError:
                cls._open.pop(key, None)
                raise
        return found

    def expect(self, path: str, inbox: "asyncio.Queue[bytes | None]") -> bool:
        """Let a stream be pushed; false where it is expected already."""
        if path in self._expected:
            return False
        self._expected[path] = inbox
        return True

    async def forget(self, path: str) -> None:
        """Expect a stream no longer; the port is closed after the last."""
        self._expected.pop(path, None)
        if not self._expected:
            self._open.pop(self._key, None)
            if self._server is not None:
                self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path, inbox, clean = "", None, False
        try:
            connection = Connection(reader, writer)
            async with asyncio.timeout(_HANDSHAKE_S):
                await connection.answer()
                path = await self._published(connection)
                inbox = self._take(path)
                if inbox is None:
                    await _status(connection, "error", "NetStream.Publish.BadName", "This stream is not expected here.")
                    return
                await _status(connection, "status", "NetStream.Publish.Start", "Go on.")
            while self._expected.get(path) is inbox:
                message = await connection.message()
                if message.kind in _MEDIA:
                    await inbox.put(flv(message))
                elif message.kind == COMMAND and _name(message.data) in ("FCUnpublish", "deleteStream", "closeStream"):
                    clean = True
                    return
        except (OSError, RtmpError, amf.AmfError, TimeoutError):
            pass
        finally:
            self._taken.discard(path)
            if inbox is not None and self._expected.get(path) is inbox:
                await inbox.put(None if clean else b"")
            writer.close()

    def _take(self, path: str) -> "asyncio.Queue[bytes | None] | None":
        """Return where a pushed stream goes, compared in constant time: its name is often a secret key."""
        found = None
        for expected, inbox in self._expected.items():
            if hmac.compare_digest(expected.encode(), path.encode()) and expected not in self._taken:
                found = (expected, inbox)
        if found is None:
            return None
        self._taken.add(found[0])
        return found[1]

    async def _published(self, connection: Connection) -> str:
        """Answer commands until a stream is published; return its path. Raises RtmpError."""
        app = ""
        for _ in range(50):
            message = await connection.message()
            if message.kind != COMMAND:
                continue
            name, number, *rest = [*amf.decode(message.data), None, None]
            match name:
                case "connect":
                    app = str(rest[0].get("app", "")) if isinstance(rest[0], dict) else ""
                    await connection.send(WINDOW, struct.pack(">I", 2_500_000))
                    await connection.send(BANDWIDTH, struct.pack(">IB", 2_500_000, 2))
                    about = {"level": "status", "code": "NetConnection.Connect.Success", "description": "Welcome."}
                    await connection.command("_result", number, {"fmsVer": "FMS/3,0,1,123", "capabilities": 31}, about)
                case "createStream":
                    await connection.command("_result", number, None, _STREAM)
                case "publish":
                    return f"{app.strip('/')}/{str(rest[1]).strip('/')}"
                case _ if isinstance(number, float) and number:
                    await connection.command("_result", number, None)
        raise RtmpError("Nothing was published.")


async def _status(connection: Connection, level: str, code: str, words: str) -> None:
    about = {"level": level, "code": code, "description": words}
    await connection.command("onStatus", 0, None, about, stream=_STREAM)


async def _answered(connection: Connection, number: int) -> list[Any]:
    """Return the answer to a command. Raises SourceError where it is a refusal."""
    for _ in range(100):
        message = await connection.message()
        if message.kind != COMMAND:
            continue
        values = amf.decode(message.data)
        if len(values) > 1 and values[0] in ("_result", "_error") and values[1] == number:
            if values[0] == "_error":
                raise SourceError("unreadable", "The RTMP server refuses the stream.", final=True)
            return values
    raise RtmpError("no answer came")


def _ended(kind: int, data: bytes, stream: int) -> bool:
    """Tell whether a message says that the stream was ended. Raises SourceError where it says that there is none."""
    if kind == CONTROL:
        return data[:2] == b"\x00\x01" and int.from_bytes(data[2:6], "big") == stream
    if kind != COMMAND:
        return False
    values = amf.decode(data)
    about = values[3] if len(values) > 3 and isinstance(values[3], dict) else {}
    code = str(about.get("code", ""))
    if code in ("NetStream.Play.StreamNotFound", "NetStream.Play.Failed"):
        raise SourceError("unreadable", "The RTMP server has no such stream now.")
    return code in _ENDS


def _name(data: bytes) -> str:
    return str((amf.decode(data) or [""])[0])
