"""Find pictures on a screen or a saved page, and their edges to the pixel: PDQ does not stand a crop of 2 %.

What programs draw is flat: a pixel mostly equals its neighbour exactly. In a photograph it mostly does not, along
rows and along columns, and that holds over more than a line of text is high. So blocks that are busy both ways, three
by three of them, make a rough place; its sides are then found on the pixels themselves: outside a row is flat, inside
it is not, and the whole row changes at once. Where a picture is as flat as what is behind it (a white sky on a white
page), several edges are possible and all are given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from tocsin.media import borders
from tocsin.media.rectangles import clip, components, grow, touch
from tocsin.model import Rect

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.float32]

SMALLEST = 64
"""Shortest side, in pixels, of what is taken for a picture."""
MOST_CROPS = 24
"""Most crops tried of one picture."""
MOST_PICTURES = 60
"""Most pictures found in one look at a window."""
SHAPES = (4 / 3, 3 / 2, 3 / 4, 2 / 3, 1.0, 16 / 9, 9 / 16, 5 / 4, 4 / 5)
"""Width by height of usual photographs."""
BLOCK = 8
_BUSY = 0.35
_REACH = 16
_FLAT = 0.05
_LIVE = 0.12
_STEP = 0.8
_FAR = 600
_HIDDEN = 0.5
_SEAM = 0.48
_SEAM_ROWS = 160
_GAP = 0.05
_DEEPEST = 8
_MOST_PLACES = 4


@dataclass(frozen=True, slots=True)
class Found:
    """A picture: the crops it may have, the likeliest first, and whether its likeliest edges are certain."""

    crops: tuple[Rect, ...]
    certain: bool

    @property
    def box(self) -> Rect:
        """The likeliest crop."""
        return self.crops[0]


class Grain:
    """Where each pixel differs from its left (``across``) and its upper neighbour (``down``)."""

    def __init__(self, bgr: Pixels) -> None:
        """Compare the pixels of ``bgr`` (height x width x 4 bytes, blue first)."""
        words = np.ascontiguousarray(bgr).view(np.uint32)[:, :, 0] & np.uint32(0xFFFFFF)
        self.height, self.width = words.shape
        self.across = np.zeros(words.shape, np.bool_)
        self.down = np.zeros(words.shape, np.bool_)
        np.not_equal(words[:, 1:], words[:, :-1], out=self.across[:, 1:])
        np.not_equal(words[1:], words[:-1], out=self.down[1:])
        self.bgr = bgr

    def busy(self) -> Mask:
        """Return which blocks are busy along rows and along columns."""
        return (_blocks(self.across) >= _BUSY) & (_blocks(self.down) >= _BUSY)

    def turned(self) -> "Grain":
        """Return the same with rows and columns exchanged."""
        other = object.__new__(Grain)
        other.height, other.width = self.width, self.height
        other.across, other.down = self.down.T, self.across.T
        other.bgr = self.bgr.transpose(1, 0, 2)
        return other


def find_pictures(
    bgr: Pixels,
    near: Sequence[Rect] | None = None,
    films: Sequence[Rect] = (),
    apart: bool = True,
    most: int = MOST_PICTURES,
) -> list[Found]:
    """Find the pictures in ``bgr`` (height x width x 4 bytes, blue first) that touch one of ``near`` (all if None).

    ``films`` are rectangles known to be pictures since all of them moves; what may frame them is tried too. With
    ``apart`` pictures that lie close together are taken apart. Crops are in the coordinates of ``bgr``. No picture is
    found twice; at most ``most`` are.
    """
    if bgr.shape[0] < SMALLEST or bgr.shape[1] < SMALLEST:
        return []
    grain = Grain(bgr)
    out: dict[Rect, Found] = {}
    for film in films:
        framed = _crops(grain, _Part(film))
        crops = (film, *_without_bars(bgr, film), *(framed.crops if framed else ()))
        out[film] = Found(tuple(dict.fromkeys(crops)), True)
    for rough in rough_places(grain.busy()):
        if near is not None and not any(touch(rough, rect, _REACH) for rect in near):
            continue
        for part in _parts(grain, rough) if apart else (_Part(rough),):
            found = _crops(grain, part)
            if found is not None:
                out.setdefault(found.box, found)
        if len(out) >= most:
            break
    return list(out.values())[:most]


def _without_bars(bgr: Pixels, film: Rect) -> Iterator[Rect]:
    """Yield what lies between a film's bars, which its compression made uneven near the edge."""
    found = borders.inside(bgr[film.y : film.bottom, film.x : film.right, :3])
    if found is not None:
        top, bottom, left, right = found
        yield Rect(film.x + left, film.y + top, right - left, bottom - top)


