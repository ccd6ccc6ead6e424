"""A stream's bytes on their way to the process that decodes them: chunks with the moment each arrived, in one pipe."""

import os
import struct
from typing import Protocol

DATA, FRESH = 0, 1
"""Kinds of chunk: bytes of the stream; and "what follows is to be opened anew" (a reconnection, a discontinuity)."""
MOST = 1 << 20
"""No chunk is longer than this many bytes."""
_HEAD = struct.Struct(">BQI")


class Descriptor(Protocol):
    """What is read from: anything with a number."""

    def fileno(self) -> int:
        """Return the number of the open file."""
        ...


def chunk(data: bytes, arrived_ns: int) -> bytes:
    """Return the bytes that carry a chunk of the stream, which arrived at a monotonic moment."""
    return _HEAD.pack(DATA, arrived_ns, len(data)) + data


def fresh(arrived_ns: int) -> bytes:
    """Return the bytes that tell the reader to open what follows anew."""
    return _HEAD.pack(FRESH, arrived_ns, 0)


class Chunks:
    """The reading end, as the demuxer sees it: a file that ends where the stream must be opened anew.

    ``arrived_ns`` is when the bytes read last had arrived, ``total`` how many were read, ``ended`` is true once
    there will be no more.
    """

    def __init__(self, file: Descriptor) -> None:
        self._file = file
        self._left = 0
        self._fresh = False
        self.arrived_ns = 0
        self.total = 0
        self.ended = False
        self.quiet_bytes = 0
        self.name = "stream"

    def read(self, size: int) -> bytes:
        """Return some bytes; none where the stream ends, or begins anew."""
        while not self._left:
            if self._fresh or self.ended:
                return b""
            head = self._exactly(_HEAD.size)
            if len(head) < _HEAD.size:
                self.ended = True
                return b""
            kind, arrived, length = _HEAD.unpack(head)
            if length > MOST:
                self.ended = True
                return b""
            self.arrived_ns, self._left, self._fresh = arrived, length, kind == FRESH
        data = os.read(self._file.fileno(), min(size, self._left))
        if not data:
            self.ended, self._left = True, 0
        self._left -= len(data)
        self.total += len(data)
        self.quiet_bytes += len(data)
        return data

    def seekable(self) -> bool:
        """A stream cannot be read from another place."""
        return False

    def go_on(self) -> bool:
        """After a read gave nothing: make ready for what follows; false where nothing does."""
        self._fresh = False
        self.quiet_bytes = 0
        return not self.ended

    def _exactly(self, count: int) -> bytes:
        parts = b""
        while len(parts) < count and (part := os.read(self._file.fileno(), count - len(parts))):
            parts += part
        return parts
