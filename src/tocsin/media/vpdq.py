"""vPDQ: a video as the PDQ hashes of its frames (facebook/ThreatExchange, ``vpdq``), and how two are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tocsin.media import pdq
from tocsin.media.borders import strip
from tocsin.media.video import Every, How, Limits, Source, Still, Video, VideoError
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
        return _bare((*self.frames, *self.stripped))


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
    borders: bool = False,
    limits: Limits | None = None,
) -> Vpdq | NotScanned:
    """Hash a video's frames: by default one a second, at full size, as the reference does.

    ``every_s`` 0 takes every frame; ``how`` takes keyframes, or keyframes and changes of scene, instead. ``borders``
    looks a second time without uniform borders. What cannot be opened, or gives no frame, is not scanned, with a
    reason.
    """
    kept: list[Frame] = []
    inside: list[Frame] = []
    try:
        with Video(source, limits) as video:
            for still in video.frames(how or Every(every_s)):
                pixels = still.rgb()
                kept.append(_hashed(pixels, still))
                bare = strip(pixels) if borders else None
                if bare is not None:
                    inside.append(_hashed(bare, still, stripped=True))
    except VideoError as error:
        return error.absence
    if not kept:
        cut = video.notes.get("cut") or video.notes.get("early")
        return NotScanned("time-out" if cut and "time" in cut else "unreadable", cut or "No frame could be decoded.")
    return Vpdq(tuple(kept), video.complete, video.fps, video.duration, video.notes, tuple(inside))


def _hashed(pixels: npt.NDArray[np.uint8], still: Still, *, stripped: bool = False) -> Frame:
    found = pdq.hash_array(pixels)
    return Frame(round(still.at, 6), found.hex, found.quality, still.number, stripped=stripped)


def compare(
    query: Vpdq | Sequence[Frame], known: Vpdq | Sequence[Frame], radius: int = RADIUS, min_quality: int = QUALITY
) -> Shares:
    """Compare two videos frame by frame, both ways; whoever keeps the list decides which share counts.

    Frames below ``min_quality`` are left out and each hash counts once, as in the reference. The reference's two tools
    ask for a share of opposite sides; a known clip inside a long upload shows only in ``known``. Frames with borders
    cut off are a second look: each video is compared as it stands and without its borders, and the best is told.
    """
    return max(
        (
            _compared(_Usable(ours, min_quality), _Usable(theirs, min_quality), radius)
            for ours in _looks(query)
            for theirs in _looks(known)
        ),
        key=lambda shares: (max(shares.query, shares.known), shares.query + shares.known),
    )


def _compared(ours: _Usable, theirs: _Usable, radius: int) -> Shares:
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


def _looks(given: Vpdq | Sequence[Frame]) -> list[Sequence[Frame]]:
    """Return a video's frames as they stand and, if any had borders, without them."""
    frames = (*given.frames, *given.stripped) if isinstance(given, Vpdq) else given
    whole = [frame for frame in frames if not frame.stripped]
    return [whole] if len(whole) == len(frames) else [whole, _bare(frames)]


def _bare(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    inside = {frame.number: frame for frame in frames if frame.stripped}
    whole = [frame for frame in frames if not frame.stripped]
    return tuple(inside.get(frame.number, frame) for frame in whole) if whole else tuple(inside.values())


class _Usable:
    """A video's usable frames: unique hashes as words, and for each frame its time and its hash's place."""

    def __init__(self, given: Sequence[Frame], quality: int) -> None:
        frames = [frame for frame in given if frame.quality >= quality]
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
