"""Refusals: what could not be recorded, counted in space taken beforehand until a signed gap entry tells it."""

import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

from tocsin.placement.disk import Disk
from tocsin.placement.slots import Slots

_MAX_KINDS = 32


class Refusals:
    """Counts by kind, bytes, and from when to when; kept in place, so a full disk or a kill cannot lose them."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._slots = Slots(path, disk)
        stored = self._slots.read() or {}
        self.reason = str(stored.get("reason", ""))
        self.counts: Counter[str] = Counter({str(k): int(v) for k, v in dict(stored.get("counts", {})).items()})
        self.bytes = int(stored.get("bytes", 0))
        self.since = str(stored.get("since", ""))
        self.until = str(stored.get("until", ""))

    def __bool__(self) -> bool:
        """Say whether anything waits to be told."""
        return bool(self.reason)

    def add(self, reason: str, counts: dict[str, int], size: int, since: str, until: str) -> None:
        """Count something refused or lost; the first reason stands until it is told."""
        self.reason = self.reason or reason
        for kind, number in counts.items():
            self.counts[kind if kind in self.counts or len(self.counts) < _MAX_KINDS else "other"] += number
        self.bytes += size
        self.since = min(self.since, since) if self.since else since
        self.until = max(self.until, until)
        self._store()

    def body(self) -> dict[str, Any]:
        """Return the gap entry's body."""
        return {
            "reason": self.reason,
            "counts": dict(self.counts),
            "bytes": self.bytes,
            "since": self.since,
            "until": self.until,
        }

    def clear(self) -> None:
        """Forget what has been told in a durable entry."""
        self.reason, self.since, self.until, self.bytes = "", "", "", 0
        self.counts.clear()
        self._store()

    def close(self) -> None:
        """Close the file."""
        self._slots.close()

    def _store(self) -> None:
        with contextlib.suppress(OSError):
            self._slots.write(self.body() if self.reason else {}, sync=True)
