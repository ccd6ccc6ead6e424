"""The Merkle tree of RFC 6962: any change to an old entry of a log shows, by short proofs.

Throughout, a *leaf* is a leaf hash of 32 bytes, never the entry itself; sequences of leaves are in log order.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of a log without entries."""
HASH_BYTES = 32


def leaf_hash(entry: bytes) -> bytes:
    """Return the leaf hash of an entry: SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Tree:
    """A growing tree that keeps only its right edge: appending is O(log n) in time and in memory.

    ``edge`` holds the roots of the full subtrees, the largest first: one for each bit set in ``size``. Store
    both (``edge`` as hex, say) with the log and give them to :meth:`restore` to go on without reading the leaves.
    """

    size: int = 0
    edge: list[bytes] = field(default_factory=list)

    @classmethod
    def restore(cls, size: int, edge: Iterable[bytes]) -> Self:
        """Return a tree at a state that was saved. Raises ValueError when size and edge do not belong together."""
        hashes = list(edge)
        if size < 0 or len(hashes) != size.bit_count() or any(len(one) != HASH_BYTES for one in hashes):
            raise ValueError(f"A tree of {size} entries has {max(size, 0).bit_count()} edge hashes of 32 bytes.")
        return cls(size, hashes)

    @classmethod
    def of(cls, leaves: Iterable[bytes]) -> Self:
        """Return the tree over ``leaves``."""
        tree = cls()
        for leaf in leaves:
            tree.append(leaf)
        return tree

    def append(self, leaf: bytes) -> int:
        """Add a leaf and return its index, counted from 0."""
        index = self.size
        node = leaf
        full = index
        while full & 1:
            node = node_hash(self.edge.pop(), node)
            full >>= 1
        self.edge.append(node)
        self.size += 1
        return index

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self.edge:
            return EMPTY_ROOT
        node = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            node = node_hash(left, node)
        return node


def root(leaves: Iterable[bytes]) -> bytes:
    """Return the root over ``leaves``."""
    return Tree.of(leaves).root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the path that ties leaf ``index`` to the root over ``leaves``, the leaf's sibling first.

    RFC 6962 §2.1.1. Raises ValueError for an index outside the log.
    """
    if not 0 <= index < len(leaves):
        raise ValueError(f"There is no entry {index} in a log of {len(leaves)}.")
    path: list[bytes] = []
    low, high = 0, len(leaves)
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(root(leaves[middle:high]))
            high = middle
        else:
            path.append(root(leaves[low:middle]))
            low = middle
    path.reverse()
    return path


def consistency_proof(leaves: Sequence[bytes], old: int) -> list[bytes]:
    """Return the proof that the log over ``leaves`` continues its own first ``old`` entries (RFC 6962 §2.1.2).

    Empty when ``old`` is 0 or the whole log. Raises ValueError when ``old`` is larger than the log.
    """
    if not 0 <= old <= len(leaves):
        raise ValueError(f"A log of {len(leaves)} entries never had {old}.")
    if old in (0, len(leaves)):
        return []
    path: list[bytes] = []
    low, high = 0, len(leaves)
    whole = True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(root(leaves[middle:high]))
            high = middle
        else:
            path.append(root(leaves[low:middle]))
            low = middle
            whole = False
    if not whole:
        path.append(root(leaves[low:high]))
    path.reverse()
    return path


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Say whether ``proof`` ties ``leaf`` at ``index`` to the root of a log of ``size`` (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last = index, size - 1
    node = leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        place >>= 1
        last >>= 1
    return last == 0 and node == expected


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether ``proof`` shows that a log of ``new`` entries continues one of ``old`` (RFC 9162 §2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place >>= 1
        last >>= 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first = node_hash(sibling, first)
            second = node_hash(sibling, second)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            second = node_hash(second, sibling)
        place >>= 1
        last >>= 1
    return last == 0 and first == old_root and second == new_root


def _split(size: int) -> int:
    """Return the largest power of two smaller than ``size``."""
    return 1 << (size - 1).bit_length() - 1
