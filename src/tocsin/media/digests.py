"""Exact digests of a file, all in one pass: MD5 and SHA-1 because lists are keyed by them, SHA-256 because it holds."""

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Digests:
    """The hex digests of some bytes, and how many bytes they were."""

    md5: str
    sha1: str
    sha256: str
    size: int


def digest_bytes(data: bytes | memoryview) -> Digests:
    """Digest bytes that are in memory."""
    return Digests(
        hashlib.md5(data, usedforsecurity=False).hexdigest(),
        hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        hashlib.sha256(data).hexdigest(),
        len(data),
    )


def digest_stream(stream: BinaryIO) -> Digests:
    """Digest a stream from where it stands to its end, in memory that does not grow with it.

    Raises OSError when it cannot be read.
    """
    md5 = hashlib.md5(usedforsecurity=False)
    sha1 = hashlib.sha1(usedforsecurity=False)
    sha256 = hashlib.sha256()
    size = 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        for one in (md5, sha1, sha256):
            one.update(chunk)
    return Digests(md5.hexdigest(), sha1.hexdigest(), sha256.hexdigest(), size)
