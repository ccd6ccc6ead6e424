"""Feed the index reader files that lie: never a crash, only hits or one sentence.

``python tests/fuzz/fuzz_index.py --seconds 60 --seed 1``; ``tools/sanitize`` runs it under the sanitizers. Stopped
by one, it names the seed; a crash leaves the seed that a terminal showed last.
"""

import argparse
import contextlib
import hashlib
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tocsin import _native
from tocsin.matching import delta, index_file
from tocsin.matching.index import HashIndex
from tocsin.matching.index_file import HEADER, IndexFileError

FIELDS = index_file._FIELDS.size
WORDS = [b"\0" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x01\0\0\0", b"\0\0\x01\0", b"\xfe\xff\xff\xff"]


def files() -> list[bytes]:
    """Small sound indexes of every form: dense, listed, grouped, empty."""
    codes = np.random.default_rng(0).integers(0, 256, (700, 32), np.uint8)
    grouped = codes[np.random.default_rng(1).integers(0, 90, 700)]
    indexes = [HashIndex.build(codes), HashIndex.build(codes, np.arange(700) * 5), HashIndex.build(grouped)]
    return [index.to_bytes() for index in [*indexes, HashIndex.build(codes[:0])]]


def mutated(data: bytes, rng: np.random.Generator, start: int) -> bytearray:
    """Overwrite, cut or swap a few places from ``start`` on."""
    out = bytearray(data)
    for _ in range(rng.integers(1, 40)):
        at = int(rng.integers(start, max(start + 1, len(out) - 4)))
        match rng.integers(0, 4):
            case 0:
                out[at : at + 4] = WORDS[rng.integers(0, len(WORDS))]
            case 1:
                out[at : at + 1] = bytes([out[at] ^ 1 << int(rng.integers(0, 8))]) if at < len(out) else b""
            case 2:
                length = int(rng.integers(1, 5000))
                out[at : at + length] = rng.bytes(len(out[at : at + length]))
            case 3:
                length, other = int(rng.integers(1, 300)), int(rng.integers(start, len(out) + 1))
                piece = out[other : other + length]
                out[at : at + len(piece)] = piece
    return out if rng.integers(0, 10) else out[: int(rng.integers(0, len(out) + 1))]


def resealed(data: bytearray, rng: np.random.Generator) -> bytes:
    """Change counts in the header and make its checksum fit, as one who means harm would."""
    fields = bytearray(data[:FIELDS])
    for _ in range(rng.integers(0, 3)):
        at = int(rng.integers(56, FIELDS - 40)) // 8 * 8
        fields[at : at + 8] = int(rng.integers(0, 3000)).to_bytes(8, "little")
    return bytes(fields) + hashlib.blake2b(fields, digest_size=16).digest() + bytes(data[FIELDS + 16 :])


def look(index: HashIndex, rng: np.random.Generator) -> None:
    """Go every way through an index."""
    queries = rng.integers(0, 256, (40, 32), np.uint8)
    for scan in (False, True):
        _native.use_at_most(("avx512", "avx2", "portable")[rng.integers(0, 3)])
        for radius in (0, 20, 31, 50, 79):
            index._snapshot.search(queries, radius, None, 1, scan)
    index.search(np.repeat(queries, 80, axis=0), 31, limit=3)
    index._snapshot.live()
    len(index)


def once(good: list[bytes], folder: Path, rng: np.random.Generator) -> None:
    """One damaged file in memory, and one damaged log on disk."""
    data = good[rng.integers(0, len(good))]
    with contextlib.suppress(IndexFileError):
        look(HashIndex.from_bytes(resealed(mutated(data, rng, HEADER if rng.integers(0, 2) else 0), rng)), rng)
    path = folder / "a.idx"
    path.write_bytes(good[0])
    log = delta.names(path)[0]
    log.unlink(missing_ok=True)
    index = HashIndex.open(path)
    index.add(rng.integers(0, 256, (5, 32), np.uint8), np.arange(5))
    index.remove(np.arange(3))
    log.write_bytes(mutated(log.read_bytes(), rng, 0))
    with contextlib.suppress(IndexFileError):
        look(HashIndex.open(path), rng)


def main() -> None:
    """Run until the time is over."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    good, seed, until = files(), asked.seed, time.monotonic() + asked.seconds
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < until:
            if sys.stdout.isatty():
                print(f"\rseed {seed} ", end="", flush=True)
            try:
                once(good, Path(folder), np.random.default_rng(seed))
            except BaseException:
                print(f"\nseed {seed} stopped it", flush=True)
                raise
            seed += 1
    print(f"{seed - asked.seed} files, none did harm")


if __name__ == "__main__":
    main()
