"""The last seconds of a stream, as its own bytes: what is sealed when a rung of the ladder rings, and else forgotten.

Held in memory only, within seconds and bytes. Each piece begins where a decoder may begin, or is cut off until it does.
"""

from collections import deque
from dataclasses import dataclass

from tocsin.gateway.streams.rtmp_chunks import FLV_HEADER


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes in order; ``seconds`` since the first of them arrived; ``short``: bytes ran out before seconds did."""

    data: bytes
    seconds: float
    short: bool


class Ring:
    """A bounded memory of one stream. ``head`` is what a decoder must see first (an FLV header, the codec's set-up)."""

    def __init__(self, seconds: float = 20.0, most: int = 16 << 20) -> None:
        self._keep_s, self._most = seconds, most
        self._held: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._head = bytearray()
        self._flv = False
        self._short = False

    @property
    def head(self) -> bytes:
        """What a decoder must see first."""
        return bytes(self._head)

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._size + len(self._head)

    def fresh(self) -> None:
        """The stream begins anew: what came before cannot be continued by what follows."""
        self._held.clear()
        self._size, self._head, self._flv, self._short = 0, bytearray(), False, False

    def first(self, data: bytes) -> None:
        """Keep what must be read before everything else (an initialisation segment)."""
        if len(data) <= 1 << 19:
            self._head = bytearray(data)

    def add(self, data: bytes, now: float) -> None:
        """Take in bytes that arrived at ``now`` (monotonic seconds)."""
        if data == FLV_HEADER:
            self._flv, self._head = True, bytearray(data)
            return
        if self._flv and _sets_up(data) and len(self._head) < 1 << 16:
            self._head += data
            return
        self._held.append((now, data))
        self._size += len(data)
        while self._held and (self._size > self._most or self._held[0][0] < now - self._keep_s):
            if self._size > self._most and self._held[0][0] >= now - self._keep_s:
                self._short = True
            self._size -= len(self._held.popleft()[1])

    def held(self, now: float, last: float | None = None) -> Held:
        """Return what is held, or the part that arrived in the ``last`` seconds."""
        pieces = [(at, data) for at, data in self._held if last is None or at >= now - last]
        body = b"".join(data for _, data in pieces)
        return Held(bytes(self._head) + body, now - pieces[0][0] if pieces else 0.0, self._short)


def _sets_up(tag: bytes) -> bool:
    """Tell whether an FLV tag carries a codec's set-up rather than a picture or a sound."""
    if len(tag) < 13:
        return False
    kind, first, second = tag[0], tag[11], tag[12]
    if kind == 9:
        return first & 0x0F == 0 if first & 0x80 else (first & 0x0F == 7 and second == 0)
    return kind == 8 and first >> 4 == 10 and second == 0
