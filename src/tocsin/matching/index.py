"""The exact index: every entry within the radius, none missed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Hits:
    """Parallel arrays, sorted by (query, distance, id); ``truncated`` tells per query whether ``limit`` cut it."""

    query: npt.NDArray[np.int64]
    id: Ids
    distance: npt.NDArray[np.int32]
    truncated: npt.NDArray[np.bool_]


class HashIndex:
    """256-bit hashes, searchable by Hamming distance."""

    def __init__(self, hashes: Codes, ids: Ids) -> None:
        self._hashes, self._ids = hashes, ids
        self._path: Path | None = None

    @classmethod
    def build(cls, hashes: Codes, ids: Ids | None = None) -> "HashIndex":
        """Build from (n, 32) bytes; ids default to 0 … n-1."""
        hashes = np.ascontiguousarray(hashes, np.uint8).reshape(-1, 32)
        return cls(hashes, np.arange(len(hashes), dtype=np.int64) if ids is None else np.asarray(ids, np.int64))

    def __len__(self) -> int:
        return len(self._ids)

    def save(self, path: str | Path) -> None:
        """Write to one file."""
        np.savez(Path(path).open("wb"), hashes=self._hashes, ids=self._ids)

    @classmethod
    def open(cls, path: str | Path) -> "HashIndex":
        """Open a saved index."""
        held = np.load(Path(path))
        index = cls(held["hashes"], held["ids"])
        index._path = Path(path)
        return index

    def add(self, hashes: Codes, ids: Ids) -> None:
        """Add entries, visible to the next search."""
        self._hashes = np.concatenate([self._hashes, np.asarray(hashes, np.uint8).reshape(-1, 32)])
        self._ids = np.concatenate([self._ids, np.asarray(ids, np.int64)])
        if self._path:
            self.save(self._path)

    def remove(self, ids: Ids) -> None:
        """Remove every entry with one of these ids."""
        keep = ~np.isin(self._ids, ids)
        self._hashes, self._ids = self._hashes[keep], self._ids[keep]
        if self._path:
            self.save(self._path)

    def search(self, queries: Codes, radius: int = 31, limit: int | None = None) -> Hits:
        """Return every entry within ``radius`` of each of the (q, 32) queries."""
        queries = np.asarray(queries, np.uint8).reshape(-1, 32)
        found: list[tuple[int, int, int]] = []
        truncated = np.zeros(len(queries), bool)
        for number, query in enumerate(queries):
            distances = np.bitwise_count(self._hashes ^ query).sum(1, dtype=np.int64)
            at = np.flatnonzero(distances <= radius)
            hits = sorted((int(distances[i]), int(self._ids[i])) for i in at)
            truncated[number] = limit is not None and len(hits) > limit
            found += [(number, entry, distance) for distance, entry in hits[:limit]]
        columns = np.array(found, np.int64).reshape(-1, 3)
        return Hits(columns[:, 0], columns[:, 1], columns[:, 2].astype(np.int32), truncated)
