"""Opening AES-128 segments of HLS (RFC 8216, 4.3.2.4): AES-CBC with PKCS #7 padding, a key for each address."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from tocsin.gateway.streams.playlist import Part

MOST_KEY = 4096
"""A longer answer is no key: it is not even read."""
_HELD = 8
_KEY = 16
_BLOCK = algorithms.AES.block_size // 8


class LockedError(ValueError):
    """A segment that its key does not open; the message is a sentence."""


class Keys:
    """The keys of one stream, each fetched once by ``fetch``; the last few are kept, in memory only."""

    def __init__(self, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        self._fetch = fetch
        self._held: OrderedDict[str, bytes] = OrderedDict()

    async def opened(self, data: bytes, part: Part) -> bytes:
        """Return a segment as it was before it was encrypted. Raises LockedError, and whatever fetching a key does."""
        key = self._held.get(part.key) or await self._fetch(part.key)
        if len(key) != _KEY:
            raise LockedError(f"The stream's key is {len(key):,} bytes long; an AES-128 key is {_KEY}.")
        self._held[part.key] = key
        self._held.move_to_end(part.key)
        while len(self._held) > _HELD:
            self._held.popitem(last=False)
        try:
            return await asyncio.to_thread(decrypted, data, key, part.vector)
        except LockedError:
            self._held.pop(part.key, None)  # it may be another key by now
            raise


def decrypted(data: bytes, key: bytes, vector: bytes) -> bytes:
    """Return what AES-128-CBC with PKCS #7 padding encrypted. Raises LockedError."""
    if not data or len(data) % _BLOCK:
        raise LockedError("A segment's length is not that of an encrypted one.")
    reading = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    padding = PKCS7(algorithms.AES.block_size).unpadder()
    try:
        return padding.update(reading.update(data) + reading.finalize()) + padding.finalize()
    except ValueError as error:
        raise LockedError("A segment cannot be opened with the key that the playlist names.") from error
