"""The gateway under load: lookups by signal and by upload against ten million hashes, while the lists stand still and
while they change; what it holds in memory; how soon a new hash is matched.

A real ``tocsin gateway`` on loopback; with one worker it is held to one core, its decoders too, and the load (wrk, or a
plain one of our own where wrk is not installed) has the other. With two workers both share both cores with the load.
The ten million lie in one of the gateway's own banks, so additions and removals go to the very list that is asked.
``TOCSIN_BENCH_LIST`` names a folder to keep the list in between runs; building it takes minutes.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
from gateway_load import Load, Picture
from populations import Codes, near, of_photos, photos, realistic

COUNT = 10_000_000
SECONDS = 10.0
WARM = 3.0
CONNECTIONS = 8
CHANGES = 100
BANK = "BENCH"
ASKED, LISTED = 5_000, 100
"""Signals that are looked up in turn, and how many of them are within a list entry's reach."""


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure; ``quick`` takes 200,000 hashes and short runs; ``count`` sets the size of the list."""
    quick = bool(options.get("quick"))
    count = int(options.get("count") or (200_000 if quick else COUNT))
    seconds = 2.0 if quick else SECONDS
    with _kept() as folder:
        made = _material(folder, count)
        lookups, changing, memory = [], [], []
        for workers in (1, 2):
            with running(made, workers) as served:
                load = Load(served.url, folder, served.load_core)
                memory.append([workers, "at the start", *_memory(served.process)])
                for what, ask in (("by signal", load.signals), ("by an upload of 0.2 MP", load.uploads)):
                    ask(WARM, CONNECTIONS)
                    lookups.append([workers, what, *_row(ask(seconds, CONNECTIONS)), *_target(what, workers)])
                memory.append([workers, "after the load", *_memory(served.process)])
                first = _first_matches(served.url, 5 if quick else 25)
                changing.append([workers, "a new hash, from asking to its first match", *first])
                for what, ask, pause in (("by signal", load.signals, 4), ("by upload", load.uploads, 24)):
                    with changes(served.url) as done:
                        told = _row(ask(seconds, CONNECTIONS, pause))
                    said = f"{what}, {pause} ms between calls, {CHANGES} hashes a second added, {CHANGES} removed"
                    lookups.append([workers, said, *told, "", ""])
                    changing.append([workers, f"a change, while asked {what} ({done.a_second:.0f}/s)", *done.row()])
                memory.append([workers, "after the changes", *_memory(served.process)])
        peers = _peers(np.load(folder / "codes.npy", mmap_mode="r"), 10 if quick else 60)
    return {
        "title": f"The gateway: {count:,} PDQ hashes, loopback, {CONNECTIONS} connections, load by {load.name}",
        "tables": [
            {
                "name": "Lookups",
                "columns": ["workers", "what", "calls/s", "p50 ms", "p99 ms", "failed", "target calls/s", "target p99"],
                "rows": lookups,
            },
            {"name": "Changes", "columns": ["workers", "what", "median ms", "p99 ms", "longest ms"], "rows": changing},
            {
                "name": "Memory of all its processes, decoders too",
                "columns": ["workers", "when", "their own, MB", "mapped files in memory (the list), MB"],
                "rows": memory,
            },
            {
                "name": "Peers: the same question in process, one core, without HTTP, keys or a log",
                "columns": ["what", "hashes", "lookups/s at most"],
                "rows": peers,
            },
        ],
    }


@contextlib.contextmanager
def _kept() -> Iterator[Path]:
    """Return the folder for the list: the one that is named, or one of its own that is removed."""
    if named := os.environ.get("TOCSIN_BENCH_LIST"):
        folder = Path(named)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    folder = Path(tempfile.mkdtemp(prefix="tocsin-gateway-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _material(folder: Path, count: int) -> Path:
    """Make what is not there yet: the list, signals to ask for (one in fifty is listed), and pictures to send."""
    from tocsin.matching.lists import Entry, Terms, build

    made = folder / f"list-{count}"
    if (made / "state.json").is_file():
        return made
    codes = realistic(count)
    np.save(folder / "codes.npy", codes)
    raw = codes.tobytes()
    rows = (Entry(n, [("pdq", raw[n * 32 : n * 32 + 32])], id=f"b{n}", category="B1") for n in range(count))
    build(made, Terms(name=BANK, source="bench", origin="own"), [("bench", rows)])
    chance = np.random.default_rng(11)
    listed = near(codes[chance.integers(0, count, LISTED)], 20)
    strange = of_photos(ASKED - LISTED, 77, slice(100, None))
    asked = np.concatenate([listed, strange])
    chance.shuffle(asked)
    (folder / "signals.txt").write_text("".join(f"{one.tobytes().hex()}\n" for one in asked))
    for number, picture in enumerate(_pictures(64)):
        (folder / f"picture-{number:02d}.jpg").write_bytes(picture)
    return made


def _pictures(count: int) -> Iterator[bytes]:
    """Yield JPEGs of 0.2 megapixels: pieces of photos."""
    from PIL import Image

    chance = np.random.default_rng(12)
    chosen = photos()
    for _ in range(count):
        picture = Image.fromarray(chosen[int(chance.integers(len(chosen)))])
        wide = picture.resize((620, 470), Image.Resampling.BICUBIC)
        left, top = (int(chance.integers(0, most)) for most in (104, 82))
        yield Picture.of(wide.crop((left, top, left + 516, top + 388)))


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway that runs, its address, and the core that the load has."""

    process: psutil.Process
    url: str
    load_core: int


