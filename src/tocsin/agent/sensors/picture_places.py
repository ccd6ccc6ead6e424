"""When to look for pictures where: soon after a place has settled, once a second where it never does."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tocsin.media.rectangles import components, join, touch
from tocsin.model import Rect

TILE = 32
"""Side of a place in pixels."""
EVERY = 1.0
"""Seconds between looks at a place that never settles: a frame a second."""
REST = 2.5
"""Seconds after which a place that was looked at too often is looked at once more, in full."""
_COOLING, _HOT = 2.0, 1.5
_MOST_RECTS = 24
AT_ONCE = 3.0
"""Looks at one place in quick succession, as when somebody leafs through pictures, before that pace holds."""


@dataclass(frozen=True, slots=True)
class Due:
    """A rectangle to look at. Where it never settles, ``moved`` is the largest that changed in it: a film, exactly.

    ``often`` tells that it has not settled for several looks, so that only the most prominent is worth the cost.
    """

    rect: Rect
    moved: Rect | None = None
    often: bool = False


class Places:
    """The screen in tiles: since when each has changed without a look, when it changed and was looked at last."""

    def __init__(self, settle: float = 0.1) -> None:
        """Take a place for settled ``settle`` seconds after its last change."""
        self._settle = settle
        self._size = (0, 0)
        self._make()

    def _make(self) -> None:
        shape = (-(-self._size[1] // TILE), -(-self._size[0] // TILE))
        self._dirty = np.zeros(shape, np.bool_)
        self._since, self._last, self._looked = (np.zeros(shape) for _ in range(3))
        self._credit = np.full(shape, AT_ONCE)
        self._heat = np.zeros(shape)
        self._rects: list[Rect] = []

    def clear(self) -> None:
        """Forget everything that changed."""
        self._make()

    def changed(self, rects: Sequence[Rect], size: tuple[int, int], now: float) -> None:
        """Note that rectangles changed on a screen of ``size`` (width, height); ``now`` is monotonic, in seconds."""
        if size != self._size:
            self._size = size
            self._make()
        touched = np.zeros_like(self._dirty)
        for r in rects:
            bottom, right = max(0, -(-r.bottom // TILE)), max(0, -(-r.right // TILE))
            touched[max(0, r.y // TILE) : bottom, max(0, r.x // TILE) : right] = True
        self._since[touched & (~self._dirty | (self._since > now))] = now
        self._last[touched] = now
        self._dirty |= touched
        self._rects = join([*self._rects, *rects], 1, _MOST_RECTS)

    def again(self, rect: Rect, now: float) -> None:
        """Have a rectangle looked at once more when it has rested."""
        part = (slice(rect.y // TILE, -(-rect.bottom // TILE)), slice(rect.x // TILE, -(-rect.right // TILE)))
        rested = ~self._dirty[part]
        self._last[part][rested] = self._since[part][rested] = now + REST
        self._dirty[part] = True

    def next(self, now: float) -> float | None:
        """Return the seconds until something may be due, or None when nothing has changed."""
        if not self._dirty.any():
            return None
        settled = self._last[self._dirty] + self._settle
        return float(max(0.02, min(EVERY, settled.min() - now)))

    def due(self, now: float) -> list[Due]:
        """Return what to look at now."""
        if not self._dirty.any():
            return []
        credit = np.minimum(AT_ONCE, self._credit + (now - self._looked) / EVERY)
        settled = self._dirty & (now - self._last >= self._settle) & (credit >= 1.0)
        restless = self._dirty & (now - np.maximum(self._since, self._looked) >= EVERY)
        take = settled | restless
        if not take.any():
            return []
        self._credit[take] = np.maximum(0.0, credit[take] - 1.0)
        self._heat[take] *= np.exp((self._looked[take] - now) / _COOLING)
        self._heat[restless & ~settled] += 1.0
        self._looked[take] = now
        self._dirty[take] = False
        out = []
        for box in components(take):
            inside = (slice(box.y, box.bottom), slice(box.x, box.right))
            moving = bool((restless & ~settled)[inside].sum() * 2 > take[inside].sum())
            rect = Rect(TILE * box.x, TILE * box.y, TILE * box.w, TILE * box.h)
            here = [r for r in self._rects if touch(r, rect)]
            self._rects = [r for r in self._rects if r not in here]
            often = float(self._heat[inside][take[inside]].mean()) > _HOT
            out.append(Due(rect, max(here, key=lambda r: r.w * r.h) if moving and here else None, often))
        return out
