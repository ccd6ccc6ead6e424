"""Why a photograph was not found: what was on the screen, hashed at its true place, beside what was asked of."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tocsin.agent.sensors.pictures import LEAST_QUALITY
from tocsin.media.picture_prints import luma, prints_of
from tocsin.model import Rect

Pixels = npt.NDArray[np.uint8]
KEEP = "TOCSIN_BENCH_KEEP"
"""Names a folder that gets a picture of the screen for each photograph that was missed."""
NOTHING: Pixels = np.zeros((0, 0, 4), np.uint8)
"""A screen that was not looked at."""
UNKNOWN = "in a film"
NOT_SHOWN = "was not on the screen's copy any more"
POOR = "hash too poor, cut exactly"
UNLIKE = "beyond 31 bits, cut exactly"
UNSEEN = "its place was not asked of"
EDGES = "asked of with other edges"


def distance(made: str, bits: bytes) -> int:
    """Return the bits in which a hash in hexadecimal differs from another."""
    return int(np.bitwise_count(np.frombuffer(bytes.fromhex(made), np.uint8) ^ np.frombuffer(bits, np.uint8)).sum())


def why(item: dict[str, Any], bits: bytes, screen: Pixels, asked: Sequence[Rect], radius: int) -> str:
    """Say why the photograph whose hash is ``bits`` was not found where ``item`` says that it stood on ``screen``;
    ``asked`` are the places that were asked of meanwhile."""
    if "x" not in item:
        return UNKNOWN
    x, y = round(item["x"]), round(item["y"])
    there = Rect(x, y, round(item["x"] + item["w"]) - x, round(item["y"] + item["h"]) - y)
    part = screen[there.y : there.bottom, there.x : there.right]
    if part.shape[:2] != (there.h, there.w):
        return NOT_SHOWN
    prints = prints_of(luma(part), both=True)
    if all(made.quality < LEAST_QUALITY for made in prints):
        return POOR
    if min(distance(made.hex, bits) for made in prints) > radius:
        return UNLIKE
    return EDGES if any(_overlap(there, box) > 0.3 for box in asked) else UNSEEN


def keep(screen: Pixels, name: str) -> None:
    """Keep a picture of the screen, where the environment names a folder for it."""
    if os.environ.get(KEEP) and screen.size:
        folder = Path(os.environ[KEEP])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(screen[:, :, 2::-1])).save(folder / f"{name}.png")


def _overlap(a: Rect, b: Rect) -> float:
    """Return the part that two rectangles share of what they cover together."""
    wide, high = min(a.right, b.right) - max(a.x, b.x), min(a.bottom, b.bottom) - max(a.y, b.y)
    both = max(0, wide) * max(0, high)
    return both / (a.w * a.h + b.w * b.h - both)
