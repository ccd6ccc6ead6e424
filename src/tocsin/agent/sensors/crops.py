"""Cut lines out of the screen for reading, name them by their pixels, and remember what was read."""

import hashlib
import threading
from collections import OrderedDict

import numpy as np
import numpy.typing as npt

from tocsin.agent.sensors.lines import TextLine
from tocsin.agent.sensors.visible import Sight
from tocsin.model import Rect

Pixels = npt.NDArray[np.uint8]

_MARGIN = 2


def cut(bgr: Pixels, line: TextLine, origin: tuple[int, int]) -> tuple[Sight, Pixels]:
    """Return a line as seen on the screen and its picture (RGB, on a ground of its own fill, with room around it).

    ``origin`` is where ``bgr``'s first pixel stands on the screen.
    """
    box = line.box
    top, left = max(0, box.y - _MARGIN), max(0, box.x - _MARGIN)
    part = bgr[top : box.bottom + _MARGIN, left : box.right + _MARGIN, 2::-1]
    room = max(2, round(box.h * 0.25))
    picture = np.empty((part.shape[0] + 2 * (room - _MARGIN), part.shape[1] + 8, 3), dtype=np.uint8)
    picture[:] = line.fill
    picture[room - _MARGIN : room - _MARGIN + part.shape[0], 4 : 4 + part.shape[1]] = part
    green = part[:, :, 1].astype(np.int32)
    profile = np.abs(green - line.fill[1]).sum(axis=0, dtype=np.int32)
    digest = hashlib.blake2b(picture.data, digest_size=16, key=part.shape[1].to_bytes(4, "big")).digest()
    place = Rect(box.x + origin[0], box.y + origin[1], box.w, box.h)
    return Sight(place, digest, line.fill, profile), picture


def cut_off(lines: list[TextLine], region: Rect, bounds: Rect) -> tuple[bool, bool]:
    """Tell whether a line reaches the side, or the top or bottom, of the region although the window goes on there."""
    side = any(
        (line.box.x <= 12 and region.x > bounds.x) or (line.box.right >= region.w - 12 and region.right < bounds.right)
        for line in lines
    )
    above = any(
        (line.box.y <= 3 and region.y > bounds.y) or (line.box.bottom >= region.h - 3 and region.bottom < bounds.bottom)
        for line in lines
    )
    return side, above


class LineCache:
    """What was read, by the digest of a line's pixels; in memory only, least recently used forgotten first."""

    def __init__(self, size: int = 20_000) -> None:
        """Remember at most ``size`` lines."""
        self._size = size
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: bytes) -> tuple[str, float] | None:
        """Return the words and confidence, or None when the line was not read yet."""
        with self._lock:
            known = self._known.get(digest)
            if known is not None:
                self._known.move_to_end(digest)
            return known

    def put(self, digest: bytes, text: str, confidence: float) -> None:
        """Remember a line."""
        with self._lock:
            self._known[digest] = (text, confidence)
            self._known.move_to_end(digest)
            while len(self._known) > self._size:
                self._known.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()
