"""How far the scaled road's hashes lie from the full ones, on JPEGs that the decoder truly shrinks.

Nothing is enlarged, since that would prove nothing: mosaics of the test photos at their native resolution, and, where
wallpaper packages are installed or ``TOCSIN_BENCH_PICTURES`` names a folder, pieces of large photographs. Sizes,
qualities and subsampling vary. Also: the eight orientations, exact and derived from the coefficients, beside the
hashes of the pixels really turned.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from populations import photos

from tocsin.media import pdq, scaled

Pixels = npt.NDArray[np.uint8]

FOLDERS = ("/usr/share/backgrounds", "/usr/share/wallpapers")
BINS = (0, 2, 4, 6, 8, 10, 16)
MOSAICS, PIECES = 3500, 1500
LARGEST = 2600  # pixels, the sides of pieces


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure; ``quick`` takes a few hundred pictures."""
    quick = bool(options.get("quick"))
    chosen = photos()
    distances: dict[str, list[int]] = defaultdict(list)
    refused: dict[str, int] = defaultdict(int)
    sources = {
        "mosaics": _mosaics(chosen, 200 if quick else MOSAICS),
        "large photos": _pieces(100 if quick else PIECES),
    }
    for source, pictures in sources.items():
        for data, height, width in pictures:
            factor = scaled.factor_for(height, width)
            group = f"{source}, 1/{factor}"
            found, road = pdq.hash_jpeg(data)
            if road != pdq.SCALED:
                refused[group] += 1
                continue
            distances[group].append(found.distance(pdq.hash_bytes(data)))
    return {
        "title": "PDQ from the decoder's scaled output, and turned",
        "tables": [_summary(distances, refused), _histogram(distances), _turned(chosen[:12] if quick else chosen)],
    }


def _summary(distances: dict[str, list[int]], refused: dict[str, int]) -> dict[str, Any]:
    everything = [d for group in distances.values() for d in group]
    rows = [_row(name, distances[name], refused[name]) for name in sorted({*distances, *refused})]
    return {
        "name": f"Distance of the scaled road to the full one, {len(everything):,} JPEGs that were truly shrunk",
        "columns": ["pictures, factor", "count", "left to full, %", "median", "99 %", "most", "over 10, %"],
        "rows": [*rows, _row("all", everything, sum(refused.values()))],
    }


def _row(name: str, values: list[int], refused: int) -> list[Any]:
    found = np.array(values or [0])
    left = 100 * refused / max(1, refused + len(values))
    over = float(np.mean(found > 10) * 100)
    return [name, len(values), left, int(np.median(found)), int(np.percentile(found, 99)), int(found.max()), over]


def _histogram(distances: dict[str, list[int]]) -> dict[str, Any]:
    names = sorted(distances)
    edges = list(zip([-1, *BINS], [*BINS, 256], strict=True))
    rows = [
        [f"{low + 1} to {high}" if low + 1 < high else str(high)]
        + [sum(low < d <= high for d in distances[name]) for name in names]
        for low, high in edges
    ]
    return {"name": "Histogram of these distances", "columns": ["bits", *names], "rows": rows}


def _mosaics(chosen: list[Pixels], count: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield JPEGs pieced together from photos as they are: rows of photos cut to one height."""
    chance = np.random.default_rng(20260101)
    for _ in range(count):
        height, width = (int(2 ** chance.uniform(9, 11.4)) for _ in range(2))
        picture = np.empty((height, width, 3), np.uint8)
        top = 0
        while top < height:
            row: list[Pixels] = []
            while sum(p.shape[1] for p in row) < width:
                row.append(chosen[int(chance.integers(len(chosen)))])
            least = min(min(p.shape[0] for p in row), height - top)
            picture[top : top + least] = np.concatenate([p[:least] for p in row], axis=1)[:, :width]
            top += least
        yield _jpeg(picture, chance), height, width


def _pieces(count: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield JPEGs of random pieces of large pictures, where there are any; pieces of JPEGs were JPEGs before."""
    chance = np.random.default_rng(20260102)
    named = os.environ.get("TOCSIN_BENCH_PICTURES")
    folders = [Path(named)] if named else [Path(folder) for folder in FOLDERS]
    found = sorted(p for f in folders for p in f.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    large = [p for p in found if p.is_file() and _shorter_side(p) >= 2 * scaled.LEAST_SIDE]
    for number in range(count if large else 0):
        each = max(1, count // len(large))
        if number % each == 0:
            whole = np.asarray(Image.open(large[number // each % len(large)]).convert("RGB"))
        height, width = (int(chance.uniform(2 * scaled.LEAST_SIDE, min(side, LARGEST) + 1)) for side in whole.shape[:2])
        top, left = (int(chance.integers(0, n - m + 1)) for n, m in zip(whole.shape, (height, width), strict=False))
        yield _jpeg(whole[top : top + height, left : left + width], chance), height, width


def _shorter_side(path: Path) -> int:
    try:
        with Image.open(path) as picture:
            return min(picture.size)
    except OSError:
        return 0


def _jpeg(picture: Pixels, chance: np.random.Generator) -> bytes:
    out = BytesIO()
    quality, subsampling = int(chance.choice([40, 60, 75, 85, 92, 97])), int(chance.integers(3))
    progressive = bool(chance.random() < 0.3) and quality <= 75  # Pillow has no room for larger ones
    grey = chance.random() < 0.05
    image = Image.fromarray(np.ascontiguousarray(picture))
    (image.convert("L") if grey else image).save(
        out, "JPEG", quality=quality, subsampling=subsampling, progressive=progressive
    )
    return out.getvalue()


def _turned(chosen: list[Pixels]) -> dict[str, Any]:
    """Compare each orientation with the reference's hash of the turned pixels."""
    import pdqhash

    exact: dict[str, list[int]] = defaultdict(list)
    derived: dict[str, list[int]] = defaultdict(list)
    for pixels in chosen:
        views = [pixels, *(np.rot90(pixels, k) for k in (1, 2, 3)), pixels[::-1], pixels[:, ::-1]]
        views += [pixels.swapaxes(0, 1), pixels[::-1, ::-1].swapaxes(0, 1)]
        wanted = [np.packbits(pdqhash.compute(np.ascontiguousarray(view))[0]).tobytes() for view in views]
        from_coefficients = [np.packbits(bits).tobytes() for bits in pdqhash.compute_dihedral(pixels)[0]]
        for name, want, ours, theirs in zip(pdq.TURNS, wanted, pdq.turns(pixels), from_coefficients, strict=True):
            exact[name].append(_bits(ours.bits, want))
            derived[name].append(_bits(theirs, want))
    rows = [
        [
            name,
            max(exact[name]),
            int(np.median(derived[name])),
            int(np.percentile(derived[name], 95)),
            max(derived[name]),
        ]
        for name in pdq.TURNS
    ]
    return {
        "name": f"Distance to the hash of the pixels really turned, {len(chosen)} photos",
        "columns": ["turn", "ours, most", "from coefficients: median", "95 %", "most"],
        "rows": rows,
    }


def _bits(a: bytes, b: bytes) -> int:
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()
