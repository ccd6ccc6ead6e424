"""MPEG transport streams over UDP: we bind to the address and take what comes, whether or not we keep up."""

import asyncio
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator

from tocsin.gateway.streams.addresses import Address
from tocsin.gateway.streams.source import Mark, Note, SourceError, Ways

_BUFFER = 4 << 20
_HELD = 8 << 20
_CHUNK = 32 << 10
_RTP = 12
_PACKET = 188
_SYNC = b"\x47"


def unwrapped(data: bytes) -> bytes:
    """Return what a datagram holds without its RTP header (RFC 3550), where it has one; else the datagram.

    RTP holds whole packets of the transport stream (RFC 2250, 2), so a header is one only before such. Senders without
    RTP cut where they like (ffmpeg after 1,472 bytes), and what is then in front may look like a header's first byte.
    """
    if len(data) <= _RTP or data[0] >> 6 != 2:
        return data
    head = _RTP + 4 * (data[0] & 15)
    if data[0] & 16:
        head += 4 + 4 * int.from_bytes(data[head + 2 : head + 4])
    held = data[head : len(data) - (data[-1] if data[0] & 32 else 0)]
    packets, over = divmod(len(held), _PACKET)
    return held if packets and not over and held[::_PACKET] == _SYNC * packets else data


class UdpSource:
    """One UDP address, unicast or multicast; RTP headers around the transport stream are taken off."""

    paced = False

    def __init__(self, address: Address, ways: Ways, note: Note) -> None:
        self._address, self._ways, self._note = address, ways, note

    async def chunks(self) -> AsyncIterator[bytes | Mark]:
        """Give what arrives, joined into larger chunks. Raises SourceError when nothing has come for long."""
        inbox = _Inbox(self._note)
        loop = asyncio.get_running_loop()
        sock = self._bound()
        transport, _ = await loop.create_datagram_endpoint(lambda: inbox, sock=sock)
        try:
            while True:
                try:
                    async with asyncio.timeout(self._ways.silence):
                        data = await inbox.take()
                except TimeoutError:
                    said = f"Nothing arrived at {self._address.shown} for {self._ways.silence:.0f} seconds."
                    raise SourceError("time-out", said) from None
                yield data
        finally:
            transport.close()

    def _bound(self) -> socket.socket:
        host = self._address.host or "0.0.0.0"  # noqa: S104 - a stream may be sent to any address of this machine
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            raise SourceError("unsupported", "A UDP address is a number, such as 239.1.1.1.", final=True) from None
        sock = socket.socket(socket.AF_INET6 if ip.version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            if ip.is_multicast:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, self._address.port))
            if ip.is_multicast and ip.version == 4:
                group = struct.pack("=4sl", ip.packed, socket.INADDR_ANY)
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        except OSError as error:
            sock.close()
            said = f"{self._address.shown} cannot be listened at: {error.strerror or error}."
            raise SourceError("unreadable", said) from None
        return sock


class _Inbox(asyncio.DatagramProtocol):
    """Datagrams that wait to be taken; past a bound they are dropped and counted."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._held = bytearray()
        self._came = asyncio.Event()

    def datagram_received(self, data: bytes, _: object) -> None:
        """Keep a datagram."""
        data = unwrapped(data)
        if len(self._held) + len(data) > _HELD:
            self._note("dropped", len(data))
            return
        self._held += data
        self._came.set()

    async def take(self) -> bytes:
        """Return what has come, at least something."""
        await self._came.wait()
        data = bytes(self._held[:_CHUNK])
        del self._held[:_CHUNK]
        if not self._held:
            self._came.clear()
        return data
