"""Damaged videos by the thousand, in a process of their own: none may crash it, or hold it past its budget.

    python tests/fuzz/fuzz_video.py --seconds 300 --seed 1 [folder of videos]

Seeds are small videos of many containers and codecs, made here. An input that crashes or hangs the process is written
to ``fuzz-video-…`` in the current folder, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

WALL, GRACE, MEMORY = 2.0, 10.0, 3 << 30
KINDS = (
    *(("mp4", "libx264"), ("mp4", "libx265"), ("mov", "mpeg4"), ("matroska", "libx264"), ("webm", "libvpx-vp9")),
    *(("mpegts", "libx264"), ("mpegts", "mpeg2video"), ("avi", "mpeg4"), ("flv", "flv"), ("ogg", "libtheora")),
    *(("asf", "wmv2"), ("ivf", "libvpx"), ("h264", "libx264"), ("mpeg", "mpeg1video"), ("avi", "mjpeg")),
    *(("matroska", "libsvtav1"), ("mxf", "mpeg2video"), ("nut", "ffv1"), ("3gp", "h263")),
)


def seeds() -> list[bytes]:
    """Make one small video of each kind that this FFmpeg can write."""
    import av

    found: list[bytes] = []
    y, x = np.mgrid[0:144, 0:176]
    for kind, codec in KINDS:
        try:
            with tempfile.NamedTemporaryFile() as held:
                with av.open(held.name, "w", format=kind) as container:
                    stream = container.add_stream(codec, rate=25)
                    stream.width, stream.height, stream.gop_size = 176, 144, 10
                    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                    for number in range(40):
                        grey = (128 + 100 * np.sin(x / 17 + number / 5) * np.cos(y / 13)).astype(np.uint8)
                        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.stack([grey] * 3, -1), "rgb24")))
                    container.mux(stream.encode(None))
                found.append(Path(held.name).read_bytes())
        except (av.error.FFmpegError, ValueError):
            print(f"not made: {codec} in {kind}")
    return found


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return a copy with bytes changed, cut out, doubled, swapped with others, or the end missing."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 40))):
        if len(made) < 16:
            break
        # Headers are small and matter most.
        reach = len(made) if chance.random() < 0.5 else min(len(made), 1500)
        at = chance.randrange(reach - 8)
        size = chance.choice((1, 1, 2, 4, 8, 64, 1000))
        way = chance.randrange(7)
        if way == 0:
            made[at] = chance.randrange(256)
        elif way == 1:
            made[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1"))
        elif way == 2:
            del made[at : at + size]
        elif way == 3:
            made[at:at] = made[at : at + size]
        elif way == 4:
            made[at : at + size] = chance.randbytes(size)
        elif way == 5 and chance.random() < 0.2:
            del made[at:]
        else:
            made[at] ^= 1 << chance.randrange(8)
    return bytes(made)


def examine(pipe: Connection) -> None:
    """Hash what is sent, until nothing is."""
    from tocsin.media.video import KEYFRAMES, KEYFRAMES_AND_SCENES, Every, Limits
    from tocsin.media.vpdq import hash_video

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    ways = (Every(1.0), Every(0), KEYFRAMES, KEYFRAMES_AND_SCENES)
    while True:
        data, way = pipe.recv()
        source = io.BytesIO(data) if way % 2 else data
        found = hash_video(source, how=ways[way % 4], limits=Limits(wall=WALL, pixels=2048 * 2048))
        pipe.send(type(found).__name__)


def inputs(chance: random.Random, given: list[bytes]) -> Iterator[tuple[bytes, int]]:
    """Give damaged videos and ways to look at them, without end."""
    while True:
        yield damaged(chance.choice(given), chance), chance.randrange(4)


def main() -> int:
    """Run for the seconds asked; return 1 if an input crashed or hung the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    given = [p.read_bytes() for p in sorted(options.folder.iterdir())] if options.folder else seeds()
    spawn = multiprocessing.get_context("spawn")
    child, pipe, bad, counts, slowest = None, None, 0, dict[str, int](), 0.0
    ends = time.monotonic() + options.seconds
    for data, way in inputs(random.Random(options.seed), given):
        if time.monotonic() > ends:
            break
        if child is None or not child.is_alive():
            pipe, there = spawn.Pipe()
            child = spawn.Process(target=examine, args=(there,), daemon=True)
            child.start()
            there.close()
        assert pipe is not None
        began = time.monotonic()
        try:
            pipe.send((data, way))
            answer = pipe.recv() if pipe.poll(WALL + GRACE) else "held past its budget"
        except (EOFError, OSError):
            child.join()
            answer = f"ended the process ({child.exitcode})"
        slowest = max(slowest, time.monotonic() - began)
        counts[answer] = counts.get(answer, 0) + 1
        if answer not in ("Vpdq", "NotScanned"):
            bad += 1
            Path(f"fuzz-video-{options.seed}-{bad}-{way}").write_bytes(data)
            child.kill()
            child.join()
    if child is not None:
        child.kill()
        child.join()
    print({"inputs": sum(counts.values()), **counts, "slowest, s": round(slowest, 2), "seeds": len(given)})
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
