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

Bytes = npt.NDArray[np.uint8]

SMALL = 400
"""Longer side, in pixels, below which a picture is enlarged."""
ENLARGED = 512
"""Longer side, in pixels, of an enlarged one."""
_CORNER = 32


def luma(bgr: Bytes) -> Bytes:
    """Return how light each pixel of a screen (height x width x 4, blue first) is, by the weights that PDQ uses."""
    high, wide = bgr.shape[:2]
    image = Image.frombuffer("RGB", (wide, high), np.ascontiguousarray(bgr), "raw", "BGRX", 0, 1)
    return np.asarray(image.convert("L"))


def prints_of(gray: Bytes, both: bool = False, turns: bool = False) -> list[Print]:
    """Hash a crop of the screen, given as its luma (height x width).

    With ``both`` an enlarged one is also hashed without its outermost pixels, which pages blend, as it is, and enlarged
    less: what a browser's own scaling leaves behind falls differently on PDQ's grid then. ``turns``: each hash in the 8
    orientations.
    """
    filled = fill_corners(gray)
    if max(filled.shape) >= SMALL:
        looks = [filled]
    elif not both or min(filled.shape) < 3:
        looks = [_enlarged(filled)]
    else:
        looks = [_enlarged(filled), _enlarged(filled[1:-1, 1:-1]), filled, _enlarged(filled, SMALL)]
    return [made for look in looks for made in _hashed(look, turns)]


def _enlarged(gray: Bytes, longer: int = ENLARGED) -> Bytes:
    high, wide = gray.shape
    scale = longer / max(high, wide)
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    return np.asarray(Image.fromarray(gray).resize(size, Image.Resampling.BILINEAR))


def _hashed(gray: Bytes, turns: bool) -> list[Print]:
    made = pdq.turns(gray) if turns else [pdq.hash_array(gray)]
    return [Print(one.hex, one.quality, path="screen", turn=turn) for turn, one in enumerate(made)]


def fill_corners(gray: Bytes) -> Bytes:
    """Return a copy with what shows behind the picture's rounded corners replaced by the nearest pixels beside it."""
    out = np.array(gray, order="C")
    reach = min(_CORNER, out.shape[0] // 3, out.shape[1] // 3)
    if reach >= 2:
        for rows in (out, out[::-1]):
            for view in (rows, rows[:, ::-1]):
                _fill_corner(view[:reach, : 2 * reach])
    return out


def _fill_corner(part: Bytes) -> None:
    """Fill the top left corner of a picture in place; rows of the ground's colour get shorter downwards."""
    ground = part == part[0, 0]
    widths = np.where(ground.all(axis=1), ground.shape[1], (~ground).argmax(axis=1))
    if (
        np.count_nonzero(widths) < 2
        or widths[0] < 3
        or widths[0] >= ground.shape[1] // 2
        or widths[-1]
        or (np.diff(widths) > 0).any()
    ):
        return
    for y in range(int(np.flatnonzero(widths)[-1]) + 1):
        edge = int(widths[y]) + 2
        part[y, :edge] = part[y, edge]
