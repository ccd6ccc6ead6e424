"""Block digests: which listed file a block of a device belongs to, looked up exactly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tocsin.matching.digest_index import DigestIndex


@dataclass(frozen=True, slots=True)
class BlockHit:
    """A block that was found: the number of the query, the listed file, and the block's place in that file."""

    query: int
    file: str
    block: int


class BlockIndex:
    """Digests of fixed-size blocks (16, 20 or 32 bytes) of listed files; immutable once built."""

    def __init__(self, index: DigestIndex, files: Sequence[str], owner: Sequence[int], block: Sequence[int]) -> None:
        self._index, self._files = index, tuple(files)
        self._owner, self._block = np.asarray(owner, np.uint32), np.asarray(block, np.uint32)

    @classmethod
    def build(cls, blocks: Iterable[tuple[str, int, bytes]]) -> "BlockIndex":
        """Build from (file, block number, digest). Raises ValueError when digests have different lengths."""
        names: dict[str, int] = {}
        owner: list[int] = []
        block: list[int] = []
        digests = bytearray()
        length = 0
        for file, number, digest in blocks:
            length = length or len(digest)
            if len(digest) != length or length < 8:
                raise ValueError("block digests must all have one length of at least 8 bytes")
            owner.append(names.setdefault(file, len(names)))
            block.append(number)
            digests += digest
        table = np.frombuffer(bytes(digests), np.uint8).reshape(-1, length or 16)
        return cls(DigestIndex.build(table, np.arange(len(owner), dtype=np.uint32)), tuple(names), owner, block)

    def __len__(self) -> int:
        return len(self._index)

    def find(self, digests: Sequence[bytes]) -> list[BlockHit]:
        """Return every listed block with one of these digests, by query."""
        found = self._index.find(digests)
        return [BlockHit(query, self._files[self._owner[row]], int(self._block[row])) for query, row in found]
