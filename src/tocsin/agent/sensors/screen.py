"""See text as it appears: the display tells what was painted, only that is looked at, only what is new is read.

Two threads: one looks (and is never held up by reading), one reads. Lines wait between them as pictures.
"""

import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from tocsin.agent.sensors.crops import LineCache, cut, cut_off
from tocsin.agent.sensors.lines import find_lines
from tocsin.agent.sensors.ocr import Reader
from tocsin.agent.sensors.patience import WAIT, Patience
from tocsin.agent.sensors.reading import Batch, Reading
from tocsin.agent.sensors.stacking import Window
from tocsin.agent.sensors.tiles import changed_bands
from tocsin.agent.sensors.visible import Change, Sight, Visible, thread_of
from tocsin.agent.sensors.x11 import ScreenLostError, X11Display, until
from tocsin.media.rectangles import clip, grow, join, touch
from tocsin.model import Clock, Kind, Line, NotScanned, Observation, Rect, StateSeen, TextSeen

Pixels = npt.NDArray[np.uint8]

Painted = Callable[[Sequence[Rect], Sequence[Window], int], None]
"""Is told what truly changed, the windows as they lie (topmost first), and the moment; must return at once."""

SETTLE = 0.025
"""Seconds without new damage after which a burst of painting has settled."""
LONGEST = 0.12
"""Seconds after which constantly changing areas are looked at all the same."""
STILL = 10.0
"""Seconds without damage after which the whole screen is compared all the same: proof that it can still be seen."""
_NEAR = 16
_SIDE, _ABOVE = 640, 40
_MOST_WINDOWS = 200


@dataclass(frozen=True, slots=True)
class ScreenStats:
    """What the screen sensor has done so far; ``seen_ns`` is the monotonic moment of its last look."""

    looks: int
    pixels: int
    lines_read: int
    waiting: int
    lines_dropped: int
    lines_doubtful: int
    lines_fleeting: int
    failures: int
    seen_ns: int
    read_seconds: float
    level: int


