"""Frames of a video: one every so often, or its keyframes, or its keyframes and changes of scene; within a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.media import groups, scenes
from tocsin.media.containers import Limits, Progress, Source, VideoError, moving, opened

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = ["KEYFRAMES", "KEYFRAMES_AND_SCENES", "Every", "Limits", "Source", "Still", "Video", "VideoError", "frames"]

Pixels = npt.NDArray[np.uint8]
_FASTEST = 1000
_SLACK = 2.0
"""Seconds by which a video may end before its sound without being thought cut off."""


@dataclass(frozen=True, slots=True)
class Every:
    """One frame every ``seconds``, counted in frames as vPDQ's reference does, or by the container's times."""

    seconds: float = 1.0
    by_time: bool = False


class Mode(StrEnum):
    """Ways to choose frames that need less decoding than one a second."""

    KEYFRAMES = "keyframes"
    KEYFRAMES_AND_SCENES = "keyframes-and-scenes"


KEYFRAMES, KEYFRAMES_AND_SCENES = Mode.KEYFRAMES, Mode.KEYFRAMES_AND_SCENES
How = Every | Mode


@dataclass(frozen=True, slots=True)
class Still:
    """One frame: ``at`` seconds from the start by the container's time, ``number`` counted from 0.

    ``turned`` are the degrees, counterclockwise, by which a player turns the picture; the pixels are not turned.
    Pixels are made when asked for, as long as the video is open.
    """

    at: float
    number: int
    key: bool
    turned: int
    _frame: Any
    _scaler: Any

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self._frame.width, self._frame.height

    def rgb(self) -> Pixels:
        """Return (height, width, 3), as vPDQ's reference sees it."""
        return np.ascontiguousarray(self._scaler.reformat(self._frame, format="rgb24", threads=1).to_ndarray())