def rough_places(busy: Mask) -> list[Rect]:
    """Return rectangles in pixels round the connected busy blocks, without those narrower than three blocks."""
    solid = _opened(busy)
    if not solid.any():
        return []
    return [
        Rect(BLOCK * box.x, BLOCK * box.y, BLOCK * box.w, BLOCK * box.h)
        for box in components(solid)
        if min(box.w, box.h) >= 3 and max(box.w, box.h) * BLOCK >= SMALLEST // 2
    ]


def _blocks(marks: Mask) -> Shares:
    """Return the share of marked pixels in each whole block."""
    high, wide = marks.shape[0] // BLOCK, marks.shape[1] // BLOCK
    part = marks[: high * BLOCK, : wide * BLOCK].view(np.uint8)
    rows = np.add.reduce(part.reshape(high, BLOCK, wide * BLOCK), axis=1, dtype=np.uint8)
    sums = np.add.reduce(rows.reshape(high, wide, BLOCK), axis=2, dtype=np.uint16)
    shares: Shares = sums.astype(np.float32) / np.float32(BLOCK * BLOCK)
    return shares


def _opened(busy: Mask) -> Mask:
    """Keep only blocks that lie in some three by three that are all busy."""
    if min(busy.shape) < 3:
        return np.zeros_like(busy)
    core = busy[:, :-2] & busy[:, 1:-1] & busy[:, 2:]
    core = core[:-2] & core[1:-1] & core[2:]
    out = np.zeros_like(busy)
    for y, x in product(range(3), range(3)):
        out[y : y + core.shape[0], x : x + core.shape[1]] |= core
    return out


@dataclass(frozen=True, slots=True)
class _Part:
    """Where a picture may lie; ``seams`` are the sides (0 to 3: top, bottom, left, right) that are edges already."""

    rect: Rect
    seams: frozenset[int] = frozenset()

    def cut(self, begin: int, end: int, upright: bool, *seams: int) -> "_Part":
        """Return the part from ``begin`` to ``end``, along columns where ``upright``."""
        r, size = self.rect, self.rect.w if upright else self.rect.h
        near, far = (2, 3) if upright else (0, 1)
        kept = {s for s in self.seams if (s != near or begin == 0) and (s != far or end == size)}
        rect = Rect(r.x + begin, r.y, end - begin, r.h) if upright else Rect(r.x, r.y + begin, r.w, end - begin)
        return _Part(rect, frozenset(kept | set(seams)))


def _parts(grain: Grain, rough: Rect) -> Iterator[_Part]:
    """Yield a rough place and, where flat gaps or seams run all through it, what lies between them."""
    whole = clip(grow(rough, BLOCK, BLOCK), Rect(0, 0, grain.width, grain.height)) or rough
    yield _Part(rough)
    leaves = list(_leaves(grain, _Part(whole), 0))
    if leaves and leaves != [_Part(whole)]:
        yield from leaves


def _leaves(grain: Grain, part: _Part, depth: int) -> Iterator[_Part]:
    rect = part.rect
    if min(rect.w, rect.h) < SMALLEST - _REACH:
        return
    if depth >= _DEEPEST:
        yield part
        return
    rows = grain.across[rect.y : rect.bottom, rect.x : rect.right].mean(axis=1) > _GAP
    columns = grain.down[rect.y : rect.bottom, rect.x : rect.right].mean(axis=0) > _GAP
    for busy, upright in ((rows, False), (columns, True)):
        spans = _spans(busy)
        if spans != [(0, busy.size)]:
            for begin, end in spans:
                yield from _leaves(grain, part.cut(begin, end, upright), depth + 1)
            return
    for upright in (False, True):
        if at := _seam(grain, rect, upright):
            near, far = (2, 3) if upright else (0, 1)
            yield part
            yield from _leaves(grain, part.cut(0, at, upright, far), depth + 1)
            yield from _leaves(grain, part.cut(at, rect.w if upright else rect.h, upright, near), depth + 1)
            return
    yield part


