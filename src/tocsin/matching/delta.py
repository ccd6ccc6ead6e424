"""The log beside an index file: what was added and removed since the file was written.

Appended by one writer at a time and durable when ``append`` returns; followed by any number of readers. Each record
carries checksums over its place and the index it belongs to. A record that a killed writer left half-written is passed
over by readers and taken away by the next writer; any other damage is refused.
"""

import contextlib
import hashlib
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np

from tocsin.matching import index_file
from tocsin.matching.arrays import Codes, Ids
from tocsin.matching.index_file import IndexFileError

_MAGIC, _VERSION = b"TOCSINDL", 1
_HEAD = struct.Struct("<8sI4x16s")  # magic, version, the index it belongs to; then a checksum
_HEADER = 64
_RECORD = struct.Struct("<HH4xQ")  # mark, kind, count; then a checksum, the payload, its checksum
_MARK, _ADD, _REMOVE = 0x544C, 1, 2
_CHECK = 8


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Entries added ((n, 32) codes with their ids), or, where ``codes`` is None, ids removed."""

    ids: Ids
    codes: Codes | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: the changes, the place after the last whole record, and whether half a record follows.

    Not ``sound``: what follows was once whole.
    """

    changes: list[Change]
    end: int
    torn: bool
    sound: bool = True


def names(path: Path) -> tuple[Path, Path]:
    """Return where an index's log lies: its place, and the place it waits in while a merge puts both files in place."""
    return path.with_name(path.name + ".delta"), path.with_name(path.name + ".delta.next")


def owner(log: Path) -> UUID | None:
    """Return the id of the index a log belongs to; None without a log. Raises IndexFileError."""
    try:
        with log.open("rb") as file:
            data = file.read(_HEADER)
    except FileNotFoundError:
        return None
    if len(data) >= 12 and data[:8] == _MAGIC and int.from_bytes(data[8:12], "little") > _VERSION:
        raise IndexFileError(f"{log} was written by a newer Tocsin; update this one to open it.")
    fields = data[: _HEAD.size]
    if len(data) < _HEADER or data[:8] != _MAGIC or data[_HEAD.size : _HEAD.size + _CHECK] != _check(fields):
        raise IndexFileError(f"{log}, the log of changes beside the index, is damaged at its beginning.")
    return UUID(bytes=_HEAD.unpack(fields)[2])


def create(log: Path, own: UUID, changes: Iterable[Change] = (), like: Path | None = None) -> None:
    """Write a new log for the index ``own``, durably and at once, to be read by whoever may read the file ``like``."""
    fields = _HEAD.pack(_MAGIC, _VERSION, own.bytes)
    content = bytearray((fields + _check(fields)).ljust(_HEADER, b"\0"))
    for change in changes:
        content += _packed(change, own, len(content))
    index_file.rename(index_file.write_beside(log, lambda file: file.write(content), like), log)


def switch(path: Path, beside: Path, own: UUID, late: list[Change]) -> None:
    """Put a new base and its log in place. The first rename decides; the log already waits where readers look too."""
    place, waiting = names(path)
    _finish_switch(path)
    if not late and not place.exists():
        with contextlib.suppress(FileNotFoundError):
            waiting.unlink()
        index_file.rename(beside, path)
        return
    create(waiting, own, late, like=path)
    index_file.rename(beside, path)
    index_file.rename(waiting, place)


def _finish_switch(path: Path) -> None:
    """Put in place the log that a merge killed between its renames left waiting; the next would write over it."""
    place, waiting = names(path)
    with contextlib.suppress(FileNotFoundError, IndexFileError):
        waits = owner(waiting)
        if waits is not None and waits == index_file.open_file(path)[0].own:
            index_file.rename(waiting, place)


def read(log: Path, own: UUID, start: int = 0) -> Read:
    """Read the changes from ``start`` on (0: all). Raises IndexFileError where the log is damaged."""
    at = max(start, _HEADER)
    for last in (False, False, True):
        with log.open("rb") as file:
            file.seek(at)
            found = _parsed(file.read(), own, at)
        if found.sound:
            break
        if last:
            raise IndexFileError(f"{log}, the log of changes beside the index, is damaged at byte {found.end:,}.")
        # Once more: a writer may have replaced half a record by a whole one between two of our reads.
    return found


def _parsed(data: bytes, own: UUID, at: int) -> Read:
    changes: list[Change] = []
    place, size = 0, len(data)
    while size - place >= _RECORD.size + _CHECK:
        head, payload = data[place : place + _RECORD.size], place + _RECORD.size + _CHECK
        mark, kind, count = _RECORD.unpack(head)
        if data[payload - _CHECK : payload] != _check(head, own, at + place) or mark != _MARK:
            # A kill leaves a record short; a power cut may leave zeros. Neither was acknowledged.
            return Read(changes, at + place, torn=True, sound=not any(data[place:]))
        after = payload + count * (40 if kind == _ADD else 8)
        if size < after + _CHECK:
            break
        check = data[after : after + _CHECK]
        if check != _check(memoryview(data)[payload:after], own, at + place):
            return Read(changes, at + place, torn=True, sound=size == after + _CHECK and not any(check))
        ids = np.frombuffer(data, np.int64, count, payload)
        codes = np.frombuffer(data, np.uint8, 32 * count, payload + 8 * count).reshape(-1, 32) if kind == _ADD else None
        changes.append(Change(ids, codes))
        place = after + _CHECK
    return Read(changes, at + place, torn=place < size)


def append(log: Path, own: UUID, end: int, change: Change) -> int:
    """Append at ``end``, the place after the last whole record; whatever lies past it is cut. Returns the new end."""
    record = _packed(change, own, end)
    handle = os.open(log, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if os.fstat(handle).st_size != end:
            os.ftruncate(handle, end)
        view, at = memoryview(record), end
        while view:
            done = os.pwrite(handle, view, at)
            view, at = view[done:], at + done
        os.fdatasync(handle)
    finally:
        os.close(handle)
    return at


def _packed(change: Change, own: UUID, at: int) -> bytes:
    head = _RECORD.pack(_MARK, _REMOVE if change.codes is None else _ADD, len(change.ids))
    payload = change.ids.tobytes() + (b"" if change.codes is None else change.codes.tobytes())
    return head + _check(head, own, at) + payload + _check(payload, own, at)


def _check(data: bytes | memoryview, own: UUID | None = None, at: int = 0) -> bytes:
    salt = b"" if own is None else own.bytes
    return hashlib.blake2b(data, digest_size=_CHECK, salt=salt, person=at.to_bytes(16, "little")).digest()