class Video(AbstractContextManager["Video"]):
    """An open video. Read ``complete``, ``broken`` and ``notes`` after the frames have been taken.

    ``fps`` are the average frames a second as the container tells, 0 where it does not.
    """

    def __init__(self, source: Source, limits: Limits | None = None) -> None:
        self._progress = Progress(limits or Limits())
        self._opening = opened(source, self._progress)
        self._container: InputContainer
        self._stream: VideoStream
        self._container, self._stream = self._opening.__enter__()
        self._context = self._stream.codec_context
        self.fps = _fps(self._stream)
        self._told = _duration(self._stream, self._container)
        self._given, self._last, self._ended = 0, 0.0, False
        self._notes: dict[str, str] = {}
        self._sizes: set[tuple[int, int]] = set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opening.__exit__(kind, error, trace)

    @property
    def duration(self) -> float:
        """Seconds as the container tells, or as far as was read."""
        return self._told or self._last

    @property
    def broken(self) -> int:
        """Packets and frames that could not be decoded whole."""
        return self._progress.broken

    @property
    def complete(self) -> bool:
        """True only if the video was read to its end with nothing broken, cut off or left aside."""
        return self._ended and not self._progress.cut and not self.broken and "other-streams" not in self._notes

    @property
    def notes(self) -> dict[str, str]:
        """What is worth knowing, sentences by code.

        ``cut`` (by a limit), ``early`` (the file ends, or cannot be read on), ``broken``, ``turned``, ``sizes``,
        ``other-streams``.
        """
        notes = dict(self._notes)
        if self._progress.cut:
            notes["early" if self._progress.cut in ("early", "unreadable") else "cut"] = _CUTS[self._progress.cut]
        if self.broken:
            notes["broken"] = f"{self.broken} parts of the video could not be decoded."
        if len(self._sizes) > 1:
            notes["sizes"] = "The size of the picture changes: " + ", ".join(f"{w} x {h}" for w, h in self._sizes) + "."
        return notes

    def frames(self, how: How = Every()) -> Iterator[Still]:
        """Give frames in the order shown, until the video, a limit or the budget ends."""
        if sum(1 for stream in self._container.streams.video if moving(stream)) > 1:
            self._notes["other-streams"] = "The file holds more than one moving picture; one was examined."
        from av.video.reformatter import VideoReformatter

        scaler, limits = VideoReformatter(), self._progress.limits
        for frame, number in self._chosen(how):
            at = self._at(frame.pts, number)
            shown = number / self.fps if self.fps else at
            if self._progress.over():
                return
            if min(at, shown) > limits.seconds or self._given >= limits.frames:
                self._progress.cut = "seconds" if self._given < limits.frames else "frames"
                return
            self._given += 1
            self._last = max(self._last, at)
            if len(self._sizes) < 20:
                self._sizes.add((frame.width, frame.height))
            turned = _turned(frame)
            if turned:
                self._notes["turned"] = f"A player turns the picture by {turned} degrees; it was hashed unturned."
            yield Still(at, number, bool(frame.key_frame), turned, frame, scaler)
        self._finish()

    def _chosen(self, how: How) -> Iterator[tuple[VideoFrame, int]]:
        source = groups.packets(self._container, self._stream, self._progress)
        decoder = groups.Decoder(self._stream, self._progress)
        if how is KEYFRAMES:
            return self._keyframes(source, decoder)
        if how is KEYFRAMES_AND_SCENES:
            changes = scenes.Changes()
            found = groups.decoded(source, decoder, changes.wanted, changes.every)
            return ((frame, number) for frame, number in found if changes.new(frame))
        assert isinstance(how, Every)
        pick = self._sampling(how)
        if self._context.name not in groups.SELECTIVE:
            return _all(source, decoder, pick)
        return groups.decoded(
            source,
            decoder,
            lambda group: {stamp: n for stamp, n in group.numbers().items() if pick(n, stamp)},
            pick,
        )

    def _keyframes(
        self, source: Iterator[Packet[VideoStream]], decoder: groups.Decoder
    ) -> Iterator[tuple[VideoFrame, int]]:
        for number, packet in enumerate(source):
            if packet.is_keyframe:
                for frame in (*decoder.feed(packet), *decoder.drain()):
                    yield frame, number

    def _sampling(self, how: Every) -> Callable[[int, int | None], bool]:
        """Return the rule that says of a frame, by number and timestamp, whether it is taken; asked in order."""
        step = int(how.seconds * self.fps)
        if self.fps and not how.by_time:
            return lambda number, _: step == 0 or number % step == 0
        due = 0.0

        def by_time(number: int, stamp: int | None) -> bool:
            nonlocal due
            at = self._at(stamp, number)
            if at < due and how.seconds > 0:
                return False
            due = (int(at / how.seconds) + 1) * how.seconds if how.seconds > 0 else 0.0
            return True

        return by_time

    def _at(self, stamp: int | None, number: int) -> float:
        """Return seconds from the start by the container's time, or by counting where it has none."""
        base = self._stream.time_base
        if stamp is None or not base:
            return number / self.fps if self.fps else 0.0
        return max(0.0, float((stamp - (self._stream.start_time or 0)) * base))

    def _finish(self) -> None:
        """At the end of the file, tell whether it ended where it said it would."""
        self._ended = True
        progress = self._progress
        told = self._stream.frames
        short = self._told - progress.reached > _SLACK + 0.02 * self._told
        if not progress.over() and ((told and progress.packets < told) or short):
            progress.cut = "early"


_CUTS = {
    "time": "The time allowed for the video ran out before its end.",
    "size": "The video is larger than is read.",
    "seconds": "The video is longer than is examined.",
    "frames": "The video has more frames to examine than are taken.",
    "early": "The file ends before the video does.",
    "unreadable": "The rest of the video could not be read.",
}


def frames(source: Source, how: How = Every(), limits: Limits | None = None) -> Iterator[Still]:
    """Give a video's frames; raises :class:`VideoError`. Use :class:`Video` to learn whether all was read."""
    with Video(source, limits) as video:
        yield from video.frames(how)


def _all(
    source: Iterator[Packet[VideoStream]], decoder: groups.Decoder, pick: Callable[[int, int | None], bool]
) -> Iterator[tuple[VideoFrame, int]]:
    """Decode every frame and give those taken."""
    numbers = count()
    for packet in source:
        for frame in decoder.feed(packet):
            if pick(number := next(numbers), frame.pts):
                yield frame, number
    for frame in decoder.drain():
        if pick(number := next(numbers), frame.pts):
            yield frame, number


def _fps(stream: VideoStream) -> float:
    rate = stream.average_rate or stream.guessed_rate or Fraction(0)
    return float(rate) if 0 < rate <= _FASTEST else 0.0


def _duration(stream: VideoStream, container: InputContainer) -> float:
    if stream.duration and stream.time_base:
        return max(0.0, float(stream.duration * stream.time_base))
    return max(0.0, (container.duration or 0) / 1_000_000)


def _turned(frame: VideoFrame) -> int:
    with suppress(AttributeError, TypeError, ValueError, OverflowError):
        return int(frame.rotation) % 360
    return 0
