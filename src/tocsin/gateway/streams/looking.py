"""Watching one stream inside the limited process: demuxed whole, decoded at its keyframes and changes of scene only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from tocsin.gateway.streams.budget import Budget, Load, Pace
from tocsin.gateway.streams.framing import Chunks
from tocsin.gateway.streams.furniture import Furniture
from tocsin.media import pdq, scenes
from tocsin.media.borders import NOISE, STRAYS, strip
from tocsin.media.containers import CODECS, FORMATS, moving

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

Pixels = npt.NDArray[np.uint8]
Classify = Callable[[Pixels], list[tuple[str, float]]]

_MOST_STRIPS = 2
_MOST_BROKEN = 3
_GROUP_PACKETS, _GROUP_BYTES = 900, 16 << 20
_QUIET_S, _QUIET_BYTES = 20.0, 32 << 20
_PROBE_US, _PROBE_BYTES = 2_000_000, 4_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """How one stream is looked at.

    ``framed``: the bytes come in a pipe with their moments of arrival (live); otherwise the file is read as it is.
    ``share`` of a core that it may cost; ``least`` seconds between two looks; ``scenes``: changes of scene too;
    ``pixels`` that one frame may have; ``classify``: run the classifier.
    """

    framed: bool = True
    share: float = 0.05
    least: float = 0.4
    scenes: bool = True
    pixels: int = 8192 * 4320
    classify: bool = False


@dataclass(slots=True)
class Counts:
    """What happened to one stream so far. ``spared`` are keyframes nearer to the last look than the least distance."""

    looked: int = 0
    keyframes: int = 0
    scenes: int = 0
    spared: int = 0
    broken: int = 0
    reopened: int = 0
    bytes: int = 0
    longest: float = 0.0
    sizes: list[str] = field(default_factory=list)


class StreamError(ValueError):
    """A stream cannot be watched any further; ``code`` is a reason of NotScanned, the message a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Looking:
    """One stream from its first byte to its last. ``tell`` gets one dictionary for each frame looked at."""

    def __init__(
        self,
        file: BinaryIO,
        settings: Settings,
        tell: Callable[[dict[str, Any]], None],
        classify: Classify | None,
        load: Load | None = None,
    ) -> None:
        self._load = load
        self._settings, self._tell, self._classify = settings, tell, classify
        self._chunks = Chunks(file) if settings.framed else None
        self._file = file
        self.stopped = False
        self.counts = Counts()
        self.budget = Budget(settings.share if settings.framed else 1e6)
        self.pace = Pace(settings.share) if settings.framed else None
        self._furniture = Furniture()
        self._shown: Pixels | None = None
        self._group: list[Packet[VideoStream]] = []
        self._group_bytes = 0
        self._undecoded = 0
        self._began = 0
        self._at, self._last_look, self._base = 0.0, -1e9, 0.0
        self._offset: float | None = None
        self._reformatter: Any = None

    def run(self) -> None:
        """Watch until the stream ends. Raises StreamError where nothing of it could be opened."""
        opened = False
        for _ in iter(int, 1):
            try:
                with self._open() as container:
                    opened = True
                    self._watch(container)
            except StreamError:
                if not opened and self._over():
                    raise
            if self.stopped or self._over():
                return
            self.counts.reopened += 1

    def _over(self) -> bool:
        """Make ready to open anew what follows; true where nothing does."""
        self._base, self._offset = self._at, None
        self._group, self._group_bytes, self._undecoded = [], 0, 0
        return self._chunks is None or not self._chunks.go_on()

    def _open(self) -> Any:
        import av

        try:
            return av.open(
                _Stoppable(self, self._chunks or self._file),
                metadata_errors="replace",
                buffer_size=1 << 15 if self._chunks else 1 << 18,
                io_open=_no_other_file,
                options={
                    "format_whitelist": FORMATS,
                    "codec_whitelist": ",".join(sorted(CODECS)) + ",aac,mp3,mp3float,ac3,eac3,opus,vorbis,flac",
                    "protocol_whitelist": "pipe",
                    "probesize": str(_PROBE_BYTES),
                    "analyzeduration": str(_PROBE_US),
                    "max_pixels": str(self._settings.pixels),
                    "max_streams": "64",
                    "threads": "1",
                },
            )
        except (av.error.FFmpegError, OSError, ValueError, UnicodeError, MemoryError) as error:
            raise StreamError("unreadable", "The stream is not a video, or it is damaged.") from error

    def _watch(self, container: InputContainer) -> None:
        """Look at one opened container to its end, or until it must be opened anew."""
        stream = next(filter(moving, container.streams.video), None)
        if stream is None:
            raise StreamError("unsupported", "The stream holds no moving picture.")
        context = stream.codec_context
        if context is None or context.name not in CODECS:
            raise StreamError("unsupported", f"The stream's codec ({getattr(context, 'name', '?')}) is not watched.")
        from av.codec.context import ThreadType
        from av.stream import Discard

        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        context.thread_count, context.thread_type = 1, ThreadType.SLICE
        context.options = {"max_pixels": str(self._settings.pixels)}
        seen_key = time.monotonic()
        for packet in self._packets(container, stream):
            spent = time.thread_time()
            if packet.is_keyframe:
                self._scenes(stream)
                self._keyframe(packet, stream)
                seen_key = time.monotonic()
            if not self._settings.scenes:
                pass
            elif len(self._group) < _GROUP_PACKETS and self._group_bytes < _GROUP_BYTES:
                self._group.append(packet)
                self._group_bytes += packet.size
            if packet.is_keyframe:
                self.budget.note(time.monotonic(), time.thread_time() - spent, self._lag())
            if self._chunks and time.monotonic() - seen_key > _QUIET_S:
                self.counts.broken += 1  # a picture without a beginning for so long was not looked at
                return
            if self._undecoded >= _MOST_BROKEN:
                return
        self._scenes(stream)

    def _packets(self, container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
        from av.error import FFmpegError

        source, errors = container.demux(stream), 0
        while not self.stopped:
            try:
                packet = next(source, None)
            except (FFmpegError, OSError, ValueError):
                self.counts.broken += 1
                errors += 1
                if errors > 20:
                    return
                source = container.demux(stream)
                continue
            if packet is None:
                return
            if packet.size and packet.stream_index == stream.index:
                if self._chunks is not None:
                    self._chunks.quiet_bytes = 0
                self._at = self._time(packet)
                yield packet

    def _time(self, packet: Packet[VideoStream] | VideoFrame) -> float:
        """Return seconds since the stream was first seen, going on where it was opened anew."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or not packet.time_base:
            return self._at
        at = float(stamp * packet.time_base)
        if self._offset is None:
            self._offset = at - self._base
        found = at - self._offset
        if not -60.0 < found - self._at < 600.0:
            self._offset, found = at - self._at, self._at
        return max(0.0, found)

    def _lag(self) -> float:
        return (time.monotonic_ns() - self._chunks.arrived_ns) / 1e9 if self._chunks else 0.0

    def _keyframe(self, packet: Packet[VideoStream], stream: VideoStream) -> None:
        """Decode a keyframe by itself and look at it."""
        self.counts.keyframes += 1
        if 0 <= self._at - self._last_look < self._settings.least:
            self.counts.spared += 1
            return
        if not self.budget.keyframe():
            return
        frames = self._decode(stream, packet) + self._decode(stream, None)
        stream.codec_context.flush_buffers()
        if not frames:
            self._undecoded += 1
            return
        self._undecoded = 0
        for frame in frames[:1]:
            self._differs(frame)
            self._look(frame, scene=False)

    def _scenes(self, stream: VideoStream) -> None:
        """Decode the group before, up to the last packet that is large enough to begin a scene, if one is."""
        group, self._group, self._group_bytes = self._group, [], 0
        if not self._settings.scenes or len(group) < 3 or not group[0].is_keyframe:
            return
        places = scenes.candidates([packet.size for packet in group])
        if not places or not self.budget.scenes(len(places), self._load.share() if self._load else 0.0):
            return
        began = time.thread_time()
        stamps = {group[place].pts for place in places}
        context = stream.codec_context
        for place, packet in enumerate((*group[: places[-1] + 1], None)):
            context.skip_frame = "DEFAULT" if packet is None or place in places else "NONREF"
            for frame in self._decode(stream, packet):
                if frame.pts in stamps and self._differs(frame):
                    self.counts.scenes += 1
                    self._look(frame, scene=True)
        context.skip_frame = "DEFAULT"
        context.flush_buffers()
        if self._load is not None:
            self._load.spend(time.thread_time() - began)

    def _differs(self, frame: VideoFrame) -> bool:
        """Tell whether a frame looks different from the one looked at before: a grid of its brightness is compared."""
        small = _rows(frame, 1)[:: max(1, frame.height // 64), :: max(1, frame.width // 64)].copy()
        before, self._shown = self._shown, small
        if before is None or before.shape != small.shape:
            return True
        return float(np.abs(small.astype(np.int16) - before).mean()) >= scenes.DIFFERENT

    def _decode(self, stream: VideoStream, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        from av.error import FFmpegError

        try:
            return list(stream.codec_context.decode(packet))
        except (FFmpegError, ValueError, OSError, MemoryError):
            self.counts.broken += 1
            return []

    def _look(self, frame: VideoFrame, *, scene: bool) -> None:
        """Hash a frame as it stands, within its borders, and within a player's furniture; tell what was found."""
        if self._reformatter is None:
            from av.video.reformatter import VideoReformatter

            self._reformatter = VideoReformatter()
        counts, at = self.counts, self._time(frame)
        rgb = _rows(self._reformatter.reformat(frame, format="rgb24", threads=1), 3)
        if counts.looked:
            counts.longest = round(max(counts.longest, at - self._last_look), 3)
        counts.looked += 1
        self._last_look = max(self._last_look, at)
        if frame.is_corrupt:
            counts.broken += 1
        size = f"{frame.width} x {frame.height}"
        if size not in counts.sizes and len(counts.sizes) < 20:
            counts.sizes.append(size)
        told = {"at": round(at, 3), "scene": scene, "prints": prints(rgb, self._furniture, _brightness(frame))}
        told["arrived_ns"] = self._chunks.arrived_ns if self._chunks else time.monotonic_ns()
        if self._classify is not None and self._settings.classify and self.budget.classifier():
            told["labels"] = self._classify(np.ascontiguousarray(rgb))
        self._tell(told)


class _Stoppable:
    """A file that ends when watching is over, or when bytes come and no picture does."""

    def __init__(self, owner: Looking, file: Any) -> None:
        self._owner, self._file = owner, file
        self.name = "stream"

    def read(self, size: int) -> bytes:
        """Return some bytes; none when it is over."""
        pace = self._owner.pace
        if pace is not None and (wait := pace.wait(time.monotonic(), time.thread_time())) > 0:
            time.sleep(wait)
        if self._owner.stopped:
            return b""
        if isinstance(self._file, Chunks) and self._file.quiet_bytes > _QUIET_BYTES:
            return b""
        data: bytes = self._file.read(size) or b""
        self._owner.counts.bytes += len(data)
        return data

    def seekable(self) -> bool:
        """Tell whether the source can be read from another place."""
        return bool(self._file.seekable())

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to another place; asked only where the source can."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Return the place in the source."""
        return int(self._file.tell())


def prints(rgb: Pixels, furniture: Furniture, luma: Pixels | None = None) -> list[dict[str, Any]]:
    """Return a frame's hashes: as it stands, within uniform borders, within a player and its own borders.

    ``luma``, the frame's brightness (height, width) where the decoder gave it, spares most of the search for both.
    """
    found = [_print(rgb, stripped=False)]
    looks = [rgb] if luma is None or _may_be_bordered(luma) else []
    inner = furniture.inside(rgb, luma)
    if inner is not None:
        found.append(_print(inner, stripped=True))
        looks.append(inner)
    for look in looks:
        inside = strip(look)
        for _ in range(_MOST_STRIPS):
            if inside is None:
                break
            found.append(_print(inside, stripped=True))
            inside = strip(inside)
    return list({one["hex"]: one for one in reversed(found)}.values())[::-1]


def _may_be_bordered(luma: Pixels) -> bool:
    """Tell, from brightness only, whether a frame may have a border at all; true of each that ``strip`` would find.

    Where at most 2 % of a line's samples stray from its colour, at most 6 % of its pixels do, and the brightness of
    the others lies within twice as much of their median.
    """
    for line in (luma[0], luma[-1], luma[:, 0], luma[:, -1]):
        away = np.abs(line.astype(np.int16) - int(np.median(line)))
        if (away > 2 * NOISE).mean() <= 3 * STRAYS:
            return True
    return False


def _rows(frame: VideoFrame, channels: int) -> Pixels:
    """Return a frame's first plane as it lies in memory: (height, width) or (height, width, channels)."""
    plane: Any = frame.planes[0]
    whole = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width * channels]
    return whole if channels == 1 else whole.reshape(frame.height, frame.width, channels, copy=False)


def _brightness(frame: VideoFrame) -> Pixels | None:
    """Return the brightness of a frame where it is a plane of bytes of its own."""
    form = frame.format
    own = form.name.startswith(("yuv4", "yuvj4", "nv12")) and form.components[0].bits == 8
    return _rows(frame, 1) if own else None


def _print(rgb: Pixels, *, stripped: bool) -> dict[str, Any]:
    made = pdq.hash_array(rgb)
    return {"hex": made.hex, "quality": made.quality, "path": "full", "stripped": stripped, "turn": 0, "white": False}


def _no_other_file(*asked: object) -> BinaryIO:
    """Refuse what a playlist or a reference inside a stream names."""
    raise PermissionError(f"A stream may not open another file: {asked[:1]}")
