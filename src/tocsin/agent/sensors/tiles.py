"""What truly changed between two pictures: by their pixels, or by tile hashes where the earlier one is not kept."""

import numpy as np
import numpy.typing as npt

from tocsin.model import Rect

Pixels = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint64]

TILE = 64
"""Side of a tile in pixels."""
_BAND = 16
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def changed_bands(before: Pixels, after: Pixels) -> list[Rect]:
    """Return rectangles around what differs between two pictures of the same size (height x width x 4 bytes).

    Rows are taken in bands of 16 so that two far changes give two rectangles and not the area between them.
    """
    if before.shape != after.shape:
        raise ValueError("pictures of different sizes cannot be compared")
    a, b = (np.ascontiguousarray(p).view(np.uint32)[:, :, 0] for p in (before, after))
    differs = a != b
    rows = np.flatnonzero(differs.any(axis=1))
    out: list[Rect] = []
    if rows.size == 0:
        return out
    for group in np.split(rows, np.flatnonzero(np.diff(rows) > _BAND) + 1):
        top, bottom = int(group[0]), int(group[-1]) + 1
        columns = np.flatnonzero(differs[top:bottom].any(axis=0))
        for part in np.split(columns, np.flatnonzero(np.diff(columns) > 2 * TILE) + 1):
            left, right = int(part[0]), int(part[-1]) + 1
            inside = np.flatnonzero(differs[top:bottom, left:right].any(axis=1))
            first, last = top + int(inside[0]), top + int(inside[-1]) + 1
            out.append(Rect(left, first, right - left, last - first))
    return out


def tile_hashes(pixels: Pixels, tile: int = TILE) -> Hashes:
    """Return a 64-bit hash for each tile of a picture (height x width x 4 bytes), rows of tiles first.

    Not cryptographic: it only tells one screen from the next.
    """
    high, wide = pixels.shape[0], pixels.shape[1]
    words = np.ascontiguousarray(pixels).view(np.uint32)[:, :, 0].astype(np.uint64)
    with np.errstate(over="ignore"):
        across = np.arange(1, tile + 1, dtype=np.uint64) * _FACTOR
        down = (np.arange(1, tile + 1, dtype=np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)) | np.uint64(1)
        words = (words + np.uint64(1)) * _FACTOR
        words ^= words >> np.uint64(29)
        words *= np.tile(across, -(-wide // tile))[:wide]
        sums = np.add.reduceat(words, np.arange(0, wide, tile), axis=1)
        sums ^= sums >> np.uint64(31)
        sums *= np.tile(down, -(-high // tile))[:high, None]
        return np.add.reduceat(sums, np.arange(0, high, tile), axis=0)


def changed_tiles(before: Hashes, after: Hashes, width: int, height: int, tile: int = TILE) -> list[Rect]:
    """Return the tiles whose hashes differ, neighbours in a row joined, as rectangles within width x height."""
    if before.shape != after.shape:
        return [Rect(0, 0, width, height)]
    out: list[Rect] = []
    differs = before != after
    for row in np.flatnonzero(differs.any(axis=1)):
        columns = np.flatnonzero(differs[row])
        for part in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
            x, y = int(part[0]) * tile, int(row) * tile
            right, bottom = min(width, (int(part[-1]) + 1) * tile), min(height, y + tile)
            out.append(Rect(x, y, right - x, bottom - y))
    return out


class Pace:
    """How long to wait before the next look where the display tells nothing: longer while nothing changes.

    Never longer than ``longest``: a line shown for a second must be looked at.
    """

    def __init__(self, shortest: float = 0.1, longest: float = 0.5) -> None:
        """Start fast."""
        self._shortest, self._longest, self._wait = shortest, longest, shortest

    def next(self, changed: bool) -> float:
        """Return the seconds until the next look, given whether this one showed a change."""
        self._wait = self._shortest if changed else min(self._longest, self._wait * 1.4)
        return self._wait
