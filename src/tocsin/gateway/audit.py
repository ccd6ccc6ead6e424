"""The gateway's log: every call and every change, before it is answered; never a hash that was asked.

Each process keeps a log of its own in ``audit/``, signed with the gateway's key; ``tocsin audit verify`` checks them.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tocsin.evidence.call_log import CallLog
from tocsin.evidence.keys import DeviceKey
from tocsin.evidence.notes import Signer
from tocsin.gateway.access import Caller
from tocsin.gateway.settings import Settings

LOOKUP: Final = "lookup"
RAW_LOOKUP: Final = "raw-lookup"
HASH: Final = "hash"
COMPARE: Final = "compare"
BANK: Final = "bank"
CONTENT: Final = "content"
SIGNAL_TYPE: Final = "signal-type"
READ: Final = "read"

REFUSED: Final = "refused"

_MOST_NAMED: Final = 20
_MOST_REFUSALS: Final = 20
"""Refusals a second that are written; those beyond are counted in the next that is."""


class Audit:
    """What this process logs. Raises CallLogError where the log cannot be written: then nothing may be answered."""

    def __init__(self, settings: Settings, name: str = "core") -> None:
        key = load_key(settings.keys / "audit.key")
        signer = Signer(f"tocsin.gateway/{key.public_bytes.hex()[:12]}/{name}", key)
        self.log = CallLog(settings.audit / name, signer, settings.clock.now)
        self._second, self._refusals, self._unwritten = 0, 0, 0

    def write(self, caller: Caller | str, action: str, object_: str = "", **detail: Any) -> None:
        """Log a call: who, what, of what; ``detail`` are plain values."""
        self.log.write(caller if isinstance(caller, str) else caller.name, action, object_[:500], detail)

    def looked_up(self, caller: Caller, action: str, of: str, found: dict[str, list[int]]) -> None:
        """Log a lookup: the kind of signal, and which entries of which banks were told."""
        told = {bank: ids[:_MOST_NAMED] for bank, ids in list(found.items())[:_MOST_NAMED]} if found else {}
        self.log.write(caller.name, action, of, {"matches": told})

    def refused(self, name: str, status: int, scope: Mapping[str, Any]) -> None:
        """Log a call that was not let in: by whose key, the status, and where to, without what a path may name.

        A flood of them cannot fill the disk: at most 20 a second are written, the others counted.
        """
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._refusals = second, 0
        self._refusals += 1
        if self._refusals > _MOST_REFUSALS:
            self._unwritten += 1
            return
        where = "/".join(str(scope.get("path", "")).split("/")[:3])
        self.log.write(name or "nobody known", REFUSED, where[:100], {"status": status, "others": self._unwritten})
        self._unwritten = 0

    def close(self) -> None:
        """Sign the last state."""
        self.log.close()


def load_key(path: Path) -> DeviceKey:
    """Return the key that signs the gateway's logs, made when there is none. Raises KeyFileError."""
    if path.exists():
        return DeviceKey.load(path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = DeviceKey.generate()
    key.save(path)
    return key
