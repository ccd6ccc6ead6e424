"""Find lines of text in pixels, without a model: strokes are narrow, and what is behind them is flat.

A horizontal top-hat (Serra 1982: a picture minus its opening) keeps what is lighter than its surroundings and
narrower than a letter; its mirror, the bottom-hat, what is darker. The edge of a bubble, a step and not a stroke,
shows in neither. Strokes on a row less than a word's gap apart become a run; runs that meet from row to row become a
part; parts side by side become a line. Works on dark, light and coloured fills, and in columns.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tocsin.model import Rect

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
_Filter = Callable[..., Pixels]

STROKE = 25
"""Widest stroke in pixels that counts as ink."""
CONTRAST = 24
"""Least difference in lightness, 0 to 255, between ink and what is behind it."""
GAP = 12
"""Widest gap in pixels inside a run."""
SHORTEST, TALLEST = 5, 96
_BORDER = 28
_LARGE_BLOCK = (12, 6)
_BRIDGE = 3
_LARGE = 14
_FLAT = 0.32
_MANY = 1500


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line's ink: its box (in the coordinates of the picture it was found in) and the colour behind it, RGB."""

    box: Rect
    fill: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Layout:
    """What was found: lines from top to bottom, and rectangles that look like pictures."""

    lines: tuple[TextLine, ...]
    pictures: tuple[Rect, ...]


def find_lines(bgr: Pixels) -> Layout:
    """Find the lines in ``bgr`` (height x width x 3 or 4 bytes, blue first, as a display gives them)."""
    layout = _find(bgr)
    if bgr.shape[0] < 2 * _LARGE or bgr.shape[1] < 2 * _LARGE:
        return layout
    large = [_doubled(line) for line in _find(bgr[::2, ::2], _LARGE_BLOCK, 10).lines if line.box.h >= _LARGE]
    large = [line for line in large if not _holds_several(line.box, layout.lines)]
    if not large:
        return layout
    rest = [line for line in layout.lines if not any(_mostly_inside(line.box, other.box) for other in large)]
    return Layout(tuple(_ordered([*rest, *large])), layout.pictures)


def _find(bgr: Pixels, block: tuple[int, int] = (20, 9), shortest: int = 1) -> Layout:
    """Find lines whose strokes are no wider than STROKE."""
    if bgr.shape[0] < SHORTEST or bgr.shape[1] < 3:
        return Layout((), ())
    gray = lightness(bgr)
    rows, left, right = _runs(ink_of(gray, block))
    if rows.size == 0:
        return Layout((), ())
    parts = _parts(rows, left, right)
    lines: list[TextLine] = []
    pictures: list[Rect] = []
    for box in parts:
        if box.h > TALLEST or (box.h > 48 and box.w > 48 and not _is_flat(gray, box)):
            if box.w >= 48 and box.h >= 48:
                pictures.append(box)
            continue
        if box.w < 2 or box.h < shortest or not _is_flat(gray, box):
            continue
        lines.append(TextLine(box, _fill(bgr, gray, box)))
    return Layout(tuple(_joined(lines)), tuple(pictures))


def _doubled(line: TextLine) -> TextLine:
    """Return a line found at half size at its full size."""
    x, y, w, h = line.box.x, line.box.y, line.box.w, line.box.h
    return TextLine(Rect(2 * x, 2 * y, 2 * w, 2 * h), line.fill)


def _holds_several(box: Rect, lines: Iterable[TextLine]) -> bool:
    """Tell whether what looks like one large line is small ones: several, or one with something near."""
    inside = [
        line.box
        for line in lines
        if line.box.h >= 8 and line.box.h <= 0.62 * box.h and line.box.w >= 14 and _mostly_inside(line.box, box)
    ]
    return any(a.bottom <= b.y + 2 or a.w >= 0.7 * box.w for a in inside for b in inside)


def _mostly_inside(part: Rect, box: Rect) -> bool:
    wide = min(part.right, box.right) - max(part.x, box.x)
    high = min(part.bottom, box.bottom) - max(part.y, box.y)
    return wide > 0 and high > 0 and wide * high * 2 > part.w * part.h


