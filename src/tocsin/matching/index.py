"""The exact index: every entry within the radius, none missed."""

import itertools
import logging
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID

import numpy as np
import numpy.typing as npt

from tocsin import _native
from tocsin.matching import delta, index_file
from tocsin.matching.arrays import Codes, Ids, are_codes, codes_of, ids_of
from tocsin.matching.delta import Change, Read
from tocsin.matching.index_file import Header, Image, IndexBusyError, IndexFileError

__all__ = ["HashIndex", "Hits", "IndexBusyError", "IndexFileError"]

log = logging.getLogger(__name__)

_FOLLOW_EVERY = 0.1  # seconds between two looks at the files
_WRITER_WAIT = 10.0  # seconds that an add waits for another process's
_MERGE_FROM = 100_000  # changes; below this a merge is not worth its while
_NO_LIMIT = 1 << 40  # more than an index can hold


@dataclass(frozen=True, slots=True)
class Hits:
    """Parallel arrays, sorted by (query, distance, id); ``truncated`` tells per query whether ``limit`` cut it."""

    query: npt.NDArray[np.int64]
    id: Ids
    distance: npt.NDArray[np.int32]
    truncated: npt.NDArray[np.bool_]


def _nothing(queries: int) -> Hits:
    hits = Hits(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int32), np.zeros(queries, bool))
    for column in (hits.query, hits.id, hits.distance, hits.truncated):
        column.flags.writeable = False  # the answer to one query that met nothing is shared
    return hits


_NOTHING = _nothing(1)


