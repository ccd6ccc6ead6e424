"""Opening a video file without trusting it: known containers and codecs only, no second file, no network, a budget."""

from __future__ import annotations

import errno
import io
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from tocsin.model.observation import NotScanned

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

Source = str | Path | int | bytes | BinaryIO
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,ogg,ivf,h264,hevc,m4v,obu,mxf,dv,"
    "gxf,wtv,nut,rm,av1"
)
"""Containers that are opened. Playlists (HLS, DASH, concat), devices and formats that name other files are not."""
CODECS = frozenset(
    (
        *("h264", "hevc", "vvc", "vp6", "vp6a", "vp6f", "vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d"),
        *("mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4", "h261", "h263", "h263i", "flv"),
        *("wmv1", "wmv2", "wmv3", "vc1", "mjpeg", "jpeg2000", "png", "theora", "prores", "dnxhd", "dvvideo"),
        *("rv30", "rv40", "cinepak", "svq1", "svq3", "huffyuv", "ffv1", "rawvideo"),
    )
)
"""Decoders that are used. The many for games and old devices are the least tested and are left alone."""
_BUFFER = 1 << 18


class VideoError(ValueError):
    """A video cannot be read. ``code`` is a reason of :class:`NotScanned`, ``sentence`` is for a person."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence

    @property
    def absence(self) -> NotScanned:
        """The same as a value."""
        return NotScanned(self.code, self.sentence)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one video may cost. What is cut off by a limit is said to be incomplete, never clean.

    ``wall`` seconds of the clock; ``seconds`` of video; ``frames`` handed out; ``pixels`` of one frame; ``size`` bytes
    read; ``threads`` of the decoder.
    """

    wall: float = 120.0
    seconds: float = 12 * 3600.0
    frames: int = 50_000
    pixels: int = 8192 * 8192
    size: int = 64 << 30
    threads: int = 1


@dataclass(slots=True)
class Progress:
    """What has been read so far, and what went wrong: shared by the file, the demuxer and the decoder.

    ``cut`` is why reading stopped early (``time``, ``size``, ``seconds``, ``frames``, ``early``, ``unreadable`` or
    nothing); ``broken`` counts packets and frames that could not be decoded whole; ``reached`` is the second of the
    last packet read.
    """

    limits: Limits
    began: float = field(default_factory=time.monotonic)
    read: int = 0
    packets: int = 0
    broken: int = 0
    reached: float = 0.0
    cut: str = ""

    def over(self) -> bool:
        """Tell whether the budget is spent, and remember why."""
        if self.cut:
            return True
        if time.monotonic() - self.began > self.limits.wall:
            self.cut = "time"
        elif self.read > self.limits.size:
            self.cut = "size"
        return bool(self.cut)


class _Bounded:
    """A file as the demuxer sees it: it ends when the budget does."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self._file, self._progress = file, progress
        self.name = "video"
        self._seekable = bool(getattr(file, "seekable", lambda: False)())

    def read(self, size: int) -> bytes:
        """Read at most ``size`` bytes; nothing once the budget is spent."""
        if self._progress.over():
            return b""
        data = self._file.read(size) or b""
        self._progress.read += len(data)
        return data

    def seekable(self) -> bool:
        """Tell whether the source can be read from another place."""
        return self._seekable

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to another place; pyav asks only where the source can."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the source."""
        return self._file.tell()


