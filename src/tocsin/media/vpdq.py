"""vPDQ: a video as the PDQ hashes of its frames (facebook/ThreatExchange, ``vpdq``), and how two are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.media import pdq
from tocsin.media.borders import strip
from tocsin.media.video import Every, How, Limits, Source, Video, VideoError
from tocsin.model.media import Frame
from tocsin.model.observation import NotScanned

RADIUS, QUALITY = 31, 50
GAP = 3.0
"""Matched frames no further apart than this many seconds belong to one range."""
_BLOCK = 1 << 17


@dataclass(frozen=True, slots=True)
class Vpdq:
    """A video's hashed frames, in the order shown.

    ``stripped`` are hashes of the same frames with uniform borders cut off, of those that had any: for matching, never
    for sharing. ``complete`` is false where anything of the video was not examined, and ``notes`` say what (sentences
    by code). ``fps`` and ``duration`` (seconds) are as the container tells, 0 where unknown.
    """

    frames: tuple[Frame, ...]
    complete: bool = True
    fps: float = 0.0
    duration: float = 0.0
    notes: dict[str, str] = field(default_factory=dict)
    stripped: tuple[Frame, ...] = ()

    def nominal(self, frame: Frame) -> float:
        """Return the reference's timestamp: frame number by average rate, wrong where the rate varies."""
        return frame.number / self.fps if self.fps else frame.at

    def bare(self) -> tuple[Frame, ...]:
        """Return every frame once, without its borders where it had some."""
        inside = {frame.number: frame for frame in self.stripped}
        return tuple(inside.get(frame.number, frame) for frame in self.frames)


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of the query, in seconds, and where in the known video its frames were found; ``frames`` in it."""

    start: float
    end: float
    known_start: float
    known_end: float
    frames: int


@dataclass(frozen=True, slots=True)
class Shares:
    """How much two videos have in common: parts (0 to 1) of each one's usable frames found in the other.

    ``of_query`` and ``of_known`` count the usable frames: without those of low quality, each hash once. With none on
    one side nothing can be said, and the shares are 0. ``nearest`` is the least distance of any two, in bits.
    """

    query: float
    known: float
    ranges: tuple[Range, ...]
    of_query: int
    of_known: int
    nearest: int | None = None


def hash_video(
    source: Source,
    every_s: float = 1.0,
    *,
    how: How | None = None,
    fast: bool = False,
    borders: bool = False,
    limits: Limits | None = None,
) -> Vpdq | NotScanned:
    """Hash a video's frames: by default one a second, at full size, as the reference does.

    ``every_s`` 0 takes every frame; ``how`` takes keyframes, or keyframes and changes of scene, instead. ``fast``
    hashes the stored brightness (``path`` ``luma``: for matching, not for sharing); ``borders`` looks a second time
    without uniform borders. What cannot be opened, or gives no frame, is not scanned, with a reason.
    """
    kept: list[Frame] = []
    inside: list[Frame] = []
    try:
        with Video(source, limits) as video:
            for still in video.frames(how or Every(every_s)):
                at = round(still.at, 6)
                pixels = still.rgb() if borders or not fast else still.luma()
                kept.append(_hashed(pixels, at, still.number, fast=fast and not borders))
                bare = strip(pixels) if borders else None
                if bare is not None:
                    kind = _hashed(bare, at, still.number, fast=False)
                    inside.append(Frame(at, kind.hex, kind.quality, still.number, "full", stripped=True))
    except VideoError as error:
        return error.absence
    if not kept:
        cut = video.notes.get("cut")
        return NotScanned("time-out" if cut and "time" in cut else "unreadable", cut or "No frame could be decoded.")
    return Vpdq(tuple(kept), video.complete, video.fps, video.duration, video.notes, tuple(inside))


def _hashed(pixels: npt.NDArray[np.uint8], at: float, number: int, *, fast: bool) -> Frame:
    print_ = pdq.hash_array(pixels)
    return Frame(at, print_.hex, print_.quality, number, "luma" if fast else "full")


def compare(
    query: Vpdq | Sequence[Frame], known: Vpdq | Sequence[Frame], radius: int = RADIUS, min_quality: int = QUALITY
) -> Shares:
    """Compare two videos frame by frame, both ways; whoever keeps the list decides which share counts.

    Frames below ``min_quality`` are left out and each hash counts once, as in the reference. The reference's two tools
    ask for a share of opposite sides; a known clip inside a long upload shows only in ``known``.
    """
    ours, theirs = _Usable(query, min_quality), _Usable(known, min_quality)
    if not len(ours.codes) or not len(theirs.codes):
        return Shares(0.0, 0.0, (), len(ours.codes), len(theirs.codes))
    distance, where, seen = _nearest(ours.codes, theirs.codes, radius)
    hit = distance <= radius
    return Shares(
        float(hit.mean()),
        float(seen.mean()),
        _ranges(ours, theirs, hit, where),
        len(ours.codes),
        len(theirs.codes),
        int(distance.min()) if hit.any() else None,
    )


class _Usable:
    """A video's usable frames: unique hashes as words, and for each frame its time and its hash's place."""

    def __init__(self, given: Vpdq | Sequence[Frame], quality: int) -> None:
        frames = [f for f in (given.frames if isinstance(given, Vpdq) else given) if f.quality >= quality]
        places: dict[str, int] = {}
        self.place = np.array([places.setdefault(f.hex, len(places)) for f in frames], np.int64)
        self.at = np.array([f.at for f in frames], float)
        self.first = np.zeros(len(places))
        self.first[self.place[::-1]] = self.at[::-1]
        self.codes = np.frombuffer(bytes.fromhex("".join(places)), np.uint64).reshape(-1, 4)


def _nearest(
    ours: npt.NDArray[np.uint64], theirs: npt.NDArray[np.uint64], radius: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return, for each of ours, the least distance (257 if above ``radius``) and its place; and which of theirs match.

    Every pair is compared, a block at a time; half of the bits tell of nearly all pairs that they are too far.
    """
    distance = np.full(len(ours), 257, np.int64)
    where = np.zeros(len(ours), np.int64)
    seen = np.zeros(len(theirs), bool)
    columns = [np.ascontiguousarray(theirs[:, n]) for n in range(4)]
    step = max(1, _BLOCK // len(theirs))
    for begin in range(0, len(ours), step):
        block = ours[begin : begin + step]
        bits = np.bitwise_count(block[:, :1] ^ columns[0])
        bits += np.bitwise_count(block[:, 1:2] ^ columns[1])
        maybe = (bits <= radius).any(1)
        rows = np.flatnonzero(maybe)
        if not len(rows):
            continue
        whole = bits[rows].astype(np.uint16)
        for n in (2, 3):
            whole += np.bitwise_count(block[rows, n, None] ^ columns[n])
        best = whole.argmin(1)
        least = whole[np.arange(len(rows)), best]
        seen |= (whole <= radius).any(0)
        near = least <= radius
        distance[rows[near] + begin], where[rows[near] + begin] = least[near], best[near]
    return distance, where, seen


def _ranges(
    ours: _Usable, theirs: _Usable, hit: npt.NDArray[np.bool_], where: npt.NDArray[np.int64]
) -> tuple[Range, ...]:
    """Join matched frames that lie close together in the query into ranges."""
    order = np.argsort(ours.at, kind="stable")
    matched = [(float(ours.at[n]), float(theirs.first[where[ours.place[n]]])) for n in order if hit[ours.place[n]]]
    ranges: list[Range] = []
    for at, there in matched:
        last = ranges[-1] if ranges else None
        if last is not None and at - last.end <= GAP:
            low, high = min(last.known_start, there), max(last.known_end, there)
            ranges[-1] = Range(last.start, at, low, high, last.frames + 1)
        else:
            ranges.append(Range(at, at, there, there, 1))
    return tuple(ranges)
