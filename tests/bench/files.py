"""Files on a supervised computer: how soon a listed one is known after it is saved, and what sweeping old ones costs.

The agent's own sensors, limited workers and asking, against a hub's answer over loopback from a process of its own. All
processor time of this process and its workers counts. ``TOCSIN_BENCH_FILES`` sets how many old files there are and
``TOCSIN_BENCH_FILES_S`` for how many seconds at most their sweep is watched: long enough, and it is seen to its end.
"""

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from tocsin.agent.asking import Answered, Asking
from tocsin.agent.sensors.comparing import Comparing
from tocsin.agent.sensors.files import FileSensor
from tocsin.agent.sensors.folders import Places
from tocsin.agent.sensors.hashing import Workers
from tocsin.agent.sensors.pacing import SHARE
from tocsin.agent.sensors.seen_files import SeenFiles
from tocsin.agent.sensors.sweep import SweepSensor
from tocsin.agent.unasked import Unasked
from tocsin.evidence.keys import DeviceKey
from tocsin.model import MediaSeen, SystemClock
from tocsin.placement.config import Config

HUB = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
listed = set(json.loads(sys.argv[1]))
class Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def log_message(self, *_): pass
    def do_POST(self):
        items = json.loads(self.rfile.read(int(self.headers["content-length"])))["items"]
        match = {"list": "L", "entry": "1", "by": "sha256", "distance": 0}
        answers = [{"id": i["id"], "matches": [match] * (i["prints"].get("sha256") in listed)} for i in items]
        data = json.dumps({"lists": {"count": 1, "entries": 1, "version": "v"}, "answers": answers}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
print(server.server_port, flush=True)
server.serve_forever()
"""
WINDOW_S = 5.0


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure, and return the tables. ``quick`` uses fewer files."""
    quick = bool(options.get("quick"))
    old = int(os.environ.get("TOCSIN_BENCH_FILES", "2000" if quick else "20000"))
    saves = 10 if quick else 40
    watch_s = float(os.environ.get("TOCSIN_BENCH_FILES_S", "15" if quick else "60"))
    random_ = random.Random(20261122)
    pictures = [_jpeg(random_, 640, 480) for _ in range(saves * 2)]
    with _folder() as folder, _hub(pictures) as url:
        home = folder / "home"
        quiet = _Rig(folder / "quiet", home, url)
        still = _saved(quiet, pictures[:saves])
        quiet.end()
        _fill(home / "old", old, random_)
        swept = _Rig(folder / "swept", home, url, sweep=True)
        meter = _Meter()
        busy = _saved(swept, pictures[saves:], before=2.0)
        before = swept.many
        shares = meter.watch(swept, watch_s)
        seen, spent, passed = swept.many - before, meter.spent, meter.passed
        memory = meter.memory
        done = swept.sweep.rounds > 0
        swept.end()
    each = spent / max(1, seen)
    return {
        "title": "Files: saved ones, and those that were there before",
        "tables": [
            {
                "name": "A listed picture file (640 x 480 JPEG) is saved: seconds until its match reaches the loop",
                "columns": ["while", "saves", "found", "p50", "p95", "slowest"],
                "rows": [["nothing else happens", saves, *_row(still)], ["old files are swept", saves, *_row(busy)]],
            },
            {
                "name": f"Sweep of {old:,} old files, half of them small pictures",
                "columns": [
                    *("pictures there", "compared before", "compared while watched", "seconds"),
                    *("share of a core, mean", f"share in {WINDOW_S:.0f} s, highest"),
                    *("ms of a core per picture", "round done", "MiB resident, workers included"),
                    "hours for 100,000 pictures",
                ],
                "rows": [
                    [
                        old // 2,
                        before - saves,
                        seen,
                        round(passed, 1),
                        round(spent / passed, 3),
                        round(max(shares, default=0.0), 3),
                        round(each * 1000, 2),
                        "yes" if done else "no",
                        round(memory / 2**20),
                        round(100_000 * each / SHARE / 3600, 2),
                    ]
                ],
            },
        ],
        "raw": {"shares": [round(share, 4) for share in shares]},
    }


class _Rig:
    """The sensors of files at work, their answers taken as the loop takes them."""

    def __init__(self, data: Path, home: Path, url: str, *, sweep: bool = False) -> None:
        data.mkdir(parents=True)
        home.mkdir(exist_ok=True)
        self.home, self.many, self.found = home, 0, {}
        clock = SystemClock()
        config = Config(url, "d", "k", "u", 15.0, "", (), "00", "l")
        self._seen, self._waiting = SeenFiles(data / "files.db"), Unasked(data / "unasked.db")
        self._workers = Workers(3)
        asking = Asking(config, DeviceKey.generate(), self._waiting, Answered())
        places = Places(home, (data,), mountinfo=Path("/nowhere"))
        comparing = Comparing(asking, self._seen, self._workers, clock)
        self.files = FileSensor(places, comparing, clock)
        self.sweep = SweepSensor(places, comparing, self._seen, clock, hinders=lambda: "")
        self._asking = asking
        sensors = [asking, self.files, *([self.sweep] if sweep else [])]
        self._sensors = [(each, threading.Thread(target=self._take, args=(each,))) for each in sensors]
        for _, thread in self._sensors:
            thread.start()
        self.files.ready.wait(60)
        self._workers.warm()

    def _take(self, sensor: Any) -> None:
        for seen in sensor.observations():
            if isinstance(seen.body, MediaSeen):
                self.many += 1
                if seen.body.matches:
                    self.found.setdefault(seen.body.name, time.monotonic())
                self._asking.settled(seen.id)

    def end(self) -> None:
        for sensor, _ in reversed(self._sensors):
            sensor.close()
        for _, thread in self._sensors:
            thread.join(20)
        self._workers.close()
        self._seen.close()
        self._waiting.close()


class _Meter:
    """Processor time and memory of this process and its children."""

    def __init__(self) -> None:
        self._me = psutil.Process()
        self.spent = self.passed = 0.0
        self.memory = 0

    def watch(self, rig: _Rig, seconds: float) -> list[float]:
        """Watch for a time, or until the sweep's round is done; return the share of a core in each window."""
        shares = []
        begun = time.monotonic()
        first, at = self._now(), begun
        before = first
        while time.monotonic() - begun < seconds and not rig.sweep.rounds:
            time.sleep(WINDOW_S)
            now, then = self._now(), time.monotonic()
            shares.append((now - before) / (then - at))
            before, at = now, then
        self.spent = before - first
        self.passed = max(0.1, time.monotonic() - begun)
        return shares

    def _now(self) -> float:
        own = self._me.cpu_times()
        total, memory = own.children_user + own.children_system, 0  # of workers that ended: they are replaced
        for process in (self._me, *self._me.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                if "ThreadingHTTPServer" in " ".join(process.cmdline()):
                    continue
                times = process.cpu_times()
                total += times.user + times.system
                memory += process.memory_info().rss
        self.memory = max(self.memory, memory)
        return total


def _saved(rig: _Rig, pictures: list[bytes], before: float = 0.0) -> list[float]:
    """Save pictures one by one and return how long each took to be found."""
    time.sleep(before)
    took = []
    for number, data in enumerate(pictures):
        path = rig.home / "Downloads" / f"{number:03}" / "picture.jpg"
        path.parent.mkdir(parents=True)
        part = path.with_suffix(".part")
        part.write_bytes(data)
        begun = time.monotonic()
        part.rename(path)
        while str(path) not in rig.found and time.monotonic() - begun < 10:
            time.sleep(0.002)
        if str(path) in rig.found:
            took.append(rig.found[str(path)] - begun)
        time.sleep(0.1)
    shutil.rmtree(rig.home / "Downloads")
    return took


def _row(took: list[float]) -> list[Any]:
    if not took:
        return [0, "-", "-", "-"]
    ordered = sorted(took)
    return [
        len(took),
        round(statistics.median(took), 3),
        round(ordered[int(0.95 * (len(took) - 1))], 3),
        round(ordered[-1], 3),
    ]


def _jpeg(random_: random.Random, width: int, height: int) -> bytes:
    """A picture like no other: soft coloured blocks."""
    generator = np.random.default_rng(random_.randrange(2**32))
    coarse = generator.integers(0, 255, (height // 40, width // 40, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG", quality=88)
    return out.getvalue()


def _fill(folder: Path, many: int, random_: random.Random) -> None:
    """Make old files, a thousand in a folder: every other one a picture of its own bytes, the others words."""
    shapes = [_jpeg(random_, 320, 240) for _ in range(50)]
    for number in range(many):
        if number % 1000 == 0:
            (folder / f"{number // 1000:04}").mkdir(parents=True)
        path = folder / f"{number // 1000:04}" / f"{number:06}.{'jpg' if number % 2 else 'txt'}"
        mark = f"file {number}".encode()
        shape = shapes[number % len(shapes)]
        path.write_bytes(
            shape[:2] + b"\xff\xfe" + (len(mark) + 2).to_bytes(2, "big") + mark + shape[2:] if number % 2 else mark * 50
        )


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2 << 30
    path = Path(tempfile.mkdtemp(prefix="tocsin-bench-", dir=memory if roomy else None))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _hub(pictures: list[bytes]) -> Iterator[str]:
    """A hub that knows these pictures, in a process of its own."""
    listed = json.dumps([hashlib.sha256(data).hexdigest() for data in pictures])
    process = subprocess.Popen([sys.executable, "-c", HUB, listed], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait(10)
