"""Video hashing: seconds of 720p H.264 (a keyframe each 2 s) hashed per second of one core.

Beside it, in the same run, the reference's way: decode every frame with PyAV on one thread, turn one a second into
RGB24, and hash it with ``pdqhash``. The frames and hashes of the comparable way (one a second, full) are compared
with the reference's; for the others, the share of the video's frames that they find.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from populations import photos

from tocsin.media.video import KEYFRAMES, KEYFRAMES_AND_SCENES, Every, How, Video
from tocsin.media.vpdq import Vpdq, compare, hash_video
from tocsin.model.media import Frame

WIDTH, HEIGHT, FPS, KEYFRAME_EVERY = 1280, 720, 30, 2
RADIUS = 31


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure; ``quick`` takes 12 seconds of video instead of 60."""
    seconds = 12 if options.get("quick") else 60
    data = made(seconds)
    theirs, peer = _cheapest(lambda: _reference(data), 2)
    rows = [["reference's way: every frame decoded, one a second hashed (PyAV + pdqhash)", seconds / peer, 1.0]]
    rows[0] += [len(theirs), 0, 0, 100.0]
    ways: list[tuple[str, How]] = [
        ("one frame a second, as the reference takes them", Every(1.0)),
        ("keyframes", KEYFRAMES),
        ("keyframes and changes of scene", KEYFRAMES_AND_SCENES),
    ]
    for name, how in ways:
        found, spent = _cheapest(lambda how=how: _ours(data, how), 3)  # type: ignore[misc]
        differ = [_apart(frame, theirs[frame.number]) for frame in found if frame.number in theirs]
        shares = compare(found, list(theirs.values()), RADIUS)
        rows.append([name, seconds / spent, peer / spent, len(found)])
        rows[-1] += [sum(d > 0 for d in differ), max(differ, default=0), 100 * shares.known]
    return {
        "title": "Video",
        "tables": [
            {
                "name": f"{seconds} s of {WIDTH} × {HEIGHT} H.264 at {FPS} frames/s, one core",
                "columns": [
                    "way",
                    "seconds of video a second",
                    "times as fast",
                    "frames hashed",
                    "hashes that differ from the reference's",
                    "most bits apart",
                    "reference frames found, %",
                ],
                "rows": rows,
            },
            {"name": "Where the time goes", "columns": ["what", "value"], "rows": _parts(data, seconds)},
            {"name": "Comparing two videos", "columns": ["what", "value"], "rows": _comparing()},
        ],
    }


def made(seconds: int) -> bytes:
    """Encode photographs, each panned over for 3.5 seconds, so that scenes change between keyframes."""
    import av

    held = io.BytesIO()
    scene = int(3.5 * FPS)
    pictures = [picture for picture in photos() if picture.ndim == 3]
    with av.open(held, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH, HEIGHT, "yuv420p", KEYFRAME_EVERY * FPS
        stream.options = {"preset": "fast", "crf": "21", "x264-params": "scenecut=0"}
        wide = np.zeros((0,), np.uint8)
        for number in range(seconds * FPS):
            place = number % scene
            if place == 0:
                picture = av.VideoFrame.from_ndarray(pictures[number // scene % len(pictures)], "rgb24")
                wide = picture.reformat(width=WIDTH * 5 // 4, height=HEIGHT * 5 // 4).to_ndarray()
            top, left = place * (HEIGHT // 4) // scene, place * (WIDTH // 4) // scene
            view = np.ascontiguousarray(wide[top : top + HEIGHT, left : left + WIDTH])
            frame = av.VideoFrame.from_ndarray(view, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return held.getvalue()


def _reference(data: bytes) -> dict[int, Frame]:
    import av
    import pdqhash

    found: dict[int, Frame] = {}
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for number, frame in enumerate(container.decode(stream)):
            if number % FPS == 0:
                bits, quality = pdqhash.compute(frame.reformat(format="rgb24", threads=1).to_ndarray())
                code = np.packbits(bits.astype(np.uint8)).tobytes().hex()
                found[number] = Frame(number / FPS, code, int(quality), number)
    return found


def _ours(data: bytes, how: How) -> tuple[Frame, ...]:
    found = hash_video(data, how=how)
    assert isinstance(found, Vpdq)
    assert found.complete, found.notes
    return found.frames


def _parts(data: bytes, seconds: int) -> list[list[Any]]:
    def taken(how: How, pixels: bool) -> int:
        with Video(data) as video:
            return sum(1 for still in video.frames(how) if not pixels or still.rgb().size)

    rows: list[list[Any]] = [["the video, Mbit/s", len(data) * 8 / 1e6 / seconds]]
    for name, how in (("one a second", Every(1.0)), ("keyframes", KEYFRAMES)):
        for pixels, what in ((False, "decoding alone"), (True, "decoding and RGB24")):
            count, spent = _cheapest(lambda how=how, pixels=pixels: taken(how, pixels), 3)  # type: ignore[misc]
            rows.append([f"{name}: {what}, ms a frame taken", 1000 * spent / count])
    return rows


def _comparing() -> list[list[Any]]:
    chance = np.random.default_rng(20260101)
    count = 10_000

    def frames(codes: Any) -> list[Frame]:
        return [Frame(float(n), code.tobytes().hex(), 100, n) for n, code in enumerate(codes)]

    strangers = [frames(chance.integers(0, 256, (count, 32), np.uint8)) for _ in range(2)]
    still = [frames(np.packbits(chance.random((count, 256)) < 0.03, axis=1)) for _ in range(2)]
    rows = []
    for name, (one, other) in (("with nothing in common", strangers), ("of one unmoving scene", still)):
        _, spent = _cheapest(lambda one=one, other=other: compare(one, other), 3)  # type: ignore[misc]
        rows.append([f"{count:,} frames with {count:,}, {name}, s", spent])
    return rows


def _apart(one: Frame, other: Frame) -> int:
    return (int(one.hex, 16) ^ int(other.hex, 16)).bit_count()


def _cheapest(work: Callable[[], Any], times: int) -> tuple[Any, float]:
    """Return the work's answer and the least processor time of several runs."""
    answer, best = None, float("inf")
    for _ in range(times):
        began = time.process_time()
        answer = work()
        best = min(best, time.process_time() - began)
    return answer, best
