"""Rectangles: where they meet, what is left of one, and joining those that lie near each other."""

from collections.abc import Iterable

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