def _ordered(lines: Iterable[TextLine]) -> list[TextLine]:
    return sorted(lines, key=lambda line: (line.box.y + line.box.h // 2, line.box.x))


def lightness(bgr: Pixels) -> Pixels:
    """Return how light each pixel is, 0 to 255."""
    total = bgr[:, :, 1].astype(np.uint16)
    total *= 2
    total += bgr[:, :, 0]
    total += bgr[:, :, 2]
    total >>= 2
    return total.astype(np.uint8)


def ink_of(gray: Pixels, block: tuple[int, int] = (20, 9)) -> Mask:
    """Tell which pixels are narrow strokes on a flat ground."""
    closed = _across(_across(gray, STROKE, np.maximum), STROKE, np.minimum)
    opened = _across(_across(gray, STROKE, np.minimum), STROKE, np.maximum)
    dark, dark_block = _without_blocks((closed - gray) > CONTRAST, block)
    light, light_block = _without_blocks((gray - opened) > CONTRAST, block)
    on_light = _ground_is_light(gray, closed, opened, dark_block | light_block)
    ink: Mask = np.where(on_light, dark, light)
    return _without_borders(ink)


def _without_blocks(ink: Mask, least: tuple[int, int]) -> tuple[Mask, Mask]:
    """Leave out what is as narrow as ink but solid: the room between a bubble and a scroll bar. Return it too."""
    high, wide = least
    nothing = np.zeros_like(ink)
    if ink.shape[0] < high or ink.shape[1] < wide:
        return ink, nothing
    every_third = ink[:, ::3].view(np.uint8)
    solid = _run_at_least(_run_at_least(every_third.T, high).T, wide // 3)
    if not solid.any():
        return ink, nothing
    rows = np.flatnonzero(solid.any(axis=1))
    flat = np.zeros((rows.size, ink.shape[1] + 1), np.int8)
    flat[:, :-1] = ink[rows]
    steps = np.diff(flat.ravel(), prepend=np.int8(0))
    begins, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    row, column = np.nonzero(solid[rows])
    at = row * flat.shape[1] + 3 * column
    bad = np.searchsorted(at, ends) > np.searchsorted(at, begins)
    marks = np.zeros(flat.size, np.int8)
    marks[begins[bad]] = 1
    marks[ends[bad]] = -1
    block = nothing
    block[rows] = np.cumsum(marks, dtype=np.int8).reshape(flat.shape)[:, :-1].astype(np.bool_)
    return ink & ~block, block


def _across(a: Pixels, width: int, op: _Filter) -> Pixels:
    """Return the largest (or least) value in a window of ``width`` columns around each pixel, by doubling."""
    half = width // 2
    out = np.pad(a, ((0, 0), (half, half)), mode="edge")
    have = 1
    while have * 2 <= width:
        out = op(out[:, :-have], out[:, have:])
        have *= 2
    return op(out[:, : -(width - have)], out[:, width - have :]) if have < width else out


def _ground_is_light(gray: Pixels, closed: Pixels, opened: Pixels, block: Mask) -> Mask:
    """Decide, block by block, whether strokes are darker than what is behind them: the ground is what there is most of.

    Only pixels near strokes vote; blocks are 8 rows by 32 columns, each asked together with its neighbours.
    """
    g, c, o = (part[::2, ::2].astype(np.int16) for part in (gray, closed, opened))
    vote = 2 * g - c - o
    vote[((c - o) <= CONTRAST) | block[::2, ::2]] = 0
    high, wide = -(-vote.shape[0] // 4), -(-vote.shape[1] // 16)
    padded = np.zeros((high * 4, wide * 16), np.int32)
    padded[: vote.shape[0], : vote.shape[1]] = vote
    sums = padded.reshape(high, 4, wide, 16).sum(axis=(1, 3))
    near = np.pad(sums, 1)
    around = sums * 2 + near[:-2, 1:-1] + near[2:, 1:-1] + near[1:-1, :-2] + near[1:-1, 2:]
    blocks: Mask = around >= 0
    return blocks.repeat(8, axis=0).repeat(32, axis=1)[: gray.shape[0], : gray.shape[1]]


def _without_borders(ink: Mask) -> Mask:
    """Leave out upright lines longer than letters and thin: sides of boxes, scroll bars, carets."""
    if ink.shape[0] < _BORDER:
        return ink
    tall = ink.view(np.uint8).T
    tall = _run_at_least(tall, _BORDER).T
    if not tall.any():
        return ink
    thin = tall & ~_run_at_least(np.ascontiguousarray(tall), 4)
    return ink & ~thin.view(np.bool_)


def _run_at_least(a: Pixels, length: int) -> Pixels:
    """Keep only runs of at least ``length`` ones along the second axis (an opening)."""
    eroded, have = a, 1
    while have * 2 <= length:
        eroded = eroded[:, :-have] & eroded[:, have:]
        have *= 2
    if have < length:
        eroded = eroded[:, : -(length - have)] & eroded[:, length - have :]
    if eroded.shape[1] == 0 or not eroded.any():
        return np.zeros_like(a)
    out, have = np.pad(eroded, ((0, 0), (length - 1, length - 1))), 1
    while have * 2 <= length:
        out = out[:, :-have] | out[:, have:]
        have *= 2
    if have < length:
        out = out[:, : -(length - have)] | out[:, length - have :]
    return out


def _runs(ink: Mask) -> tuple[Numbers, Numbers, Numbers]:
    """Return row, first column and column past the end of each run of ink, gaps of up to GAP closed."""
    high, wide = ink.shape
    stride = wide + GAP + 2
    flat = np.zeros(high * stride + 1, np.uint8)
    flat[1:].reshape(high, stride)[:, :wide] = ink
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    begins, ends = edges[::2], edges[1::2]
    if begins.size == 0:
        return begins, begins, begins
    apart = (begins[1:] - ends[:-1]) > GAP
    begins = begins[np.concatenate(([True], apart))]
    ends = ends[np.concatenate((apart, [True]))]
    rows = begins // stride
    return rows, begins - rows * stride, ends - rows * stride


def _parts(rows: Numbers, left: Numbers, right: Numbers) -> list[Rect]:
    """Put runs that meet into parts (connected components), split parts that hold several lines."""
    labels = _connected(rows, left, right)
    order = np.argsort(labels, kind="stable")
    rows, left, right, labels = rows[order], left[order], right[order], labels[order]
    at = np.flatnonzero(np.concatenate(([True], labels[1:] != labels[:-1])))
    top, bottom = np.minimum.reduceat(rows, at), np.maximum.reduceat(rows, at) + 1
    first, last = np.minimum.reduceat(left, at), np.maximum.reduceat(right, at)
    ends = np.append(at[1:], rows.size)
    boxes: list[Rect] = []
    for i in range(at.size):
        high = int(bottom[i] - top[i])
        box = Rect(int(first[i]), int(top[i]), int(last[i] - first[i]), high)
        if high < 16:
            boxes.append(box)
            continue
        mine = slice(int(at[i]), int(ends[i]))
        boxes.extend(_split(rows[mine], left[mine], right[mine], box))
        if len(boxes) > _MANY:
            break
    return boxes


def _connected(rows: Numbers, left: Numbers, right: Numbers) -> Numbers:
    stride = int(right.max()) + 2
    begins, ends = rows * stride + left, rows * stride + right
    pairs_a, pairs_b = [], []
    for step in range(1, _BRIDGE + 1):
        low = np.searchsorted(ends, begins + step * stride, side="right")
        high = np.searchsorted(begins, ends + step * stride, side="left")
        count = np.maximum(high - low, 0)
        a = np.repeat(np.arange(rows.size), count)
        b = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)
        pairs_a.append(a)
        pairs_b.append(b)
    a, b = np.concatenate(pairs_a), np.concatenate(pairs_b)
    labels = np.arange(rows.size)
    while True:
        least = np.minimum(labels[a], labels[b])
        new = labels.copy()
        np.minimum.at(new, a, least)
        np.minimum.at(new, b, least)
        new = new[new]
        if np.array_equal(new, labels):
            return labels
        labels = new


def _split(rows: Numbers, left: Numbers, right: Numbers, box: Rect) -> list[Rect]:
    """Cut a part between its lines, where its rows are nearly empty."""
    profile = np.zeros(box.h, np.int64)
    np.add.at(profile, rows - box.y, right - left)
    cuts = _cuts(profile, 0)
    if not cuts:
        return [box]
    out = []
    edges = [0, *cuts, box.h]
    for top, bottom in pairwise(edges):
        inside = (rows >= box.y + top) & (rows < box.y + bottom)
        if inside.any():
            x, y = int(left[inside].min()), int(rows[inside].min())
            out.append(Rect(x, y, int(right[inside].max()) - x, int(rows[inside].max()) + 1 - y))
    return out


def _cuts(profile: Numbers, offset: int) -> list[int]:
    if profile.size < 14:
        return []
    above = np.maximum.accumulate(profile)
    below = np.maximum.accumulate(profile[::-1])[::-1]
    depth = profile[1:-1] / np.maximum(1, np.minimum(above[:-2], below[2:]))
    for row in np.argsort(depth, kind="stable")[:24] + 1:
        if depth[row - 1] >= 0.5:
            break
        over, under = profile[:row], profile[row + 1 :]
        if min((over * 2 >= over.max()).sum(), (under * 2 >= under.max()).sum()) >= 5:
            return [
                *_cuts(over, offset),
                offset + int(row),
                *_cuts(profile[row:], offset + int(row)),
            ]
    return []


def _is_flat(gray: Pixels, box: Rect) -> bool:
    """Tell whether enough of a box is of one lightness, as behind text and not in a photo."""
    part = gray[max(0, box.y - 1) : box.bottom + 1, max(0, box.x - 1) : box.right + 1]
    if part.size > 40_000:
        part = part[:, :: part.size // 20_000 or 1]
    counts = np.bincount(part.ravel() >> 2, minlength=64)
    near = counts[:-2] + counts[1:-1] + counts[2:]
    return bool(near.max() >= _FLAT * part.size)


def _fill(bgr: Pixels, gray: Pixels, box: Rect) -> tuple[int, int, int]:
    top, left = max(0, box.y - 1), max(0, box.x - 1)
    part = gray[top : box.bottom + 1, left : box.right + 1 : 2] >> 2
    most = int(np.bincount(part.ravel(), minlength=64).argmax())
    row, column = divmod(int((part == most).argmax()), part.shape[1])
    blue, green, red = (int(v) for v in bgr[top + row, left + 2 * column, :3])
    return red, green, blue


def _joined(parts: list[TextLine]) -> list[TextLine]:
    """Join parts that stand side by side on the same fill into lines; leave out specks."""
    parts = sorted(parts, key=lambda part: (part.box.x, part.box.y))
    done: list[TextLine] = []
    for part in parts:
        best = -1
        for i in range(len(done) - 1, -1, -1):
            if _same_line(done[i], part):
                best = i
                break
        if best < 0:
            done.append(part)
            continue
        a, b = done[best].box, part.box
        x, y = min(a.x, b.x), min(a.y, b.y)
        box = Rect(x, y, max(a.right, b.right) - x, max(a.bottom, b.bottom) - y)
        done[best] = TextLine(box, done[best].fill if a.w >= b.w else part.fill)
    whole = [line for line in done if line.box.h >= SHORTEST and (line.box.w >= 4 or line.box.h >= 9)]
    return _ordered(whole)


def _same_line(a: TextLine, b: TextLine) -> bool:
    first, second = a.box, b.box
    top, high, other_top, other_high = first.y, first.h, second.y, second.h
    least = min(high, other_high)
    if (min(top + high, other_top + other_high) - max(top, other_top)) * 2 < least:
        return False
    taller = max(high, other_high)
    if second.x - first.right > min(12 + taller, 1.6 * taller, 60):
        return False
    if max(abs(p - q) for p, q in zip(a.fill, b.fill, strict=True)) > 24:
        return False
    return taller <= 2.2 * least or least <= 9
