"""Exact digests: a sorted table of all, memory-mapped or in memory, looked up in batches by binary search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class DigestIndex:
    """Digests of one length with the row each belongs to; the same digest may stand for several rows.

    ``prefix`` holds the first 8 bytes of each as a number, sorted; ``rest`` (n, length - 8) the others, ``row`` the
    rows. A lookup verifies the whole digest.
    """

    prefix: npt.NDArray[np.uint64]
    rest: Bytes
    row: Rows

    @classmethod
    def build(cls, digests: Bytes, rows: Rows) -> "DigestIndex":
        """Build from (n, length) bytes and their rows; the same digest given twice for one row is kept once."""
        first = np.ascontiguousarray(digests[:, :8]).view(">u8").ravel().astype(np.uint64)
        order = np.argsort(first, kind="stable")
        prefix, rest, row = first[order], digests[order, 8:], np.asarray(rows, np.uint32)[order]
        del first, order
        repeated = np.flatnonzero(prefix[1:] == prefix[:-1]) + 1
        if repeated.size:
            drop = _repeats(prefix, rest, row, repeated)
            if drop.size:
                prefix, rest, row = np.delete(prefix, drop), np.delete(rest, drop, 0), np.delete(row, drop)
        return cls(prefix, rest, row)

    def __len__(self) -> int:
        return len(self.row)

    def find(self, digests: Sequence[bytes]) -> list[tuple[int, int]]:
        """Return (number of the query, row) for every digest that is held, by query and row."""
        return self.find_many(np.frombuffer(b"".join(digests), np.uint8).reshape(len(digests), -1)) if digests else []

    def find_many(self, queries: Bytes) -> list[tuple[int, int]]:
        """Return (number of the query, row) for every one of (q, length) digests that is held."""
        if not len(self.row) or not len(queries):
            return []
        wanted = np.ascontiguousarray(queries[:, :8]).view(">u8").ravel().astype(np.uint64)
        low = np.searchsorted(self.prefix, wanted, "left")
        high = np.searchsorted(self.prefix, wanted, "right")
        found: list[tuple[int, int]] = []
        for number in np.flatnonzero(high > low):
            held = slice(int(low[number]), int(high[number]))
            same = (self.rest[held] == queries[number, 8:]).all(1)
            found += [(int(number), int(row)) for row in sorted(set(self.row[held][same].tolist()))]
        return found

    def digests(self) -> Bytes:
        """Return all digests, (n, length), sorted by their first 8 bytes."""
        return np.concatenate([self.prefix.astype(">u8").view(np.uint8).reshape(-1, 8), self.rest], axis=1)

    def columns(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the arrays to be written to a file."""
        return {"prefix": self.prefix, "rest": self.rest, "row": self.row}

    @classmethod
    def of_columns(cls, columns: Mapping[str, npt.NDArray[np.generic]], length: int) -> "DigestIndex":
        """Return the index of arrays read from a file. Raises ValueError when they do not fit each other."""
        prefix, rest, row = columns["prefix"], columns["rest"], columns["row"]
        if rest.shape != (len(prefix), length - 8) or len(row) != len(prefix):
            raise ValueError("the columns of a table of digests have different lengths")
        return cls(prefix, rest, row)  # type: ignore[arg-type]


def _repeats(
    prefix: npt.NDArray[np.uint64], rest: Bytes, row: Rows, repeated: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """Return the places whose digest and row were met before, among runs of the same prefix."""
    seen: set[tuple[int, bytes, int]] = set()
    drop = []
    before = -1
    for at in repeated.tolist():
        if at - 1 != before:
            seen = {(int(prefix[at - 1]), rest[at - 1].tobytes(), int(row[at - 1]))}
        before = at
        one = (int(prefix[at]), rest[at].tobytes(), int(row[at]))
        if one in seen:
            drop.append(at)
        seen.add(one)
    return np.array(drop, np.intp)
