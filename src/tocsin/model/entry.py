"""Journal entry: one line of a device's hash-chained, signed record (CONTRACTS.md, "Files and wire")."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

GENESIS = "0" * 64
"""``prev`` of a journal's first entry."""


class EntryKind(StrEnum):
    """What an entry records. Bodies are listed in docs/journal.md; none holds words from a screen."""

    ENROLLED = "enrolled"
    START = "start"
    STOP = "stop"
    NOTICE = "notice"
    ORDER = "order"
    HEARTBEAT = "heartbeat"
    STATE = "state"
    FINDING = "finding"
    DEGRADED = "degraded"
    GAP = "gap"
    CLOCK = "clock"
    WARNING = "warning"
    DEAD_LETTER = "dead-letter"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal entry.

    ``seq`` counts from 1; ``at`` is RFC 3339 UTC with milliseconds; ``mono_ns`` never goes back within one
    ``boot``; ``prev`` is the SHA-256 (hex) of the entry before over RFC 8785 canonical JSON, ``sig`` the
    Ed25519 signature (base64) over the same form of the entry without ``sig``.
    """

    device: str
    seq: int
    at: str
    mono_ns: int
    boot: str
    kind: str
    body: dict[str, Any]
    prev: str
    sig: str = ""

    def unsigned(self) -> dict[str, Any]:
        """Return the fields that are signed."""
        return {
            "device": self.device,
            "seq": self.seq,
            "at": self.at,
            "mono_ns": self.mono_ns,
            "boot": self.boot,
            "kind": self.kind,
            "body": self.body,
            "prev": self.prev,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as it goes over the wire."""
        return {**self.unsigned(), "sig": self.sig}
