"""The picture inside a player: where a stream shows a screen, only the part that moves is the video.

Menus, frames and control bars stand still while the picture in them changes. From one frame looked at to the next, the
rows and columns in which most of the width and height changed give the picture's box, to the pixel. PDQ does not
survive even a small margin, so what lies in the box is hashed as well.
"""

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

CHANGED = 12
"""By how much a pixel's brightness must change to count."""
DENSE = 0.35
"""The share of a row (column) of the box that must have changed."""
LEAST = 96
"""A picture smaller than this many pixels a side is not looked for."""
AREA = 0.12
"""And smaller than this share of the whole."""
WHOLE = 0.97
"""A box larger than this share of a side is no box: the stream is the picture."""
_STEP = 4


class Furniture:
    """Remembers the frame before and says which part of a frame is the picture in a player."""

    def __init__(self) -> None:
        self._before: Pixels | None = None
        self._box: tuple[int, int, int, int] | None = None
        self._size = (0, 0)

    def inside(self, rgb: Pixels, luma: Pixels | None = None) -> Pixels | None:
        """Return the picture inside the player's furniture (height, width, 3), or None where there is none.

        A box once found holds until a larger one, or the whole frame, changes: a picture may stand still. ``luma`` is
        the frame's brightness (height, width), where it is at hand; green stands for it elsewhere.
        """
        if self._size != rgb.shape[:2]:
            self._before, self._box, self._size = None, None, (rgb.shape[0], rgb.shape[1])
        bright = np.array(rgb[:, :, 1] if luma is None else luma, order="C")
        before, self._before = self._before, bright
        if before is not None:
            self._learn(before, bright)
        if self._box is None:
            return None
        top, bottom, left, right = self._box
        return np.ascontiguousarray(rgb[top:bottom, left:right])

    def _learn(self, before: Pixels, after: Pixels) -> None:
        height, width = after.shape
        coarse = _differs(before[::_STEP, ::_STEP], after[::_STEP, ::_STEP])
        if coarse.mean() < 0.02:
            return
        rows, columns = _extent(coarse)
        if rows is None or columns is None:
            return
        box = (
            _edge(before, after, rows[0] * _STEP, columns, axis=0, last=False),
            _edge(before, after, rows[1] * _STEP, columns, axis=0, last=True),
            _edge(before, after, columns[0] * _STEP, rows, axis=1, last=False),
            _edge(before, after, columns[1] * _STEP, rows, axis=1, last=True),
        )
        tall, wide = box[1] - box[0], box[3] - box[2]
        if tall >= WHOLE * height and wide >= WHOLE * width:
            self._box = None
        elif tall >= LEAST and wide >= LEAST and tall * wide >= AREA * height * width:
            self._box = box


Span = tuple[int, int]


def _differs(before: Pixels, after: Pixels) -> npt.NDArray[np.bool_]:
    changed: npt.NDArray[np.bool_] = np.abs(before.astype(np.int16) - after) > CHANGED
    return changed


def _extent(changed: npt.NDArray[np.bool_]) -> tuple[Span | None, Span | None]:
    """Return the rows and the columns (first, one past the last) of the box that changed, found by turns."""
    rows: Span | None = (0, changed.shape[0])
    columns: Span | None = (0, changed.shape[1])
    for share in (DENSE / 3, DENSE / 1.5, DENSE):
        if rows is None or columns is None:
            break
        rows = _dense(changed[:, columns[0] : columns[1]].mean(1), share)
        if rows is None:
            break
        columns = _dense(changed[rows[0] : rows[1]].mean(0), share)
    return rows, columns


def _dense(shares: npt.NDArray[np.float64], least: float) -> Span | None:
    """Return the longest stretch of lines that changed enough, small holes allowed."""
    held = np.flatnonzero(shares >= least)
    if not len(held):
        return None
    breaks = np.flatnonzero(np.diff(held) > max(2, len(shares) // 12))
    starts = np.concatenate(([0], breaks + 1))
    ends = np.concatenate((breaks, [len(held) - 1]))
    best = int(np.argmax(held[ends] - held[starts]))
    return int(held[starts[best]]), int(held[ends[best]]) + 1


def _edge(before: Pixels, after: Pixels, near: int, across: Span, *, axis: int, last: bool) -> int:
    """Return the line (to the pixel) at which the change begins, or one past the last where it ends."""
    lines = after.shape[axis]
    low, high = max(0, near - 2 * _STEP), min(lines, near + 2 * _STEP)
    span = slice(across[0] * _STEP, across[1] * _STEP)
    place = (slice(low, high), span) if axis == 0 else (span, slice(low, high))
    shares = _differs(before[place], after[place]).mean(1 - axis)
    held = np.flatnonzero(shares >= DENSE / 2)
    if not len(held):
        return near
    return low + int(held[-1]) + 1 if last else low + int(held[0])
