"""PDQ in plain numpy, in the reference's own order of float32 operations: slow, short, and equal to it bit for bit.

An oracle for tests: written from `hashing.pdf` and the steps of the reference C++, sharing nothing with the kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

F32 = np.float32


def reference_hash(pixels: np.ndarray[Any, Any]) -> tuple[bytes, int]:
    """Hash (height, width) luma or (height, width, 3) RGB; return 32 bytes, most significant first, and the quality."""
    height, width = pixels.shape[:2]
    if height < 5 or width < 5:
        return bytes(32), 0
    small = shrink(luma(pixels))
    coefficients = cosines(small).reshape(256)
    bits = coefficients > np.sort(coefficients)[127]
    return np.packbits(bits[::-1]).tobytes(), quality(small)


def luma(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if pixels.ndim == 2:
        return pixels.astype(F32)
    return (pixels[..., 0] * 0.299 + pixels[..., 1] * 0.587 + pixels[..., 2] * 0.114).astype(F32)


def shrink(picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    height, width = picture.shape
    if (height, width) != (64, 64):
        for _ in range(2):
            picture = box(picture.T, (width + 127) // 128).T
            picture = box(picture, (height + 127) // 128)
    rows, columns = (((np.arange(64) + 0.5) * n / 64).astype(int) for n in (height, width))
    return picture[np.ix_(rows, columns)]


def box(lines: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """Average along the first axis with one running sum, adding what comes and then subtracting what goes."""
    n, half = len(lines), (size + 2) // 2
    out, total, inside = np.empty_like(lines), np.zeros_like(lines[0]), 0
    for at in range(1 - half, n):
        if at + half - 1 < n:
            total, inside = total + lines[at + half - 1], inside + 1
        if at + half - 1 - size >= 0:
            total, inside = total - lines[at + half - 1 - size], inside - 1
        if at >= 0:
            out[at] = total / F32(inside)
    return out


def cosines(small: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    i, j = np.arange(16)[:, None], np.arange(64)[None, :]
    table = (np.float64(F32(np.sqrt(2 / 64))) * np.cos((np.pi / 2 / 64) * (i + 1) * (2 * j + 1))).astype(F32)
    half, out = np.zeros((16, 64), F32), np.zeros((16, 16), F32)
    for k in range(64):
        half = half + table[:, k : k + 1] * small[k]
    for k in range(64):
        out = out + half[:, k : k + 1] * table[:, k]
    return out


def quality(small: np.ndarray[Any, Any]) -> int:
    steps = 0
    for axis in (0, 1):
        steps += int(np.abs(((-np.diff(small, axis=axis)) * F32(100) / F32(255)).astype(int)).sum())
    return min(100, steps // 90)
