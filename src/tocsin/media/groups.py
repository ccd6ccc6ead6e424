"""Decoding only the frames that are wanted, each numbered as if all had been decoded.

A video is a row of groups, each begun by a keyframe that needs nothing before it. Between keyframes a frame is built
on others, so one cannot be had alone; but what comes after the last wanted frame of a group need not be decoded, nor
the frames that no other is built on. The pixels that come out are the same as those of decoding everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.media.containers import Progress

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

SELECTIVE = frozenset({"h264", "hevc", "vp9", "libvpx-vp9", "av1", "libdav1d"})
"""Decoders of codecs in which a packet is a frame that is shown, so that counting packets counts frames."""
_PACKETS, _BYTES = 1500, 96 << 20

Choose = Callable[["Group"], dict[int, int]]


@dataclass(slots=True)
class Group:
    """A keyframe and the packets up to the next, in decoding order.

    ``first`` is the number of its first frame. ``clean`` tells that all its frames are shown after its keyframe, so
    that decoding may begin with it. ``ordered`` is false where the times do not tell the order the frames are shown in,
    and from there on everything is decoded and counted.
    """

    packets: list[Packet[VideoStream]]
    first: int
    clean: bool = True
    ordered: bool = True

    def numbers(self) -> dict[int, int]:
        """Return each frame's number by its timestamp, in the order shown."""
        stamps = sorted(packet.pts for packet in self.packets if packet.pts is not None)
        return {stamp: self.first + place for place, stamp in enumerate(stamps)}


def packets(container: InputContainer, stream: VideoStream, progress: Progress) -> Iterator[Packet[VideoStream]]:
    """Give the stream's packets until it or the budget ends; damage is counted, and ends it where it must."""
    from av.error import FFmpegError

    source = container.demux(stream)
    errors = 0
    while not progress.over():
        try:
            packet = next(source, None)
        except (FFmpegError, OSError, ValueError):
            progress.broken += 1
            errors += 1
            if errors > 50:
                progress.cut = "unreadable"
                return
            source = container.demux(stream)
            continue
        if packet is None:
            return
        if not packet.size:
            continue
        progress.packets += 1
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is not None and packet.time_base:
            at = float((stamp - (stream.start_time or 0) + (packet.duration or 0)) * packet.time_base)
            progress.reached = max(progress.reached, at)
        yield packet


def grouped(source: Iterator[Packet[VideoStream]]) -> Iterator[Group]:
    """Cut a stream of packets into groups; a group too long to be held is given as not ordered."""
    held: list[Packet[VideoStream]] = []
    size, first, latest = 0, 0, None
    for packet in source:
        if held and (packet.is_keyframe or len(held) >= _PACKETS or size > _BYTES):
            group = _group(held, first, latest)
            group.ordered = group.ordered and packet.is_keyframe
            latest = max((p.pts for p in held if p.pts is not None), default=latest)
            first += len(held)
            held, size = [], 0
            yield group
        held.append(packet)
        size += packet.size
    if held:
        yield _group(held, first, latest)


def _group(held: list[Packet[VideoStream]], first: int, latest: int | None) -> Group:
    stamps = [packet.pts for packet in held if packet.pts is not None]
    ordered = len(set(stamps)) == len(held) and (latest is None or min(stamps) > latest)
    clean = ordered and held[0].is_keyframe and min(stamps) == held[0].pts
    return Group(held, first, clean, ordered)


class Decoder:
    """A stream's decoder that counts what it could not decode."""

    def __init__(self, stream: VideoStream, progress: Progress) -> None:
        self._context, self._progress = stream.codec_context, progress
        self._fed = False

    def feed(self, packet: Packet[VideoStream], *, wanted: bool = True) -> Iterator[VideoFrame]:
        """Decode a packet; one that is not wanted is left out if no other frame is built on it."""
        self._context.skip_frame = "DEFAULT" if wanted else "NONREF"
        self._fed = True
        yield from self._decode(packet)

    def drain(self) -> Iterator[VideoFrame]:
        """Give the frames held back for their order, and make ready for a new keyframe."""
        if not self._fed:
            return
        self._context.skip_frame = "DEFAULT"
        yield from self._decode(None)
        self._context.flush_buffers()
        self._fed = False

    def _decode(self, packet: Packet[VideoStream] | None) -> Iterator[VideoFrame]:
        from av.error import FFmpegError

        try:
            frames = self._context.decode(packet)
        except (FFmpegError, ValueError, OSError, MemoryError):
            self._progress.broken += 1
            return
        for frame in frames:
            if frame.is_corrupt:
                self._progress.broken += 1
            yield frame


def decoded(
    source: Iterator[Packet[VideoStream]], decoder: Decoder, choose: Choose, every: Callable[[int, int | None], bool]
) -> Iterator[tuple[VideoFrame, int]]:
    """Give the wanted frames and their numbers, in the order shown.

    ``choose`` tells which frames of an ordered group are wanted (number by timestamp). Once a group is not ordered,
    ``every`` is asked about each frame, by number and timestamp.
    """
    groups = grouped(source)
    group, number = next(groups, None), 0
    wanted: dict[int, int] = {}
    known: dict[int, int] = {}
    while group is not None and group.ordered:
        following = next(groups, None)
        fresh = following is None or (following.ordered and following.clean)
        here = choose(group)
        wanted |= here
        known = group.numbers()
        last = max((n for n, packet in enumerate(group.packets) if packet.pts in here), default=-1)
        for place, packet in enumerate(group.packets):
            if fresh and place > last:
                break
            for frame in decoder.feed(packet, wanted=packet.pts in here):
                if frame.pts in wanted:
                    yield frame, wanted.pop(frame.pts)
        if fresh:
            for frame in decoder.drain():
                if frame.pts in wanted:
                    yield frame, wanted.pop(frame.pts)
            wanted.clear()
        number = group.first + len(group.packets)
        group = following
    for frame in _rest(group, groups, decoder):
        if frame.pts in known:
            if frame.pts in wanted:
                yield frame, wanted.pop(frame.pts)
            continue
        if every(number, frame.pts):
            yield frame, number
        number += 1


def _rest(group: Group | None, groups: Iterator[Group], decoder: Decoder) -> Iterator[VideoFrame]:
    """Decode everything from a group that is not ordered."""
    while group is not None:
        for packet in group.packets:
            yield from decoder.feed(packet)
        group = next(groups, None)
    yield from decoder.drain()
