"""Photographs within a saved page: a screenshot of a chat, a site or a folder, each hashed as a picture of its own.

PDQ looks at a picture as a whole, so a listed photograph on a page is lost to it. The finder that reads live screens
(``picture_edges``) finds it in a file too, to its true edges; then PDQ compares it as exactly as any other picture.
A page that JPEG or scaling went over is painted flat first (``grounds``), and its edges are looked for once more where
brightness steps most: what is a pixel or two off is tried in several places.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
import numpy.typing as npt
from PIL import Image

from tocsin.media.grounds import painted
from tocsin.media.picture_edges import SMALLEST, Found, find_pictures
from tocsin.media.picture_prints import prints_of
from tocsin.media.rectangles import clip, grow, union
from tocsin.model.media import Print
from tocsin.model.rect import Rect

Pixels = npt.NDArray[np.uint8]

MOST_REGIONS = 48
"""Most pictures of one page that are hashed, the largest. How many more have certain edges is told: pieces of what is
no page at all, a photograph on a plain ground, seldom have."""
MOST_CROPS = 320
"""Most crops of one page that are hashed, the likeliest of each picture first."""
MOST_PIXELS = 8_000_000
"""A page with more is looked at with every second (third, ...) pixel: edges in it are as much less sure."""
LEAST_QUALITY = 50
"""PDQ quality below which a part says too little to be compared."""
EXACT, NOISY = 4, 16
"""Crops tried of one picture where pixels are as they were drawn, and where they are not."""
_MOST_FOUND = 200
_SAME = 0.8
_REACH = 20
_LEAST_STEP, _MOST_STEP = 6, 40
_SAMPLES = 200


@dataclass(frozen=True, slots=True)
class Regions:
    """The prints of a page's pictures, each with its place, and how many pictures were left out."""

    prints: tuple[Print, ...]
    found: int
    cut: int


def regions(rgb: Pixels, *, exact: bool, turns: bool = False) -> Regions:
    """Hash the pictures on a page (height, width, 3). ``exact``: its file keeps pixels as they were drawn (PNG).

    ``turns`` hashes each crop in the 8 orientations. Whether it is a page at all, ``grounds.is_page`` tells.
    """
    factor = 1
    while rgb.shape[0] * rgb.shape[1] > MOST_PIXELS * factor * factor:
        factor += 1
    places = _places(np.ascontiguousarray(rgb[::factor, ::factor]) if factor > 1 else rgb, exact)
    places.sort(key=lambda place: (-place.crops[0].w * place.crops[0].h, place.crops[0].y, place.crops[0].x))
    kept = places[:MOST_REGIONS]
    found: dict[tuple[str, int], Print] = {}
    for rank, crop, gray, at in _in_turn([_Picture(rgb, place.crops, factor, exact) for place in kept]):
        for made in prints_of(gray, both=rank == 0, turns=turns):
            if made.quality >= LEAST_QUALITY:
                found.setdefault((made.hex, made.turn), replace(made, region=crop))
        if at + 1 >= MOST_CROPS:
            break
    cut = sum(place.certain for place in places[MOST_REGIONS:])
    return Regions(tuple(found.values()), len(kept) + cut, cut)


def _places(rgb: Pixels, exact: bool) -> list[Found]:
    """Return the pictures on a page, each with the crops it may have, the likeliest first."""
    sure: list[Found] = []
    if exact:
        page = np.zeros((*rgb.shape[:2], 4), np.uint8)
        page[:, :, :3] = rgb
        sure = find_pictures(page, most=_MOST_FOUND)
        del page
    noisy = find_pictures(painted(rgb), most=_MOST_FOUND)
    out = [replace(found, crops=found.crops[:EXACT]) for found in sure]
    certain = [found.box for found in sure if found.certain]
    for found in noisy:
        if not any(found.box.overlap(box) >= _SAME for box in certain):
            out.append(replace(found, crops=found.crops[:NOISY]))
    return out


class _Picture:
    """One picture on a page: its brightness, cut out once, and its crops in turn."""

    def __init__(self, rgb: Pixels, crops: tuple[Rect, ...], factor: int, exact: bool) -> None:
        self._rgb, self._exact = rgb, exact
        whole = Rect(0, 0, rgb.shape[1], rgb.shape[0])
        grown = [Rect(c.x * factor, c.y * factor, c.w * factor, c.h * factor) for c in crops]
        self._crops = [inside for crop in grown if (inside := clip(crop, whole)) is not None]
        around = self._crops[0]
        for crop in self._crops[1:]:
            around = union(around, crop)
        self._around = clip(grow(around, _REACH + 1, _REACH + 1), whole) or around

    def crops(self) -> Iterator[tuple[Rect, Pixels]]:
        """Yield each crop to try and its brightness."""
        a = self._around
        gray = np.asarray(Image.fromarray(np.ascontiguousarray(self._rgb[a.y : a.bottom, a.x : a.right])).convert("L"))
        tried: set[Rect] = set()
        for crop in self._crops:
            here = Rect(crop.x - a.x, crop.y - a.y, crop.w, crop.h)
            for one in (here, *(() if self._exact else (_stepped(gray, here),))):
                if one is not None and one not in tried:
                    tried.add(one)
                    yield Rect(one.x + a.x, one.y + a.y, one.w, one.h), gray[one.y : one.bottom, one.x : one.right]


def _in_turn(pictures: list[_Picture]) -> Iterator[tuple[int, Rect, Pixels, int]]:
    """Yield (rank, crop, brightness, number): the first crop of every picture, then every second one, ..."""
    number = 0
    for rank, row in enumerate(zip_longest(*(picture.crops() for picture in pictures))):
        for one in row:
            if one is not None:
                yield rank, *one, number
                number += 1


def _stepped(gray: Pixels, rect: Rect) -> Rect | None:
    """Move each side to where brightness steps most along it, nearby; None where too little is left."""
    top, bottom = (_step(gray, rect, at, upright=False) for at in (rect.y, rect.bottom))
    left, right = (_step(gray, rect, at, upright=True) for at in (rect.x, rect.right))
    if min(right - left, bottom - top) < SMALLEST:
        return None
    return Rect(left, top, right - left, bottom - top)


def _step(gray: Pixels, rect: Rect, at: int, *, upright: bool) -> int:
    lines = gray.T if upright else gray
    if at in (0, lines.shape[0]):
        return at
    near, far = (rect.y, rect.bottom) if upright else (rect.x, rect.right)
    inset = (far - near) // 10
    first = max(1, at - _REACH)
    samples = slice(near + inset, far - inset, max(1, (far - near) // _SAMPLES))
    part = lines[first - 1 : at + _REACH + 1, samples].astype(np.int16)
    steps = np.minimum(np.abs(np.diff(part, axis=0)), _MOST_STEP).mean(axis=1)
    best = int(steps.argmax())
    return first + best if steps[best] >= _LEAST_STEP else at
