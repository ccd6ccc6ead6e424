"""Where the screen never rests (a video, an animation, a page that rolls by), wait a moment before reading.

A line that still stands after a third of a second is read; one that is gone by then was shown too briefly to be read by
a person either. It is counted, and a few of them, the widest first, are read all the same: text beside something that
moves never stands still as a picture.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence

import numpy as np
import numpy.typing as npt

from tocsin.agent.sensors.reading import Batch
from tocsin.agent.sensors.tiles import TILE
from tocsin.agent.sensors.visible import Sight
from tocsin.model import Rect

Pixels = npt.NDArray[np.uint8]

WAIT = 0.3
"""Seconds that a line must stand where the screen never rests."""
RESTLESS = 5.0
"""Looks within about two seconds that found a place changed and make it restless."""
_FADES = 2.0
_UNSTEADY_A_SECOND = 3.0
_MOST_BYTES = 16 * 1024 * 1024
_MOST_MISSED = 4000

Held = tuple[int, float, Batch, Sight, Pixels]


class Patience:
    """Holds lines of restless places back; ``fleeting`` counts those that were gone too soon to be read."""

    def __init__(self) -> None:
        """Begin with a screen at rest."""
        self._heat: npt.NDArray[np.float64] = np.zeros((0, 0))
        self._at = 0.0
        self._held: list[Held] = []
        self._bytes = 0
        self._missed: OrderedDict[bytes, None] = OrderedDict()
        self._allowance = _UNSTEADY_A_SECOND
        self._asked = 0.0
        self.fleeting = 0

    def __bool__(self) -> bool:
        """Tell whether lines are held back."""
        return bool(self._held)

    def changed(self, areas: Sequence[Rect], now: float, screen: tuple[int, int]) -> None:
        """Note where the screen (height, width) changed."""
        shape = (-(-screen[0] // TILE), -(-screen[1] // TILE))
        if self._heat.shape != shape:
            self._heat = np.zeros(shape)
        self._heat *= np.exp(-(now - self._at) / _FADES)
        self._at = now
        touched = np.zeros(shape, np.bool_)
        for a in areas:
            touched[a.y // TILE : -(-a.bottom // TILE), a.x // TILE : -(-a.right // TILE)] = True
        self._heat[touched] += 1.0

    def restless(self, box: Rect) -> bool:
        """Tell whether a place changes all the time."""
        part = self._heat[box.y // TILE : -(-box.bottom // TILE), box.x // TILE : -(-box.right // TILE)]
        return bool(part.size) and float(part.max()) > RESTLESS

    def missed(self, digest: bytes) -> bool:
        """Tell whether a line was gone too soon before, and forget that: it is about to get another chance."""
        return self._missed.pop(digest, 0) is None

    def hold(self, key: int, batch: Batch, pictures: dict[bytes, Pixels], now: float) -> list[Sight]:
        """Hold the batch's lines in restless places back; return those that can be read at once."""
        ready: list[Sight] = []
        for sight in batch.lines:
            if not self.restless(sight.box):
                ready.append(sight)
                continue
            self._held.append((key, now, batch, sight, pictures[sight.digest]))
            self._bytes += pictures[sight.digest].nbytes
        while self._bytes > _MOST_BYTES:
            self._drop(self._held.pop(0))
        return ready

    def due(self, now: float, standing: Callable[[int], Collection[bytes]]) -> list[Held]:
        """Return the held lines whose time has come and that still stand, and a few of those that do not."""
        if not self._held:
            return []
        ripe = [held for held in self._held if now - held[1] >= WAIT]
        self._held = [held for held in self._held if now - held[1] < WAIT]
        there = {key: standing(key) for key in {held[0] for held in ripe}}
        out: list[Held] = []
        gone: list[Held] = []
        for held in ripe:
            (out if held[3].digest in there[held[0]] else gone).append(held)
        self._allowance = min(_UNSTEADY_A_SECOND, self._allowance + (now - self._asked) * _UNSTEADY_A_SECOND)
        self._asked = now
        for held in sorted(gone, key=lambda held: -held[3].box.w):
            if self._allowance >= 1.0:
                self._allowance -= 1.0
                out.append(held)
            else:
                self._drop(held)
        self._bytes = sum(held[4].nbytes for held in self._held)
        return sorted(out, key=lambda held: (held[3].box.y, held[3].box.x))

    def _drop(self, held: Held) -> None:
        self.fleeting += 1
        self._bytes -= held[4].nbytes
        self._missed[held[3].digest] = None
        while len(self._missed) > _MOST_MISSED:
            self._missed.popitem(last=False)
