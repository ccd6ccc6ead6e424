"""PDQ beside ``pdqhash`` + Pillow: from decoded RGB, from JPEG bytes by the exact and the fast path; one core.

Every answer is compared bit by bit. The fast path's distances on thousands of pictures are in ``pdq_distances``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image
from populations import PHOTOS, photos

from tocsin.media import pdq, scaled


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure; ``quick`` takes a few photos only."""
    import pdqhash

    few = 12 if options.get("quick") else 120
    pixels = photos()[:few]
    files = [path.read_bytes() for path in sorted(PHOTOS.iterdir())][:few]
    large = [_mosaic(pixels, start) for start in range(max(4, few // 10))]
    large_files = [_jpeg(picture) for picture in large]

    def theirs_rgb(picture: Any) -> tuple[bytes, int]:
        bits, quality = pdqhash.compute(picture)
        return np.packbits(bits.astype(np.uint8)).tobytes(), int(quality)

    def theirs_jpeg(data: bytes) -> tuple[bytes, int]:
        return theirs_rgb(np.asarray(Image.open(BytesIO(data)).convert("RGB")))

    rows = [
        _row("decoded RGB, the photos", pixels, theirs_rgb, _ours(pdq.hash_array), "≥ 30"),
        _row("decoded RGB, 5 MP", large, theirs_rgb, _ours(pdq.hash_array), ""),
        _row("JPEG bytes, exact, the photos", files, theirs_jpeg, _ours(pdq.hash_bytes), "≥ 4.5"),
        _row("JPEG bytes, exact, 5 MP", large_files, theirs_jpeg, _ours(pdq.hash_bytes), "≥ 4.5"),
        _row("JPEG bytes, fast, the photos", files, theirs_jpeg, _ours(_fast), "≥ 6"),
        _row("JPEG bytes, fast, 5 MP", large_files, theirs_jpeg, _ours(_fast), "≥ 6"),
    ]
    pillow = _seconds(lambda: [theirs_jpeg(data) for data in files], 2) / len(files)
    full = _seconds(lambda: [simplejpeg.decode_jpeg(data, "RGB").size for data in files], 5) / len(files)
    small = _seconds(lambda: [scaled.shrink(data) is None for data in files], 5) / len(files)
    turned = [_seconds(lambda: [pdq.turns(picture) for picture in pixels], 3) / len(pixels)]
    single = _seconds(lambda: [pdq.hash_array(picture) for picture in pixels], 3) / len(pixels)
    rows.append(["8 rotations of decoded RGB", turned[0] * 1e3, single * 1e3, single * 8 / turned[0], "", "", ""])
    return {
        "title": "PDQ",
        "tables": [
            {
                "name": f"{few} photos (about 500 × 375) and mosaics of them at 2,592 × 1,944, one core",
                "columns": [
                    "from",
                    "ours, ms",
                    "pdqhash (+ Pillow), ms",
                    "times as fast",
                    "target",
                    "hashes that differ",
                    "most bits apart",
                ],
                "rows": rows,
            },
            {
                "name": "What decoding alone leaves: hashing the photos' JPEG bytes, were hashing for nothing",
                "columns": ["libjpeg-turbo decodes", "ms", "pdqhash + Pillow, ms", "most times as fast"],
                "rows": [
                    ["RGB, as the exact path does", full * 1e3, pillow * 1e3, pillow / full],
                    [
                        "brightness, small where it may be, as the fast path does",
                        small * 1e3,
                        pillow * 1e3,
                        pillow / small,
                    ],
                ],
            },
        ],
    }


def _mosaic(pictures: Sequence[Any], start: int) -> Any:
    """Return 2,592 × 1,944 pixels of different photos at their own resolution, side by side."""
    whole = np.zeros((1944, 2592, 3), np.uint8)
    number = start
    for top in range(0, 1944, 324):
        for left in range(0, 2592, 432):
            piece = pictures[number % len(pictures)][:324, :432]
            whole[top : top + piece.shape[0], left : left + piece.shape[1]] = piece
            number += 7
    return whole


def _fast(data: bytes) -> pdq.PdqHash:
    return pdq.hash_jpeg(data, fast=True)[0]


def _ours(hasher: Callable[[Any], pdq.PdqHash]) -> Callable[[Any], tuple[bytes, int]]:
    def hashed(thing: Any) -> tuple[bytes, int]:
        found = hasher(thing)
        return found.bits, found.quality

    return hashed


def _row(
    name: str,
    things: Sequence[Any],
    theirs: Callable[[Any], tuple[bytes, int]],
    ours: Callable[[Any], tuple[bytes, int]],
    target: str,
) -> list[Any]:
    expected = [theirs(thing) for thing in things]
    found = [ours(thing) for thing in things]
    apart = [_bits(a[0], b[0]) for a, b in zip(expected, found, strict=True)]
    differ = sum(a != b for a, b in zip(expected, found, strict=True))
    mine = _seconds(lambda: [ours(thing) for thing in things], 5) / len(things)
    other = _seconds(lambda: [theirs(thing) for thing in things], 2) / len(things)
    return [name, mine * 1e3, other * 1e3, other / mine, target, differ, max(apart)]


def _bits(a: bytes, b: bytes) -> int:
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()


def _seconds(work: Callable[[], Any], times: int) -> float:
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


def _jpeg(picture: Any) -> bytes:
    out = BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=85)
    return out.getvalue()