@contextlib.contextmanager
def running(made: Path, workers: int) -> Iterator[Served]:
    """Start a gateway with the list as a bank of its own."""
    cores = sorted(os.sched_getaffinity(0))
    data = Path(tempfile.mkdtemp(prefix="tocsin-gateway-data-"))
    command = [sys.executable, "-m", "tocsin", "gateway", "--data", str(data), "--port", "0", "--workers", str(workers)]
    _as_bank(data, made)
    mine = {cores[-1]} if workers == 1 else set(cores)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, mine)
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if found is None:
            raise RuntimeError(f"the gateway did not start: {line!r}")
        os.sched_setaffinity(0, {cores[0]} if workers == 1 else set(cores))
        yield Served(psutil.Process(process.pid), found[0], cores[0])
    finally:
        os.sched_setaffinity(0, set(cores))
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(data, ignore_errors=True)


def _as_bank(data: Path, made: Path) -> None:
    """Make a gateway's folder with one bank, whose list is the one that was built (its files linked, not copied)."""
    from tocsin.gateway.gateway import Gateway
    from tocsin.gateway.settings import Settings

    gateway = Gateway.open(Settings(data=data))
    try:
        folder = gateway.banks.create(BANK, source="bench").folder
    finally:
        gateway.close()
    target = data / "banks" / folder
    target.mkdir()
    for path in made.iterdir():
        os.link(path, target / path.name) if path.name.startswith("part-") else shutil.copy(path, target / path.name)


def _row(told: dict[str, float]) -> list[Any]:
    if told["failed"] > told["calls"] // 1000:
        raise RuntimeError(f"{told['failed']:.0f} of {told['calls']:.0f} calls failed")
    return [told["calls"] / told["seconds"], told["p50"], told["p99"], int(told["failed"])]


def _target(what: str, workers: int) -> tuple[str, str]:
    if workers > 1:
        return "", ""
    return ("≥ 1,500", "≤ 10") if what == "by signal" else ("≥ 250", "≤ 40")


def _memory(process: psutil.Process) -> list[float]:
    """Return megabytes of all its processes, each page counted once: memory of their own, and mapped files."""
    held = {"Pss_Anon": 0, "Pss_File": 0, "Pss_Shmem": 0}
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines():
                name, _, rest = line.partition(":")
                if name in held:
                    held[name] += int(rest.split()[0])
    return [(held["Pss_Anon"] + held["Pss_Shmem"]) / 1e3, held["Pss_File"] / 1e3]


