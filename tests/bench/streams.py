"""Live streams: how many one core watches, how soon a listed picture on air is found, and what benign video gives.

The streams are 720p30 H.264 with a keyframe every 2 s, sent over HTTP by a process on the other core as they play.
Everything of ours (receiving, decoding, looking up, weighing) is kept on one core.
"""

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from tocsin.detectors.ladder import NAMES
from tocsin.detectors.live_stream import LiveStream
from tocsin.gateway.streams.addresses import Rules, parse
from tocsin.gateway.streams.lookups import Lookups
from tocsin.gateway.streams.pool import Pool, PoolSettings
from tocsin.gateway.streams.source import Ways
from tocsin.gateway.streams.watch import Terms, Watch
from tocsin.gateway.streams.weighing import Event, Weighing
from tocsin.matching.lists import Terms as ListTerms
from tocsin.matching.lists import build, read
from tocsin.matching.road import Lists
from tocsin.media import pdq
from tocsin.model import SystemClock

KEYFRAME_S, RATE = 2.0, 30
_ENCODE = ("-c:v", "libx264", "-preset", "superfast", "-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "2500k")
_GROUPS = ("-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-pix_fmt", "yuv420p")
_SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure; ``quick`` measures less."""
    quick = bool(options.get("quick"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        listed = folder / "listed.png"
        _picture(3).save(listed)
        lists = _list(folder, listed, 20_000 if quick else 1_000_000)
        files = _streams(folder, listed, 2 if quick else 4, 20 if quick else 40)
        tables = [
            _capacity(files, lists, (20, 40) if quick else (50, 100, 150, 200, 250), 12 if quick else 25),
            _decoding(files[0], 6 if quick else 20),
            _soon(files, lists, 8 if quick else 40, quick),
            _benign(folder, lists, 60 if quick else 1200),
        ]
    return {"title": "Live streams", "tables": tables}


def _capacity(files: list[Path], lists: Lists, counts: tuple[int, ...], seconds: float) -> dict[str, Any]:
    rows = []
    for count in counts:
        told = asyncio.run(_watched(files, lists, count, seconds, one_core=True))
        lags = np.array([lag for _, lag in told["lags"]] or [99.0])
        late = np.array([lag for at, lag in told["lags"] if at > seconds / 2] or [99.0])
        behind = bool(np.median(late) > 1.0 or told["shed"]["keyframes"])
        rows.append(
            [
                count,
                len(told["lags"]),
                round(float(np.percentile(lags, 50)), 3),
                round(float(np.percentile(late, 95)), 3),
                told["shed"]["keyframes"],
                told["shed"]["scenes"],
                round(told["cpu"] / seconds, 3),
                round(told["memory"] / 2**20),
                "yes" if behind else "no",
            ]
        )
        if behind:
            break
    columns = ["streams", "frames looked at", "lag p50, s", "lag p95 in the 2nd half, s", "keyframes left out"]
    columns += ["scenes left out", "of one core", "MiB resident", "falls behind"]
    return {"name": "720p30 H.264 streams (2 s keyframes) watched on one core", "columns": columns, "rows": rows}


async def _watched(files: list[Path], lists: Lists, count: int, seconds: float, *, one_core: bool) -> dict[str, Any]:
    """Watch ``count`` streams for a while; return lags, what was left out, processor time, findings."""
    cores = sorted(os.sched_getaffinity(0))
    sender = subprocess.Popen(
        [sys.executable, __file__, *map(str, files)], stdout=subprocess.PIPE, preexec_fn=_pinned(cores[-1:])
    )
    assert sender.stdout is not None
    port = int(sender.stdout.readline())
    if one_core:
        os.sched_setaffinity(0, cores[:1])
    events: list[tuple[Event, int]] = []
    lags: list[tuple[float, float]] = []
    chance = random.Random(7)
    try:
        async with Pool(PoolSettings()) as pool:
            lookups, detector, began = Lookups(lambda batch: lists.match(batch)), LiveStream(), time.monotonic()
            tasks, watches, offsets = [], [], []
            for number in range(count):
                file = number % len(files)
                offsets.append(round(chance.uniform(0, KEYFRAME_S * 2), 3))
                address = f"http://127.0.0.1:{port}/{file}?{offsets[-1]}"
                rules = Rules(allow_private=True)
                tell = _telling(events, number)
                watch = Watch(
                    parse(address, rules),
                    pool,
                    Ways(rules),
                    Terms(seconds=seconds),
                    SystemClock(),
                    lambda w, number=number, tell=tell: _weighing(w, str(number), lookups, detector, tell, lags, began),
                )
                watches.append(watch)
                tasks.append(asyncio.create_task(watch.run()))
                await asyncio.sleep(KEYFRAME_S / count)
            await asyncio.sleep(1.0)
            start, cpu = time.monotonic(), _cpu(pool.processes)
            await asyncio.sleep(max(1.0, began + seconds - time.monotonic() - 0.5))
            used = (_cpu(pool.processes) - cpu) / (time.monotonic() - start) * seconds
            memory = _memory(pool.processes)
            await asyncio.gather(*tasks)
            await lookups.close()
    finally:
        sender.kill()
        sender.wait()
        if one_core:
            os.sched_setaffinity(0, cores)
    shed = {kind: sum(watch.tally.shed[kind] for watch in watches) for kind in ("keyframes", "scenes")}
    return {"lags": lags, "shed": shed, "cpu": used, "memory": memory, "events": events, "offsets": offsets}


def _weighing(
    watch: Watch,
    name: str,
    lookups: Lookups,
    detector: LiveStream,
    tell: Any,
    lags: list[tuple[float, float]],
    began: float,
) -> Weighing:
    made = Weighing(
        stream=name,
        shown=watch.address.shown,
        lookups=lookups,
        detector=detector,
        recording=None,
        clock=SystemClock(),
        piece=watch.piece,
        tell=tell,
        after=0.0,
    )
    return _Seeing(made, lags, began)  # type: ignore[return-value]


class _Seeing:
    """A weighing that notes how late each look is."""

    def __init__(self, made: Weighing, lags: list[tuple[float, float]], began: float) -> None:
        self._made, self._lags, self._began = made, lags, began

    def look(self, one: Any) -> None:
        self._made.look(one)
        self._lags.append((time.monotonic() - self._began, self._made.lag))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)


def _telling(events: list[tuple[Event, int]], number: int) -> Any:
    return lambda event: events.append((event, number))


def _cpu(workers: tuple[int, ...]) -> float:
    """Return the processor time of this process and its decoders, in seconds."""
    used = sum(os.times()[:2])
    for pid in workers:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def _memory(workers: tuple[int, ...]) -> int:
    return sum(
        int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        for pid in (os.getpid(), *workers)
    )


def _pinned(cores: list[int]) -> Any:
    return lambda: os.sched_setaffinity(0, cores)


def _decoding(file: Path, seconds: float) -> dict[str, Any]:
    """The peer: decode every frame, and hash each, as tools that sample after decoding do."""
    rows = []
    for name, every in (("every frame decoded", False), ("every frame decoded, one a second hashed", True)):
        began = time.thread_time()
        frames = hashed = 0
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            for frame in container.decode(stream):
                if frames % RATE == 0 and every:
                    pdq.hash_array(frame.to_ndarray(format="rgb24"))
                    hashed += 1
                frames += 1
                if frames >= seconds * RATE:
                    break
        used = time.thread_time() - began
        rows.append([name, frames, hashed, round(used, 3), round(frames / RATE / used, 1)])
    columns = ["what", "frames", "hashed", "processor seconds", "streams a core could keep up with"]
    return {"name": "The peer: all-frame decoding on the same core, from memory", "columns": columns, "rows": rows}


def _soon(files: list[Path], lists: Lists, count: int, quick: bool) -> dict[str, Any]:
    """From the first frame of the listed picture on air (as the sender noted it) to each rung."""
    told = asyncio.run(_watched(files, lists, count, 18 if quick else 24, one_core=True))
    took: dict[int, list[float]] = {}
    for event, number in told["events"]:
        on = _meta(files[number % len(files)])["on"]
        since = (event.at or 0.0) + told["offsets"][number] - on + (event.latency or 0.0)
        took.setdefault(event.rung, []).append(since)
    rows = []
    for rung, name in NAMES.items():
        found = np.array(took.get(rung, []))
        if len(found):
            p50, p95 = np.percentile(found, (50, 95))
            rows.append([name, len(found), round(float(p50), 3), round(float(p95), 3), round(float(found.max()), 3)])
    target = 2 * KEYFRAME_S + 0.5
    columns = ["rung", "streams", "p50, s", "p95, s", f"most, s (target p95 {target} s)"]
    return {
        "name": f"From the first listed frame on air to the finding, {count} streams",
        "columns": columns,
        "rows": rows,
    }


def _benign(folder: Path, lists: Lists, seconds: int) -> dict[str, Any]:
    """Findings on video that shows nothing listed, read as fast as it can be."""
    made = folder / "benign"
    made.mkdir()
    sources = ("mandelbrot=size=480x270:rate=5", "life=size=480x270:rate=5:mold=10", "gradients=size=480x270:rate=5")
    sources += ("testsrc2=size=480x270:rate=5", "cellauto=size=480x270:rate=5", "smptehdbars=size=480x270:rate=5")
    for number, source in enumerate(sources):
        _ffmpeg("-f", "lavfi", "-i", source, "-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-g", "10",
                "-pix_fmt", "yuv420p", str(made / f"{number}.mp4"))  # fmt: skip
    rows = []
    real = sorted((_SHARED / "video").glob("*.mp4")) if (_SHARED / "video").is_dir() else []
    for name, files in (("made video", sorted(made.glob("*.mp4"))), ("recorded video", real)):
        if files:
            hours, looked, found = asyncio.run(_recordings(files, lists))
            rang = sum(event.rung > 1 for event in found)
            rows.append([name, len(files), round(hours, 3), looked, len(found), rang, round(rang / hours, 3)])
    columns = ["what", "files", "hours", "frames looked at", "noted", "rang", "rang per stream-hour"]
    size = f"{lists.entries:,}"
    return {"name": f"Findings on benign video, against {size} entries", "columns": columns, "rows": rows}


async def _recordings(files: list[Path], lists: Lists) -> tuple[float, int, list[Event]]:
    found: list[Event] = []
    rules, clock, seconds, looked = Rules(files=True), SystemClock(), 0.0, 0
    async with Pool(PoolSettings()) as pool:
        lookups, detector = Lookups(lambda batch: lists.match(batch)), LiveStream()
        for file in files:
            watch = Watch(
                parse(str(file), rules),
                pool,
                Ways(rules),
                Terms(),
                clock,
                lambda w: Weighing(
                    stream=w.address.text, shown=w.address.shown, lookups=lookups, detector=detector, recording=None,
                    clock=clock, piece=w.piece, tell=found.append,
                ),
            )  # fmt: skip
            await watch.run()
            looked += watch.tally.looked
            with av.open(str(file)) as container:
                seconds += (container.duration or 0) / 1e6
        await lookups.close()
    return seconds / 3600, looked, found


def _picture(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    low = Image.fromarray(rng.integers(0, 255, (18, 32, 3), np.uint8))
    return low.resize((1280, 720), Image.Resampling.BICUBIC)


def _list(folder: Path, listed: Path, count: int) -> Lists:
    """A list of the one picture among many random hashes, and of photos where they are there."""
    rng = np.random.default_rng(11)
    lines = [pdq.hash_bytes(listed.read_bytes()).hex]
    lines += [pdq.hash_bytes(one.read_bytes()).hex for one in sorted((_SHARED / "photos").glob("*.JPEG"))]
    lines += [row.tobytes().hex() for row in rng.integers(0, 256, (count, 32), np.uint8)]
    text = folder / "hashes.txt"
    text.write_text("\n".join(lines) + "\n")
    build(folder / "list", ListTerms(name="known"), [("hashes", read(text))])
    return Lists.open([folder / "list"])


def _streams(folder: Path, listed: Path, many: int, seconds: int) -> list[Path]:
    """Streams with camera-like noise and motion, in each of which the picture comes on air at another phase."""
    files = []
    for number in range(many):
        on = 9.0 + number * KEYFRAME_S / many + 0.2
        file = folder / f"{number}.ts"
        _ffmpeg(
            "-f", "lavfi", "-i", f"testsrc2=size=1280x720:rate={RATE}:duration={seconds},noise=alls=10:allf=t",
            "-loop", "1", "-t", str(seconds), "-i", str(listed),
            "-f", "lavfi", "-t", str(seconds), "-i", "sine",
            "-filter_complex", f"[0][1]overlay=enable='between(t,{on},{on + 8})'",
            "-map", "2:a", "-c:a", "aac", "-t", str(seconds), *_ENCODE, *_GROUPS, str(file),
        )  # fmt: skip
        file.with_suffix(".json").write_text(json.dumps({"on": np.ceil(on * RATE) / RATE}))
        files.append(file)
    return files


def _meta(file: Path) -> dict[str, float]:
    told: dict[str, float] = json.loads(file.with_suffix(".json").read_text())
    return told


def _ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-loglevel", "error", "-nostdin", "-y", *arguments], check=True)


class Sender:
    """Serves files as they play: bytes of each frame at its time, from a second on."""

    def __init__(self, files: list[Path]) -> None:
        self._files = [(file.read_bytes(), _places(file)) for file in files]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send one stream until whoever watches goes."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = request.split()[1]
        name, _, start = path[1:].partition("?")
        data, places = self._files[int(name)]
        skip = float(start or 0)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        began, sent = time.monotonic(), 0
        for at, place in places:
            if at < skip:
                sent = place
                continue
            await asyncio.sleep(max(0.0, began + at - skip - time.monotonic()))
            writer.write(data[sent:place])
            sent = place
            await writer.drain()
        writer.close()


def _places(file: Path) -> list[tuple[float, int]]:
    """Return (second, bytes up to there), ten times a second."""
    found: list[tuple[float, int]] = []
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        first: float | None = None
        for packet in container.demux(stream):
            if packet.dts is None or packet.pos is None or not packet.size:
                continue
            at = float(packet.dts * packet.time_base)
            first = at if first is None else first
            if not found or at - first - found[-1][0] >= 0.1:
                found.append((at - first, packet.pos))
    return [*found, (found[-1][0] + 0.1, file.stat().st_size)]


async def _send(files: list[Path]) -> None:
    sender = Sender(files)
    server = await asyncio.start_server(sender.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_send([Path(name) for name in sys.argv[1:]]))
