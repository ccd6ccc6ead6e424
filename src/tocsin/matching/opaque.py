"""Perceptual hashes of others, compared by their own distance and never computed here: PhotoDNA's 144 bytes.

What is public of PhotoDNA's comparison is that it is a Euclidean distance (Steinebach, *Efficient Hash Lookup for
PhotoDNA*, Electronic Imaging 2024). Nobody publishes a threshold, so a list states metric and threshold itself; without
them only equal hashes match. ``squared`` is the sum of squared differences of the bytes (the Euclidean distance's
square), ``absolute`` the sum of their absolute differences.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

METRICS = ("squared", "absolute")
LENGTH = 144
_CHUNK = 16_384

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class OpaqueIndex:
    """(n, 144) hashes sorted by the sum of their bytes, and the row of each.

    The sums of two hashes differ by no more than their absolute distance (and the square of the difference by no more
    than 144 times the squared distance, by Cauchy-Schwarz): only that range is compared, none is missed.
    """

    hashes: Bytes
    sums: npt.NDArray[np.int64]
    row: npt.NDArray[np.uint32]

    @classmethod
    def build(cls, hashes: Bytes, rows: npt.NDArray[np.uint32]) -> "OpaqueIndex":
        """Build from (n, 144) bytes and their rows."""
        sums = hashes.sum(1, dtype=np.int64)
        order = np.argsort(sums, kind="stable")
        return cls(np.ascontiguousarray(hashes[order]), sums[order], np.asarray(rows, np.uint32)[order])

    def __len__(self) -> int:
        return len(self.row)

    def search(self, query: bytes, metric: str = "squared", threshold: int = 0) -> list[tuple[int, int]]:
        """Return (row, distance) of every hash within ``threshold``, nearest first. Raises ValueError."""
        if metric not in METRICS or len(query) != LENGTH:
            raise ValueError(f"a hash of {LENGTH} bytes and one of {', '.join(METRICS)} are needed")
        wanted = np.frombuffer(query, np.uint8)
        total = int(wanted.sum(dtype=np.int64))
        slack = threshold if metric == "absolute" else int(np.sqrt(LENGTH * threshold)) + 1
        low, high = np.searchsorted(self.sums, [total - slack, total + slack + 1])
        found: list[tuple[int, int]] = []
        for start in range(int(low), int(high), _CHUNK):
            held = self.hashes[start : min(start + _CHUNK, int(high))]
            apart = held.astype(np.int32) - wanted
            distances = (apart * apart).sum(1) if metric == "squared" else np.abs(apart).sum(1)
            at = np.flatnonzero(distances <= threshold)
            found += [(int(self.row[start + n]), int(distances[n])) for n in at]
        return sorted(found, key=lambda one: (one[1], one[0]))
