"""Examining one file: what kind it is by its first bytes, its fingerprints, and what inside it could not be examined.

A file is opened once, without following links, and read from that; its facts are compared before and after, so that a
file that changes while it is read is read again and never half of it taken for the whole.
"""

import json
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tocsin.agent.sensors import caches
from tocsin.agent.sensors.hashing import Hasher
from tocsin.agent.sensors.seen_files import FileKey
from tocsin.agent.unasked import prints_of
from tocsin.media import formats, naming
from tocsin.model import Fingerprints, NotScanned

LARGEST_READ = 64 << 20
"""A file up to this size is read here and handed over whole; a larger one is handed over by its path."""
_TRIES = 3
_TICK_S = 0.02
"""Two changes nearer to each other than this may bear the same time (the kernel's clock ticks every 1 to 10 ms)."""
_MAX_KEPT = 256 << 10
AGAIN = frozenset({"changing", "failed", "no-decoder", "time-out"})
"""Why a file was not scanned that may be scanned another time: nothing is noted against it."""
GONE = NotScanned("vanished", "The file was gone before it could be read.")
_CHANGING = NotScanned("changing", "The file changed every time it was read.")


@dataclass(frozen=True, slots=True)
class Found:
    """Fingerprints of one file, or of one thing inside it."""

    prints: Fingerprints
    size: int
    held: str = ""


@dataclass(slots=True)
class Looked:
    """What examining gave: the file's key (None where there is no such file), whether it is of a kind that is looked
    at, what was found and what was missed; ``known`` tells that it was compared already with these lists."""

    key: FileKey | None = None
    media: bool = False
    known: bool = False
    found: list[Found] = field(default_factory=list)
    missed: list[NotScanned] = field(default_factory=list)


def examine(path: str, hasher: Hasher, known: Callable[[FileKey], list[Found] | None]) -> Looked:
    """Examine a file. ``known`` returns what earlier examining of this very file gave, empty for *compared already*,
    None for *never seen*."""
    looked = Looked()
    for _ in range(_TRIES):
        looked = Looked()
        try:
            if _once(path, hasher, known, looked):
                return looked
        except (FileNotFoundError, NotADirectoryError):
            return Looked(missed=[GONE])
        except OSError as problem:
            why = problem.strerror or type(problem).__name__
            return Looked(key=looked.key, missed=[NotScanned("unreadable", f"A file could not be read: {why}.")])
    return Looked(key=looked.key, media=True, missed=[_CHANGING])


def _once(path: str, hasher: Hasher, known: Callable[[FileKey], list[Found] | None], looked: Looked) -> bool:
    """Examine once; False when the file changed meanwhile. Raises OSError."""
    about = os.stat(path, follow_symlinks=False)  # noqa: PTH116
    if not stat.S_ISREG(about.st_mode) or about.st_size == 0:
        return True
    looked.key = FileKey.of(about)
    before = known(looked.key)
    if before is not None:
        looked.media, looked.known, looked.found = True, not before, before
        return True
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        opened = os.fstat(handle)
        if not stat.S_ISREG(opened.st_mode):
            return True
        if _settled(opened):
            opened = os.fstat(handle)
        looked.key = FileKey.of(opened)
        head = os.pread(handle, formats.HEAD, 0)
        kind = formats.kind_of(head)
        entry = caches.is_simple(Path(path), head) or caches.is_firefox(Path(path))
        promised = "" if entry or kind else naming.named(path, head)
        if not entry and not promised and not _is_looked_at(kind):
            return True
        looked.media = True
        if opened.st_size <= LARGEST_READ:
            _whole(_read(handle, opened.st_size), path, kind, promised, hasher, looked)
        elif entry:
            looked.missed.append(NotScanned("too-large", "An entry of a browser's cache is too large to be examined."))
        else:
            _hash(Path(path), opened.st_size, kind, promised, hasher, looked)
        return FileKey.of(os.fstat(handle)) == looked.key
    finally:
        os.close(handle)


def _settled(about: os.stat_result) -> bool:
    """Wait where a file changed just now, and say so: a change after the reading must not bear the time of this one."""
    left = _TICK_S - (time.time_ns() - about.st_ctime_ns) / 1e9
    if left > 0:
        time.sleep(min(left, _TICK_S))
    return left > 0


def _whole(data: bytes, path: str, kind: str, promised: str, hasher: Hasher, looked: Looked) -> None:
    body = caches.body_of(Path(path), data)
    if isinstance(body, NotScanned):
        looked.missed.append(body)
        return
    if body is not None:
        kind = formats.kind_of(body[: formats.HEAD])
        if not _is_looked_at(kind):
            looked.media = False
            return
        data = body
    _hash(data, len(data), kind, promised, hasher, looked)


def _hash(source: Path | bytes, size: int, kind: str, promised: str, hasher: Hasher, looked: Looked) -> None:
    """Add the fingerprints of a picture, a video, an archive and its members, or why there are none.

    ``promised`` is what a file of no known kind is by its name.
    """
    made = hasher.fingerprint(source)
    if missed := naming.unkept(promised) if promised else _unsupported(kind):
        looked.missed.append(missed)
        if isinstance(made, Fingerprints):  # of what is not decoded, the digests may be listed
            looked.found.append(Found(made, size, ""))
        elif made.reason in AGAIN:
            looked.missed.append(made)
        return
    _take(made, size, "", looked)
    holds = kind in formats.ARCHIVES or (isinstance(made, Fingerprints) and bool(made.attached))
    if holds and not (isinstance(made, NotScanned) and made.reason in AGAIN):
        for name, inside, held in hasher.members(source):
            _take(held, inside, name, looked)


def _unsupported(kind: str) -> NotScanned | None:
    """Return why a kind is not looked into. PDF files have a code of their own: there are too many ordinary ones."""
    why = formats.UNSUPPORTED_PICTURES.get(kind) or formats.UNSUPPORTED_ARCHIVES.get(kind)
    return NotScanned("pdf" if kind == "pdf" else "unsupported", f"{why[0].upper()}{why[1:]}.") if why else None


def _take(made: Fingerprints | NotScanned, size: int, held: str, looked: Looked) -> None:
    """Keep what was made of a file. A part that could not be examined is missed, whatever else was found."""
    if isinstance(made, NotScanned):
        looked.missed.append(made)
        return
    if made.reason:
        looked.missed.append(NotScanned(made.reason, made.detail))
    if held and made.media == "other" and not (made.prints or made.frames or made.reason or made.format):
        return
    looked.found.append(Found(made, size, held))


def _is_looked_at(kind: str) -> bool:
    return bool(kind) and (
        kind.startswith("video/")
        or kind in formats.PICTURES
        or kind in formats.ARCHIVES
        or kind in formats.UNSUPPORTED_PICTURES
        or kind in formats.UNSUPPORTED_ARCHIVES
    )


def _read(handle: int, size: int) -> bytes:
    parts, left = [], size
    while left > 0:
        part = os.read(handle, min(left, 1 << 20))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def kept(found: list[Found]) -> str:
    """Return fingerprints as they are kept beside the file's key, so that changed lists need not read the file again.

    Empty where there are too many: such a file is read again.
    """
    text = json.dumps([{"held": one.held, "size": one.size, "prints": one.prints.as_dict()} for one in found])
    return text if len(text) <= _MAX_KEPT else ""


def recalled(text: str) -> list[Found]:
    """Return fingerprints that were kept; none where they cannot be read."""
    try:
        return [Found(prints_of(one["prints"]), int(one["size"]), str(one["held"])) for one in json.loads(text)]
    except (ValueError, KeyError, TypeError):
        return []
