"""Segment: one file of the spool, of fixed size, written in place, whose damage can be told from a torn write.

Why files and not a database: the space of a segment is taken when it is created, so an entry that fits is never
refused by a full disk and the tail can be kept for the signed gap entry; each frame carries its length and CRC, so
after ``kill -9`` or a power cut the first frame that does not check out, with nothing valid behind it, is a write
that was never acknowledged; with something valid behind it, it is damage, and what stands behind it is salvaged.

Frame: ``TCSN`` + length (4 bytes) + CRC-32 of the payload (4 bytes) + payload. The first frame of a segment is its
header: the chain's state before its first entry.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from tocsin.model.entry import GENESIS
from tocsin.placement.disk import Disk, sync_folder

_MAGIC = b"TCSN"
_FRAME = Struct(">4sII")
MAX_PAYLOAD = 256 * 1024
FORMAT = "tocsin/spool@1"
PART = ".part"


class SpoolDamagedError(ValueError):
    """A spool file cannot be read as one; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the chain: the sequence number of an entry and its SHA-256 (hex)."""

    seq: int
    hash: str

    @staticmethod
    def of(seq: int, payload: bytes) -> "Point":
        """Return the place of an entry written as canonical JSON."""
        return Point(seq, hashlib.sha256(payload).hexdigest())


START = Point(0, GENESIS)


def framed(payload: bytes) -> bytes:
    """Return ``payload`` as it stands on disk."""
    return _FRAME.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload


def frame_at(data: bytes, offset: int) -> tuple[bytes, int] | None:
    """Return the payload at ``offset`` and the offset after it, or None where no whole frame stands.

    No payload is empty: the magic alone with zeros behind it, a write cut after four bytes, would pass as one.
    """
    if offset + _FRAME.size > len(data):
        return None
    magic, length, crc = _FRAME.unpack_from(data, offset)
    start = offset + _FRAME.size
    if magic != _MAGIC or not 0 < length <= MAX_PAYLOAD or start + length > len(data):
        return None
    payload = data[start : start + length]
    return (payload, start + length) if zlib.crc32(payload) == crc else None


@dataclass(slots=True)
class Segment:
    """An open segment. ``end`` is where the next frame goes, ``count`` the entries it holds."""

    path: Path
    fd: int
    size: int
    base: Point
    first: int
    end: int
    count: int
    last: Point
    torn: bool = False
    salvage: tuple[bytes, ...] = ()

    @classmethod
    def create(cls, disk: Disk, path: Path, base: Point, size: int) -> "Segment":
        """Create a segment that continues the chain after ``base``; its space is taken at once.

        It gets its name when it is whole: a crash on the way leaves a part (``PART``), never a segment without header.
        """
        part = path.with_suffix(PART)
        fd = disk.create(part, size)
        header = framed(json.dumps({"format": FORMAT, "seq": base.seq, "hash": base.hash}).encode())
        try:
            disk.write(fd, header, 0)
            disk.sync(fd)
            part.rename(path)
            sync_folder(path.parent)
        except OSError:
            os.close(fd)
            part.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise
        return cls(path, fd, size, base, len(header), len(header), 0, base)

    @classmethod
    def open(cls, path: Path) -> "Segment":
        """Open a segment and find its end. Raises SpoolDamagedError when not even its header can be read."""
        data = path.read_bytes()
        head = frame_at(data, 0)
        try:
            if head is None:
                raise ValueError("no header")
            raw = json.loads(head[0])
            base = Point(int(raw["seq"]), str(raw["hash"]))
            if raw["format"] != FORMAT or base.seq < 0 or len(base.hash) != 64:
                raise ValueError("a header of another kind")
        except (ValueError, KeyError, TypeError) as problem:
            raise SpoolDamagedError(f"The spool file {path.name} cannot be read: {problem}.") from problem
        offset, count, last = head[1], 0, b""
        while (frame := frame_at(data, offset)) is not None:
            last, offset = frame
            count += 1
        rest = data[offset:]
        point = Point.of(base.seq + count, last) if count else base
        fd = os.open(path, os.O_RDWR)
        salvage = tuple(_later(rest))
        return cls(path, fd, len(data), base, head[1], offset, count, point, rest.count(0) != len(rest), salvage)

    def room(self, reserve: int) -> int:
        """Return how long a payload may be and still leave ``reserve`` bytes free."""
        return self.size - self.end - _FRAME.size - reserve

    def append(self, disk: Disk, payload: bytes) -> None:
        """Write one entry and return once it is on disk. On failure the segment stands as it did before."""
        data = framed(payload)
        try:
            disk.write(self.fd, data, self.end)
            disk.sync(self.fd)
        except OSError:
            self.wipe(disk)
            raise
        self.end += len(data)
        self.count += 1
        self.last = Point.of(self.base.seq + self.count, payload)

    def wipe(self, disk: Disk) -> None:
        """Zero everything past the end; a torn write must not meet the next one."""
        try:
            disk.write(self.fd, bytes(self.size - self.end), self.end)
            disk.sync(self.fd)
            self.torn = False
        except OSError:
            self.torn = True

    def entries(self, offset: int | None = None) -> Iterator[tuple[bytes, int]]:
        """Yield each entry from ``offset`` (default: the first) with the offset after it."""
        at = self.first if offset is None else offset
        data = os.pread(self.fd, self.end - at, at)
        place = 0
        while (frame := frame_at(data, place)) is not None:
            place = frame[1]
            yield frame[0], at + place

    def cut(self, seq: int) -> None:
        """Forget the entries after ``seq``: they were refused, whatever the disk kept of them."""
        keep = max(0, seq - self.base.seq)
        if keep >= self.count:
            return
        self.end, self.count, self.last = self.first, 0, self.base
        if keep:
            for number, (payload, after) in enumerate(self._all(), start=1):
                self.end, self.count, self.last = after, number, Point.of(self.base.seq + number, payload)
                if number == keep:
                    break

    def _all(self) -> Iterator[tuple[bytes, int]]:
        data = os.pread(self.fd, self.size, 0)
        place = self.first
        while (frame := frame_at(data, place)) is not None:
            place = frame[1]
            yield frame[0], place

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)


def frames_in(data: bytes) -> Iterator[bytes]:
    """Yield every whole entry anywhere in a segment's bytes, however damaged; its header is not one."""
    for payload in _later(b"\0" + data):
        if not payload.startswith(b'{"format"'):
            yield payload


def _later(rest: bytes) -> Iterator[bytes]:
    """Yield the whole frames somewhere behind a damaged one."""
    place = rest.find(_MAGIC, 1)
    while place >= 0:
        frame = frame_at(rest, place)
        if frame is None:
            place = rest.find(_MAGIC, place + 1)
        else:
            yield frame[0]
            place = rest.find(_MAGIC, frame[1])