@contextmanager
def opened(source: Source, progress: Progress) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video and find its moving picture; raises :class:`VideoError` with one sentence.

    A path, a file descriptor, bytes or a file object (which may be a pipe). The name is never shown to FFmpeg, which
    gets bytes only, so that no protocol and no second file can be named.
    """
    try:
        import av
    except ImportError:
        raise VideoError("unsupported", "Videos need one more package: pip install 'tocsin[video]'.") from None
    with _file(source) as file:
        try:
            container = _open(av, file, progress)
        except (av.error.FFmpegError, OSError, ValueError, UnicodeError) as error:
            raise _refusal(file, progress, error) from None
        try:
            yield container, _stream(container, progress.limits)
        finally:
            container.close()


def _open(av: Any, file: BinaryIO, progress: Progress) -> InputContainer:
    return cast(
        "InputContainer",
        av.open(
            _Bounded(file, progress),
            metadata_errors="replace",
            buffer_size=_BUFFER,
            io_open=_no_other_file,
            options={
                "format_whitelist": FORMATS,
                "codec_whitelist": ",".join(sorted(CODECS)) + ",aac,mp3,mp3float,ac3,eac3,opus,vorbis,flac,pcm_s16le",
                "protocol_whitelist": "pipe",
                "probesize": "8000000",
                "max_pixels": str(progress.limits.pixels),
                "max_streams": "64",
                "threads": "1",
            },
        ),
    )


def _no_other_file(*asked: object) -> BinaryIO:
    """Refuse what a playlist or a reference inside a file names."""
    raise PermissionError(f"A video may not open another file: {asked[:1]}")


@contextmanager
def _file(source: Source) -> Iterator[BinaryIO]:
    """Give the source as a file object at its start, closed again if it was opened here."""
    if isinstance(source, bytes | bytearray | memoryview):
        if not source:
            raise VideoError("unreadable", "The video is empty.")
        yield io.BytesIO(source)
        return
    if not isinstance(source, str | Path | int):
        yield source
        return
    try:
        if isinstance(source, int):
            file: BinaryIO = os.fdopen(source, "rb", buffering=0, closefd=False)
        else:
            file = os.fdopen(os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0)
    except OSError as error:
        raise VideoError("unreadable", f"The video cannot be opened: {error.strerror or error}.") from None
    with file:
        state = os.fstat(file.fileno())
        if not isinstance(source, int) and not stat.S_ISREG(state.st_mode):
            raise VideoError("unsupported", "This is not a regular file.")
        if stat.S_ISREG(state.st_mode):
            if not state.st_size:
                raise VideoError("unreadable", "The video is empty.")
            file.seek(0)
        yield file


def _stream(container: InputContainer, limits: Limits) -> VideoStream:
    """Return the moving picture to look at, ready to decode, the other streams switched off."""
    from av.codec.context import ThreadType
    from av.stream import Discard

    stream = next(filter(moving, container.streams.video), None)
    if stream is None:
        raise VideoError("unsupported", "The file holds no moving picture.")
    context = stream.codec_context
    if context is None or context.name not in CODECS:
        raise VideoError("unsupported", f"The video's codec ({getattr(context, 'name', 'unknown')}) is not examined.")
    if context.width * context.height > limits.pixels:
        raise VideoError("too-large", f"The video's pictures are too large ({context.width} x {context.height}).")
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    context.thread_count = limits.threads
    context.thread_type = ThreadType.SLICE
    context.options = {"max_pixels": str(limits.pixels)}
    return stream


def moving(stream: VideoStream) -> bool:
    """Tell a moving picture from the cover of a song."""
    from av.stream import Disposition

    return not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)


def _refusal(file: BinaryIO, progress: Progress, error: Exception) -> VideoError:
    """Say why a container could not be opened."""
    if progress.cut == "time":
        return VideoError("time-out", "The video took too long to open.")
    if _lacks_index(file):
        return VideoError("unreadable", "The video is cut off: the part that says where its pictures lie is missing.")
    if isinstance(error, PermissionError) or getattr(error, "errno", 0) == errno.EINVAL:
        return VideoError("unsupported", "This kind of file is not opened as a video.")
    return VideoError("unreadable", "The file is not a video, or it is damaged.")


def _lacks_index(file: BinaryIO) -> bool:
    """Tell an MP4 or QuickTime file without its ``moov`` box."""
    try:
        place, end = 0, file.seek(0, 2)
        for number in range(1000):
            if place >= end:
                return number > 0
            file.seek(place)
            head = file.read(16)
            size, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if (number == 0 and kind != b"ftyp") or kind in (b"moov", b"moof"):
                return False
            size = int.from_bytes(head[8:16], "big") if size == 1 else size or end - place
            if size < 8:
                return True
            place += size
    except (OSError, ValueError):
        pass
    return False
