"""Files as they come: pictures, videos and archives that are saved, downloaded, unpacked, cached or plugged in.

One thread follows the folders (inotify) and never does anything long; two others examine: one what is small, one what
is large, so that a long video never keeps a picture waiting.
"""

import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from tocsin.agent.sensors.comparing import Comparing
from tocsin.agent.sensors.examining import AGAIN
from tocsin.agent.sensors.folders import MountWatch, Places
from tocsin.agent.sensors.inotify import TreeWatch
from tocsin.model import Clock, Kind, NotScanned, Observation

SETTLE_S, SETTLE_MOST_S = 0.1, 1.0
"""A file is examined when nothing was written to it for so long, or so long after the first writing."""
_LARGE = 8 << 20
_TURN_S = 0.5
_AGAIN_S = (2.0, 15.0)
"""How long after it could not be examined a file is tried once more, and then once more."""
_MOST_AGAIN = 1000
_MOST_DUE = 100_000
_LANE = 2000
_POLL_S = 30.0
_MARGIN_S = 2.0
_TICK_S = 0.02
"""How far the time that a file bears may lag behind the clock."""


class FileSensor:
    """Follows the folders. ``count`` gets codes for the heartbeat; ``arrived`` hears of drives that were attached."""

    def __init__(
        self,
        places: Places,
        comparing: Comparing,
        clock: Clock,
        *,
        count: Callable[[str], None] = lambda _: None,
        arrived: Callable[[str], None] = lambda _: None,
        watch: TreeWatch | None = None,
        poll_s: float = _POLL_S,
    ) -> None:
        self._places, self._comparing, self._clock, self._count, self._arrived = (
            places,
            comparing,
            clock,
            count,
            arrived,
        )
        self._watch = watch or TreeWatch(places.skip, places.is_mounted)
        self._poll_s = poll_s
        self._closed = threading.Event()
        self._due: dict[str, tuple[float, float, int]] = {}
        self._lanes: tuple[queue.Queue[tuple[str, int] | None], ...] = (queue.Queue(_LANE), queue.Queue(_LANE))
        self._missed: queue.SimpleQueue[NotScanned] = queue.SimpleQueue()
        self._failed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._again: dict[str, int] = {}
        self._drives: set[str] = set()
        self._lost = False
        self._overflows = 0
        self._polled = 0.0
        self.ready = threading.Event()

    @property
    def degradations(self) -> tuple[str, ...]:
        """What a heartbeat says: how many folders the system has no watch left for."""
        many = len(self._watch.unwatched)
        return (f"folders-unwatched {many}",) if many else ()

    def observations(self) -> Iterator[Observation]:
        """Yield what could not be examined, until closed; what could goes to be asked about."""
        began = time.time() - _TICK_S
        threads = [threading.Thread(target=self._work, args=(lane,), daemon=True) for lane in self._lanes]
        mounts = MountWatch(self._places.mountinfo)
        try:
            for thread in threads:
                thread.start()
            yield from self._begin(began)
            caught_up = began
            while not self._closed.is_set():
                moment = time.time()
                self._note(self._watch.read(self._patience()))
                if mounts.changed():
                    yield from self._remount()
                if self._lost or self._watch.overflows != self._overflows:
                    yield from self._catch_up(caught_up - _MARGIN_S)
                if not self._lost:
                    caught_up = moment
                self._poll()
                self._try_again()
                self._hand_out()
                yield from self._told()
        finally:
            for lane in self._lanes:
                lane.put(None)
            for thread in threads:
                thread.join(5.0)
            mounts.close()
            self._watch.close()

    def close(self) -> None:
        """Stop following."""
        self._closed.set()
        self._watch.wake()

    def _begin(self, began: float) -> Iterator[Observation]:
        """Watch every tree; what is written meanwhile is not missed."""
        self._drives = set(self._places.drives())
        for root in self._places.roots():
            self._note(self._watch.add(root, began))
            self._note(self._watch.read(0.0))
            self._hand_out()
            if self._closed.is_set():
                return
        self._polled = time.monotonic()
        self.ready.set()
        if self._watch.unwatched:
            sentence = (
                f"{len(self._watch.unwatched)} folders cannot be watched, because this system's limit of watches is "
                f"reached (fs.inotify.max_user_watches); they are looked through every {self._poll_s:.0f} seconds."
            )
            yield self._observed(NotScanned("unwatched", sentence))

    def _note(self, paths: Iterator[str]) -> None:
        """Remember which files are to be examined, each when its writing has settled."""
        seen_ns = 0
        for path in paths:
            now = time.monotonic()
            seen_ns = self._clock.monotonic_ns()
            if path not in self._due and len(self._due) >= _MOST_DUE:
                self._lost = True
                continue
            _, first, told = self._due.get(path, (0.0, now, seen_ns))
            self._due[path] = (min(now + SETTLE_S, first + SETTLE_MOST_S), first, told)

    def _patience(self) -> float:
        """Return how long to wait for news."""
        if not self._due:
            return _TURN_S
        return max(0.0, min(_TURN_S, min(due for due, _, _ in self._due.values()) - time.monotonic()))

    def _hand_out(self) -> None:
        """Give the files whose time has come to the lanes; what a full lane does not take waits here."""
        now = time.monotonic()
        full: set[int] = set()
        for path in [path for path, (due, _, _) in self._due.items() if due <= now]:
            try:
                number = int(Path(path).lstat().st_size > _LARGE)
            except OSError:
                number = 0
            if number in full:
                continue
            try:
                self._lanes[number].put_nowait((path, self._due[path][2]))
                del self._due[path]
            except queue.Full:
                full.add(number)
                self._due[path] = (now + _TURN_S, *self._due[path][1:])

    def _try_again(self) -> None:
        """Have files that could not be examined just now (no decoder, too slow) examined a little later, twice."""
        while not self._failed.empty():
            path = self._failed.get()
            tries = self._again.pop(path, 0)
            if tries < len(_AGAIN_S) and path not in self._due and len(self._again) < _MOST_AGAIN:
                self._again[path] = tries + 1
                now = time.monotonic()
                self._due[path] = (now + _AGAIN_S[tries], now, self._clock.monotonic_ns())

    def _work(self, lane: "queue.Queue[tuple[str, int] | None]") -> None:
        """Examine what a lane brings, whatever it is."""
        while (task := lane.get()) is not None and not self._closed.is_set():
            path, seen_ns = task
            if self._places.private(path):
                self._count("privileged")
                continue
            if self._places.is_foreign(path):
                continue
            try:
                looked = self._comparing.compare(path, "files", urgent=True, seen_ns=seen_ns)
            except Exception as problem:
                self._missed.put(NotScanned("failed-file", f"A file could not be examined ({type(problem).__name__})."))
                continue
            for missed in looked.missed:
                self._missed.put(missed)
            if any(missed.reason in AGAIN for missed in looked.missed):
                self._failed.put(path)

    def _catch_up(self, since: float) -> Iterator[Observation]:
        """Look through everything for what changed while news were lost, no faster than it is examined; say it."""
        self._overflows, self._lost = self._watch.overflows, False
        yield self._observed(NotScanned("overflow", "More files changed at once than could be followed."))
        for path in self._watch.all_changed_since(since):
            while len(self._due) >= _MOST_DUE and not self._closed.wait(0.02):
                self._hand_out()
            if self._closed.is_set():
                return
            self._note(iter((path,)))

    def _remount(self) -> Iterator[Observation]:
        """Follow drives that came, and let go of those that went."""
        now = set(self._places.drives())
        for root in sorted(self._drives - now):
            self._watch.remove(root)
        for root in sorted(now - self._drives):
            self._count("drive-attached")
            self._note(self._watch.add(root, time.time()))
            self._arrived(root)
        self._drives = now
        yield from ()

    def _poll(self) -> None:
        """Look through the folders that cannot be watched."""
        now = time.monotonic()
        if not self._watch.unwatched or now - self._polled < self._poll_s:
            return
        self._polled = now
        for folder, last in list(self._watch.unwatched.items()):
            moment = int(time.time())
            self._note(self._watch.look_through(folder, last - _MARGIN_S))
            if folder in self._watch.unwatched:
                self._watch.unwatched[folder] = moment

    def _told(self) -> Iterator[Observation]:
        while not self._missed.empty():
            yield self._observed(self._missed.get())

    def _observed(self, body: NotScanned) -> Observation:
        return Observation(id=uuid.uuid4().hex, kind=Kind.FILE, at=self._clock.now(), sensor="files", body=body)
