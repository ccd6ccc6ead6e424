"""Decoding pictures to RGB, the way that shared hashes are made from: pixels as stored, alpha dropped, 8 bits.

What a picture says of itself is read first: one that claims more pixels than the limit is refused before any memory
is taken for it. Only libraries that are fuzzed by others decode: libjpeg-turbo, Pillow's codecs, libheif. Hostile
pictures belong in ``tocsin.media.limited``, which runs this in a process that can do nothing else.
"""

import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image, ImageFile, UnidentifiedImageError

from tocsin.media import formats

Pixels = npt.NDArray[np.uint8]

LIMIT_PIXELS = 200_000_000
"""Pictures that claim more pixels are refused; telephones make 200 million."""
SHORTEST = 32
"""No picture file is shorter than this many bytes."""
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # the limit here is asked first
_PILLOW = {
    "jpeg": ("JPEG", "MPO"),
    "png": ("PNG",),
    "gif": ("GIF",),
    "webp": ("WEBP",),
    "avif": ("AVIF",),
    "bmp": ("BMP",),
    "tiff": ("TIFF",),
    "ico": ("ICO",),
    "jp2": ("JPEG2000",),
}
_NEARLY = 0.99
_TURNS = {2: 5, 3: 2, 4: 4, 5: 6, 6: 3, 7: 7, 8: 1}


class MediaError(Exception):
    """A picture that could not be decoded: ``code`` as in NotScanned, the message a sentence for a person."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded picture.

    ``rgb`` is (height, width, 3), contiguous, as stored: EXIF orientation is not applied, because shared lists are
    hashed without it (a TIFF's is, as by the reference's reader); ``turn`` is the number (0 to 7, the reference's order
    of orientations) that brings it upright. ``white`` is the picture laid on white where it has transparency, else
    None. ``whole`` is the share of its rows that could be read, 1.0 unless the file ends early. ``stills`` is how many
    pictures the file holds.
    """

    rgb: Pixels
    kind: str
    turn: int = 0
    white: Pixels | None = None
    whole: float = 1.0
    stills: int = 1


def decode(data: bytes, *, limit_pixels: int = LIMIT_PIXELS) -> Decoded:
    """Decode the first picture of an encoded file. Raises MediaError."""
    kind = known_kind(data)
    if kind == "jpeg":
        quick = _quick_jpeg(data, limit_pixels)
        if quick is not None:
            return quick
    with _safely(kind):
        try:
            picture = _open(data, kind, limit_pixels)
            picture.load()
            broken = False
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            if kind == "heic" or isinstance(error, UnidentifiedImageError):
                raise
            picture, broken = _what_is_there(data, kind, limit_pixels), True
        rgb = _rgb(picture)
        whole = min(_share_read(rgb), _NEARLY) if broken else _share_read(rgb) if kind == "jpeg" else 1.0
        return Decoded(rgb, kind, _turn(picture, kind), _on_white(picture), whole, _stills(picture))


def further(data: bytes, *, limit_pixels: int = LIMIT_PIXELS) -> Iterator[tuple[float, Pixels]]:
    """Yield (seconds, rgb) for each picture after the first: an animation's frames, a document's pages.

    Pages have no time; they stand at their number. Ends early, without an error, where the file does. Raises
    MediaError when the file cannot be opened.
    """
    kind = known_kind(data)
    with _safely(kind):
        picture = _open(data, kind, limit_pixels)
        at = 0.0
        for number in range(1, _stills(picture)):
            try:
                picture.load()  # before it, WebP does not tell how long a frame lasts
                at += float(picture.info.get("duration", 0) or 0) / 1000
                picture.seek(number)
                _refuse(picture.size, limit_pixels)
                rgb = _rgb(picture)
            except (EOFError, OSError, SyntaxError, ValueError):
                return
            yield (at if at else float(number)), rgb


def known_kind(data: bytes) -> str:
    """Return a picture's kind. Raises MediaError when it is no picture, or one that is not decoded."""
    kind = formats.kind_of(data[: formats.HEAD])
    if not data:
        raise MediaError("unreadable", "The file is empty.")
    if kind in formats.UNSUPPORTED_PICTURES:
        raise MediaError("unsupported", f"{formats.UNSUPPORTED_PICTURES[kind]}.")
    if kind not in formats.PICTURES:
        raise MediaError("unsupported", "The file is not a picture of a kind that is known.")
    if len(data) < SHORTEST:
        raise MediaError("unreadable", "The picture is cut off in its first bytes.")
    return kind


