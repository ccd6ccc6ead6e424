"""See pictures as they appear on the screen: found where it changed, cut to their edges, hashed at once, and asked of.

A thread of its own, so that reading text never waits for it. It works on the screen sensor's copy of the screen, where
the agent's own windows are left out. Pixels do not leave this file: only hashes do. A place that has settled is looked
at soon, one that never does (a video) once a second; a picture that stands still or only moved is not hashed again.
"""

import hashlib
import queue
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tocsin.agent.sensors.picture_places import Due, Places
from tocsin.agent.sensors.stacking import Window, covered, owners
from tocsin.agent.sensors.visible import thread_of
from tocsin.media.picture_edges import BLOCK, SMALLEST, Found, Grain, find_pictures, rough_places
from tocsin.media.picture_prints import luma, prints_of
from tocsin.media.rectangles import clip, grow
from tocsin.model import Clock, Fingerprints, Kind, MediaSeen, NotScanned, Observation, Print, Rect

Pixels = npt.NDArray[np.uint8]

LEAST_QUALITY = 50
"""PDQ quality below which a hash says too little to be compared (the reference's own advice)."""
FORGET_AFTER = 600.0
"""Seconds after which a picture that still stands is asked of again: lists change."""
REMEMBERED = 4096
"""Pictures remembered as asked of."""
OFTEN_PICTURES = 3
"""Pictures, the largest, asked of in a place that changes all the time; the others once it rests."""
FRAME_CROPS = 8
"""Crops tried of a picture where something moves; there is another chance a second later."""


Ask = Callable[[Fingerprints, Observation], None]
"""Takes a picture's fingerprints (the likeliest crop first) and the observation they belong to (Kind.PICTURE, or
Kind.FRAME where the place never rests; body: MediaSeen without matches). Must return at once."""


