"""Looking into archives: zip (office documents too), tar, gzip, bzip2, xz. Everything is bounded.

An archive that hangs on behind a picture is looked into as one that lies there by itself.

A bound that is passed is a member of its own in the answer, so that what was left out never looks examined. RAR and
7-Zip need libraries that are not free enough, or too large to trust: they are *unsupported*, and say so.
"""

import bz2
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO, RawIOBase
from typing import Any, BinaryIO

from tocsin.media import formats
from tocsin.model.observation import NotScanned


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of an archive is looked at: files, bytes of one and of all together, archives within archives, and
    how many times larger than the archive its content may be (once above ``free`` bytes); ``picture`` bytes of a
    picture that has an archive attached."""

    members: int = 20_000
    member: int = 256 << 20
    total: int = 4 << 30
    depth: int = 2
    ratio: int = 300
    free: int = 64 << 20
    picture: int = 512 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: its path in there (through inner archives too), and its bytes or why there are none."""

    name: str
    data: bytes | NotScanned


@dataclass(slots=True)
class _Spent:
    """What all levels of one archive have used of their bounds together."""

    bounds: Bounds
    size: int
    members: int = 0
    bytes: int = 0

    def left(self) -> int:
        """Return how many bytes more may be unpacked; below 0 when too many were."""
        allowed = min(self.bounds.total, max(self.bounds.free, self.size * self.bounds.ratio))
        return allowed - self.bytes


class _EnoughError(Exception):
    """A bound of the whole archive is passed."""


class _BrokenError(Exception):
    """The archive is damaged."""


_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    _BrokenError,
)
_TOO_LARGE = NotScanned("too-large", "The file in the archive is larger than any that is unpacked.")
_LOCKED = NotScanned("locked", "The file in the archive is encrypted.")


def members(archive: BinaryIO, bounds: Bounds | None = None) -> Iterator[Member]:
    """Yield the files in an archive that can be sought in, in its own order; nothing when it is no archive.

    Folders, links and devices are passed over. A damaged or over-large archive yields what could be read, then a
    last member without a name that says what is missing.
    """
    bounds = bounds or Bounds()
    size = archive.seek(0, 2)
    spent = _Spent(bounds, size)
    try:
        yield from _inside(archive, "", bounds.depth, spent)
    except _EnoughError as error:
        yield Member("", NotScanned("too-large", str(error)))
    except _DAMAGED:
        yield Member(
            "", NotScanned("unreadable", "The archive is damaged; it was examined as far as it could be read.")
        )


