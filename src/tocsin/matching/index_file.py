"""The index's file: a header that is checked at once, then the banded block that the kernel searches where it lies.

The header takes one page, the block follows as it is in memory. Counts, sizes and bucket offsets are checked when a
file is opened; the SHA-256 of the whole block, which takes a second for ten million entries, by ``verify``.
"""

import contextlib
import fcntl
import hashlib
import mmap
import os
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from tocsin import _native
from tocsin.matching.arrays import Codes, Ids

Shape = tuple[int, int, int, bool, int, int]

HEADER = 4096
FORM = 0  # bits of a band; 0: what suits the size. Tests hold both forms to the same answers.
_MAGIC, _VERSION = b"TOCSINIX", 1
# magic, version, header's size, own id, id of the index it was merged from, generation,
# entries, leaders, singles, listed, first id, bits of a band, block's size, block's SHA-256; then a checksum of these.
_FIELDS = struct.Struct("<8sII16s16sQQQQQqQQ32s")
_CHECK = 16


class IndexFileError(ValueError):
    """An index file that cannot be used; the message is one sentence that names it."""


class IndexBusyError(RuntimeError):
    """Another process is changing the index; the message says which."""


@dataclass(frozen=True, slots=True)
class Header:
    """Who a file is (``own``), what it was merged from (``previous``), how often (``generation``), and its block."""

    own: UUID
    previous: UUID
    generation: int
    shape: Shape
    digest: bytes

    def packed(self) -> bytes:
        """Return the header's page."""
        entries, leaders, singles, listed, first, bits = self.shape
        size = _native.index_block_size(*self.shape)
        fields = _FIELDS.pack(
            _MAGIC, _VERSION, HEADER, self.own.bytes, self.previous.bytes, self.generation,
            entries, leaders, singles, listed, first, bits, size, self.digest,
        )  # fmt: skip
        return (fields + hashlib.blake2b(fields, digest_size=_CHECK).digest()).ljust(HEADER, b"\0")

    @classmethod
    def parse(cls, data: bytes, size: int, name: str) -> "Header":
        """Read the header of a file of ``size`` bytes. Raises IndexFileError."""
        if len(data) < 12 or data[:8] != _MAGIC:
            raise IndexFileError(f"{name} is not an index file of Tocsin, or its beginning is damaged.")
        version = int.from_bytes(data[8:12], "little")
        if version > _VERSION:
            raise IndexFileError(
                f"{name} was written by a newer Tocsin (format {version}); update this one to open it."
            )
        if len(data) < HEADER:
            raise IndexFileError(f"{name} was cut: it ends within its header.")
        fields, check = data[: _FIELDS.size], data[_FIELDS.size : _FIELDS.size + _CHECK]
        if hashlib.blake2b(fields, digest_size=_CHECK).digest() != check:
            raise IndexFileError(f"{name} is damaged: its header does not have the checksum it names.")
        _, _, _, own, previous, generation, *counts, block, digest = _FIELDS.unpack(fields)
        entries, leaders, singles, listed, first, bits = counts
        shape = (entries, leaders, singles, bool(listed), first, bits)
        try:
            sound = _native.index_block_size(*shape) == block
        except (ValueError, TypeError):  # TypeError: a number that does not fit
            sound = False
        if not sound:
            raise IndexFileError(f"{name} is damaged: its counts contradict each other.")
        if size != HEADER + block:
            raise IndexFileError(f"{name} was cut or grew: it has {size:,} bytes instead of {HEADER + block:,}.")
        return cls(UUID(bytes=own), UUID(bytes=previous), generation, shape, digest)


