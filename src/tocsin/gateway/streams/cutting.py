"""A piece of a stream as a file of its own: its packets as they came, from the first keyframe on, never re-encoded."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from tocsin.gateway.streams.looking import StreamError, _no_other_file
from tocsin.media.containers import CODECS, FORMATS

if TYPE_CHECKING:
    from av import Packet

_TRANSPORT = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "aac", "mp3", "mp3float", "ac3", "eac3"})
"""Codecs that MPEG transport streams carry; a piece with others becomes a Matroska file."""
_PLAYABLE = (frozenset({"h264"}), frozenset({"aac", "mp3", "mp3float"}))
"""What every browser plays in an MP4 file: so that a reviewer can look at the piece where it is opened."""
_BACK = 12.0
_SOUND = frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "opus", "vorbis", "flac"})


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a stream: the file's bytes, its type, seconds of picture in it, and whether bytes ran out."""

    data: bytes
    mime: str
    seconds: float
    cut: bool = False


def cut(file: BinaryIO, start: float, end: float, most: int) -> Piece:
    """Copy what lies between two moments (seconds from the first picture) into a file of at most about ``most`` bytes.

    Begins with the keyframe at or before ``start``. Raises StreamError when nothing can be copied.
    """
    import av

    options = {
        "format_whitelist": FORMATS,
        "codec_whitelist": ",".join(sorted(CODECS | _SOUND)),
        "protocol_whitelist": "pipe",
        "probesize": "4000000",
        "analyzeduration": "2000000",
        "max_streams": "64",
        "threads": "1",
    }
    for playable in (True, False):
        try:
            if file.seekable():
                file.seek(0)
            with av.open(file, metadata_errors="replace", io_open=_no_other_file, options=options) as source:
                return _copied(av, source, (start, end, most), playable)
        except (av.error.FFmpegError, OSError, ValueError, UnicodeError, MemoryError) as error:
            if isinstance(error, StreamError):
                raise
            if not (playable and file.seekable()):  # an MP4 file takes less disorder than a transport stream
                raise StreamError("unreadable", "The piece of the stream could not be copied.") from error
    raise AssertionError("unreachable")


def _copied(av: Any, source: Any, span: tuple[float, float, int], playable: bool) -> Piece:
    wanted = [
        stream
        for kind, codecs in ((source.streams.video, CODECS), (source.streams.audio, _SOUND))
        for stream in kind[:1]
        if stream.codec_context is not None and stream.codec_context.name in codecs
    ]
    if not wanted or wanted[0].type != "video":
        raise StreamError("unsupported", "The stream holds no moving picture that can be copied.")
    names = [stream.codec_context.name for stream in wanted]
    if playable and names[0] in _PLAYABLE[0] and all(name in _PLAYABLE[1] for name in names[1:]):
        form = ("mp4", "video/mp4")
    elif all(name in _TRANSPORT for name in names):
        form = ("mpegts", "video/mp2t")
    else:
        form = ("matroska", "video/x-matroska")
    made = io.BytesIO()
    made.name = "piece"
    with av.open(made, "w", format=form[0]) as target:
        copies = {stream.index: target.add_stream_from_template(stream) for stream in wanted}
        seconds, full = _feed(source, wanted, copies, target, made, span)
    if not seconds:
        raise StreamError("unreadable", "The piece of the stream holds no picture to begin with.")
    return Piece(made.getvalue(), form[1], round(seconds, 3), full)


def _feed(
    source: Any,
    wanted: list[Any],
    copies: dict[int, Any],
    target: Any,
    made: io.BytesIO,
    span: tuple[float, float, int],
) -> tuple[float, bool]:
    start, end, most = span
    video = wanted[0]
    origin = _start(source, video, start)
    held: list[Packet[Any]] = []
    begun, first, last = False, 0.0, 0.0
    for packet in source.demux(wanted):
        stamp = packet.dts if packet.dts is not None else packet.pts
        if not packet.size or stamp is None or not packet.time_base:
            continue
        at = float(stamp * packet.time_base)
        if packet.stream_index == video.index:
            origin = at if origin is None else origin
            if packet.is_keyframe and (not begun or at - origin <= start):
                held, begun, first = [], True, at
            last = at
        if not begun:
            continue
        held.append(packet)
        if origin is not None and at - origin > start:
            _write(held, copies, target)
            held = []
            if at - origin > end or made.tell() > most:
                break
    _write(held, copies, target)
    return (max(0.001, last - first) if begun else 0.0), made.tell() > most


def _start(source: Any, video: Any, start: float) -> float | None:
    """Go to the keyframe before ``start`` where the file lets us; return where its seconds count from, if known."""
    if start <= 0 or video.start_time is None or not video.time_base:
        return None
    origin = float(video.start_time * video.time_base)
    with contextlib.suppress(OSError, ValueError):
        source.seek(int((max(0.0, start - _BACK) + origin) / video.time_base), stream=video, backward=True)
    return origin


def _write(held: list[Any], copies: dict[int, Any], target: Any) -> None:
    for packet in held:
        packet.stream = copies[packet.stream_index]
        target.mux(packet)
