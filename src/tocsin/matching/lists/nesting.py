"""A bound on how deep JSON is nested, checked before a parser sees it: one that keeps the path takes quadratic time."""

from typing import BinaryIO, Final

import numpy as np

MOST_DEEP: Final = 64
"""How many objects and arrays may lie in each other: far more than any format of lists needs."""

_QUOTE, _OPEN, _CLOSE = b'"{}'


class TooDeepError(ValueError):
    """JSON is nested deeper than any list is."""


class Shallow:
    """A file of JSON in UTF-8 that is read through; ``read`` raises TooDeepError before it returns what is too deep."""

    def __init__(self, file: BinaryIO, most: int = MOST_DEEP) -> None:
        self._file, self._most = file, most
        self._depth = 0
        self._within = self._escaped = False

    def read(self, count: int = -1) -> bytes:
        """Return up to ``count`` bytes, none at the end."""
        data = self._file.read(count)
        if data:
            self._follow(data)
        return data

    def _follow(self, data: bytes) -> None:
        """Count brackets outside of strings; what is no JSON ends at the parser, and is counted somehow until then."""
        rest = data[self._escaped :].replace(b"\\\\", b"")
        self._escaped = rest.endswith(b"\\")
        letters = np.frombuffer(rest.replace(b'\\"', b""), np.uint8)
        within = (np.cumsum(letters == _QUOTE, dtype=np.uint8) + self._within) & 1
        shapes = letters | 0x20  # a square bracket becomes a curly one
        at = np.flatnonzero(((shapes == _OPEN) | (shapes == _CLOSE)) & (within == 0))
        if within.size:
            self._within = bool(within[-1])
        if not at.size:
            return
        steps = np.where(shapes[at] == _OPEN, 1, -1)
        depths = np.cumsum(steps, dtype=np.int64)
        if self._depth + int(depths.max()) > self._most:
            raise TooDeepError(f"objects and arrays lie more than {self._most} deep in each other")
        self._depth += int(depths[-1])