@dataclass(frozen=True, slots=True)
class Image:
    """An index in memory: room for the header's page, then the block."""

    buffer: mmap.mmap
    shape: Shape

    @classmethod
    def build(cls, codes: Codes, ids: Ids | None, raw: bool = True) -> "Image":
        """Build from (n, 32) codes; ``raw`` ones are as PDQ gives them, others were taken from an index."""
        builder = _native.IndexBuilder(codes, ids, raw, FORM)
        size = HEADER + _native.index_block_size(*builder.shape)
        buffer = _memory(size)
        builder.write(buffer, HEADER)
        return cls(buffer, builder.shape)

    def bands(self) -> _native.IndexBands:
        """Return the kernel's view."""
        return _native.IndexBands(self.buffer, HEADER, *self.shape)

    def header(self, previous: Header | None = None) -> Header:
        """Make a header with a new id for what the block holds now."""
        with memoryview(self.buffer) as whole:
            digest = hashlib.sha256(whole[HEADER:]).digest()
        if previous is None:
            return Header(uuid4(), UUID(int=0), 1, self.shape, digest)
        return Header(uuid4(), previous.own, previous.generation + 1, self.shape, digest)

    def write(self, file: BinaryIO, header: Header) -> None:
        """Write header and block."""
        file.write(header.packed())
        with memoryview(self.buffer) as whole:
            file.write(whole[HEADER:])


def open_bytes(data: bytes | memoryview) -> tuple[Image, Header, _native.IndexBands]:
    """Copy an index from bytes into memory of its own, and view it. Raises IndexFileError."""
    name = "This index"
    header = Header.parse(bytes(data[:HEADER]), len(data), name)
    buffer = _memory(len(data))
    buffer[:] = data
    return Image(buffer, header.shape), header, _bands(buffer, header, name)


def open_file(path: Path) -> tuple[Header, _native.IndexBands, os.stat_result]:
    """Map a file, check what is quick to check, and view it. Raises IndexFileError, FileNotFoundError."""
    with path.open("rb") as file:
        stat = os.fstat(file.fileno())
        header = Header.parse(file.read(HEADER), stat.st_size, str(path))
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(mmap, "MADV_HUGEPAGE"):  # a search reads all over the file
        with contextlib.suppress(OSError):
            mapped.madvise(mmap.MADV_HUGEPAGE)
    return header, _bands(mapped, header, str(path)), stat


def verify(path: Path) -> Header:
    """Read a whole file and hold it to its SHA-256. Raises IndexFileError."""
    with path.open("rb") as file:
        header = Header.parse(file.read(HEADER), os.fstat(file.fileno()).st_size, str(path))
        file.seek(HEADER)
        digest = hashlib.sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)
    if digest.digest() != header.digest:
        raise IndexFileError(f"{path} is damaged: its content does not have the SHA-256 that its header names.")
    open_file(path)
    return header


def _bands(buffer: mmap.mmap, header: Header, name: str) -> _native.IndexBands:
    try:
        return _native.IndexBands(buffer, HEADER, *header.shape)
    except ValueError as error:
        raise IndexFileError(f"{name} is damaged: {error}.") from error


def _memory(size: int) -> mmap.mmap:
    """Return zeroed memory, on huge pages where the system has them."""
    if not hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, size)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size > 4 << 20 and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def write_beside(path: Path, write: Callable[[BinaryIO], object], like: Path | None = None) -> Path:
    """Write ``path``'s next content to a file beside it, durably, and return that; the caller renames it.

    It may be read and written by whoever may ``path``, or the file ``like``; where that is not there, by its owner.
    """
    beside = path.with_name(path.name + ".tmp")
    try:
        mode = (like or path).stat().st_mode & 0o777 | 0o600
    except FileNotFoundError:
        mode = 0o600
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except OSError:  # a full disk, most often: do not keep it full
        beside.unlink(missing_ok=True)
        raise
    return beside


def rename(beside: Path, path: Path) -> None:
    """Put a file in the place of another, durably."""
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def locked(path: Path, what: str, wait: float) -> Iterator[None]:
    """Hold the lock ``what`` ("lock", "merge-lock") of an index against other processes and threads.

    Waits up to ``wait`` seconds; raises IndexBusyError. It is let go when the process ends, however it ends.
    """
    handle = os.open(path.with_name(f"{path.name}.{what}"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise IndexBusyError(f"{path} is being changed by another process; try again shortly.") from None
                time.sleep(0.005)
        yield
    finally:
        os.close(handle)