class HashIndex:
    """256-bit hashes, searchable by Hamming distance. Threads may search, add and remove at the same time.

    One opened from a path shares the file's memory with other processes, keeps its adds and removals in a log beside
    the file, and sees those of other processes within a second.
    """

    def __init__(self, base: _native.IndexBands, entries: int, image: Image | None = None) -> None:
        """Hold a base; use ``build``, ``open`` or ``from_bytes``."""
        self._snapshot = _native.IndexSnapshot(base)  # replaced whole, so that searches need no lock
        self._base_entries, self._image = entries, image
        self._header: Header | None = None
        self._lock = threading.RLock()
        self._one_merge = threading.Lock()
        self._path: Path | None = None
        self._stat: tuple[int, int, int] | None = None
        self._log: Path | None = None
        self._log_end = 0
        self._looked = 0.0
        self._since: list[Change] | None = None  # changes in memory while a merge runs
        self._merging: threading.Thread | None = None
        self._count: tuple[object, int] | None = None

    @classmethod
    def build(cls, hashes: Codes, ids: Ids | None = None) -> Self:
        """Build from (n, 32) bytes; ids default to 0 … n-1, which cost no memory."""
        codes = codes_of(hashes)
        image = Image.build(codes, None if ids is None else ids_of(ids, len(codes)))
        return cls(image.bands(), image.shape[0], image)

    @classmethod
    def open(cls, path: str | Path, follow: bool = True) -> Self:
        """Map a saved index. Raises IndexFileError where the file is not one, damaged, cut, or of a newer version.

        Without ``follow`` it stays as it is now, even when the file goes; changes are held in memory only.
        """
        header, base, stat = index_file.open_file(Path(path))
        index = cls(base, header.shape[0])
        index._path = Path(path)
        index._attach(header, base, stat)
        if not follow:
            index._path = None
        return index

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Self:
        """Open what ``to_bytes`` gave, in memory only. Raises IndexFileError."""
        image, header, base = index_file.open_bytes(data)
        return cls(base, header.shape[0], image)

    def to_bytes(self) -> bytes:
        """Return the whole index, changes included, as the bytes of a file."""
        image = self._whole()
        page = image.header().packed()
        with memoryview(image.buffer) as whole:
            return b"".join((page, whole[index_file.HEADER :]))

    @staticmethod
    def verify(path: str | Path) -> int:
        """Check a file and its log from the first byte to the last; return the live entries. Raises IndexFileError."""
        index_file.verify(Path(path))
        return len(HashIndex.open(path))

    def __len__(self) -> int:
        self._keep_up()
        snapshot, count = self._snapshot, self._count
        if count is None or count[0] is not snapshot:
            self._count = count = (snapshot, snapshot.count())
        return count[1]

    def search(self, queries: Codes, radius: int = 31, limit: int | None = None, threads: int = 1) -> Hits:
        """Return every entry within ``radius`` (0 … 256) of each of the (q, 32) queries, whatever ``threads`` is.

        Many queries in one call cost less than one by one. With ``limit``, at most so many a query: the nearest, by
        distance, then id. Where more than 16,384 entries (or twice the limit, if that is more) are within the radius,
        it stops early: the nearest of those met by then, always with the entries at distance 0.
        """
        self._keep_up()
        if not are_codes(queries):
            queries = codes_of(queries)
        if not 0 <= radius <= 256:
            raise ValueError(f"The radius must lie between 0 and 256, not at {radius}.")
        if limit is not None and limit < 0:
            raise ValueError(f"The limit must be 0 or more, not {limit}.")
        if limit is not None and limit >= _NO_LIMIT:
            limit = None
        found = self._snapshot.search(queries, radius, limit, threads)
        if found is None:
            return _NOTHING if len(queries) == 1 else _nothing(len(queries))
        query, ids, distance, truncated = found
        return Hits(query, ids, distance, truncated.view(np.bool_))

    # Changes

    def add(self, hashes: Codes, ids: Ids) -> None:
        """Add entries, visible to the next search; durable on return when opened from a path. Raises IndexBusyError."""
        codes = codes_of(hashes)
        self._change(Change(ids_of(ids, len(codes)), codes))

    def remove(self, ids: Ids) -> None:
        """Remove every entry with one of these ids; an id added again later is visible again."""
        self._change(Change(ids_of(ids)))

    def _change(self, change: Change) -> None:
        if not len(change.ids):
            return
        with self._lock:
            if self._path is not None:
                with index_file.locked(self._path, "lock", _WRITER_WAIT):
                    self.follow()
                    self._append(self._path, change)
            elif self._since is not None:
                self._since.append(change)
            self._snapshot = snapshot = _applied(self._snapshot, [change])
            changed = snapshot.added_entries + snapshot.removals
            if changed > max(_MERGE_FROM, self._base_entries // 16) and self._merging is None:
                self._merge_in_background()

    def _append(self, path: Path, change: Change) -> None:
        assert self._header is not None
        place, waiting = delta.names(path)
        if self._log is None:
            delta.create(place, self._header.own, like=path)
            self._log, self._log_end = place, delta.read(place, self._header.own).end
        elif self._log == waiting:  # a merge was cut short between its two renames
            index_file.rename(waiting, place)
            self._log = place
        self._log_end = delta.append(self._log, self._header.own, self._log_end, change)

    # Following other processes

    def _keep_up(self) -> None:
        """Follow now and then, unless another thread is at it; a search does not wait for an add."""
        if self._path is None or time.monotonic() - self._looked <= _FOLLOW_EVERY:
            return
        if self._lock.acquire(blocking=False):
            try:
                self.follow()
            finally:
                self._lock.release()

    def follow(self) -> None:
        """See what other processes changed. A search does this by itself, ten times a second. Raises IndexFileError."""
        if self._path is None:
            return
        with self._lock:
            try:
                if _identity(self._path.stat()) != self._stat:
                    self._attach(*index_file.open_file(self._path))
                elif self._log is None or self._log.stat().st_size != self._log_end:
                    self._read_log()
            except (FileNotFoundError, IndexFileError):  # renamed while it was looked at, or really damaged
                self._reattach()
            self._looked = time.monotonic()

    def _reattach(self) -> None:
        """Open again, after a file was renamed while it was looked at."""
        assert self._path is not None
        try:
            self._attach(*index_file.open_file(self._path))
        except FileNotFoundError:
            raise IndexFileError(f"{self._path} is gone; searches would not see its entries.") from None

    def _attach(self, header: Header, base: _native.IndexBands, stat: os.stat_result) -> None:
        """Take a base and its log. Where a merge renames one of them meanwhile, look again."""
        assert self._path is not None
        failed: UUID | None = None
        while True:
            problem: Exception | None = None
            try:
                found = self._log_of(header)
                read = delta.read(found, header.own) if found else Read([], 0, torn=False)
            except (FileNotFoundError, IndexFileError) as error:
                problem = error
            if _identity(self._path.stat()) != _identity(stat):
                header, base, stat = index_file.open_file(self._path)
            elif problem is None:
                break
            elif failed == header.own:  # a log moves once under its base, so this is no merge's doing
                raise problem
            else:
                failed = header.own
        self._snapshot = _applied(_native.IndexSnapshot(base), read.changes)
        self._header, self._stat, self._base_entries = header, _identity(stat), header.shape[0]
        self._log, self._log_end = found, read.end
        self._looked = time.monotonic()

    def _log_of(self, header: Header) -> Path | None:
        """Find the log that belongs to a base; None where nothing changed yet. Raises IndexFileError."""
        assert self._path is not None
        owners = {place: delta.owner(place) for place in delta.names(self._path)}
        for place, own in owners.items():
            if own == header.own:
                return place
        place = delta.names(self._path)[0]
        if owners[place] is None:
            return None
        raise IndexFileError(
            f"{place} holds changes of another index than {self._path}: one of the two files was swapped."
        )

    def _read_log(self) -> None:
        assert self._header is not None
        self._log = self._log or self._log_of(self._header)
        if self._log is not None:
            read = delta.read(self._log, self._header.own, self._log_end)
            self._snapshot = _applied(self._snapshot, read.changes)
            self._log_end = read.end

    # Merging and saving

    def merge(self) -> None:
        """Write base and changes into a new base; searches and adds go on meanwhile, other processes follow.

        Happens by itself, in the background, when the changes pass a sixteenth of the base. Raises IndexBusyError where
        another process is at it. Killed at any point, it leaves the old files or the new ones.
        """
        if self._path is None:
            self._merge_in_memory()
        else:
            self._merge_file(self._path, 0)

    def _merge_file(self, path: Path, wait: float) -> None:
        with index_file.locked(path, "merge-lock", wait):
            with self._lock:
                self.follow()
                snapshot, header, end = self._snapshot, self._header, self._log_end
            assert header is not None
            image = _image_of(snapshot)
            merged = image.header(previous=header)
            beside = index_file.write_beside(path, lambda file: image.write(file, merged))
            with self._lock, index_file.locked(path, "lock", _WRITER_WAIT):
                self.follow()
                late = delta.read(self._log, header.own, end).changes if self._log else []
                delta.switch(path, beside, merged.own, late)
                self.follow()

    def _merge_in_memory(self) -> None:
        with self._one_merge:
            with self._lock:
                snapshot, self._since = self._snapshot, []
            image = _image_of(snapshot)
            with self._lock:
                self._snapshot = _applied(_native.IndexSnapshot(image.bands()), self._since)
                self._image, self._base_entries, self._since = image, image.shape[0], None

    def _merge_in_background(self) -> None:
        # Not a daemon: killed inside the kernel at the interpreter's end, it would take the process down with it.
        self._merging = threading.Thread(target=self._merge_quietly, name="index-merge", daemon=False)
        try:
            self._merging.start()
        except RuntimeError:  # no thread to be had; the next change tries again
            self._merging = None

    def _merge_quietly(self) -> None:
        try:
            self.merge()
        except IndexBusyError:
            pass  # another process is at it
        except Exception:
            log.exception("Merging the changes into %s failed; they stay in its log.", self._path)
        finally:
            self._merging = None

    def close(self) -> None:
        """Wait for a merge in the background to end."""
        if (merging := self._merging) is not None:
            merging.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def save(self, path: str | Path) -> None:
        """Write the index, changes included, to one file: wholly or not at all, durably on return.

        Processes that have an index open at that path go over to this one. At the path that this one was opened from it
        merges, so that what others add meanwhile stays. Raises IndexBusyError.
        """
        path = Path(path)
        if self._path is not None and path.exists() and path.samefile(self._path):
            self._merge_file(self._path, _WRITER_WAIT)
            return
        image = self._whole()
        header = image.header()
        with index_file.locked(path, "merge-lock", _WRITER_WAIT):
            beside = index_file.write_beside(path, lambda file: image.write(file, header))
            with index_file.locked(path, "lock", _WRITER_WAIT):
                delta.switch(path, beside, header.own, [])

    def _whole(self) -> Image:
        """Return an image of base and changes."""
        with self._lock:
            self.follow()
            snapshot, image = self._snapshot, self._image
        changed = snapshot.added_entries or snapshot.removals
        return _image_of(snapshot) if changed or image is None else image


def _image_of(snapshot: _native.IndexSnapshot) -> Image:
    codes, ids = snapshot.live()
    return Image.build(codes, ids, raw=False)


def _identity(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_dev, stat.st_ino, stat.st_mtime_ns


def _applied(snapshot: _native.IndexSnapshot, changes: list[Change]) -> _native.IndexSnapshot:
    """Return the snapshot with changes. Neighbours of one kind are joined: a long log is applied in few steps."""
    for adds, group in itertools.groupby(changes, lambda change: change.codes is not None):
        together = list(group)
        ids = np.concatenate([change.ids for change in together])
        if adds:
            codes = np.concatenate([change.codes for change in together if change.codes is not None])
            snapshot = snapshot.added(codes, ids)
        else:
            snapshot = snapshot.without(ids)
    return snapshot
