"""Gathering entries into columns: what is read streams to disk, so that memory stays flat however long a list is.

A list that is to be sealed is gathered in memory instead: its entries never touch the disk in the clear.
"""

import hashlib
import json
import os
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.matching.lists.entry import LENGTHS, BadRow, Entry, Status, key_of

MOST_LABELS = 100_000
MOST_TEXT = 65_536
REPLACED = 3
"""Status of a row that another row of the same import took the place of."""

OF_NOTHING = frozenset(new().digest() for new in (hashlib.md5, hashlib.sha1, hashlib.sha256))
"""Digests of a file without a byte. Lists carry them by mistake, and every empty file would match."""

_FLUSH = 2**20
_ROW = struct.Struct("<16sIBBqQ")
ROW = np.dtype(
    [("key", "<u8", (2,)), ("label", "<u4"), ("status", "u1"), ("quality", "u1"), ("updated", "<i8"), ("text", "<u8")]
)
FRAME = np.dtype([("row", "<u4"), ("at", "<f4"), ("quality", "u1"), ("pdq", "u1", (32,))])
NO_QUALITY = 255


class Spill:
    """Bytes gathered one after another: few in memory, many in a file of ``folder``, which is made then; with None
    always in memory."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._held = bytearray()
        self._path = folder / f"{name}.gathered" if folder else None
        self._file: Any = None
        self.size = 0

    def add(self, data: bytes) -> None:
        """Append bytes."""
        self._held += data
        self.size += len(data)
        if self._path is not None and len(self._held) > _FLUSH:
            if self._file is None:
                self._file = _private(self._path)
            self._file.write(self._held)
            self._held.clear()

    def array(self, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return all that was added as a read-only array."""
        kind = np.dtype(dtype)
        if not self.size:
            return np.empty(0, kind)
        if self._file is None:
            return np.frombuffer(self._held, kind)
        self._file.write(self._held)
        self._held.clear()
        self._file.flush()
        return np.memmap(self._file, kind, "r", shape=(self.size // kind.itemsize,))

    def close(self) -> None:
        """Let go of the file, and remove it."""
        if self._file is not None and self._path is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)
            self._file = None
        self._held = bytearray()


def _private(path: Path) -> Any:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb+")


class Collector:
    """Entries one by one, kept as packed rows; :meth:`add` raises BadRow for one that cannot be kept."""

    def __init__(self, folder: Path | None = None, now: int | None = None) -> None:
        self._now = int(time.time()) if now is None else now
        self._folder = folder
        self._rows = Spill(folder, "rows")
        self._text = Spill(folder, "text")
        self._hashes: dict[str, Spill] = {}
        self._frames = Spill(folder, "frames")
        self._labels: dict[tuple[str, str, str, str], int] = {}
        self.rows = 0

    def add(self, entry: Entry) -> None:
        """Keep an entry. Of a withdrawn or deleted one only the key and the date are kept, never its hashes.

        A digest of nothing is left out and becomes the entry's ``problem``. Raises BadRow where no hash remains.
        """
        if entry.status == Status.ACTIVE and any(value in OF_NOTHING for _, value in entry.hashes):
            _leave_out_nothing(entry)
        row = self.rows
        label = (entry.source, entry.scheme, entry.category, entry.classification)
        number = self._labels.get(label)
        if number is None:
            number = self._label(label)
        updated = entry.updated
        if entry.status == Status.ACTIVE:
            packed = row.to_bytes(4, "little")
            for kind, value in entry.hashes:
                spill = self._hashes.get(kind)
                if spill is None:
                    spill = self._hashes[kind] = Spill(self._folder, kind)
                spill.add(packed + value)
            for frame in entry.frames:
                self._frames.add(struct.pack("<IfB", row, frame.at, frame.quality) + frame.pdq)
            if entry.id or entry.extra is not None:
                self._text.add(_text(entry))
        else:
            updated = updated or self._now
        quality = entry.quality if entry.quality >= 0 else NO_QUALITY
        self._rows.add(_ROW.pack(key_of(entry), number, entry.status, quality, updated, self._text.size))
        self.rows = row + 1

    def _label(self, label: tuple[str, str, str, str]) -> int:
        if len(self._labels) >= MOST_LABELS:
            raise BadRow(f"more than {MOST_LABELS:,} different categories: is the right column mapped to category?")
        number = self._labels[label] = len(self._labels)
        return number

    def table(self) -> npt.NDArray[Any]:
        """Return the rows (dtype ROW)."""
        return self._rows.array(ROW)

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of hash that were met, in a fixed order."""
        return tuple(kind for kind in LENGTHS if kind in self._hashes)

    def hashes(self, kind: str) -> npt.NDArray[Any]:
        """Return the hashes of a kind with their rows: fields ``row`` and ``hash``."""
        return self._hashes[kind].array(np.dtype([("row", "<u4"), ("hash", "u1", (LENGTHS[kind],))]))

    def frames(self) -> npt.NDArray[Any]:
        """Return the frames of videos (dtype FRAME)."""
        return self._frames.array(FRAME)

    def text(self) -> npt.NDArray[np.uint8]:
        """Return the bytes of all ids and extras; a row's begin where those of the row before end."""
        return self._text.array(np.uint8)

    def labels(self) -> list[tuple[str, str, str, str]]:
        """Return (source, scheme, category, classification) by number."""
        return list(self._labels)

    def close(self) -> None:
        """Remove what was gathered."""
        for spill in (self._rows, self._text, self._frames, *self._hashes.values()):
            spill.close()


def _leave_out_nothing(entry: Entry) -> None:
    problem = "the digest of an empty file, which every empty file would match"
    entry.hashes = [one for one in entry.hashes if one[1] not in OF_NOTHING]
    if not entry.hashes and not entry.frames:
        raise BadRow(problem)
    entry.problem = problem


def _text(entry: Entry) -> bytes:
    """Return an entry's id and extra as kept: ``=id``, or JSON; an extra that is too long is left out."""
    if entry.extra is None:
        return b"=" + entry.id.encode("utf-8", "replace")
    try:
        held = {"id": entry.id, "extra": entry.extra}
        data = json.dumps(held, ensure_ascii=False, separators=(",", ":"), default=str)
    except (ValueError, RecursionError):
        data = ""
    text = data.encode("utf-8", "replace")
    return text if 0 < len(text) <= MOST_TEXT else b"=" + entry.id.encode("utf-8", "replace")


def read_text(data: bytes) -> tuple[str, dict[str, Any] | None]:
    """Return the id and the extra that :class:`Collector` kept."""
    if not data.startswith(b"{"):
        return data[1:].decode("utf-8", "replace"), None
    held = json.loads(data)
    return str(held["id"]), held["extra"]