class Screen(Protocol):
    """What the screen sensor lends: its copy of the screen."""

    def size(self) -> tuple[int, int]:
        """Return width and height."""
        ...

    def copy(self, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle as last seen (height x width x 4 bytes, blue first)."""
        ...


@dataclass(frozen=True, slots=True)
class PictureStats:
    """What the picture sensor has done so far: looks, pictures found, hashed (crops), asked of, known already, and not
    asked of because a hash said too little; ``seconds`` of processor time; whether pictures are shed now."""

    looks: int
    found: int
    hashed: int
    asked: int
    known: int
    poor: int
    seconds: float
    off: bool


class PictureSensor:
    """Pictures on the screen. ``changed`` is told by the screen sensor; ``ask`` gets what was found."""

    name = "pictures"

    def __init__(
        self,
        screen: Screen,
        clock: Clock,
        ask: Ask,
        excluded: Callable[[], set[int]] = set,
        settle: float = 0.1,
        keep_pixels: bool = False,
    ) -> None:
        """Look at ``screen``; ``excluded`` names windows (the agent's own) that are never looked at.

        With ``keep_pixels`` an observation carries the picture: where some clause allows pictures as evidence.
        """
        self._screen, self._clock, self._ask, self._excluded = screen, clock, ask, excluded
        self._keep_pixels = keep_pixels
        self._places = Places(settle)
        self._ready = threading.Condition()
        self._stack: tuple[Window, ...] = ()
        self._seen_ns = 0
        self._asked: OrderedDict[bytes, float] = OrderedDict()
        self._out: queue.Queue[Observation | None] = queue.Queue()
        self._closed = self._began = self._off = False
        self._looks = self._found = self._hashed = self._sent = self._known = self._poor = 0
        self._seconds = 0.0
        self._thread = threading.Thread(target=self._run, name="tocsin-pictures", daemon=True)

    # what others call

    def changed(self, rects: Sequence[Rect], stack: Sequence[Window], seen_ns: int) -> None:
        """Take note of what was painted, and of the windows as they lie now. Returns at once."""
        with self._ready:
            self._stack, self._seen_ns = tuple(stack), seen_ns
            if not self._off:
                self._places.changed(rects, self._screen.size(), time.monotonic())
                self._ready.notify()

    def observations(self) -> Iterator[Observation]:
        """Begin; yield only the sensor's own failures until closed: what it sees goes to ``ask``."""
        self.start()
        while (seen := self._out.get()) is not None:
            yield seen

    def start(self) -> None:
        """Begin to look; ``observations`` does so too."""
        if not self._began:
            self._began = True
            self._thread.start()

    def pace(self, level: int) -> None:
        """Look only at level 0: pictures are the first thing that is shed. Afterwards all that stands is looked at."""
        with self._ready:
            was, self._off = self._off, level > 0
            if self._off:
                self._places.clear()
            elif was:
                size = self._screen.size()
                self._places.changed([Rect(0, 0, *size)], size, time.monotonic())
                self._ready.notify()

    def close(self) -> None:
        """Stop looking and forget what was seen."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        if self._thread.is_alive():
            self._thread.join(5)
        self._asked.clear()
        self._out.put(None)

    def stats(self) -> PictureStats:
        """Return counts for health and measurements."""
        return PictureStats(
            self._looks,
            self._found,
            self._hashed,
            self._sent,
            self._known,
            self._poor,
            self._seconds,
            self._off,
        )

    # looking

    def _run(self) -> None:
        try:
            while (due := self._wait()) is not None:
                began, busy = time.monotonic(), time.thread_time()
                places, stack, seen_ns = due
                for place in places:
                    self._look(place, stack, seen_ns)
                self._looks += 1
                self._seconds += time.thread_time() - busy
                with self._ready:
                    self._ready.wait_for(lambda: self._closed, min(time.monotonic() - began, 0.5))
        except Exception as problem:
            body = NotScanned("failed", f"The picture sensor stopped: {problem}")
            now = self._clock.now()
            seen = Observation(id=secrets.token_hex(8), kind=Kind.STATE, at=now, sensor=self.name, body=body)
            self._out.put(seen)

    def _wait(self) -> tuple[list[Due], tuple[Window, ...], int] | None:
        """Wait until some place is due; return the places, the windows and the moment; None once closed."""
        with self._ready:
            while not self._closed:
                now = time.monotonic()
                places = self._places.due(now)
                if places:
                    return places, self._stack, self._seen_ns
                self._ready.wait(self._places.next(now))
            return None

    def _look(self, due: Due, stack: Sequence[Window], seen_ns: int) -> None:
        """Find the pictures that touch a changed place, window by window, in as much of the window as they need."""
        whole, excluded = Rect(0, 0, *self._screen.size()), self._excluded()
        for owner, parts in owners(stack, due.rect):
            if owner is not None and (owner.id in excluded or owner.client in excluded):
                continue
            bounds = clip(owner.rect, whole) if owner is not None else whole
            parts = [part for part in parts if self._may_hold(part, bounds)]
            if bounds is None or not parts:
                continue
            pixels = self._screen.copy(bounds)
            if pixels.shape[:2] != (bounds.h, bounds.w):
                continue
            gray = luma(pixels)
            for other in covered(stack, owner, bounds):
                y, x = other.y - bounds.y, other.x - bounds.x
                pixels[y : y + other.h, x : x + other.w] = 0
            moved = clip(due.moved, bounds) if due.moved is not None else None
            film = [_within(moved, bounds)] if moved is not None and min(moved.w, moved.h) >= SMALLEST else []
            near = [_within(part, bounds) for part in parts]
            pictures = find_pictures(pixels, near, film, apart=not due.often)
            if due.often and pictures:
                pictures = sorted(pictures, key=lambda found: -found.box.w * found.box.h)[:OFTEN_PICTURES]
                with self._ready:
                    self._places.again(due.rect, time.monotonic())
            for found in pictures:
                self._found += 1
                if prints := self._new_prints(gray, found, owner, few=bool(film)):
                    self._tell(pixels, found.box, bounds, owner, prints, seen_ns, due.moved is not None)

    def _may_hold(self, part: Rect, bounds: Rect | None) -> bool:
        """Tell whether anything as busy as a picture lies in or beside a changed area: text and carets do not."""
        region = clip(grow(part, 4 * BLOCK, 4 * BLOCK), bounds) if bounds is not None else None
        return region is not None and bool(rough_places(Grain(self._screen.copy(region)).busy()))

    def _new_prints(self, gray: Pixels, found: Found, owner: Window | None, few: bool) -> tuple[Print, ...]:
        """Hash a picture's crops, unless it was asked of already; return those that say enough to be asked of."""
        now, digest = time.monotonic(), _digest(gray, found.box, _thread(owner))
        if now - self._asked.get(digest, -FORGET_AFTER) < FORGET_AFTER:
            self._known += 1
            self._asked.move_to_end(digest)
            return ()
        prints: dict[str, Print] = {}
        for crop in found.crops[: FRAME_CROPS if few else None]:
            for made in prints_of(gray[crop.y : crop.bottom, crop.x : crop.right], both=crop == found.box):
                self._hashed += 1
                if made.quality >= LEAST_QUALITY:
                    prints.setdefault(made.hex, made)
        self._asked[digest] = now
        while len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)
        self._poor += not prints
        return tuple(prints.values())

    def _tell(
        self,
        pixels: Pixels,
        crop: Rect,
        bounds: Rect,
        owner: Window | None,
        prints: tuple[Print, ...],
        seen_ns: int,
        moving: bool,
    ) -> None:
        """Ask of a picture's hashes."""
        self._sent += 1
        fingerprints = Fingerprints(media="picture", prints=prints)
        box = Rect(crop.x + bounds.x, crop.y + bounds.y, crop.w, crop.h)
        rgb = pixels[crop.y : crop.bottom, crop.x : crop.right, 2::-1].tobytes() if self._keep_pixels else b""
        seen = Observation(
            id=secrets.token_hex(8),
            kind=Kind.FRAME if moving else Kind.PICTURE,
            at=self._clock.now(),
            sensor=self.name,
            body=MediaSeen(prints=fingerprints, matches=(), place="screen", box=box, pixels=rgb),
            app=owner.app if owner is not None else "",
            title=owner.title if owner is not None else "",
            thread=_thread(owner),
            seen_ns=seen_ns,
        )
        self._ask(fingerprints, seen)


def _within(rect: Rect, bounds: Rect) -> Rect:
    return Rect(rect.x - bounds.x, rect.y - bounds.y, rect.w, rect.h)


def _thread(owner: Window | None) -> str:
    return thread_of(owner.id, owner.app, owner.title) if owner is not None else thread_of(0, "", "")


def _digest(gray: Pixels, box: Rect, thread: str) -> bytes:
    """Name a picture in a thread by a quarter of its pixels: enough to know it again, cheap enough for every look."""
    part = gray[box.y : box.bottom : 2, box.x : box.right : 2]
    key = f"{box.w} {box.h} {thread}".encode()
    return hashlib.blake2b(np.ascontiguousarray(part).data, digest_size=16, key=key).digest()
