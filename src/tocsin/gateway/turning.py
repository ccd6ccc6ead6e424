"""The eight orientations of a PDQ hash, of which only the bits are at hand.

A turned or mirrored picture has the same DCT, transposed or with signs changed. Transposing the bits is exact; changing
a sign turns a bit over, which is wrong only for coefficients between the median and its negative: so these are near
what the turned picture would hash to (on photographs half are within 8 to 14 bits, the farthest 32), not equal to it.
Where the picture is at hand, its turns are hashed instead.
"""

from typing import Final

import numpy as np

_ROWS, _COLUMNS = np.indices((16, 16), dtype=np.uint8) & 1
_NONE = np.zeros((16, 16), np.uint8)
_BOTH = _ROWS ^ _COLUMNS

_TURNS: Final = (
    (False, _NONE),
    (True, _ROWS),
    (False, _BOTH),
    (True, _COLUMNS),
    (False, _ROWS),
    (False, _COLUMNS),
    (True, _NONE),
    (True, _BOTH),
)
"""Whether to transpose, and which bits to turn over, in the order of ``tocsin.media.pdq.TURNS``."""


def turns_of(code: str) -> list[str]:
    """Return a PDQ hash (64 hex digits) in its eight orientations, the given one first."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(code), np.uint8)).reshape(16, 16)
    return [np.packbits((bits.T if across else bits) ^ over).tobytes().hex() for across, over in _TURNS]
