"""Uniform borders and letterbox bars, cut off for a second look: PDQ does not survive them.

A copy shown with black bars, or a screenshot with a plain margin, has a hash far from the picture's own. What is
inside the bars has not. Deterministic, and nearly free where there is no border: only the outermost lines are read.
"""

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

NOISE = 24
"""How far a channel may stray from the border's colour and still be border: JPEG's noise beside an edge."""
STRAYS = 0.02
"""The share of a line's samples that may stray further: a compressed edge, dust, a pixel of a neighbour."""
MIN_SIDE = 48
"""Less than this many pixels, or ``MIN_SHARE`` of a side, is no picture: then nothing is stripped."""
MIN_SHARE = 0.15
LEAST = 0.005
"""A border thinner than this share of its side is left: PDQ does not notice it."""
_CHUNK = 32


def strip(rgb: Pixels) -> Pixels | None:
    """Return what lies inside a uniform border, or None when there is none (or nothing sensible within it).

    ``rgb`` is (height, width, 3). The border is one colour, on any of the four sides, of any width on each; a
    second border of another colour inside it is found by calling again. The result is contiguous.
    """
    found = inside(rgb)
    if found is None:
        return None
    top, bottom, left, right = found
    return np.ascontiguousarray(rgb[top:bottom, left:right])


def inside(rgb: Pixels) -> tuple[int, int, int, int] | None:
    """Return (top, bottom, left, right) of what lies inside a uniform border, or None, as ``strip`` has it."""
    height, width = rgb.shape[:2]
    if height < MIN_SIDE or width < MIN_SIDE:
        return None
    colour = _border_colour(rgb)
    if colour is None:
        return None
    top, bottom = _rows(rgb, colour)
    if bottom - top < MIN_SIDE:
        return None
    across = rgb[top:bottom].transpose(1, 0, 2)
    left, right = _rows(across, colour)
    inside_height, inside_width = bottom - top, right - left
    if inside_width < max(MIN_SIDE, MIN_SHARE * width) or inside_height < MIN_SHARE * height:
        return None
    if height - inside_height < max(1, LEAST * height) and width - inside_width < max(1, LEAST * width):
        return None
    return top, bottom, left, right


def _border_colour(rgb: Pixels) -> npt.NDArray[np.int16] | None:
    """Return the colour of the first outermost line (top, bottom, left, right) that is of one colour."""
    for line in (rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]):
        colour: npt.NDArray[np.int16] = np.median(line, axis=0).astype(np.int16)
        if _uniform(line[np.newaxis], colour)[0]:
            return colour
    return None


def _uniform(lines: Pixels, colour: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    """Tell of each line (lines, length, 3) whether it is of ``colour``: few strays, and no drift as a whole."""
    away = np.abs(lines.astype(np.int16) - colour)
    strays: npt.NDArray[np.bool_] = (away > NOISE).mean(axis=(1, 2)) <= STRAYS
    drift: npt.NDArray[np.bool_] = away.mean(axis=(1, 2)) <= NOISE / 3
    return strays & drift


def _rows(lines: Pixels, colour: npt.NDArray[np.int16]) -> tuple[int, int]:
    """Return the first and one past the last line that is not border."""
    count = lines.shape[0]
    first = _leading(lines, colour)
    return (first, count - _leading(lines[::-1], colour)) if first < count else (count, count)


def _leading(lines: Pixels, colour: npt.NDArray[np.int16]) -> int:
    """Return how many lines at the start are border, reading no further than the first that is not."""
    at, step = 0, 1
    while at < lines.shape[0]:
        same = _uniform(lines[at : at + step], colour)
        if not same.all():
            return at + int(np.argmin(same))
        at, step = at + step, _CHUNK
    return at
