"""PDQ, the perceptual hash of pictures that lists are shared by (facebook/ThreatExchange, `hashing.pdf`).

Bit for bit what package ``pdqhash`` gives for the same pixels, quality included, on every photo, vector and made
picture tried, thousands drawn to add up the reference's own rounding among them. What is doubted, and hashed again in
the reference's order, is a third of the worst that is provable (native/pdq_bound.hpp); drawn pictures reach an eighth.
Three rules:

- The hash of a file is that of its pixels **as stored**: EXIF orientation is not applied, alpha is dropped, since that
  is how shared lists were made. Where a tag turns the picture, ``upright`` gives the further print as it is seen.
- Only the full-resolution road makes hashes that may be shared. ``hash_jpeg`` says which road made each.
- Resolutions before hashing form *families* (``thumb``, ``stretch``) whose hashes lie close together and are not equal:
  compare within a radius, never for equality.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from tocsin import _native
from tocsin.media import decoding, scaled

Pixels = npt.NDArray[np.uint8]

FULL = "full"
SCALED = "scaled"

TURNS = ("original", "rotate90", "rotate180", "rotate270", "flipX", "flipY", "flipPlus1", "flipMinus1")
"""The 8 orientations in the reference's order: as it stands; turned by 90, 180, 270 degrees counter-clockwise; mirrored
top to bottom; left to right; transposed; anti-transposed."""

UPRIGHT = {1: 0, 2: 5, 3: 2, 4: 4, 5: 6, 6: 3, 7: 7, 8: 1}
"""EXIF orientation → which of ``TURNS`` brings the stored pixels upright."""


class PdqError(ValueError):
    """A picture that cannot be hashed; the message is a sentence for the person who meets it."""


@dataclass(frozen=True, slots=True)
class PdqHash:
    """``bits``: 32 bytes, most significant first (the order of ``hex``); ``quality`` 0 to 100.

    Below quality 50 a picture has too little in it to be compared; the reference discards such hashes.
    """

    bits: bytes
    quality: int

    @property
    def hex(self) -> str:
        """The 64 hex digits of the reference's text form."""
        return self.bits.hex()

    def distance(self, other: "PdqHash") -> int:
        """Return the Hamming distance, 0 to 256."""
        return (int.from_bytes(self.bits) ^ int.from_bytes(other.bits)).bit_count()


def hash_array(pixels: Pixels) -> PdqHash:
    """Hash decoded pixels: (height, width) luma, (height, width, 3) RGB or (height, width, 4) with alpha dropped.

    Any strides will do. Pictures under 5 pixels a side give zero bits and quality 0. Raises PdqError for other shapes
    and types.
    """
    return _hash(_native.pdq_hash(_laid_out(pixels)))


def turns(pixels: Pixels) -> list[PdqHash]:
    """Hash decoded pixels in the 8 orientations of ``TURNS``: each what the turned pixels really hash to.

    Costs less than 8 hashes, as the pixels stay where they are and only the operator is read backwards; what is doubted
    is turned and hashed again, which for photographs takes most of the time.
    """
    return [_hash(found) for found in _native.pdq_turns(_laid_out(pixels))]


def upright(pixels: Pixels, orientation: int) -> PdqHash:
    """Hash stored pixels as a viewer that honours the EXIF ``orientation`` (1 to 8) shows them."""
    return turns(pixels)[UPRIGHT.get(orientation, 0)] if orientation != 1 else hash_array(pixels)


def hash_bytes(data: bytes) -> PdqHash:
    """Hash an encoded picture at full resolution, its pixels as stored. Raises PdqError."""
    return hash_array(_decoded(data))


def dihedral(data: bytes) -> list[PdqHash]:
    """Hash an encoded picture at full resolution in the 8 orientations of ``TURNS``. Raises PdqError."""
    return turns(_decoded(data))