def _spans(marks: Mask) -> list[tuple[int, int]]:
    """Return (first, past the last) of each run of marks."""
    edges = np.flatnonzero(np.diff(marks.astype(np.int8), prepend=np.int8(0), append=np.int8(0)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _seam(grain: Grain, rect: Rect, upright: bool) -> int:
    """Return where two pictures meet without a gap: a straight step, alone among its neighbours; or 0."""
    green = grain.bgr[rect.y : rect.bottom, rect.x : rect.right, 1]
    part = green if upright else green.T
    part = part[:: max(1, part.shape[0] // _SEAM_ROWS)].astype(np.int16)
    if part.shape[1] < 2 * SMALLEST:
        return 0
    step = np.abs(np.diff(part, axis=1))
    beside = np.maximum(step[:, 1:-3], step[:, 3:-1])
    further = np.maximum(step[:, :-4], step[:, 4:])
    alone = (step[:, 2:-2] > 4 + np.maximum(beside, further)).mean(axis=0)
    margin = SMALLEST - _REACH
    alone[:margin] = 0
    alone[alone.size - margin :] = 0
    best = int(alone.argmax())
    return best + 3 if alone[best] >= _SEAM else 0


def _crops(grain: Grain, part: _Part) -> Found | None:
    """Find the edges of the picture that lies about a part; None where it is too small for one."""
    r = part.rect
    edges = (r.y, r.bottom, r.x, r.right)
    sides = [
        _Side((edges[side],), (edges[side],), True) if side in part.seams else _side(grain, r, side)
        for side in range(4)
    ]
    certain = all(side.certain for side in sides)
    top, bottom, left, right = (side.places[0] for side in sides)
    if certain and min(right - left, bottom - top) < SMALLEST:
        return None
    crops: dict[Rect, None] = {}

    def add(places: Sequence[int]) -> None:
        top, bottom, left, right = places
        inside = top >= 0 and left >= 0 and bottom <= grain.height and right <= grain.width
        if inside and min(right - left, bottom - top) >= SMALLEST and len(crops) < MOST_CROPS:
            crops[Rect(left, top, right - left, bottom - top)] = None

    add([side.places[0] for side in sides])
    frames = [[side.frames[min(level, len(side.frames) - 1)] for side in sides] for level in range(_MOST_PLACES)]
    for frame in frames:
        add(frame)
    for shape in _shapes(sides):
        add(shape)
    choices = product(*(range(len(side.places)) for side in sides))
    for choice in sorted(choices, key=lambda choice: _cost(choice, sides, frames)):
        add([side.places[i] for side, i in zip(sides, choice, strict=True)])
    return Found(tuple(crops), certain) if crops else None


@dataclass(frozen=True, slots=True)
class _Side:
    """Where a side may be, the likeliest first; ``frames`` have one colour only outside."""

    places: tuple[int, ...]
    frames: tuple[int, ...]
    certain: bool


def _shapes(sides: Sequence[_Side]) -> Iterator[list[int]]:
    """Yield edges that give a picture one of the usual shapes, where one or two opposite sides cannot be seen.

    It reaches at least to the nearest place where such a side may be, and at most half as far again.
    """
    unsure = [i for i, side in enumerate(sides) if not side.certain]
    if unsure not in ([0], [1], [0, 1], [2], [3], [2, 3]):
        return
    edges = [side.places[0] for side in sides]
    for i in unsure:
        edges[i] = min(sides[i].places) if i % 2 else max(sides[i].places)
    high, wide = edges[1] - edges[0], edges[3] - edges[2]
    upright = unsure[0] < 2
    for shape in SHAPES:
        more = (wide / shape - high) if upright else (high * shape - wide)
        if not 0 < more <= _HIDDEN * (high if upright else wide):
            continue
        share = 0.5 if len(unsure) == 2 else float(unsure[0] % 2)
        moved = edges.copy()
        moved[0 if upright else 2] -= round(more * (1 - share))
        moved[1 if upright else 3] += round(more * share)
        yield moved


def _cost(choice: Sequence[int], sides: Sequence[_Side], frames: Sequence[Sequence[int]]) -> int:
    """Return how unlikely a choice of places is: each step outward counts, twice where the first is certain.

    A picture in the middle of a frame, as players and viewers put it, is likelier.
    """
    top, bottom, left, right = (side.places[i] for side, i in zip(sides, choice, strict=True))
    middle = any(abs(left + right - f[2] - f[3]) <= 4 and abs(top + bottom - f[0] - f[1]) <= 4 for f in frames)
    steps = sum(i * (2 if side.certain else 1) for i, side in zip(choice, sides, strict=True))
    return steps - 3 * middle


def _side(grain: Grain, rough: Rect, side: int) -> _Side:
    """Look outward from inside the rough place for the top (0), bottom (1), left (2) or right side (3)."""
    if side >= 2:
        grain = grain.turned()
        rough = Rect(rough.y, rough.x, rough.h, rough.w)
    inset = min(2 * BLOCK, rough.h // 4)
    a, b = rough.x + rough.w // 5, rough.right - rough.w // 5
    if side % 2 == 0:
        first, last = rough.y + inset, max(0, rough.y - _FAR)
        along = grain.across[last : first + 1, a:b].mean(axis=1, dtype=np.float32)[::-1]
        step = grain.down[last : first + 1, a:b].mean(axis=1, dtype=np.float32)[::-1]
    else:
        first, last = rough.bottom - 1 - inset, min(grain.height, rough.bottom + _FAR)
        along = grain.across[first:last, a:b].mean(axis=1, dtype=np.float32)
        step = np.append(grain.down[first + 1 : last, a:b].mean(axis=1, dtype=np.float32), np.float32(1))
    depths, clean, certain = _ends(along, step)
    places, frames = (tuple(first - d if side % 2 == 0 else first + d + 1 for d in ds) for ds in (depths, clean))
    return _Side(places, frames or places, certain)


def _ends(along: Shares, step: Shares) -> tuple[list[int], list[int], bool]:
    """Return after which rows, going outward, the picture may end, and whether the first is certain.

    ``along`` is how much changes within each row, ``step`` how much between it and the next one outward.
    """
    size = along.size
    quiet = along <= _FLAT
    strong = np.append(quiet[1:], True) & (step >= _STEP)
    limit = next((begin for begin, end in _spans(~quiet)[1:] if end - begin > 3 * BLOCK), size)
    found: list[int] = []
    for begin, end in _spans(strong):
        found += [k for k in dict.fromkeys((begin, end - 1)) if k < limit]
    if not found:  # as flat in its midst as what is behind it: the first edge further out may still be its own
        found += [begin for begin, _ in _spans(strong) if begin >= limit][:1]
    lively = np.flatnonzero(along < _LIVE)
    texture = int(lively[0]) - 1 if lively.size else size - 1
    texture = max(0, texture)
    moving = (along > 0) | (step > 0)
    still = np.flatnonzero(~moving[texture:])
    noise = texture + int(still[0]) if still.size else size - 1
    certain = bool(found) and found[0] == texture and along[max(0, texture - 2) : texture + 1].mean() >= 0.3
    if not certain:
        found += [k for k in (texture, noise) if k not in found]
    clean = [k for k in found if _is_plain(along[k + 1 : k + 4], step[k + 1 : k + 4])]
    found = list(dict.fromkeys([*found[:1], *clean, *found])) if certain else list(dict.fromkeys([*clean, *found]))
    del found[_MOST_PLACES:]
    return found or [texture], clean, certain


def _is_plain(along: Shares, step: Shares) -> bool:
    """Tell whether the next rows outward have one colour, at least until another picture begins."""
    other = np.flatnonzero(along > 0.3)
    end = int(other[0]) if other.size else along.size
    return not along[:end].any() and not step[: max(0, end - 1) if other.size else end].any()
