"""The hash of a picture as displayed: what a page did to it is undone as far as that can be seen.

Measured on 357 photographs in a real browser (tests/bench/pictures.py): a picture shown smaller than about 400 pixels
has to be enlarged before PDQ, whose own smoothing does nothing below 128 (mean distance to the original's hash 10
instead of 16 bits at 128 pixels), and rounded corners have to be filled (13 instead of 24 bits).
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from tocsin.media import pdq
from tocsin.model import Print

Pixels = npt.NDArray[np.uint8]

SMALL = 400
"""Longer side, in pixels, below which a picture is enlarged."""
ENLARGED = 512
_CORNER = 32


def prints_of(rgb: Pixels, both: bool = False) -> list[Print]:
    """Hash a crop of the screen (height x width x 3); with ``both``, an enlarged one also as it is."""
    filled = fill_corners(rgb)
    if max(filled.shape[:2]) >= SMALL:
        return [_print(filled)]
    enlarged = Image.fromarray(filled).resize((ENLARGED, ENLARGED), Image.Resampling.BILINEAR)
    return [_print(np.asarray(enlarged)), *([_print(filled)] if both else [])]


def _print(rgb: Pixels) -> Print:
    made = pdq.hash_array(rgb)
    return Print(made.hex, made.quality, path="screen")


def fill_corners(rgb: Pixels) -> Pixels:
    """Return the picture with what shows behind its rounded corners replaced by the nearest pixels beside it."""
    out = np.ascontiguousarray(rgb)
    if out is rgb or out.base is not None:
        out = out.copy()
    reach = min(_CORNER, out.shape[0] // 3, out.shape[1] // 3)
    if reach >= 2:
        for rows in (out, out[::-1]):
            for view in (rows, rows[:, ::-1]):
                _fill_corner(view[:reach, : 2 * reach])
    return out


def _fill_corner(part: Pixels) -> None:
    """Fill the top left corner of a picture in place; rows of the ground's colour get shorter downwards."""
    ground = (part == part[0, 0]).all(axis=2)
    widths = np.where(ground.all(axis=1), ground.shape[1], (~ground).argmax(axis=1))
    if widths[0] < 2 or widths[0] >= ground.shape[1] // 2 or widths[-1] or (np.diff(widths) > 0).any():
        return
    for y in range(int(np.flatnonzero(widths)[-1]) + 1):
        edge = int(widths[y]) + 2
        part[y, :edge] = part[y, edge]
