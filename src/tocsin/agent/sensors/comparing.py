"""Comparing files with the lists: one file's road from its path to the question, and what is noted of the answer."""

import threading
import uuid
from collections.abc import Callable
from pathlib import Path

from tocsin.agent.asking import Asking
from tocsin.agent.sensors.examining import AGAIN, Found, Looked, examine, kept, recalled
from tocsin.agent.sensors.hashing import Hasher
from tocsin.agent.sensors.seen_files import FileKey, SeenFiles
from tocsin.model import Clock, Kind, MediaSeen, Observation

_UNKNOWN = "?"
_CANNOT = "-"


class Comparing:
    """Examines files and asks about them. Thread-safe as far as its hasher is."""

    def __init__(self, asking: Asking, seen: SeenFiles, hasher: Hasher, clock: Clock) -> None:
        self._asking, self._seen, self._hasher, self._clock = asking, seen, hasher, clock

    @property
    def asking(self) -> Asking:
        """Where questions go."""
        return self._asking

    def compare(
        self, path: str, sensor: str, *, urgent: bool, seen_ns: int = 0, done: Callable[[], None] = lambda: None
    ) -> Looked:
        """Have a file compared; return what examining it gave. ``done``: all of it is answered, or kept on disk."""
        looked = examine(path, self._hasher, self._known)
        key = looked.key
        if looked.found and key is not None:
            note = self._when_all(looked, key, done)
            for one in looked.found:
                seen = self._observed(path, one, sensor, seen_ns)
                self._asking.ask(one.prints, seen, urgent=urgent, done=note)
            return looked
        if looked.missed and key is not None and not any(missed.reason in AGAIN for missed in looked.missed):
            self._seen.put(key, _CANNOT)
        done()
        return looked

    def _known(self, key: FileKey) -> list[Found] | None:
        """Return nothing to ask for a file compared with these lists, its fingerprints if the lists have changed."""
        row = self._seen.known(key)
        if row is None:
            return None
        version, prints = row
        now = self._asking.version
        if version in (_CANNOT, now) or not now:
            return []
        return recalled(prints) or None

    def _when_all(self, looked: Looked, key: FileKey, done: Callable[[], None]) -> Callable[[], None]:
        """Return what to call for each answer: at the last one the file is noted as compared."""
        left, lock = [len(looked.found)], threading.Lock()
        prints = kept(looked.found)

        def one() -> None:
            with lock:
                left[0] -= 1
                last = left[0] == 0
            if last:
                self._seen.put(key, self._asking.version or _UNKNOWN, prints)
                done()

        return one

    def _observed(self, path: str, one: Found, sensor: str, seen_ns: int) -> Observation:
        media = MediaSeen(prints=one.prints, matches=(), place="file", name=path, held=one.held, size=one.size)
        return Observation(
            id=uuid.uuid4().hex,
            kind=Kind.FILE,
            at=self._clock.now(),
            sensor=sensor,
            body=media,
            thread=f"folder:{Path(path).parent}",
            seen_ns=seen_ns,
        )
