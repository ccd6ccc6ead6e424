"""Hashes to measure on: uniform ones, and a list as lists are: clusters, correlated and skewed bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "photos"

Codes = npt.NDArray[np.uint8]


def uniform(count: int, seed: int = 1) -> Codes:
    """Return ``count`` hashes of independent, fair bits."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def photos() -> list[npt.NDArray[np.uint8]]:
    """Return the test photos, decoded."""
    from PIL import Image

    if not PHOTOS.is_dir():
        raise SystemExit("the photos are not here (shared/data/photos); the realistic population is made from them")
    return [np.asarray(Image.open(path).convert("RGB")) for path in sorted(PHOTOS.iterdir())]


def of_photos(count: int, seed: int = 2, part: slice = slice(None)) -> Codes:
    """Return PDQ hashes of ``count`` random pieces of real photos, plain, framed, flipped or with text-like bars."""
    from tocsin.media import pdq

    chance = np.random.default_rng(seed)
    chosen = photos()[part]
    made = np.empty((count, 32), np.uint8)
    for number in range(count):
        picture = chosen[int(chance.integers(len(chosen)))]
        height, width = picture.shape[:2]
        side = chance.uniform(0.35, 1.0, 2)
        h, w = max(64, int(height * side[0])), max(64, int(width * side[1]))
        top, left = int(chance.integers(0, height - h + 1)), int(chance.integers(0, width - w + 1))
        piece = picture[top : top + h, left : left + w]
        kind = int(chance.integers(6))
        if kind == 1:
            piece = piece[:, ::-1]
        elif kind == 2:
            piece = np.pad(piece, ((h // 10, h // 10), (0, 0), (0, 0)))
        elif kind == 3:
            piece = piece.copy()
            piece[h * 4 // 5 : h * 9 // 10, w // 10 : w * 9 // 10] = 255
        made[number] = np.frombuffer(pdq.hash_array(np.ascontiguousarray(piece)).bits, np.uint8)
    return made


def like(real: Codes, count: int, seed: int = 3) -> Codes:
    """Return ``count`` new hashes whose bits hang together as those of ``real`` do (Gaussian copula), 128 ones each."""
    chance = np.random.default_rng(seed)
    signs = np.unpackbits(real, axis=1).astype(np.float32) * 2 - 1
    mean = signs.mean(0)
    values, vectors = np.linalg.eigh(np.sin(np.pi / 2 * np.clip(signs.T @ signs / len(signs), -1, 1)))
    root = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32).T
    made = np.empty((count, 32), np.uint8)
    for start in range(0, count, 200_000):
        rows = min(200_000, count - start)
        drawn = chance.standard_normal((rows, 256), dtype=np.float32) @ root + mean
        middle = np.partition(drawn, 128, axis=1)[:, 127:128]
        made[start : start + rows] = np.packbits(drawn > middle, axis=1)
    return made


def near(codes: Codes, most: int, seed: int = 4) -> Codes:
    """Return each of ``codes`` with 0 to ``most`` of its bits turned over."""
    chance = np.random.default_rng(seed)
    flips = np.zeros((len(codes), 256), np.uint8)
    where = chance.integers(0, 256, (len(codes), most))
    kept = np.arange(most) < chance.integers(0, most + 1, (len(codes), 1))
    flips[np.repeat(np.arange(len(codes)), most)[kept.ravel()], where.ravel()[kept.ravel()]] = 1
    return np.packbits(np.unpackbits(codes, axis=1) ^ flips, axis=1)


def realistic(count: int, seed: int = 5) -> Codes:
    """Return a list as lists are: pieces of real photos, their near-duplicates in clusters of very uneven size
    (three in ten entries), flat pictures, and the rest hanging together as the real ones do."""
    chance = np.random.default_rng(seed)
    real = of_photos(min(40_000, max(500, count // 50)), seed)
    clustered = count * 3 // 10
    weights = 1.0 / np.arange(1, len(real) + 1)
    chosen = chance.choice(len(real), clustered, p=weights / weights.sum())
    parts = [real, np.empty((0, 32), np.uint8)]
    for start in range(0, clustered, 200_000):
        parts.append(near(real[chosen[start : start + 200_000]], 14, seed + start))
    flat = np.zeros((count // 500, 32), np.uint8)
    flat[:, 31] = chance.integers(0, 4, len(flat))
    parts.append(flat)
    rest = count - sum(len(part) for part in parts)
    parts.append(like(real, rest, seed + 1))
    made = np.concatenate(parts)[:count]
    chance.shuffle(made)
    return made


def planted(codes: Codes, count: int, distances: tuple[int, ...], seed: int = 6) -> Codes:
    """Return ``count`` queries, each at one of exactly these distances from some entry of ``codes``."""
    chance = np.random.default_rng(seed)
    bits = np.unpackbits(codes[chance.integers(0, len(codes), count)], axis=1)
    for number in range(count):
        bits[number, chance.permutation(256)[: distances[number % len(distances)]]] ^= 1
    return np.packbits(bits, axis=1)
