"""Windows: a weaker signal that a crop does not break, for lists that an agency makes itself. Never as good as PDQ.

PDQ looks at a picture as a whole, so a 2 % crop loses it. Here the picture is looked at through up to ``MOST`` square
windows, each around a blob (an extremum of differences of Gaussians over place and size; Lindeberg 1998, Lowe 2004)
and as large as the blob asks, and each window has a PDQ hash of its own. A crop moves the blobs and keeps most of
them. A listed picture is recognised when several of its windows are found and stand to each other as they do there.

Window codes are 38 bytes: 32 of PDQ (searched in the exact index within 31 bits), then x, y and half side, each as
16 bits of the picture's longer side. They are our own form, not for exchange with others.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.media import pdq

Pixels = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float64]

MOST = 60
"""Most windows of one picture."""
SIDE = 512
"""Pixels of the longer side that blobs are looked for in."""
RADIUS = 31
"""Bits by which two windows may differ."""
AGREEING = 3
"""Fewest windows that must stand as they do in the listed picture."""
COVERED = 0.15
"""Least area that they must span in either picture, in squares of its longer side: a small logo is not a match."""
SIZE = 38
"""Bytes of one code."""

_SMALLEST, _LARGEST, _STEP = 5.0, 70.0, 2**0.25
_HALF_SIDE = 5.0
_CONTRAST = 1.0
_QUALITY = 30
_SCALE_APART, _PLACE_APART = 0.1, 0.01


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many windows agree, the area they span (in squares of the longer side, of whichever picture it is more of),
    and their mean distance in bits."""

    windows: int
    covered: float
    distance: int

    @property
    def enough(self) -> bool:
        """Say whether this is a match by the rule above."""
        return self.windows >= AGREEING and self.covered >= COVERED


def windows(rgb: Pixels) -> tuple[str, ...]:
    """Return the codes (hex) of a picture's windows, the strongest first; (height, width, 3) RGB or (height, width).

    Few or none come from flat pictures. Deterministic for the same pixels and library version.
    """
    if min(rgb.shape[:2]) < 32:
        return ()
    gray = _gray(rgb)
    height, width = gray.shape
    longest = max(height, width)
    taken: list[tuple[float, float, float]] = []
    codes: list[str] = []
    for x, y, size in _blobs(gray):
        half = _HALF_SIDE * size
        if x < half or y < half or x + half > width or y + half > height:
            continue
        if any(_same(x, y, half, other) for other in taken):
            continue
        hashed = pdq.hash_array(_window(gray, x, y, half))
        if hashed.quality < _QUALITY:
            continue
        taken.append((x, y, half))
        place = struct.pack(">3H", *(min(65535, round(value / longest * 65535)) for value in (x, y, half)))
        codes.append((hashed.bits + place).hex())
        if len(codes) == MOST:
            break
    return tuple(codes)


def agreement(seen: Sequence[bytes], listed: Sequence[bytes]) -> Agreement:
    """Tell how well found pairs of windows (the seen one, the listed one, position by position) fit together.

    One crop moves all windows alike: the same factor of size and the same shift. Around each pair the others that
    agree with it are counted; the largest such group is the answer. A window counts once.
    """
    if not seen:
        return Agreement(0, 0.0, 0)
    a, b = _places(seen), _places(listed)
    factor = np.log(a[:, 2] / b[:, 2])
    best: npt.NDArray[np.int64] = np.zeros(0, np.int64)
    for lead in range(len(seen)):
        near = np.abs(factor - factor[lead]) < _SCALE_APART
        scale = np.exp(factor[lead])
        moved = (b[:, :2] - b[lead, :2]) * scale + a[lead, :2]
        allowed = _PLACE_APART + 0.12 * np.minimum(a[:, 2], a[lead, 2])
        fits = near & (np.abs(moved - a[:, :2]).max(1) < allowed)
        group = _once(np.flatnonzero(fits), seen, listed)
        if len(group) > len(best):
            best = group
    apart = [_bits(seen[i], listed[i]) for i in best]
    return Agreement(len(best), max(_span(a[best]), _span(b[best])), round(sum(apart) / len(apart)))


def _span(places: Numbers) -> float:
    """Return the area of the rectangle around windows."""
    low, high = (places[:, :2] - places[:, 2:]).min(0), (places[:, :2] + places[:, 2:]).max(0)
    return float(np.prod(high - low))


