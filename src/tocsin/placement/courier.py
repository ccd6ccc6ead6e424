"""Courier: what goes to and comes from the hub beside the journal: sealed evidence out, changes of the order in.

A thread of its own each, so that a large picture on a slow line never holds up an alert or a heartbeat.
"""

import json
import random
import threading
from collections.abc import Callable
from typing import Any

import httpx

from tocsin.evidence.keys import DeviceKey
from tocsin.model import Entry, EntryKind
from tocsin.placement import wire
from tocsin.placement.blobs import Blobs
from tocsin.placement.config import Config
from tocsin.placement.journal import Journal
from tocsin.placement.uplink import MAX_WAIT_S

_TRIES = 5
_MAX_ANSWER = 4 << 20
_REFUSALS = {"undeclared": 404, "erased": 410, "too-large": 413, "digest": 422}
"""The hub's own words for evidence it will not take; the same status from something in front of it means nothing."""


class EvidenceCourier:
    """Sends sealed evidence once the hub holds the entry that names it."""

    def __init__(
        self,
        config: Config,
        key: DeviceKey,
        journal: Journal,
        blobs: Blobs,
        *,
        on_sent: Callable[[str, int], None] = lambda *_: None,
        connect: Callable[[Config], httpx.Client] = wire.connect,
    ) -> None:
        self.config, self._key, self._journal, self._blobs = config, key, journal, blobs
        self._on_sent, self._connect = on_sent, connect
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._tries: dict[str, int] = {}
        self._unsent = {d for e in journal.pending_entries() if (d := _digest(e))}
        journal.listen(self._heard)

    def acknowledged(self, entries: tuple[Entry, ...]) -> None:
        """Say that the hub holds these entries: what they name may follow."""
        named = {d for e in entries if (d := _digest(e))}
        if named:
            with self._lock:
                self._unsent -= named
            self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Send until told to stop."""
        failures = 0
        with self._connect(self.config) as client:
            while not stop.is_set():
                self._wake.clear()
                ok = self.step(client)
                failures = 0 if ok else failures + 1
                wait = 2.0 if ok else min(MAX_WAIT_S, 0.2 * 2 ** min(failures, 8)) * random.uniform(0.5, 1)  # noqa: S311
                self._wake.wait(wait)

    def wake(self) -> None:
        """Look again now."""
        self._wake.set()

    def step(self, client: httpx.Client) -> bool:
        """Send everything that may go; False when something has to be tried again."""
        with self._lock:
            unsent = set(self._unsent)
        done = True
        for digest in self._blobs.waiting():
            if digest in unsent:
                continue
            try:
                done = self._send(client, digest) and done
            except (httpx.HTTPError, httpx.StreamError, OSError):
                return False
        return done

    def _send(self, client: httpx.Client, digest: str) -> bool:
        data = self._blobs.read(digest)
        if data is None:
            self._give_up(digest, 0, "The sealed file was damaged on this computer.")
            return True
        path = f"/api/v1/evidence/{digest}"
        headers = wire.signed_headers(self._key, self.config.device, path)
        headers["content-type"] = "application/octet-stream"
        response = client.put(path, content=data, headers=headers)
        answer = wire.object_of(response)
        if response.status_code in (200, 201) and answer.get("digest") == digest and answer.get("stored") is True:
            self._blobs.drop(digest)
            self._tries.pop(digest, None)
            self._on_sent(digest, len(data))
            return True
        refused = _REFUSALS.get(str(answer.get("error"))) == response.status_code
        if refused and self._journal.pending == 0:
            self._tries[digest] = self._tries.get(digest, 0) + 1
            if self._tries[digest] >= _TRIES:
                self._give_up(digest, response.status_code, wire.sentence_of(response))
                return True
        return False

    def _give_up(self, digest: str, status: int, reason: str) -> None:
        """Evidence that can never arrive is told, and kept aside."""
        body = {"entry_hash": digest, "kind": "evidence", "refused_seq": 0, "status": status, "reason": reason[:200]}
        self._journal.append(EntryKind.DEAD_LETTER, body)
        self._blobs.aside(digest, self._journal.folder / "dead-letter")

    def _heard(self, entry: Entry) -> None:
        digest = _digest(entry)
        if digest:
            with self._lock:
                self._unsent.add(digest)
            self._blobs.named(digest)


class OrderCourier:
    """Asks the hub for changes of the order: every few minutes and after each reconnection."""

    def __init__(
        self,
        config: Config,
        key: DeviceKey,
        on_answer: Callable[[dict[str, Any]], None],
        *,
        every_s: float = 180.0,
        connect: Callable[[Config], httpx.Client] = wire.connect,
    ) -> None:
        self.config, self._key, self._on_answer, self._every = config, key, on_answer, every_s
        self._connect = connect
        self._wake = threading.Event()

    def wake(self) -> None:
        """Ask now."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Ask until told to stop; a hub that does not answer is asked again later."""
        while not stop.is_set():
            self._wake.wait(self._every)
            if stop.is_set():
                return
            self._wake.clear()
            with self._connect(self.config) as client:
                answer = self.ask(client)
            if answer is not None:
                self._on_answer(answer)

    def ask(self, client: httpx.Client) -> dict[str, Any] | None:
        """Return the hub's answer, or None where it gave none that can be read."""
        path = "/api/v1/device/order"
        try:
            response = client.get(path, headers=wire.signed_headers(self._key, self.config.device, path))
            if response.status_code != 200 or len(response.content) > _MAX_ANSWER:
                return None
            found = json.loads(response.content)
        except (httpx.HTTPError, httpx.StreamError, OSError, ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


def _digest(entry: Entry) -> str:
    """Return the digest of the evidence that an entry names, or nothing."""
    evidence = entry.body.get("evidence") if entry.kind == EntryKind.FINDING else None
    return str(evidence["digest"]) if isinstance(evidence, dict) else ""
