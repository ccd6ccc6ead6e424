"""JPEG decoded small: libjpeg-turbo halves, quarters or eighths a picture while decoding, for much less work.

The small picture is not hashed as a picture of its own, which would move one hash in eight by more than 10 bits: PDQ's
operator for the *full* size is summed over each block instead (``native/pdq_operator.cpp``). That keeps the hash within
a few bits where the picture is large and has enough in it; ``shrink`` answers None where it may not be used.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import simplejpeg

from tocsin.media import decoding

LEAST_SIDE = 256
"""The shorter side, in pixels, that must be left after shrinking."""
LEAST_QUALITY = 50
"""Below this PDQ quality the hash is made again at full resolution."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A JPEG decoded at 1 / ``factor``; ``height`` and ``width`` are its full size in pixels."""

    pixels: npt.NDArray[np.uint8]
    height: int
    width: int
    factor: int


def factor_for(height: int, width: int, least_side: int = LEAST_SIDE) -> int:
    """Return 8, 4 or 2, the most that leaves ``least_side`` pixels on the shorter side, or 1."""
    return next((factor for factor in (8, 4, 2) if min(height, width) >= factor * least_side), 1)


def shrink(data: bytes, least_side: int = LEAST_SIDE) -> Shrunk | None:
    """Decode a JPEG small. None where the rule does not hold: too small, not RGB or grey, or not sound."""
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
        factor = factor_for(height, width, least_side)
        if factor == 1 or space not in ("YCbCr", "Gray") or height * width > decoding.LIMIT_PIXELS:
            return None
        small = (-(-height // factor), -(-width // factor))
        pixels = simplejpeg.decode_jpeg(
            data, "RGB" if space == "YCbCr" else "Gray", min_height=small[0], min_width=small[1], min_factor=factor
        )
    except (ValueError, MemoryError):
        return None
    return Shrunk(pixels, height, width, factor) if pixels.shape[:2] == small else None