def _once(at: npt.NDArray[np.int64], seen: Sequence[bytes], listed: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """Keep each window of either side once."""
    left: set[bytes] = set()
    right: set[bytes] = set()
    kept = []
    for i in at:
        if seen[i] not in left and listed[i] not in right:
            left.add(seen[i])
            right.add(listed[i])
            kept.append(i)
    return np.array(kept, np.int64)


def _places(codes: Sequence[bytes]) -> Numbers:
    """Return x, y and half side (parts of the longer side) of each code, as (n, 3)."""
    places = np.array([struct.unpack(">3H", code[32:SIZE]) for code in codes], np.float64) / 65535
    places[:, 2] = np.maximum(places[:, 2], 1e-4)
    return places


def _bits(a: bytes, b: bytes) -> int:
    return (int.from_bytes(a[:32], "big") ^ int.from_bytes(b[:32], "big")).bit_count()


def _same(x: float, y: float, half: float, other: tuple[float, float, float]) -> bool:
    return abs(x - other[0]) + abs(y - other[1]) < 0.15 * half and abs(half / other[2] - 1) < 0.1


def _gray(rgb: Pixels) -> npt.NDArray[np.float32]:
    """Return the picture in grey, its longer side SIDE pixels."""
    import cv2

    height, width = rgb.shape[:2]
    factor = SIDE / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small: Any = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    luma = small @ np.array([0.299, 0.587, 0.114], np.float32) if small.ndim == 3 else small
    return np.ascontiguousarray(luma, np.float32)


def _blobs(gray: npt.NDArray[np.float32]) -> list[tuple[float, float, float]]:
    """Return (x, y, size) of blobs, the strongest first, fitted between pixels and sizes by parabolas."""
    import cv2

    sizes = [_SMALLEST]
    while sizes[-1] * _STEP <= _LARGEST:
        sizes.append(sizes[-1] * _STEP)
    half: Any = cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    smooth = [half]
    for before, size in pairwise([0.0, *sizes]):  # each from the one before: far smaller kernels
        sigma = float(np.sqrt(size**2 - before**2)) / 2
        taps = 2 * round(3 * sigma) + 1
        smooth.append(cv2.GaussianBlur(smooth[-1], (taps, taps), sigma))
    layers = np.stack([after - before for before, after in pairwise(smooth[1:])])
    cross = np.ones((3, 3), np.uint8)
    found: list[tuple[Numbers, ...]] = []
    for side in (layers, -layers):
        peaks = np.stack([cv2.dilate(layer, cross) for layer in side])
        mask = np.zeros(side.shape, np.bool_)
        inner = side[1:-1]
        mask[1:-1] = (inner >= peaks[1:-1]) & (inner > peaks[:-2]) & (inner > peaks[2:]) & (inner > _CONTRAST)
        mask[:, [0, -1]] = mask[:, :, [0, -1]] = False
        n, y, x = np.nonzero(mask)
        here = side[n, y, x]
        across = _vertex(side[n, y, x - 1], here, side[n, y, x + 1])
        down = _vertex(side[n, y - 1, x], here, side[n, y + 1, x])
        grown = _vertex(side[n - 1, y, x], here, side[n + 1, y, x])
        found.append((here, (x + across) * 2 + 0.5, (y + down) * 2 + 0.5, np.array(sizes)[n] * _STEP**grown))
    strength, xs, ys, scales = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((scales, ys, xs, -strength))
    return [(float(xs[i]), float(ys[i]), float(scales[i])) for i in order]


def _vertex(before: Any, here: Any, after: Any) -> Any:
    """Return where between -0.6 and 0.6 parabolas through three values each have their top."""
    bend = before - 2 * here + after
    safe = np.where(bend == 0, 1, bend)
    return np.where(bend == 0, 0.0, np.clip(0.5 * (before - after) / safe, -0.6, 0.6))


def _window(gray: npt.NDArray[np.float32], x: float, y: float, half: float) -> Pixels:
    """Return 64×64 pixels of the square of this half side around (x, y)."""
    import cv2

    factor = 32 / half
    source: Any = gray
    if half > 32:
        top, left = max(0, int(y - 1.3 * half)), max(0, int(x - 1.3 * half))
        part = gray[top : int(y + 1.3 * half) + 2, left : int(x + 1.3 * half) + 2]
        source = cv2.GaussianBlur(part, (0, 0), 0.5 * half / 32)
        x, y = x - left, y - top
    turn = np.array([[factor, 0, 31.5 - x * factor], [0, factor, 31.5 - y * factor]], np.float32)
    cut = cv2.warpAffine(source, turn, (64, 64), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(np.clip(np.rint(cut), 0, 255), np.uint8)
