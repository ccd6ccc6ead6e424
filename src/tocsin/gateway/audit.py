"""The gateway's log: every call and every change, before it is answered; never a hash that was asked.

Each process keeps a log of its own in ``audit/``, signed with the gateway's key; ``tocsin audit verify`` checks them.
"""

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

_MOST_NAMED: Final = 20


class Audit:
    """What this process logs. Raises CallLogError where the log cannot be written: then nothing may be answered."""

    def __init__(self, settings: Settings, name: str = "core") -> None:
        key = load_key(settings.keys / "audit.key")
        signer = Signer(f"tocsin.gateway/{key.public_bytes.hex()[:12]}/{name}", key)
        self.log = CallLog(settings.audit / name, signer, settings.clock.now)

    def write(self, caller: Caller | str, action: str, object_: str = "", **detail: Any) -> None:
        """Log a call: who, what, of what; ``detail`` are plain values."""
        self.log.write(caller if isinstance(caller, str) else caller.name, action, object_[:500], detail)

    def looked_up(self, caller: Caller, action: str, of: str, found: dict[str, list[int]]) -> None:
        """Log a lookup: the kind of signal, and which entries of which banks were told."""
        told = {bank: ids[:_MOST_NAMED] for bank, ids in list(found.items())[:_MOST_NAMED]} if found else {}
        self.log.write(caller.name, action, of, {"matches": told})

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
