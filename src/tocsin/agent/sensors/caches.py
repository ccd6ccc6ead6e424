"""Browser caches: an entry's body, without the header and the trailer that the browser keeps around it.

Chromium's Simple Cache (``Cache_Data/<16 hex>_0``; net/disk_cache/simple/simple_entry_format.h): header, key, body
(stream 1), its end record, response headers (stream 0), perhaps a SHA-256 of the key, its end record. Videos fetched
in pieces lie in ``<16 hex>_s``: header, key, and pieces that each say where they belong. Firefox's cache2
(``entries/<40 hex>``; netwerk/cache2/CacheFileMetadata.cpp): the body first, then its metadata; the last four bytes
say where the metadata begins.
"""

import re
import struct
from pathlib import Path

from tocsin.model import NotScanned

HEADER = 24
_SIMPLE_BEGIN = 0xFCFB6D1BA7725C30
_SIMPLE_END = 0xF4FA6F45970D41D8
_SIMPLE_PIECE = 0xEB97BF016553676B
_END = struct.Struct("<QIII4x")
_PIECE = struct.Struct("<QqqI4x")
_HAS_KEY_HASH = 2
_MAX_KEY = 1 << 20
_SIMPLE = re.compile(r"[0-9a-f]{16}_[01s]")
_FIREFOX = re.compile(r"[0-9A-F]{40}")
_FIREFOX_FORMATS = (1, 2, 3)
_CHUNK = 256 * 1024
CUT = NotScanned("unreadable", "An entry of a browser's cache is incomplete, so it could not be compared.")


def is_simple(path: Path, head: bytes) -> bool:
    """Say whether a file is named and begins as an entry of Chromium's cache (its index begins so, too)."""
    begins = len(head) >= HEADER and int.from_bytes(head[:8], "little") == _SIMPLE_BEGIN
    return begins and bool(_SIMPLE.fullmatch(path.name))


def is_firefox(path: Path) -> bool:
    """Say whether a path is that of an entry of Firefox's cache."""
    return path.parent.name == "entries" and path.parent.parent.name == "cache2" and bool(_FIREFOX.fullmatch(path.name))


def body_of(path: Path, data: bytes) -> bytes | NotScanned | None:
    """Return the body of a cache entry; None where the file is none; NotScanned where it is and cannot be read."""
    if is_simple(path, data):
        return _simple(path.name, data)
    return _firefox(data) if is_firefox(path) else None


def _simple(name: str, data: bytes) -> bytes | NotScanned:
    begin = HEADER + int.from_bytes(data[12:16], "little")
    if begin - HEADER > _MAX_KEY or begin > len(data):
        return CUT
    if name.endswith("_s"):
        return _pieces(data, begin)
    if len(data) < begin + _END.size:
        return CUT
    magic, flags, _, size = _END.unpack_from(data, len(data) - _END.size)
    if magic != _SIMPLE_END:
        return CUT
    if name.endswith("_1"):
        return data[begin : len(data) - _END.size]
    end = len(data) - _END.size - (32 if flags & _HAS_KEY_HASH else 0) - size - _END.size
    if end < begin or int.from_bytes(data[end : end + 8], "little") != _SIMPLE_END:
        return CUT
    return data[begin:end]


def _pieces(data: bytes, at: int) -> bytes | NotScanned:
    """Return the pieces that join from the beginning of the body; what follows a hole is left out."""
    pieces: list[tuple[int, int, int]] = []
    while at + _PIECE.size <= len(data):
        magic, offset, length, _ = _PIECE.unpack_from(data, at)
        at += _PIECE.size
        if magic != _SIMPLE_PIECE or offset < 0 or length < 0 or at + length > len(data):
            break
        pieces.append((offset, at, length))
        at += length
    body = bytearray()
    for offset, start, length in sorted(pieces):
        if offset > len(body):
            break
        body[offset : offset + length] = data[start : start + length]
    return bytes(body) if body else CUT


def _firefox(data: bytes) -> bytes | NotScanned:
    if len(data) < 4:
        return CUT
    size = int.from_bytes(data[-4:], "big")
    hashes = 4 + 2 * -(-size // _CHUNK)
    at = size + hashes
    if at + 8 > len(data) or int.from_bytes(data[at : at + 4], "big") not in _FIREFOX_FORMATS:
        return CUT
    return data[:size]
