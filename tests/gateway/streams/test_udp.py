"""Transport streams over UDP: what comes is joined, what is too much is dropped and counted."""

import asyncio
import socket
from collections import Counter

import pytest

from tocsin.demo.stage import free_port
from tocsin.gateway.streams.addresses import Rules, parse
from tocsin.gateway.streams.source import SourceError, Ways
from tocsin.gateway.streams.udp import UdpSource, _Inbox, unwrapped

WAYS = Ways(Rules(allow_private=True), silence=60.0)


def free() -> int:
    return free_port(socket.SOCK_DGRAM)


def test_what_arrives_is_given_without_its_rtp_header() -> None:
    port = free()

    async def receive() -> bytes:
        source = UdpSource(parse(f"udp://127.0.0.1:{port}", WAYS.rules), WAYS, lambda *_: None)
        chunks = source.chunks()
        first = asyncio.ensure_future(anext(chunks))
        await asyncio.sleep(0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            while not first.done():
                sock.sendto(b"\x80\x21" + bytes(10) + b"\x47" + b"a" * 187, ("127.0.0.1", port))
                await asyncio.sleep(0)
        data = await first
        await chunks.aclose()
        return bytes(data)

    assert asyncio.run(receive()).startswith(b"\x47aaa")


def test_a_sender_may_cut_a_transport_stream_where_it_likes() -> None:
    """As ffmpeg does at udp:// without more: 1,472 bytes a datagram, whatever lies at its front."""
    sent = b"".join(b"\x47" + bytes([128 + number % 64]) * 187 for number in range(400))

    async def receive() -> bytes:
        inbox, came = _Inbox(lambda *_: None), b""
        for at in range(0, len(sent), 1472):
            inbox.datagram_received(sent[at : at + 1472], None)
        while len(came) < len(sent):
            came += await asyncio.wait_for(inbox.take(), 60)
        return came

    assert asyncio.run(receive()) == sent


@pytest.mark.parametrize(
    ("header", "padding"),
    [
        (b"\x80\x21" + bytes(10), b""),
        (b"\x82\x21" + bytes(10) + b"\x47" * 8, b""),
        (b"\x90\x21" + bytes(10) + b"\xbe\xde\x00\x02" + bytes(8), b""),
        (b"\xa0\x21" + bytes(10), b"\x00\x00\x00\x04"),
    ],
    ids=["plain", "contributors", "extension", "padding"],
)
def test_an_rtp_header_of_any_shape_is_taken_off(header: bytes, padding: bytes) -> None:
    packets = (b"\x47" + b"\x80" * 187) * 7
    assert unwrapped(header + packets + padding) == packets


def test_silence_ends_it_with_a_sentence() -> None:
    ways = Ways(Rules(allow_private=True), silence=0.05)

    async def wait() -> None:
        async for _ in UdpSource(parse(f"udp://127.0.0.1:{free()}", ways.rules), ways, lambda *_: None).chunks():
            pass

    with pytest.raises(SourceError, match="Nothing arrived"):
        asyncio.run(wait())


def test_an_address_of_this_machine_is_listened_at_whatever_may_be_called() -> None:
    """Nothing is connected to; the rule on private addresses is about where we connect."""
    ways = Ways(Rules(), silence=0.05)

    async def wait() -> None:
        async for _ in UdpSource(parse(f"udp://127.0.0.1:{free()}", ways.rules), ways, lambda *_: None).chunks():
            pass

    with pytest.raises(SourceError, match="Nothing arrived"):
        asyncio.run(wait())


def test_what_is_too_much_is_dropped_and_counted() -> None:
    lost: Counter[str] = Counter()

    async def flood() -> None:
        inbox = _Inbox(lambda kind, count: lost.update({kind: count}))
        for _ in range(200):
            inbox.datagram_received(b"\x47" + bytes(65_000), None)

    asyncio.run(flood())
    assert lost["dropped"] > 1_000_000
