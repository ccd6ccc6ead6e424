"""Exchanges: rows read a second by format, and how long a withdrawal upstream takes until it is no longer matched here.

A server of this machine's loopback plays the exchange; the gateway's own schedule reads it. The peer, in the same run,
is the client of package ``threatexchange``, which reads the same pages (and writes nothing to disk). The withdrawal is
timed from the moment the exchange has it to the first lookup that no longer answers it, with the shortest interval
that may be set.
"""

from __future__ import annotations

import json
import random
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROWS = 100_000
WITHDRAWALS = 12
INTERVAL_S = 10


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure; ``options`` may hold ``quick`` and ``rows``."""
    quick = bool(options.get("quick"))
    rows = int(options.get("rows") or (20_000 if quick else ROWS))
    table = [_read(name, rows) for name in ("stop_ncii", "ncmec", "fb_threatexchange", "local_file")]
    waits = _withdrawals(3 if quick else WITHDRAWALS)
    waits.sort()
    return {
        "title": "Exchanges: reading hash lists of others, and honouring withdrawals",
        "tables": [
            {
                "name": f"Reading {rows:,} rows into a bank, loopback, one process",
                "columns": ["format", "rows", "seconds", "rows/s, kept on disk", "peer rows/s, in memory", "ratio"],
                "rows": table,
            },
            {
                "name": f"From a withdrawal upstream to its removal here, read every {INTERVAL_S} s",
                "columns": ["withdrawals", "median s", "p95 s", "longest s", "reading and removing alone, median s"],
                "rows": [
                    [
                        len(waits),
                        statistics.median(wait for wait, _ in waits),
                        waits[min(len(waits) - 1, round(0.95 * len(waits)))][0],
                        waits[-1][0],
                        statistics.median(own for _, own in waits),
                    ]
                ],
            },
        ],
    }


def _hash(number: int) -> str:
    return f"{random.Random(number).getrandbits(256):064x}"


class _Exchange:
    """A server with made-up hashes: ``pages(path, query)`` gives a body."""

    def __init__(self, pages: Callable[[str, dict[str, list[str]]], bytes]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, *_: object) -> None:
                return

            def do_GET(self) -> None:
                body = pages(urlsplit(self.path).path, parse_qs(urlsplit(self.path).query))
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Gateway:
    """A gateway in a folder of its own, with one exchange named X."""

    def __init__(self, api: str, config: dict[str, Any], credentials: dict[str, str], interval_s: int = 0) -> None:
        from tocsin.gateway.gateway import Gateway
        from tocsin.gateway.settings import Settings

        self.folder = Path(tempfile.mkdtemp(prefix="tocsin-exchanges-"))
        self.gateway = Gateway.open(Settings(data=self.folder))
        desk = self.gateway.desk
        assert desk is not None
        self.desk = desk
        if credentials:
            desk.exchanges.set_credentials(api, credentials, trusted=True)
        desk.exchanges.create("X", api, config, trusted=True, interval_s=interval_s)

    def close(self) -> None:
        self.gateway.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _read(name: str, rows: int) -> list[Any]:
    pages, peer = _PAGES[name](rows)
    exchange = _Exchange(pages)
    getattr(pages, "base", []).append(exchange.url)
    folder = Path(tempfile.mkdtemp(prefix="tocsin-exchanges-"))
    try:
        config, credentials = _settings(name, exchange.url, folder, rows)
        gateway = _Gateway(name, config, credentials)
        try:
            began = time.perf_counter()
            done = gateway.desk.exchanges.run("X")
            spent = time.perf_counter() - began
            assert done.complete, done.message
            assert gateway.desk.exchanges.status("X")["fetched_items"] == rows
        finally:
            gateway.close()
        theirs = peer(exchange.url) if peer else None
        ratio = (rows / spent) / theirs if theirs else None
        return [name, rows, spent, rows / spent, theirs or "none", ratio or "none"]
    finally:
        exchange.close()
        shutil.rmtree(folder, ignore_errors=True)


def _settings(name: str, url: str, folder: Path, rows: int) -> tuple[dict[str, Any], dict[str, str]]:
    if name == "stop_ncii":
        return {}, {"fetch_function_key": "f", "subscription_key": "s", "base_url_override": url}
    if name == "ncmec":
        return {"environment": "test_Industry"}, {"user": "u", "password": "p", "base_url_override": url}
    if name == "fb_threatexchange":
        return {"privacy_group": 1}, {"api_token": "12345678|x", "base_url_override": url}
    path = folder / "list.csv"
    with path.open("w") as file:
        file.write("id,pdq\n")
        file.writelines(f"e{number},{_hash(number)}\n" for number in range(rows))
    return {"filename": str(path)}, {}


def _stopncii(rows: int) -> Any:
    from tocsin.exchange.stopncii import page_of, record_of

    records = [record_of("ImagePDQ", _hash(number), "Active", 1_700_000_000) for number in range(rows)]

    def pages(_: str, query: dict[str, list[str]]) -> bytes:
        size, first = int(query["pageSize"][0]), int(query.get("nextPageToken", ["0"])[0])
        following = str(first + size) if first + size < rows else ""
        return json.dumps(page_of(records[first : first + size], following, 1_700_000_001)).encode()

    def peer(url: str) -> float:
        from threatexchange.exchanges.clients.stopncii.api import StopNCIIAPI

        began = time.perf_counter()
        api = StopNCIIAPI("s", "f", base_url_override=url)
        read = sum(len(page.hashRecords) for page in api.fetch_hashes_iter())
        assert read == rows
        return rows / (time.perf_counter() - began)

    return pages, peer


def _ncmec(rows: int) -> Any:
    from tocsin.exchange.ncmec import PAGE, Shared, page_of

    entries = [
        Shared(1, "M", f"e{n}", 1_700_000_000, classification="A1", hashes=[("pdq", _hash(n))]) for n in range(rows)
    ]

    def pages(_: str, query: dict[str, list[str]]) -> bytes:
        first = int(query.get("start", ["1"])[0]) - 1
        following = first + PAGE
        link = f"/v2/entries?start={following + 1}&size={PAGE}&max={rows}" if following < rows else ""
        return page_of(entries[first:following], [], link)

    def peer(url: str) -> float:
        from threatexchange.exchanges.clients.ncmec.hash_api import NCMECEnvironment, NCMECHashAPI

        api = NCMECHashAPI("u", "p", NCMECEnvironment.test_Industry)
        api._base_url = url
        began = time.perf_counter()
        read = sum(len(page.updates) for page in api.get_entries_iter())
        assert read == rows
        return rows / (time.perf_counter() - began)

    return pages, peer


def _threatexchange(rows: int) -> Any:
    opinion = {"data": [{"id": "9", "owner": {"id": "7"}, "status": "MALICIOUS", "tags": ["media_priority_s0"]}]}
    updates = [
        {
            "id": str(n + 1), "indicator": _hash(n), "type": "HASH_PDQ", "last_updated": 1_700_000_000,
            "should_delete": False, "descriptors": opinion,
        }
        for n in range(rows)
    ]  # fmt: skip
    base: list[str] = []

    def pages(path: str, query: dict[str, list[str]]) -> bytes:
        size, first = int(query["limit"][0]), int(query.get("after", ["0"])[0])
        held: dict[str, Any] = {"data": updates[first : first + size]}
        if first + size < rows:
            held["paging"] = {"next": f"{base[0]}{path}?limit={size}&after={first + size}"}
        return json.dumps(held).encode()

    def peer(url: str) -> float:
        from threatexchange.exchanges.clients.fb_threatexchange.api import ThreatExchangeAPI

        began = time.perf_counter()
        api = ThreatExchangeAPI("12345678|x", endpoint_override=url)
        read = sum(len(page) for page in api.get_threat_updates(1, page_size=100))
        assert read == rows
        return rows / (time.perf_counter() - began)

    def served(path: str, query: dict[str, list[str]]) -> bytes:
        return pages(path, query)

    served.base = base  # type: ignore[attr-defined]
    return served, peer


_PAGES: dict[str, Callable[[int], Any]] = {
    "stop_ncii": _stopncii,
    "ncmec": _ncmec,
    "fb_threatexchange": _threatexchange,
    "local_file": lambda _: ((lambda *_: b""), None),
}


def _withdrawals(count: int) -> list[tuple[float, float]]:
    """Return, for each withdrawal, the seconds until it was removed here, and of those the reading itself."""
    from tocsin.exchange.stopncii import page_of, record_of
    from tocsin.gateway.lookup import Question, look_up
    from tocsin.model.media import Fingerprints, Print

    state = dict.fromkeys(range(1000), "Active")
    changed = dict.fromkeys(state, 1_700_000_000)

    def pages(_: str, query: dict[str, list[str]]) -> bytes:
        since = int(query["startTimestamp"][0])
        chosen = [n for n in state if changed[n] >= since]
        records = [record_of("ImagePDQ", _hash(n), state[n], changed[n]) for n in chosen]
        return json.dumps(page_of(records, "", max(changed.values()))).encode()

    exchange = _Exchange(pages)
    keys = {"fetch_function_key": "f", "subscription_key": "s", "base_url_override": exchange.url}
    gateway = _Gateway("stop_ncii", {}, keys, INTERVAL_S)
    waits = []
    try:
        desk, catalogue = gateway.desk, gateway.gateway.catalogue
        assert desk.exchanges.run("X").complete
        desk.schedule.start()
        for number in range(count):
            asked = [Fingerprints(media="picture", prints=(Print(_hash(number), 100),))]
            while not look_up(catalogue, asked, Question())[0].hits:
                time.sleep(0.02)
            time.sleep(random.Random(number).uniform(0, INTERVAL_S))  # withdrawals do not wait for the schedule
            before = desk.exchanges.get("X").completed_at
            state[number], changed[number] = "Withdrawn", int(time.time())
            began = time.perf_counter()
            while look_up(catalogue, asked, Question())[0].hits:
                time.sleep(0.005)
            gone = time.perf_counter() - began
            row = desk.exchanges.get("X")
            while row.completed_at == before or row.running_since is not None:
                time.sleep(0.02)
                row = desk.exchanges.get("X")
            started = time.perf_counter()
            desk.exchanges.run("X")
            waits.append((gone, time.perf_counter() - started))
    finally:
        desk.schedule.close()
        gateway.close()
        exchange.close()
    return waits
