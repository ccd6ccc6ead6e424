"""RTMP: a stream pushed to us is taken only by its own path; the one we call may refuse, break, or be no RTMP."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tocsin.demo.stage import free_port
from tocsin.gateway.streams.addresses import Rules, parse
from tocsin.gateway.streams.rtmp import Ports, RtmpSource
from tocsin.gateway.streams.rtmp_chunks import FLV_HEADER, VIDEO, Connection
from tocsin.gateway.streams.source import SourceError, Ways

WAYS = Ways(Rules(allow_private=True), silence=60.0)


async def push(port: int, app: str, name: str, *tags: bytes, end: bool = True) -> Any:
    """Push some tags as an encoder does; return the last answer's code."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    connection = Connection(reader, writer)
    await connection.call()
    await connection.command("connect", 1, {"app": app})
    await connection.command("createStream", 2, None)
    await connection.command("publish", 3, None, name, "live", stream=1)
    code = b""
    while b"Publish" not in code:
        code = (await connection.message()).data
    for tag in tags:
        await connection.send(VIDEO, tag, stream=1, channel=6)
    if end and b"BadName" not in code:
        await connection.command("deleteStream", 4, None, 1)
    writer.close()
    return code


async def taken(source: RtmpSource) -> list[Any]:
    return [one async for one in source.chunks()]


async def until_open(port: int) -> None:
    while not any(key[1] == port and one._server for key, one in Ports._open.items()):
        await asyncio.sleep(0)


def test_a_pushed_stream_is_taken_by_its_path_only() -> None:
    async def both() -> tuple[list[Any], bytes]:
        port = free_port()
        source = RtmpSource(parse(f"rtmp://127.0.0.1:{port}/live/secret?listen", WAYS.rules), WAYS)
        taking = asyncio.create_task(taken(source))
        await until_open(port)
        wrong = await push(port, "live", "guess")
        await push(port, "live", "secret", b"\x17one", b"\x27two")
        return await taking, wrong

    found, wrong = asyncio.run(both())
    assert found[0] == FLV_HEADER
    assert [one[11:15] for one in found[1:]] == [b"\x17one", b"\x27two"]
    assert b"BadName" in wrong


def test_one_who_breaks_off_is_an_error_that_may_be_tried_again() -> None:
    async def cut() -> None:
        port = free_port()
        source = RtmpSource(parse(f"rtmp://127.0.0.1:{port}/live/key?listen", WAYS.rules), WAYS)
        taking = asyncio.create_task(taken(source))
        await until_open(port)
        await push(port, "live", "key", b"\x17one", end=False)
        await taking

    with pytest.raises(SourceError, match="broke") as error:
        asyncio.run(cut())
    assert not error.value.final


def test_two_streams_share_a_port_and_one_path_is_waited_for_once() -> None:
    async def both() -> tuple[list[Any], list[Any]]:
        port = free_port()
        address = f"rtmp://127.0.0.1:{port}/live/%s?listen"
        first = asyncio.create_task(taken(RtmpSource(parse(address % "a", WAYS.rules), WAYS)))
        await until_open(port)
        second = asyncio.create_task(taken(RtmpSource(parse(address % "b", WAYS.rules), WAYS)))
        await asyncio.sleep(0)
        with pytest.raises(SourceError, match="Another watch"):
            await taken(RtmpSource(parse(address % "a", WAYS.rules), WAYS))
        await push(port, "live", "b", b"\x17b")
        await push(port, "live", "a", b"\x17a")
        return await first, await second

    first, second = asyncio.run(both())
    assert first[1][11:13] == b"\x17a"
    assert second[1][11:13] == b"\x17b"


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def called(serve: Serve) -> list[Any]:
    async def both() -> list[Any]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            return await taken(RtmpSource(parse(f"rtmp://127.0.0.1:{port}/live/key", WAYS.rules), WAYS))
        finally:
            server.close()

    return asyncio.run(both())


def test_a_server_that_refuses_is_not_asked_again() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        await connection.answer()
        await connection.message()
        await connection.command("_error", 1, None, {"code": "NetConnection.Connect.Rejected"})
        writer.close()

    with pytest.raises(SourceError, match="refuses") as error:
        called(refuse)
    assert error.value.final


def test_a_server_that_is_none_is_told_apart() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ESMTP\r\n" * 200)
        writer.close()

    with pytest.raises(SourceError, match="not RTMP"):
        called(other)


def test_a_stream_that_was_ended_ends() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        await connection.answer()
        for number, values in ((1, ({}, {})), (2, (None, 7))):
            await connection.message()
            await connection.command("_result", number, *values)
        await connection.message()
        await connection.send(VIDEO, b"\x17key", stream=7, channel=6)
        await connection.command("onStatus", 0, None, {"code": "NetStream.Play.UnpublishNotify"}, stream=7)
        await reader.read()
        writer.close()

    found = called(play)
    assert found[0] == FLV_HEADER
    assert len(found) == 2


def test_private_addresses_are_not_called() -> None:
    ways = Ways(Rules())
    with pytest.raises(SourceError, match="private"):
        asyncio.run(taken(RtmpSource(parse("rtmp://127.0.0.1/live/x", ways.rules), ways)))