def warm() -> None:
    """Use every unpacker once, so that none needs a file later."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"a" * 100)
    list(members(made))
    made = BytesIO()
    with tarfile.open(fileobj=made, mode="w:xz") as packed:
        packed.addfile(tarfile.TarInfo("a"))
    list(members(made))


def _inside(archive: BinaryIO, prefix: str, depth: int, spent: _Spent) -> Iterator[Member]:
    archive.seek(0)
    kind = formats.kind_of(archive.read(formats.HEAD))
    archive.seek(0)
    if formats.media_of(kind) == "picture":
        size = archive.seek(0, 2)
        archive.seek(0)
        kind = formats.attached_to(archive.read(min(size, spent.bounds.picture)))  # a read takes its memory at once
        archive.seek(0)
    if kind in formats.UNSUPPORTED_ARCHIVES:
        why = formats.UNSUPPORTED_ARCHIVES[kind]
        yield Member(prefix, NotScanned("unsupported", f"{why[0].upper()}{why[1:]}."))
    elif kind == "zip":
        yield from _zip(archive, prefix, depth, spent)
    elif kind == "tar":
        yield from _tar(archive, prefix, depth, spent)
    elif kind in _UNPACKERS:
        yield from _packed(archive, kind, prefix, depth, spent)


def _deeper(name: str, data: bytes | NotScanned, depth: int, spent: _Spent) -> Iterator[Member]:
    """Yield a member, and what is in it when it is an archive itself."""
    spent.members += 1
    if spent.members > spent.bounds.members:
        raise _EnoughError(f"The archive holds more than {spent.bounds.members:,} files; the others were not examined.")
    yield Member(name, data)
    if isinstance(data, NotScanned):
        return
    kind = formats.kind_of(data[: formats.HEAD])
    if formats.media_of(kind) == "picture":
        kind = formats.attached_to(data)
    if kind not in formats.ARCHIVES and kind not in formats.UNSUPPORTED_ARCHIVES:
        return
    if depth <= 1:
        yield Member(name, NotScanned("too-large", "The archive lies too deep within others and was not looked into."))
        return
    try:
        yield from _inside(BytesIO(data), name + "/", depth - 1, spent)
    except _DAMAGED:
        yield Member(name, NotScanned("unreadable", "The archive within the archive is damaged."))


def _bounded(read: Callable[[int], bytes], spent: _Spent) -> bytes | NotScanned:
    """Read a member whole, in pieces, never past a bound."""
    parts: list[bytes] = []
    count = 0
    while part := read(1 << 20):
        count += len(part)
        spent.bytes += len(part)
        if spent.left() < 0:
            raise _EnoughError("The archive unpacks to far more than it may; the rest was not examined.")
        if count > spent.bounds.member:
            return _TOO_LARGE
        parts.append(part)
    return b"".join(parts)


def _zip(archive: BinaryIO, prefix: str, depth: int, spent: _Spent) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            if info.is_dir() or stat.S_ISLNK(info.external_attr >> 16):
                continue
            data: bytes | NotScanned
            if info.flag_bits & 0x1:
                data = _LOCKED
            elif info.file_size > spent.bounds.member:
                data = _TOO_LARGE
            else:
                data = _unzipped(opened, info, spent)
            yield from _deeper(prefix + info.filename, data, depth, spent)


def _unzipped(opened: zipfile.ZipFile, info: zipfile.ZipInfo, spent: _Spent) -> bytes | NotScanned:
    try:
        with opened.open(info) as file:
            return _bounded(file.read, spent)
    except NotImplementedError:
        return NotScanned("unsupported", "The file in the archive is packed in a way that is not supported.")
    except (RuntimeError, *_DAMAGED):
        return NotScanned("unreadable", "The file in the archive is damaged.")


def _tar(stream: Any, prefix: str, depth: int, spent: _Spent) -> Iterator[Member]:
    with tarfile.open(fileobj=stream, mode="r|", errors="surrogateescape") as opened:
        for info in opened:
            if not info.isreg():
                continue
            file = opened.extractfile(info)
            data = _bounded(file.read, spent) if file is not None else _TOO_LARGE
            yield from _deeper(prefix + info.name, data, depth, spent)


def _packed(archive: BinaryIO, kind: str, prefix: str, depth: int, spent: _Spent) -> Iterator[Member]:
    """A compressed stream: a tar archive where its first block says so, else one file without a name of its own."""
    stream = _Unpacked(archive, kind, spent)
    head = stream.peek(512)
    if formats.kind_of(head) == "tar":
        yield from _tar(stream, prefix, depth, spent)
        return
    yield from _deeper(prefix + "content", _bounded(stream.read, spent), depth, spent)


_UNPACKERS: dict[str, Callable[[], Any]] = {
    "gz": lambda: zlib.decompressobj(31),
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(memlimit=256 << 20),
}


@dataclass(slots=True, eq=False)
class _Unpacked(RawIOBase):
    """A compressed stream, or several in a row, as the bytes that are in it; never more in memory than is asked."""

    _source: BinaryIO
    _kind: str
    _spent: _Spent
    _unpacker: Any = None
    _ready: bytes = b""
    _waiting: bytes = field(default=b"")

    def peek(self, count: int) -> bytes:
        """Return the next bytes without taking them."""
        while len(self._ready) < count and (more := self._more(count)):
            self._ready += more
        return self._ready[:count]

    def read(self, count: int = -1) -> bytes:
        """Return up to ``count`` bytes, fewer only at the end."""
        count = 1 << 20 if count < 0 else count
        parts, have = [self._ready[:count]], min(count, len(self._ready))
        self._ready = self._ready[count:]
        while have < count and (more := self._more(count - have)):
            parts.append(more)
            have += len(more)
        return b"".join(parts)

    def _more(self, count: int) -> bytes:
        while True:
            if self._unpacker is None or self._unpacker.eof:
                if self._unpacker is not None:
                    self._waiting = self._unpacker.unused_data
                self._waiting = self._waiting or self._source.read(1 << 16)
                if not self._waiting.strip(b"\0"):
                    return b""
                self._unpacker = _UNPACKERS[self._kind]()
            elif not self._waiting and getattr(self._unpacker, "needs_input", True):
                self._waiting = self._source.read(1 << 16)
            at_end = not self._waiting
            made: bytes = self._unpacker.decompress(self._waiting, count)
            self._waiting = self._unpacker.unconsumed_tail if self._kind == "gz" else b""
            if made:
                return made
            if at_end and not self._unpacker.eof and getattr(self._unpacker, "needs_input", True):
                raise _BrokenError("the stream ends early")
