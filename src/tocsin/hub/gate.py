"""What the hub remembers, in memory only, of the devices that ask about known media."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from tocsin.model.media import Match

NONCE_S: Final = 600.0
"""Seconds that a used nonce is remembered."""
BURST: Final = 60
"""Requests a device may make at once."""
A_SECOND: Final = 10.0
"""Requests a second a device may go on making."""
AGAIN_S: Final = 600.0
"""Seconds within which the same match answered to the same device again is not written into the audit log anew."""
_MOST_REMEMBERED: Final = 200_000


@dataclass(slots=True)
class Gate:
    """What the hub remembers of devices that ask, in memory only: used nonces, pace, matches already written down.

    A restart forgets it. A nonce replayed after that, or after ten minutes, gives whoever replays it the answer that
    they must have seen before, and nothing is stored.
    """

    _nonces: "OrderedDict[tuple[str, str], float]" = field(default_factory=OrderedDict)
    _paces: dict[str, tuple[float, float]] = field(default_factory=dict)
    _written: "OrderedDict[tuple[str, str, str], float]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def use(self, device: str, nonce: str) -> bool:
        """Use a nonce; False when it was used before."""
        now = time.monotonic()
        with self._lock:
            _forget(self._nonces, now - NONCE_S)
            if (device, nonce) in self._nonces:
                return False
            self._nonces[device, nonce] = now
            return True

    def pace(self, device: str) -> float:
        """Count a request; return 0 when it may go on, or the seconds to wait."""
        now = time.monotonic()
        with self._lock:
            left, then = self._paces.get(device, (float(BURST), now))
            left = min(float(BURST), left + (now - then) * A_SECOND)
            if left < 1:
                self._paces[device] = (left, now)
                return (1 - left) / A_SECOND
            self._paces[device] = (left - 1, now)
            return 0.0

    def fresh(self, device: str, match: Match) -> bool:
        """Say whether a match has not been written down for this device of late, and note that it now is."""
        now = time.monotonic()
        with self._lock:
            _forget(self._written, now - AGAIN_S)
            key = (device, match.list, match.entry)
            if key in self._written:
                return False
            self._written[key] = now
            return True


def _forget(kept: "OrderedDict[Any, float]", before: float) -> None:
    while kept and (next(iter(kept.values())) < before or len(kept) > _MOST_REMEMBERED):
        kept.popitem(last=False)
