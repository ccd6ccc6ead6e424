"""The queue between seeing and reading: lines wait here as pictures, so that none is lost while others are read."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

from tocsin.agent.sensors.crops import LineCache
from tocsin.agent.sensors.ocr import Reader
from tocsin.agent.sensors.visible import Sight
from tocsin.model import Line, Rect

Pixels = npt.NDArray[np.uint8]

CHUNK = 6
"""Lines read before the next look at what else waits."""
SMALL = 3
"""A change of so few lines is read before larger ones: somebody has just written it."""
DOUBTFUL = 0.5
"""Below this confidence a reading is taken for a picture's texture, not for words."""
_EDIT_WAIT = 0.25
_EDIT_LONGEST = 1.0


@dataclass(slots=True)
class Batch:
    """New lines of one window from one look at the screen."""

    app: str
    title: str
    thread: str
    frame: Rect | None
    at: datetime
    seen_ns: int
    lines: list[Sight]
    gone: tuple[bytes, ...] = ()
    due: float = 0.0
    place: tuple[str, int, int] | None = None
    since: float = field(default_factory=time.monotonic)


Emit = Callable[[Batch, list[Line]], None]


class Reading:
    """Reads batches in its own thread, small ones first, and hands lines on as soon as they are read."""

    def __init__(self, reader: Reader, emit: Emit, cache: LineCache, limit: int = 32 * 1024 * 1024) -> None:
        """Hold at most ``limit`` bytes of pictures that wait; beyond it the oldest are dropped and counted."""
        self._reader, self._emit, self._cache, self._limit = reader, emit, cache, limit
        self._waiting: deque[Batch] = deque()
        self._pictures: dict[bytes, Pixels] = {}
        self._bytes = 0
        self._ready = threading.Condition()
        self._closed = False
        self._busy = False
        self.pause = 0.0
        self.lines_read = self.lines_dropped = self.lines_doubtful = self.failures = 0
        self.read_seconds = 0.0
        self.failure = ""
        self._thread = threading.Thread(target=self._run, name="tocsin-reading", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def put(self, batch: Batch, pictures: dict[bytes, Pixels], edit: bool = False) -> None:
        """Queue a batch with the pictures of its lines; an edit replaces the one waiting at the same place."""
        now = time.monotonic()
        with self._ready:
            for sight in batch.lines:
                picture = pictures.get(sight.digest)
                if picture is not None and sight.digest not in self._pictures:
                    self._pictures[sight.digest] = picture
                    self._bytes += picture.nbytes
            if edit:
                batch.due = now + _EDIT_WAIT
                for other in list(self._waiting):
                    if other.place == batch.place and other.due:
                        batch.since = other.since
                        batch.due = min(batch.due, other.since + _EDIT_LONGEST)
                        self._waiting.remove(other)
            self._waiting.append(batch)
            self._shed()
            self._ready.notify()

    def depth(self) -> int:
        """Return how many lines wait or are being read."""
        with self._ready:
            return sum(len(batch.lines) for batch in self._waiting) + int(self._busy)

    def close(self) -> None:
        """Stop reading; what waits is forgotten."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        if self._thread.is_alive():
            self._thread.join(5)

    def _shed(self) -> None:
        """Drop the oldest waiting lines while too much waits. The caller holds the lock."""
        while self._bytes > self._limit and len(self._waiting) > 1:
            oldest = self._waiting.popleft()
            for sight in oldest.lines:
                picture = self._pictures.pop(sight.digest, None)
                if picture is not None:
                    self._bytes -= picture.nbytes
                    self.lines_dropped += 1

    def _take(self) -> Batch | None:
        """Wait for and return up to CHUNK lines of the batch to read next; None once closed."""
        with self._ready:
            self._busy = False
            while not self._closed:
                now = time.monotonic()
                due = [batch for batch in self._waiting if batch.due <= now]
                if due:
                    batch = next((b for b in due if len(b.lines) <= SMALL), due[0])
                    self._busy = True
                    return self._part(batch)
                self._ready.wait(min((b.due - now for b in self._waiting), default=None))
            return None

    def _part(self, batch: Batch) -> Batch:
        if len(batch.lines) <= CHUNK:
            self._waiting.remove(batch)
            return batch
        rest = batch.lines[CHUNK:]
        part = Batch(
            batch.app,
            batch.title,
            batch.thread,
            batch.frame,
            batch.at,
            batch.seen_ns,
            batch.lines[:CHUNK],
            batch.gone,
        )
        batch.lines = rest
        return part

    def _run(self) -> None:
        while (batch := self._take()) is not None:
            before = [text for digest in batch.gone if (text := self._known(digest))]
            lines: list[Line] = []
            for sight in batch.lines:
                found = self._read(sight)
                if found is None or not found[0]:
                    continue
                text, confidence = found
                if confidence < DOUBTFUL:
                    self.lines_doubtful += 1
                elif text in before:
                    before.remove(text)
                else:
                    lines.append(Line(text, sight.box, sight.fill, confidence))
            if lines and not self._closed:
                self._emit(batch, lines)

    def _known(self, digest: bytes) -> str:
        found = self._cache.get(digest)
        return found[0] if found is not None else ""

    def _read(self, sight: Sight) -> tuple[str, float] | None:
        with self._ready:
            picture = self._pictures.pop(sight.digest, None)
            if picture is not None:
                self._bytes -= picture.nbytes
        known = self._cache.get(sight.digest)
        if known is not None:
            return known
        if picture is None:
            self.lines_dropped += 1
            return None
        began = time.monotonic()
        try:
            text, confidence = self._reader.read([picture])[0]
        except Exception as problem:
            self.failures += 1
            self.failure = f"A line could not be read: {problem}"
            return None
        spent = time.monotonic() - began
        self.read_seconds += spent
        self.lines_read += 1
        self._cache.put(sight.digest, text, confidence)
        if self.pause:
            time.sleep(spent * self.pause)
        return text, confidence