class ScreenSensor:
    """Text on the screen as observations. ``excluded`` names windows (the agent's own) whose text is never read."""

    name = "screen"

    def __init__(
        self,
        display: X11Display,
        reader: Reader,
        clock: Clock,
        excluded: Callable[[], set[int]] = set,
        settle: float = SETTLE,
    ) -> None:
        """Watch ``display``, which from now on belongs to this sensor."""
        self._display, self._clock, self._excluded, self._settle = display, clock, excluded, settle
        self._out: queue.Queue[Observation | None] = queue.Queue(maxsize=1000)
        self._cache = LineCache()
        self._reading = Reading(reader, self._emit, self._cache)
        self._visible: dict[int, Visible] = {}
        self._patience = Patience()
        self.painted: Painted | None = None
        self._screen: Pixels = np.zeros((0, 0, 4), np.uint8)
        self._lock = threading.Lock()
        self._closed = False
        self._began = False
        self._level = 0
        self._looks = self._pixels = 0
        self._seen_ns = 0
        self._black = False
        self._thread = threading.Thread(target=self._run, name="tocsin-screen", daemon=True)

    # what others call

    def start(self) -> None:
        """Begin to look; ``observations`` does so too."""
        if not self._began:
            self._began = True
            self._reading.start()
            self._thread.start()

    def observations(self) -> Iterator[Observation]:
        """Yield text as it appears (Kind.TEXT), and the screen's own changes of state, until closed."""
        self.start()
        while (seen := self._out.get()) is not None:
            yield seen

    def close(self) -> None:
        """Stop looking and reading, forget what was read, close the display."""
        if self._closed:
            return
        self._closed = True
        self._display.wake()
        if self._began:
            self._thread.join(5)
            self._reading.close()
        self._cache.clear()
        self._display.close()
        while True:
            try:
                self._out.put_nowait(None)
                return
            except queue.Full:
                try:
                    self._out.get_nowait()
                except queue.Empty:
                    continue

    def pace(self, level: int) -> None:
        """Slow down: 0 is full speed; each level looks half as often and rests longer after each line read."""
        self._level = max(0, min(4, level))
        self._reading.pause = (0.0, 0.5, 1.5, 4.0, 9.0)[self._level]

    def stats(self) -> ScreenStats:
        """Return counts for health and self-limits."""
        r = self._reading
        return ScreenStats(
            self._looks,
            self._pixels,
            r.lines_read,
            r.depth(),
            r.lines_dropped,
            r.lines_doubtful,
            self._patience.fleeting,
            r.failures,
            self._seen_ns,
            r.read_seconds,
            self._level,
        )

    def picture(self, rect: Rect) -> bytes:
        """Return the PNG of a rectangle as last seen, the agent's own windows left out; empty if off the screen."""
        part = clip(rect, Rect(0, 0, *self.size()))
        if part is None:
            return b""
        out = BytesIO()
        Image.fromarray(self.copy(part)[:, :, 2::-1].copy()).save(out, "PNG", compress_level=6)
        return out.getvalue()

    pixels = picture

    def size(self) -> tuple[int, int]:
        """Return the width and height of the screen as last seen."""
        return self._screen.shape[1], self._screen.shape[0]

    def copy(self, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle on the screen as last seen, the agent's own windows left out."""
        with self._lock:
            return self._screen[rect.y : rect.bottom, rect.x : rect.right].copy()

    # looking

    def _run(self) -> None:
        try:
            self._display.watch()
            self._begin()
            while not self._closed:
                self._round()
        except ScreenLostError as problem:
            self._say(StateSeen("screen-lost", (("sentence", str(problem)),)))
        except Exception as problem:
            self._say(NotScanned("failed", f"The screen sensor stopped: {problem}"))

    def _begin(self) -> None:
        width, height = self._display.size()
        with self._lock:
            self._screen = np.zeros((height, width, 4), np.uint8)
        self._visible.clear()
        self._display.damaged()
        self._look([Rect(0, 0, width, height)], self._clock.monotonic_ns())

    def _round(self) -> None:
        """Wait for damage, let it settle, look at it, and rest in proportion to what the look cost."""
        ready = self._display.wait(WAIT if self._patience else STILL)
        self._release()
        if not ready:
            if self._patience or self._clock.monotonic_ns() - self._seen_ns < STILL * 0.9e9:
                return
            self._look([Rect(0, 0, self._screen.shape[1], self._screen.shape[0])], self._clock.monotonic_ns())
            return
        seen_ns = self._clock.monotonic_ns()
        rects = self._display.damaged()
        if self._display.resized:
            self._display.refresh()
            width, height = self._display.size()
            if (height, width) != self._screen.shape[:2]:
                self._say(StateSeen("screen-resized", (("width", width), ("height", height))))
                self._begin()
                return
        if not rects:
            return
        end = time.monotonic() + LONGEST
        while not self._closed and self._display.wait(min(self._settle, until(end))):
            rects = join([*rects, *self._display.damaged()], _NEAR)
            if time.monotonic() >= end:
                break
        began = time.monotonic()
        self._look(join(rects, _NEAR), seen_ns)
        cost = time.monotonic() - began
        rest = cost * (1.5 * 2**self._level) + (0.25 * self._level if self._level else 0.0)
        if rest > 0.02:
            stop = time.monotonic() + min(rest, 2.0)
            while not self._closed and (left := until(stop)) > 0:
                time.sleep(min(left, 0.1))

    def _look(self, rects: list[Rect], seen_ns: int) -> None:
        whole = Rect(0, 0, self._screen.shape[1], self._screen.shape[0])
        for rect in rects:
            part = clip(rect, whole)
            if part is None:
                continue
            for attempt in range(3):
                changes = self._display.changes
                pixels = self._display.grab(part)
                self._display.sync()
                if self._display.changes == changes or attempt == 2:
                    break
            self._take(part, pixels, seen_ns)
        self._looks += 1
        self._seen_ns = self._clock.monotonic_ns()
        self._notice_black(rects)

    def _take(self, part: Rect, pixels: Pixels, seen_ns: int) -> None:
        """Compare with what was there before, and read what truly changed, window by window."""
        excluded = self._excluded()
        self._pixels += part.w * part.h
        with self._lock:
            before = self._screen[part.y : part.bottom, part.x : part.right]
            bands = changed_bands(before, pixels)
            before[:] = pixels
            for window in self._display.stack():
                inside = clip(window.rect, part)
                if inside is not None and (window.id in excluded or window.client in excluded):
                    self._screen[inside.y : inside.bottom, inside.x : inside.right] = 0
        if not bands:
            return
        changed = [Rect(part.x + b.x, part.y + b.y, b.w, b.h) for b in bands]
        if self.painted is not None:
            self.painted(changed, self._display.stack(), seen_ns)
        mine: dict[int, tuple[Window | None, list[Rect]]] = {}
        for band in changed:
            for owner, areas in self._display.owners(band):
                if owner is not None and (owner.id in excluded or owner.client in excluded):
                    continue
                key = owner.id if owner is not None else 0
                mine.setdefault(key, (owner, []))[1].extend(areas)
        self._patience.changed(changed, time.monotonic(), (self._screen.shape[0], self._screen.shape[1]))
        for key, (owner, areas) in mine.items():
            self._read_areas(key, owner, join(areas, _NEAR), seen_ns)
        self._forget_windows()

    def _read_areas(self, key: int, owner: Window | None, areas: list[Rect], seen_ns: int) -> None:
        found: list[tuple[Sight, Pixels]] = []
        taken: set[tuple[int, int]] = set()
        for area in areas:
            for sight, picture in self._lines_at(owner, area):
                if (sight.box.x, sight.box.y) not in taken:
                    taken.add((sight.box.x, sight.box.y))
                    found.append((sight, picture))
        state = self._visible.setdefault(key, Visible())
        app, title, frame = (owner.app, owner.title, owner.rect) if owner is not None else ("", "", None)
        thread = thread_of(key, app, title)
        change = state.change(areas, [sight for sight, _ in found], time.monotonic(), thread)
        fresh = [*change.fresh, *self._second_chances(change, found)]
        if not fresh and not change.edits:
            return
        pictures = {sight.digest: picture for sight, picture in found}
        now = self._clock.now()
        if fresh:
            lines = sorted(fresh, key=lambda sight: (sight.box.y, sight.box.x))
            batch = Batch(app, title, thread, frame, now, seen_ns, lines, change.gone)
            batch.lines = self._patience.hold(key, batch, pictures, time.monotonic())
            if batch.lines:
                self._reading.put(batch, pictures)
        for edit in change.edits:
            batch = Batch(app, title, thread, frame, now, seen_ns, [edit], change.gone)
            batch.place = (thread, edit.box.x // 8, edit.box.y // 12)
            self._reading.put(batch, pictures, edit=True)

    def _second_chances(self, change: Change, found: list[tuple[Sight, Pixels]]) -> list[Sight]:
        """Return the lines that were gone too soon to be read before, and stand here now."""
        said = {sight.digest for sight in (*change.fresh, *change.edits)}
        return [sight for sight, _ in found if sight.digest not in said and self._patience.missed(sight.digest)]

    def _release(self) -> None:
        """Hand on the lines of restless places that have stood long enough."""

        def standing(key: int) -> set[bytes]:
            return self._visible[key].digests() if key in self._visible else set()

        for _, _, batch, sight, picture in self._patience.due(time.monotonic(), standing):
            self._reading.put(replace(batch, lines=[sight]), {sight.digest: picture})

    def _lines_at(self, owner: Window | None, area: Rect) -> list[tuple[Sight, Pixels]]:
        """Return the whole lines that the changed area touches, found in as much of the window as that needs."""
        screen = Rect(0, 0, self._screen.shape[1], self._screen.shape[0])
        bounds = clip(owner.rect, screen) if owner is not None else screen
        if bounds is None:
            return []
        side, above = _SIDE, _ABOVE
        while True:
            region = clip(grow(area, side, above), bounds) or area
            pixels = self._screen[region.y : region.bottom, region.x : region.right]
            hidden = self._display.covered(owner, region)
            if hidden:
                pixels = pixels.copy()
                for other in hidden:
                    y, x = other.y - region.y, other.x - region.x
                    pixels[y : y + other.h, x : x + other.w] = 255
            local = Rect(area.x - region.x, area.y - region.y, area.w, area.h)
            hit = [line for line in find_lines(pixels).lines if touch(line.box, grow(local, 1, 1))]
            more_side, more_above = cut_off(hit, region, bounds)
            if not (more_side or more_above) or region == bounds:
                return [cut(pixels, line, (region.x, region.y)) for line in hit]
            side, above = side * (3 if more_side else 1), above * (3 if more_above else 1)

    def _notice_black(self, rects: list[Rect]) -> None:
        """Say when the whole screen turns black and when it comes back; a black screen shows nothing to read."""
        area = self._screen.shape[0] * self._screen.shape[1]
        if not self._black and sum(r.w * r.h for r in rects) * 2 < area:
            return
        black = bool(self._screen.size) and not self._screen[::8, ::8, :3].any()
        if black and self._screen[:, :, :3].any():
            black = False
        if black != self._black:
            self._black = black
            self._say(StateSeen("screen-black" if black else "screen-back"))

    def _forget_windows(self) -> None:
        if len(self._visible) > 8:
            present = {window.id for window in self._display.stack()} | {0}
            for key in [key for key in self._visible if key not in present][:_MOST_WINDOWS]:
                del self._visible[key]

    # telling

    def _emit(self, batch: Batch, lines: list[Line]) -> None:
        body = TextSeen(tuple(lines), batch.frame)
        self._put(
            Observation(
                id=secrets.token_hex(8),
                kind=Kind.TEXT,
                at=batch.at,
                sensor=self.name,
                body=body,
                app=batch.app,
                title=batch.title,
                thread=batch.thread,
                seen_ns=batch.seen_ns,
            )
        )

    def _say(self, body: StateSeen | NotScanned) -> None:
        self._put(
            Observation(
                id=secrets.token_hex(8),
                kind=Kind.STATE,
                at=self._clock.now(),
                sensor=self.name,
                body=body,
                seen_ns=self._clock.monotonic_ns(),
            )
        )

    def _put(self, seen: Observation) -> None:
        while not self._closed:
            try:
                self._out.put(seen, timeout=0.5)
                return
            except queue.Full:
                continue
