"""PDQ, the perceptual hash of pictures that lists are shared by (facebook/ThreatExchange, `hashing.pdf`)."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PdqHash:
    """``bits``: 32 bytes, most significant first (the order of ``hex``); ``quality`` 0 to 100."""

    bits: bytes
    quality: int

    @property
    def hex(self) -> str:
        """The 64 hex digits of the reference's text form."""
        return self.bits.hex()


def hash_bytes(data: bytes) -> PdqHash:
    """Hash an encoded picture at full resolution."""
    return hash_array(np.asarray(Image.open(BytesIO(data)).convert("RGB")))


def dihedral(data: bytes) -> list[PdqHash]:
    """Hash an encoded picture in its 8 orientations, the original first."""
    pixels = np.asarray(Image.open(BytesIO(data)).convert("RGB"))
    turned = [pixels, *(np.rot90(pixels, k) for k in (1, 2, 3))]
    turned += [pixels[::-1], pixels[:, ::-1], pixels.transpose(1, 0, 2), pixels[::-1, ::-1].transpose(1, 0, 2)]
    return [hash_array(np.ascontiguousarray(p)) for p in turned]


def hash_array(pixels: Pixels) -> PdqHash:
    """Hash decoded pixels: (height, width) luma or (height, width, 3) RGB."""
    height, width = pixels.shape[:2]
    if height < 5 or width < 5:
        return PdqHash(bytes(32), 0)
    f32 = np.float32
    if pixels.ndim == 3:
        r, g, b = (pixels[..., i].astype(f32) for i in range(3))
        luma = f32(0.299) * r + f32(0.587) * g + f32(0.114) * b
    else:
        luma = pixels.astype(f32)
    rows, columns = (width + 127) // 128, (height + 127) // 128
    for _ in range(2):
        luma = _box(luma, rows, 1)
        luma = _box(luma, columns, 0)
    take = np.ix_(((np.arange(64) + 0.5) * height / 64).astype(int), ((np.arange(64) + 0.5) * width / 64).astype(int))
    small = luma[take]
    steps = [np.diff(small, axis=axis) for axis in (0, 1)]
    quality = min(100, int(sum(np.abs(np.trunc(s * 100 / 255)).sum() for s in steps)) // 90)
    i, j = np.arange(16)[:, None], np.arange(64)[None, :]
    basis = (np.sqrt(2 / 64) * np.cos(np.pi / 128 * (i + 1) * (2 * j + 1))).astype(f32)
    transformed = (basis @ small @ basis.T).reshape(256)
    bits = transformed > np.sort(transformed)[127]
    return PdqHash(np.packbits(bits[::-1]).tobytes(), quality)


def _box(a: npt.NDArray[np.float32], size: int, axis: int) -> npt.NDArray[np.float32]:
    half = (size + 2) // 2
    n = a.shape[axis]
    sums = np.concatenate([np.zeros_like(a.take([0], axis)), np.cumsum(a, axis, dtype=np.float64)], axis)
    at = np.arange(n)
    low, high = np.maximum(at - (size - half), 0), np.minimum(at + half, n)
    shape = [1, 1]
    shape[axis] = n
    return ((sums.take(high, axis) - sums.take(low, axis)) / (high - low).reshape(shape)).astype(np.float32)
