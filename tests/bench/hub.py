"""The hub under the load of ten thousand devices: a real ``tocsin up`` on loopback, journals signed beforehand.

Requests leave on a fixed schedule whatever the answers do, and a request's time counts from when it was due, so a
stall is charged to every request behind it. The hub is held to one core; this client has the others.
"""

import asyncio
import contextlib
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from tocsin import orders
from tocsin.cli.bench import machine
from tocsin.evidence.journal import entry_hash, sign_entry
from tocsin.evidence.keys import DeviceKey
from tocsin.hub import sessions
from tocsin.hub.settings import HubSettings
from tocsin.hub.store import Store
from tocsin.hub.store.schema import Device, OrderRecord, Person, Subject, Unit
from tocsin.model import Entry, utc_text

DEVICES = 10_000
HEARTBEATS_A_SECOND = DEVICES / 15
FINDINGS_A_SECOND = 100.0
CONNECTIONS = 128
MOST_SECONDS = 15


@dataclass(frozen=True)
class Job:
    """A request, ready to be written to a socket, and when it is due (seconds from the start)."""

    kind: str
    due: float
    data: bytes
    mark: str = ""


class Fleet:
    """Devices with keys and chains, and the requests they will send."""

    def __init__(self, store: Store, count: int) -> None:
        self.now = datetime.now(UTC)
        self.keys = [DeviceKey.generate() for _ in range(64)]
        self.ids = [uuid.uuid4().hex for _ in range(count)]
        self.heads: dict[int, tuple[int, str]] = {}
        self.cookie = self._fill(store)

    def _fill(self, store: Store) -> str:
        text = re.sub(r"(?m)^from: .*$", "from: 2020-01-01T00:00:00Z", orders.template("uk-shpo", example=True))
        checked = orders.verify(orders.sign(text, orders.keygen()))
        with store.session() as session:
            session.add(Unit(id="unit", name="unit"))
            session.flush()
            subjects = [{"id": f"s{n}", "unit_id": "unit", "reference": f"S-{n}", "created_at": self.now, "name": "",
                         "legal_hold": ""} for n in range(len(self.ids))]  # fmt: skip
            session.execute(insert(Subject), subjects)
            order = OrderRecord(id="order", subject_id="s0", reference="R", digest=checked.digest, signed=checked.text,
                                signer=checked.signer, valid_from=checked.order.begins,
                                valid_until=checked.order.ends, added_at=self.now)  # fmt: skip
            session.add(order)
            session.flush()
            rows = [{"id": name, "subject_id": f"s{n}", "order_id": "order", "label": "laptop", "health": {},
                     "public_key": self.keys[n % len(self.keys)].public, "enrolled_at": self.now}
                    for n, name in enumerate(self.ids)]  # fmt: skip
            session.execute(insert(Device), rows)
            officer = Person(id="officer", unit_id="unit", name="Officer", email="officer@unit.example",
                             role="officer", totp_confirmed=True, created_at=self.now)  # fmt: skip
            session.add(officer)
            session.flush()
            return sessions.start(session, officer, self.now, second_factor=True)

    def request(self, n: int, kind: str, body: dict[str, Any], due: float) -> Job:
        """Return the ``n``-th device's next entry as an HTTP request."""
        seq, head = self.heads.get(n, (0, "0" * 64))
        at = utc_text(self.now + timedelta(seconds=due))
        entry = Entry(self.ids[n], seq + 1, at, 10**9 + int(due * 1e9), "boot", kind, body, head)
        signed = sign_entry(entry, self.keys[n % len(self.keys)])
        self.heads[n] = (seq + 1, entry_hash(signed))
        payload = gzip.compress(json.dumps({"entries": [signed.as_dict()]}).encode(), 1)
        top = "POST /api/v1/journal HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
        top += f"Content-Encoding: gzip\r\nContent-Length: {len(payload)}\r\n\r\n"
        return Job(kind, due, top.encode() + payload, f"{self.ids[n]}")

    def heartbeat(self, n: int, due: float) -> Job:
        """Return a heartbeat."""
        body = {"state": "ok", "last_evidence": utc_text(self.now), "active": True, "coverage": 0.987, "cpu": 3.25,
                "memory": 201_326_592, "degradations": [], "counts": {"text": 120, "picture": 3}}  # fmt: skip
        return self.request(n, "heartbeat", body, due)

    def finding(self, n: int, due: float) -> Job:
        """Return a finding that rings."""
        signals = [{"name": name, "direction": "from-subject", "confidence": 0.9} for name in ("age-asked", "secrecy")]
        verdict = {"rule": "conversation", "clause": "3", "condition": "C10", "status": "breach-indicated",
                   "coverage": 0.98, "method": "conversation 1", "exceptions": 2}  # fmt: skip
        body = {"id": uuid.uuid4().hex, "detector": "conversation", "version": "1", "category": "grooming-signal",
                "severity": 4, "confidence": 0.9, "signals": signals, "not_seen": ["threat"], "benign": ["age-peer"],
                "verdicts": [verdict], "thread": uuid.uuid4().hex[:16], "observed_at": utc_text(self.now),
                "evidence": {"digest": uuid.uuid4().hex * 2, "size": 4096, "kinds": ["text"]}, "refines": False,
                "stages": {"read_ms": 80.5, "detect_ms": 1.2, "seal_ms": 0.7}}  # fmt: skip
        return self.request(n, "finding", body, due)


