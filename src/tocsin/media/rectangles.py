"""Rectangles: where they meet, what is left of one, joining those that lie near each other, boxes round marks."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from tocsin.model import Rect


def clip(rect: Rect, to: Rect) -> Rect | None:
    """Return the part of ``rect`` inside ``to``, or None."""
    x, y = max(rect.x, to.x), max(rect.y, to.y)
    right, bottom = min(rect.right, to.right), min(rect.bottom, to.bottom)
    return Rect(x, y, right - x, bottom - y) if right > x and bottom > y else None


def subtract(rect: Rect, hole: Rect) -> list[Rect]:
    """Return what is left of ``rect`` without ``hole``, as at most four rectangles."""
    inside = clip(rect, hole)
    if inside is None:
        return [rect]
    parts = [
        Rect(rect.x, rect.y, rect.w, inside.y - rect.y),
        Rect(rect.x, inside.bottom, rect.w, rect.bottom - inside.bottom),
        Rect(rect.x, inside.y, inside.x - rect.x, inside.h),
        Rect(inside.right, inside.y, rect.right - inside.right, inside.h),
    ]
    return [part for part in parts if part.w > 0 and part.h > 0]


def touch(a: Rect, b: Rect, gap: int = 0) -> bool:
    """Tell whether two rectangles overlap or lie within ``gap`` pixels of each other."""
    return a.x < b.right + gap and b.x < a.right + gap and a.y < b.bottom + gap and b.y < a.bottom + gap


def union(a: Rect, b: Rect) -> Rect:
    """Return the smallest rectangle around both."""
    x, y = min(a.x, b.x), min(a.y, b.y)
    return Rect(x, y, max(a.right, b.right) - x, max(a.bottom, b.bottom) - y)


def grow(rect: Rect, x: int, y: int) -> Rect:
    """Return ``rect`` with ``x`` pixels more on the left and right and ``y`` more above and below."""
    return Rect(rect.x - x, rect.y - y, rect.w + 2 * x, rect.h + 2 * y)


def join(rects: Iterable[Rect], gap: int, limit: int = 24) -> list[Rect]:
    """Join rectangles that lie within ``gap`` of each other; past ``limit`` of them, join all into one."""
    out: list[Rect] = []
    for rect in rects:
        at = 0
        while at < len(out):
            if touch(out[at], rect, gap):
                rect = union(out.pop(at), rect)
                at = 0
            else:
                at += 1
        out.append(rect)
        if len(out) > limit:
            whole = out[0]
            for other in out[1:]:
                whole = union(whole, other)
            out = [whole]
    return out


def components(marks: npt.NDArray[np.bool_]) -> list[Rect]:
    """Return a box round each connected set of marks (neighbours by side), joined run by run."""
    flat = np.zeros((marks.shape[0], marks.shape[1] + 2), np.int8)
    flat[:, 1:-1] = marks
    steps = np.diff(flat, axis=1)
    rows, begins = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    parent = list(range(rows.size))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    above: list[int] = []
    here: list[int] = []
    row = -2
    for i, (y, begin, end) in enumerate(zip(rows.tolist(), begins.tolist(), ends.tolist(), strict=True)):
        if y != row:
            above, here = (here if y == row + 1 else []), []
            row = y
        for j in above:
            if begins[j] < end and begin < ends[j]:
                parent[root(i)] = root(j)
        here.append(i)
    boxes: dict[int, tuple[int, int, int, int]] = {}
    for i, (y, begin, end) in enumerate(zip(rows.tolist(), begins.tolist(), ends.tolist(), strict=True)):
        x0, y0, x1, y1 = boxes.get(root(i), (begin, y, end, y))
        boxes[root(i)] = (min(x0, begin), min(y0, y), max(x1, end), max(y1, y))
    return [Rect(x0, y0, x1 - x0, y1 + 1 - y0) for x0, y0, x1, y1 in boxes.values()]
