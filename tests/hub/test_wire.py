"""Bodies are read and unpacked with bounds, whatever the headers claim."""

import asyncio
import gzip

import pytest
from fastapi import Request

from tocsin.hub import wire
from tocsin.hub.refusals import Refused


def request(*chunks: bytes, **headers: str) -> Request:
    messages = [
        {"type": "http.request", "body": chunk, "more_body": n + 1 < len(chunks)} for n, chunk in enumerate(chunks)
    ]
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def receive():
        return messages.pop(0)

    return Request({"type": "http", "method": "POST", "headers": raw}, receive)


def test_a_body_in_pieces_is_put_together() -> None:
    assert asyncio.run(wire.read(request(b"a", b"b", b""), 2)) == b"ab"


@pytest.mark.parametrize("headers", [{}, {"content_length": "1"}, {"content_length": "99999999999999999999"}])
def test_a_body_that_is_too_long_is_cut_off(headers) -> None:
    with pytest.raises(Refused, match="larger than 4 bytes"):
        asyncio.run(wire.read(request(b"abc", b"de", **headers), 4))


def test_json_is_read_packed_or_plain() -> None:
    assert asyncio.run(wire.read_json(request(b'{"a":1}'))) == {"a": 1}
    packed = gzip.compress(b'{"a":1}')
    assert asyncio.run(wire.read_json(request(packed, content_encoding="GZIP"))) == {"a": 1}


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * (wire.MAX_PLAIN + 1))
    with pytest.raises(Refused) as caught:
        asyncio.run(wire.read_json(request(bomb, content_encoding="gzip")))
    assert caught.value.status == 413


def test_exactly_as_much_as_allowed_is_taken() -> None:
    data = b'"' + b"0" * (wire.MAX_PLAIN - 2) + b'"'
    assert len(asyncio.run(wire.read_json(request(gzip.compress(data), content_encoding="gzip")))) == wire.MAX_PLAIN - 2