@contextlib.contextmanager
def hub_running(data: Path, store: str) -> Iterator[tuple[subprocess.Popen[str], int, float]]:
    """Start ``tocsin up`` on a free port, held to one core; yield the process, its port and its start time in s."""
    command = [sys.executable, "-m", "tocsin", "up", "--data", str(data), "--port", "0"]
    command += ["--store", store] if store else []
    everywhere = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r":(\d+)$", line.strip())
        if found is None:
            raise RuntimeError(f"the hub did not start: {line!r}")
        started = time.perf_counter() - began
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            for task in Path(f"/proc/{process.pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {cores[-1]})
            os.sched_setaffinity(0, set(cores[:-1] or cores))
        yield process, int(found[1]), started
    finally:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, everywhere)
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def send_all(port: int, jobs: list[Job]) -> tuple[dict[str, list[float]], dict[str, float], int]:
    """Send every job when it is due; return times by kind (s), when each mark left, and how many were refused."""
    times: dict[str, list[float]] = {}
    left: dict[str, float] = {}
    refused = 0
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    start = time.perf_counter() + 0.2

    async def one(job: Job) -> None:
        nonlocal refused
        reader, writer = await free.get()
        left[job.mark] = time.perf_counter()
        writer.write(job.data)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(length[1]) if length else 0)
        times.setdefault(job.kind, []).append(time.perf_counter() - (start + job.due))
        refused += b" 200 " not in head[:20]
        free.put_nowait((reader, writer))

    tasks = []
    for job in jobs:
        await asyncio.sleep(max(0.0, start + job.due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(job)))
    await asyncio.gather(*tasks)
    while not free.empty():
        free.get_nowait()[1].close()
    return times, left, refused


async def listen(port: int, cookie: str, heard: list[tuple[str, float]], ready: asyncio.Event) -> None:
    """Read the officer's live events and note when each alert arrived."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET /api/v1/events HTTP/1.1\r\nHost: hub\r\nCookie: {sessions.COOKIE}={cookie}\r\n\r\n"
    writer.write(request.encode())
    try:
        while line := await reader.readline():
            if line.startswith(b"event: resync"):
                ready.set()
            if line.startswith(b"data: ") and b'"created"' in line:
                heard.append((json.loads(line[6:])["id"], time.perf_counter()))
    finally:
        writer.close()


async def drive(port: int, fleet: Fleet, jobs: list[Job], calm: list[Job]) -> dict[str, Any]:
    """Run the calm part and the load, with an officer's page listening to both."""
    heard: list[tuple[str, float]] = []
    ready = asyncio.Event()
    page = asyncio.create_task(listen(port, fleet.cookie, heard, ready))
    await asyncio.wait_for(ready.wait(), 10)
    _, left, refused = await send_all(port, calm)
    await asyncio.sleep(0.3)
    pushes = [arrived - sent for (_, arrived), sent in zip(heard, left.values(), strict=False)]
    heard.clear()
    times, left, more = await send_all(port, jobs)
    await asyncio.sleep(0.5)
    page.cancel()
    return {"times": times, "pushes": pushes, "refused": refused + more, "heard": len(heard)}


def quantiles(values: list[float]) -> list[float]:
    """Return p50, p95, p99 and the largest, in ms."""
    ordered = sorted(values)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * q))] * 1000 for q in (0.5, 0.95, 0.99)]
    return [round(value, 2) for value in [*at, ordered[-1] * 1000]]


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure. ``options``: ``quick``; ``seconds`` of load (at most 15); ``store``: a PostgreSQL URL."""
    seconds = min(float(options.get("seconds") or (4 if options.get("quick") else 12)), MOST_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        settings = HubSettings(data=Path(folder), store_url=str(options.get("store") or ""))
        store = Store(settings.store)
        store.migrate()
        fleet = Fleet(store, DEVICES)
        store.close()
        calm = [fleet.finding(DEVICES - 1 - n, 0.1 * n) for n in range(20)]
        beats = int(HEARTBEATS_A_SECOND * seconds)
        rings = int(FINDINGS_A_SECOND * seconds)
        jobs = [fleet.heartbeat(n % (DEVICES // 2), n / HEARTBEATS_A_SECOND) for n in range(beats)]
        jobs += [fleet.finding(DEVICES // 2 + n % (DEVICES // 2 - 100), n / FINDINGS_A_SECOND) for n in range(rings)]
        jobs.sort(key=lambda job: job.due)
        import psutil

        with hub_running(Path(folder), settings.store_url) as (process, port, started):
            watched = psutil.Process(process.pid)
            before = sum(watched.cpu_times()[:2])
            result = asyncio.run(drive(port, fleet, jobs, calm))
            spent = sum(watched.cpu_times()[:2]) - before
            memory = watched.memory_info().rss / 2**20
    rows = [
        [kind, len(times), round(len(times) / seconds), *quantiles(times), 250]
        for kind, times in sorted(result["times"].items())
    ]
    return {
        "title": f"The hub with {DEVICES:,} devices, on one core, {seconds:.0f} s of load",
        "tables": [
            {
                "name": "request due → answer, its entry on disk (ms)",
                "columns": ["entry", "sent", "a second", "p50", "p95", "p99", "max", "target p99"],
                "rows": rows,
            },
            {
                "name": "finding sent → event on an officer's open page (ms), calm hub",
                "columns": ["findings", "p50", "p95", "p99", "max"],
                "rows": [[len(result["pushes"]), *quantiles(result["pushes"])]],
            },
            {
                "name": "the hub",
                "columns": ["refused", "alerts pushed", "CPU ms a request", "resident MB", "start to first answer (s)"],
                "rows": [
                    [
                        result["refused"],
                        result["heard"],
                        round(spent / (len(jobs) + len(calm)) * 1000, 2),
                        round(memory),
                        round(started, 2),
                    ],
                ],
            },
        ],
        "machine": machine(),
    }


if __name__ == "__main__":
    print(json.dumps(run({"quick": "--quick" in sys.argv}), indent=1))
