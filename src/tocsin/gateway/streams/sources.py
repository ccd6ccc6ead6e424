"""The ways in, by the scheme of a stream's address."""

from tocsin.gateway.streams.addresses import Address
from tocsin.gateway.streams.http import HttpSource
from tocsin.gateway.streams.rtmp import RtmpSource
from tocsin.gateway.streams.source import Note, Source, SourceError, Ways
from tocsin.gateway.streams.srt import SrtSource
from tocsin.gateway.streams.udp import UdpSource


def source_of(address: Address, ways: Ways, note: Note) -> Source:
    """Return the source for an address; files are not read by one."""
    match address.scheme:
        case "http" | "https":
            return HttpSource(address, ways, note)
        case "rtmp" | "rtmps":
            return RtmpSource(address, ways)
        case "udp":
            return UdpSource(address, ways, note)
        case "srt":
            return SrtSource(address, ways)
        case other:
            raise SourceError("unsupported", f"Streams by {other} are not watched.", final=True)