class _safely:  # noqa: N801 (reads as a statement)
    """Turn every way in which a decoder fails into a MediaError."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None or isinstance(error, MediaError | GeneratorExit) or not isinstance(error, Exception):
            return
        if isinstance(error, MemoryError):
            raise MediaError("too-large", "Decoding the picture needs more memory than it may use.") from error
        if isinstance(error, Image.DecompressionBombError):
            raise MediaError("too-large", "The picture says that it is larger than any that is decoded.") from error
        raise MediaError("unreadable", f"The {self._kind} picture is damaged and cannot be decoded.") from error


def _refuse(size: tuple[int, int], limit: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise MediaError("unreadable", "The picture says that it has no pixels.")
    if width * height > limit:
        sentence = f"The picture says that it is {width:,} x {height:,} pixels; at most {limit:,} are decoded."
        raise MediaError("too-large", sentence)


def _quick_jpeg(data: bytes, limit: int) -> Decoded | None:
    """Decode a sound RGB or grey JPEG with libjpeg-turbo alone; None where Pillow must look closer."""
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
        _refuse((width, height), limit)
        if space not in ("YCbCr", "Gray"):
            return None
        try:
            rgb = simplejpeg.decode_jpeg(data, "RGB")
        except ValueError:
            rgb = simplejpeg.decode_jpeg(data + b"\xff\xd9", "RGB")  # only the mark of the end may be missing
    except MemoryError as error:
        raise MediaError("too-large", "Decoding the picture needs more memory than it may use.") from error
    except ValueError:
        return None
    return Decoded(rgb, "jpeg", turn_of(jpeg_orientation(data)))


def turn_of(orientation: int) -> int:
    """Return which of the 8 orientations (``pdq.TURNS``) brings a picture with this EXIF orientation upright."""
    return _TURNS.get(orientation, 0)


def jpeg_orientation(data: bytes) -> int:
    """Return the EXIF orientation of a JPEG, 1 to 8; 1 where it has none or a senseless one."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in (0xD8, 0xD9, 0xDA):
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            return _tiff_orientation(data[at + 10 : at + 2 + size])
        at += 2 + max(size, 2)
    return 1


def _tiff_orientation(tiff: bytes) -> int:
    """Return tag 0x0112 of the first directory of EXIF data."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    try:
        if order is None:
            return 1
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, at)
            if tag == 0x0112:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _open(data: bytes, kind: str, limit: int) -> Any:
    """Open a picture as far as its header, and refuse it there if it is too large."""
    picture: Any
    if kind == "heic":
        import pi_heif

        picture = pi_heif.open_heif(data, convert_hdr_to_8bit=True)
        _refuse(picture.size, limit)
        return _heic(picture)
    picture = Image.open(BytesIO(data), formats=_PILLOW[kind])
    _refuse(picture.size, limit)
    return picture


def _heic(opened: Any) -> Any:
    """Return the primary picture of a HEIF file; libheif has turned it upright already."""
    still = opened[opened.primary_index]
    return Image.frombytes(still.mode, still.size, bytes(still.data), "raw", still.mode, still.stride)


def _what_is_there(data: bytes, kind: str, limit: int) -> Any:
    """Decode as much of a broken picture as its decoder gives."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        picture = _open(data, kind, limit)
        picture.load()
        return picture
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _share_read(rgb: Pixels) -> float:
    """Return the share of rows above the flat fill that decoders leave below the point where a file ends."""
    height = rgb.shape[0]
    blank = (rgb == rgb[-1, -1]).all(axis=(1, 2))[::-1]
    missing = height if blank.all() else int(np.argmin(blank))
    return 1.0 if missing < 2 else 1 - missing / height


def _rgb(picture: Any) -> Pixels:
    """Return a Pillow picture as RGB pixels: every mode converted, alpha dropped."""
    mode = picture.mode
    if mode in ("I;16", "I;16B", "I;16L", "I;16N", "I", "F"):
        return np.ascontiguousarray(np.repeat(_deep_grey(np.asarray(picture))[..., np.newaxis], 3, axis=2))
    if mode in ("RGBa", "La"):
        picture = picture.convert("RGBA" if mode == "RGBa" else "LA")
    return np.ascontiguousarray(np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB")))


def _deep_grey(values: npt.NDArray[Any]) -> Pixels:
    """Bring grey of more than 8 bits down to 8: by the range that its type and its values show."""
    top = values.max(initial=0)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values * (255.0 if top <= 1.0 else 1.0), posinf=0, neginf=0)
    elif values.dtype.itemsize == 2 or top > 255:
        values = values.astype(np.int64) >> 8
    made: Pixels = np.clip(values, 0, 255).astype(np.uint8)
    return made


def _on_white(picture: Any) -> Pixels | None:
    """Return the picture laid on white, or None where nothing of it is transparent."""
    if picture.mode not in ("RGBA", "LA", "PA", "RGBa", "La") and "transparency" not in picture.info:
        return None
    full = picture.convert("RGBA")
    low, _ = full.getchannel("A").getextrema()
    if low == 255:
        return None
    ground = Image.new("RGBA", full.size, (255, 255, 255, 255))
    return np.ascontiguousarray(np.asarray(Image.alpha_composite(ground, full).convert("RGB")))


def _turn(picture: Any, kind: str) -> int:
    if kind == "heic":
        return 0
    try:
        return turn_of(int(picture.getexif().get(0x0112, 1)))
    except Exception:  # EXIF is hostile text of its own; a picture is not lost for it
        return 0


def _stills(picture: Any) -> int:
    try:
        return max(1, int(getattr(picture, "n_frames", 1)))
    except (EOFError, OSError, SyntaxError, ValueError):
        return 1
