"""A hash list, opened: asked by many threads, changed by any process, followed within a second."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tocsin.matching.lists import folder as folders
from tocsin.matching.lists.entry import ListError
from tocsin.matching.lists.folder import State, Terms
from tocsin.matching.lists.part import Part
from tocsin.matching.lists.sealed import Key, sha256_of
from tocsin.matching.lists.view import View

FOLLOW_S = 0.25
"""Seconds between two looks at whether a list has changed."""

_ATTEMPTS = 20


class HashList:
    """A list's folder, opened. Threads share it: each question is put to the :attr:`view` of its moment."""

    def __init__(self, folder: Path, key: Key | None = None) -> None:
        self.folder, self._key = folder, key
        self._identities: tuple[str, ...] | None = None
        self._lock = threading.Lock()
        self._looked = 0.0
        self._terms: tuple[tuple[int, ...], Terms] | None = None
        self.problem = ""
        self._stamp, self._view = self._read(None)

    @classmethod
    def open(cls, folder: str | Path, key: Key | str | Path | None = None) -> "HashList":
        """Open a list. ``key`` is an identity, a key file or a passphrase. Raises ListError with a sentence."""
        return cls(Path(folder), Key.of(key))

    @property
    def view(self) -> View:
        """The list as it is now: looks for changes at most every quarter of a second."""
        now = time.monotonic()
        if now - self._looked >= FOLLOW_S:
            self.refresh()
        return self._view

    def refresh(self, wanted: State | None = None) -> bool:
        """Take up what has changed and tell whether something had. What cannot be read leaves the old view, and
        :attr:`problem` says why.

        Two changes within a tick of the file system's clock may look like none; who is to change the list says which
        state it read, and that one is ``wanted``.
        """
        with self._lock:
            self._looked = time.monotonic()
            try:
                known = wanted is None or wanted == self._view.state
                if known and folders.stamp(self.folder) == self._stamp:
                    return False
                self._stamp, self._view = self._read(self._view)
                self.problem = ""
                return True
            except ListError as error:
                self.problem = str(error)
            except OSError as error:
                self.problem = _unread(self.folder, error)
            return False

    def _read(self, before: View | None) -> tuple[tuple[int, ...], View]:
        """Read the folder; parts already open are kept. A part may be merged away meanwhile: then read again."""
        held = {part.name: part for part in before.parts} if before else {}
        for attempt in range(_ATTEMPTS):
            try:
                terms = self._read_terms()
                stamp = folders.stamp(self.folder)
                state = folders.read_state(self.folder)
                identities = self._opened(state)
                kept = {one.name: held[one.name] for one in state.parts if one.name in held}
                parts = [
                    kept[one.name]
                    if one.name in kept and kept[one.name].record == one  # a list built anew uses the names again
                    else Part(self.folder, one, identities)
                    for one in state.parts
                ]
                return stamp, View(terms, state, parts, before)
            except OSError as error:
                raise ListError(_unread(self.folder, error)) from error
            except ListError:
                if attempt + 1 == _ATTEMPTS or not self._moved_on(stamp if "stamp" in locals() else ()):
                    raise
        raise ListError(f"{self.folder} keeps changing and cannot be read.")

    def _read_terms(self) -> Terms:
        """Return the terms; the file is only read where it has changed, since that takes longer than all the rest."""
        about = folders.stamp_of(self.folder / folders.MANIFEST)
        if self._terms is None or not about or self._terms[0] != about:
            self._terms = about, folders.read_terms(self.folder)
        return self._terms[1]

    def _moved_on(self, stamp: tuple[int, ...]) -> bool:
        try:
            return bool(stamp) and folders.stamp(self.folder) != stamp
        except OSError:
            return False

    def _opened(self, state: State) -> tuple[str, ...]:
        if not state.recipients:
            return ()
        if self._key is None:
            raise ListError(f"The list in {self.folder} is sealed: give the key that opens it with --key FILE.")
        if self._identities is None:
            self._identities = self._key.opened(self.folder)
        return self._identities

    @property
    def identities(self) -> tuple[str, ...]:
        """What opens the list's files, when it is sealed."""
        return self._identities or ()

    def close(self) -> None:
        """Let go of the list. Its files are closed when the last answer that came from them is gone."""

    def info(self) -> dict[str, Any]:
        """Return facts and counts, never a hash: name, terms, entries, kinds, categories, tombstones, version."""
        view = self.view
        view.check()
        categories: dict[str, int] = {}
        kinds: dict[str, int] = {}
        newest = 0
        for part, live in zip(view.parts, view.live, strict=True):
            for kind, count in part.record.counts.items():
                kinds[kind] = kinds.get(kind, 0) + count
            numbers = np.bincount(part.columns["label"][live], minlength=len(part.labels)).tolist()
            for label, number in zip(part.labels, numbers, strict=False):
                if number and label[2]:
                    categories[label[2]] = categories.get(label[2], 0) + number
            if live.any():
                newest = max(newest, int(part.columns["updated"][live].max()))
        terms = view.terms
        return {
            "name": terms.name, "source": terms.source, "scheme": terms.scheme, "terms": terms.terms,
            "origin": terms.origin, "negative": terms.negative, "severity": terms.severity, "radius": terms.radius,
            "entries": view.entries, "tombstones": sum(part.record.tombstones for part in view.parts),
            "kinds": kinds, "categories": dict(sorted(categories.items())[:1000]),
            "encrypted": bool(view.state.recipients), "version": view.state.version, "parts": len(view.parts),
            "bytes": sum(int(file["size"]) for part in view.state.parts for file in part.files.values()),
            "created": terms.created, "updated": _moment(newest), "folder": str(self.folder),
        }  # fmt: skip

    def verify(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Read every file whole and compare it with its checksum; return the bytes read. Raises ListError.

        ``progress`` is told (bytes done, bytes in all).
        """
        state = folders.read_state(self.folder)
        folders.read_terms(self.folder)
        files = [(name, check) for part in state.parts for name, check in part.files.items()]
        total, done = sum(int(check["size"]) for _, check in files), 0
        for name, check in files:
            path = self.folder / name
            try:
                size, digest = 0, ""
                for one in sha256_of(path):
                    if isinstance(one, int):
                        size = one
                        if progress:
                            progress(done + size, total)
                    else:
                        digest = one
            except OSError as error:
                raise ListError(f"{path} cannot be read: {error.strerror or error}.") from error
            if (size, digest) != (int(check["size"]), check["sha256"]):
                raise ListError(f"{path} is not the file that was written: cut, changed or damaged. Build anew.")
            done += size
        HashList(self.folder, self._key)
        return done

    @property
    def version(self) -> str:
        """A name of what is on the list now: it changes with every change of entries or terms."""
        view = self.view
        checks = [[part.name, sorted(file["sha256"] for file in part.files.values())] for part in view.state.parts]
        return json.dumps([view.state.version, checks, repr(view.terms)])


def _moment(seconds: int) -> str:
    """Return the time of the newest entry that has one, in words a program reads too."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else ""
    except (OverflowError, OSError, ValueError):
        return ""


def _unread(path: Path, error: OSError) -> str:
    return f"{path} cannot be read: {error.strerror or error}."
