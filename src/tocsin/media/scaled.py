"""JPEG decoded no further than a hash needs: brightness only, at a half, a quarter or an eighth where it is large.

The small picture is not hashed as a picture of its own, which would move one hash in eight by more than 10 bits: PDQ's
operator for the *full* size is summed over each block instead (``native/pdq_operator.cpp``). What is left of the
difference is a small disturbance of the coefficients, so the rule is about those: enough must be in the picture
(``LEAST_QUALITY``), and all but ten coefficients must lie further from the threshold between 0 and 1 than such a
disturbance reaches (``LEAST_MARGIN``). Where the rule does not hold, the picture is decoded in full.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import simplejpeg

from tocsin.media import decoding

LEAST_SIDE = 256
"""The shorter side, in pixels, that must be left after shrinking."""
LEAST_UNSHRUNK = 128
"""The shorter side below which a JPEG is always decoded in full."""
LEAST_QUALITY = 50
"""Below this PDQ quality the hash is made again at full resolution."""
LEAST_MARGIN = 0.5
"""How far, in units of a coefficient, all but ten of them must lie from the threshold."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A JPEG's brightness decoded at 1 / ``factor``; ``height`` and ``width`` are its full size in pixels."""

    pixels: npt.NDArray[np.uint8]
    height: int
    width: int
    factor: int


def factor_for(height: int, width: int) -> int:
    """Return 8, 4, 2 or 1, the most that leaves enough pixels on the shorter side; 0 where it has too few as it is."""
    shorter = min(height, width)
    return next((f for f in (8, 4, 2) if shorter >= f * LEAST_SIDE), int(shorter >= LEAST_UNSHRUNK))


def shrink(data: bytes) -> Shrunk | None:
    """Decode a JPEG's brightness, small where it is large. None where too small, not RGB or grey, or not sound."""
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
        factor = factor_for(height, width)
        if factor == 0 or space not in ("YCbCr", "Gray") or height * width > decoding.LIMIT_PIXELS:
            return None
        small = (-(-height // factor), -(-width // factor))
        pixels = simplejpeg.decode_jpeg(data, "Gray", min_height=small[0], min_width=small[1], min_factor=factor)
    except (ValueError, MemoryError):
        return None
    return Shrunk(pixels, height, width, factor) if pixels.shape[:2] == small else None


def holds(quality: int, margin: float) -> bool:
    """Return whether a hash made from a ``Shrunk`` may stand for the full one."""
    return quality >= LEAST_QUALITY and margin >= LEAST_MARGIN