def hash_jpeg(data: bytes, fast: bool = True) -> tuple[PdqHash, str]:
    """Hash a JPEG and tell which road made the hash: ``full``, or ``scaled`` where ``fast`` allows and its rule holds.

    The scaled road (``tocsin.media.scaled``) reads brightness only, at a part of the size where it can. It is within
    a few bits of the full one (docs/benchmarks.md): for looking up, never for sharing. Raises PdqError for what is no
    whole JPEG.
    """
    made, road = _from_jpeg(data, fast, turned=False)
    return made[0], road


def turns_jpeg(data: bytes, fast: bool = True) -> tuple[list[PdqHash], str]:
    """Hash a JPEG in the 8 orientations of ``TURNS``, by the roads of ``hash_jpeg``. Raises PdqError."""
    return _from_jpeg(data, fast, turned=True)


def hash_shrunk(shrunk: scaled.Shrunk, *, turned: bool = False) -> list[PdqHash]:
    """Hash a JPEG that was decoded small, in the 8 orientations of ``TURNS`` if ``turned``, else as it stands.

    Empty where the scaled road may not be used, because the picture has too little in it.
    """
    size = (shrunk.height, shrunk.width, shrunk.factor)
    first = _hash(_native.pdq_hash_scaled(shrunk.pixels, *size))
    if first.quality < scaled.LEAST_QUALITY:
        return []
    return [_hash(found) for found in _native.pdq_turns_scaled(shrunk.pixels, *size)] if turned else [first]


def thumb(data: bytes) -> PdqHash:
    """Hash a picture in the family of the reference's Python code: first shrunk to fit 512 x 512. Raises PdqError."""
    picture = Image.fromarray(_decoded(data))
    picture.thumbnail((512, 512))
    return hash_array(np.asarray(picture))


def stretch(data: bytes) -> PdqHash:
    """Hash a picture in the family of the reference's command line and WASM. Raises PdqError.

    A picture with a side over 512 is brought to exactly 512 x 512 by nearest neighbour, its aspect lost.
    """
    pixels = _decoded(data)
    height, width = pixels.shape[:2]
    if max(height, width) > 512:
        at = np.arange(512)
        pixels = pixels[at * height // 512][:, at * width // 512]
    return hash_array(pixels)


def _from_jpeg(data: bytes, fast: bool, *, turned: bool) -> tuple[list[PdqHash], str]:
    if data[:2] != b"\xff\xd8":
        raise PdqError("The file is not a JPEG.")
    shrunk = scaled.shrink(data) if fast else None
    if shrunk is not None:
        size = (shrunk.height, shrunk.width, shrunk.factor)
        if turned:
            found = _native.pdq_turns_scaled(shrunk.pixels, *size)
        else:
            found = [_native.pdq_hash_scaled(shrunk.pixels, *size)]
        if all(scaled.holds(quality, margin) for _, quality, _, margin in found):
            return [_hash(each) for each in found], SCALED
    pixels = _decoded(data)
    return turns(pixels) if turned else [hash_array(pixels)], FULL


def _hash(found: tuple[bytes, int, bool, float]) -> PdqHash:
    return PdqHash(found[0], found[1])


def _laid_out(pixels: Pixels) -> Pixels:
    """Return the pixels with each row's bytes one after the other; rows may lie anywhere. Raises PdqError."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise PdqError("PDQ hashes 8-bit pixels: give an array of type uint8.")
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise PdqError("PDQ hashes (height, width) luma, (height, width, 3) RGB or (height, width, 4) RGBA.")
    if pixels.strides[1:] != ((channels, 1) if pixels.ndim == 3 else (1,)):
        return np.ascontiguousarray(pixels)
    return pixels


def _decoded(data: bytes) -> Pixels:
    """Decode a picture as lists are made from: RGB as stored. A file that ends early is refused, not hashed in part."""
    try:
        found = decoding.decode(data)
    except decoding.MediaError as error:
        raise PdqError(str(error)) from error
    if found.whole < 1.0:
        try:
            Image.open(BytesIO(data)).load()
        except (OSError, SyntaxError, ValueError) as error:
            raise PdqError(f"The {found.kind} picture is cut off: about {found.whole:.0%} of it is there.") from error
    return found.rgb
