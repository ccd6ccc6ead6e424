"""Request bodies from devices: read with a bound, unpacked with a bound, parsed without surprises."""

import json
import zlib
from typing import Any, Final, NoReturn

from fastapi import Request

from tocsin.hub.refusals import Refused

MAX_WIRE: Final = 1024 * 1024
"""Largest body of a batch as sent, in bytes."""
MAX_PLAIN: Final = 8 * 1024 * 1024
"""Largest body of a batch once unpacked, in bytes."""


async def read(request: Request, limit: int) -> bytes:
    """Return the body. Raises Refused (413) as soon as it is longer than ``limit`` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:12]) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


async def read_json(request: Request) -> Any:
    """Return the JSON of a body, gzip or plain. Raises Refused: 413 too large, 415 other encodings, 400 not JSON."""
    return parse(await read(request, MAX_WIRE), request.headers.get("content-encoding", "identity"))


def parse(data: bytes, encoding: str = "identity") -> Any:
    """Return the JSON of a body as sent. Raises Refused: 413 too large once unpacked, 415, 400 not JSON."""
    encoding = encoding.strip().lower()
    if encoding == "gzip":
        data = _unpack(data)
    elif encoding != "identity":
        raise Refused(415, "encoding", "Bodies are sent plain or with gzip; this one says neither.")
    try:
        return json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(400, "malformed", "The body is not JSON, or was cut short; send it again whole.") from None


def _unpack(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(data, MAX_PLAIN)
    except zlib.error:
        raise Refused(400, "malformed", "The body says it is gzip and is not.") from None
    if unpacker.unconsumed_tail or (not unpacker.eof and len(plain) >= MAX_PLAIN):
        raise Refused(413, "too-large", f"Unpacked, the body is larger than {MAX_PLAIN:,} bytes.")
    if not unpacker.eof or unpacker.unused_data:
        raise Refused(400, "malformed", "The packed body was cut short, or has something behind it.")
    return plain


def _too_large(limit: int) -> Refused:
    return Refused(413, "too-large", f"The body is larger than {limit:,} bytes; send less at once.")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