class Caller:
    """Calls over one connection, from one thread."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, data, {"content-type": "application/json"} if data else {})
        answer = self._connection.getresponse()
        read = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path.partition('?')[0]}: {answer.status} {read[:200]!r}")
        return json.loads(read)


def _first_matches(url: str, times: int) -> list[float]:
    """Return how long it takes, from asking for a hash to be added, until a lookup matches it."""
    caller, chance = Caller(url), np.random.default_rng(int(time.time()))
    waits = []
    for _ in range(times):
        code = chance.integers(0, 256, 32, dtype=np.uint8).tobytes().hex()
        began = time.perf_counter()
        caller.ask("POST", f"/c/bank/{BANK}/signal", {"pdq": code})
        while BANK not in Caller(url).ask("GET", f"/m/lookup?signal_type=pdq&signal={code}"):
            pass
        waits.append(1e3 * (time.perf_counter() - began))
    return _spread(waits)


def _spread(waits: list[float]) -> list[float]:
    waits = sorted(waits)
    return [statistics.median(waits), waits[min(len(waits) - 1, round(0.99 * len(waits)))], waits[-1]]


class Changes:
    """Additions on a fixed schedule, each taken out a second later; a change's time counts from when it was due."""

    def __init__(self, url: str) -> None:
        self._url, self._stop = url, threading.Event()
        self._local = threading.local()
        self._pool = ThreadPoolExecutor(32)
        self._chance = np.random.default_rng(13)
        self.waits: list[float] = []
        self.seconds = 0.0
        self.failed: list[str] = []

    def keep_on(self) -> None:
        """Change until told to stop."""
        added: list[Future[int]] = []
        began = time.perf_counter()
        number = 0
        while not self._stop.is_set():
            due = began + number / CHANGES
            if (left := due - time.perf_counter()) > 0:
                time.sleep(left)
            code = self._chance.integers(0, 256, 32, dtype=np.uint8).tobytes().hex()
            added.append(self._pool.submit(self._change, due, "POST", f"/c/bank/{BANK}/signal", {"pdq": code}))
            if number >= CHANGES:
                self._pool.submit(self._remove, due, added[number - CHANGES])
            number += 1
        self._pool.shutdown(wait=True)
        self.seconds = time.perf_counter() - began

    def _change(self, due: float, method: str, path: str, body: Any = None) -> int:
        caller = getattr(self._local, "caller", None)
        if caller is None:
            caller = self._local.caller = Caller(self._url)
        try:
            told = caller.ask(method, path, body)
        except Exception as error:
            self.failed.append(str(error))
            raise
        self.waits.append(1e3 * (time.perf_counter() - due))
        return int(told.get("id", 0))

    def _remove(self, due: float, added: Future[int]) -> None:
        self._change(due, "DELETE", f"/c/bank/{BANK}/content/{added.result()}")

    def stop(self) -> None:
        """Let what is under way be finished, and no more begin."""
        self._stop.set()

    @property
    def a_second(self) -> float:
        """Changes answered a second."""
        return len(self.waits) / self.seconds if self.seconds else 0.0

    def row(self) -> list[float]:
        """Return median, p99 and longest in ms. Raises where a change failed."""
        if self.failed:
            raise RuntimeError(f"{len(self.failed)} changes failed; the first: {self.failed[0]}")
        return _spread(self.waits)


@contextlib.contextmanager
def changes(url: str) -> Iterator[Changes]:
    """Change the bank meanwhile."""
    done = Changes(url)
    thread = threading.Thread(target=done.keep_on)
    thread.start()
    try:
        time.sleep(1.5)  # until removals have begun, too
        yield done
    finally:
        done.stop()
        thread.join(120)


def _peers(codes: Codes, times: int) -> list[list[Any]]:
    """Return the rates of other engines; the library takes hex strings, so it is asked over a million only."""
    import faiss
    from threatexchange.signal_type.pdq.pdq_index import PDQIndex

    faiss.omp_set_num_threads(1)
    queries = near(np.ascontiguousarray(codes[:: max(1, len(codes) // times)][:times]), 20)
    near_by = [(query[None], 32) for query in queries]
    rows = []
    flat = faiss.IndexBinaryFlat(256)
    flat.add(np.ascontiguousarray(codes))
    rows.append(["faiss IndexBinaryFlat", len(codes), _rate(flat.range_search, near_by)])
    del flat
    many = faiss.IndexBinaryMultiHash(256, 16, 16)
    many.nflip = 1
    many.add(np.ascontiguousarray(codes))
    name = "faiss IndexBinaryMultiHash 16×16, nflip 1 (HMA's setting)"
    rows.append([name, len(codes), _rate(many.range_search, near_by)])
    del many
    some = codes[:1_000_000]
    library = PDQIndex.build([(one.tobytes().hex(), number) for number, one in enumerate(some)])
    texts = [(one.tobytes().hex(),) for one in queries]
    rows.append(["threatexchange PDQIndex", len(some), _rate(library.query, texts)])
    return rows


def _rate(ask: Callable[..., Any], questions: Sequence[tuple[Any, ...]]) -> float:
    began = time.perf_counter()
    for question in questions:
        ask(*question)
    return len(questions) / (time.perf_counter() - began)
