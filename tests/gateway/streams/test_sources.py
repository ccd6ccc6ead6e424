"""Each scheme has its source."""

import pytest

from tocsin.gateway.streams.addresses import Address, Rules, parse
from tocsin.gateway.streams.source import SourceError, Ways
from tocsin.gateway.streams.sources import source_of

RULES = Rules(allow_private=True)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://127.0.0.1/x", "HttpSource"),
        ("rtmp://127.0.0.1/live/x", "RtmpSource"),
        ("udp://127.0.0.1:1", "UdpSource"),
        ("srt://127.0.0.1:1", "SrtSource"),
    ],
)
def test_by_scheme(address: str, name: str) -> None:
    assert type(source_of(parse(address, RULES), Ways(RULES), lambda *_: None)).__name__ == name


def test_another_scheme_is_refused() -> None:
    with pytest.raises(SourceError, match="not watched"):
        source_of(Address("gopher://x", "gopher"), Ways(RULES), lambda *_: None)
