"""Hostile and odd pictures, made in memory."""

import struct
import zlib
from fractions import Fraction
from io import BytesIO

import numpy as np
from PIL import Image


def encoded(pixels, kind="PNG", **options):
    made = BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(made, kind, **options)
    return made.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_saying(width, height, data=b""):
    """A PNG whose header claims a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg_saying(width, height, jpeg):
    """A JPEG whose header claims another size than it has."""
    at = jpeg.index(b"\xff\xc0")
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


def gif_saying(width, height):
    """A GIF of one pixel on a screen of a claimed size."""
    small = encoded(Image.new("P", (1, 1)), "GIF")
    return small[:6] + struct.pack("<HH", width, height) + small[10:]


def bmp_saying(width, height):
    made = encoded(np.zeros((4, 4, 3), np.uint8), "BMP")
    return made[:18] + struct.pack("<ii", width, height) + made[26:]


def exif(orientation):
    held = Image.Exif()
    held[0x0112] = orientation
    return held


def heic(pixels):
    """A HEIC picture: one HEVC frame in the fewest boxes that HEIF allows (ISO/IEC 23008-12). Needs PyAV with x265."""
    import av

    height, width = pixels.shape[:2]
    context = av.CodecContext.create("libx265", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = Fraction(1, 25)
    context.options = {"x265-params": "log-level=none:crf=10:keyint=1", "preset": "ultrafast"}
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    packets = [*context.encode(frame), *context.encode(None)]
    units = _units(b"".join(bytes(packet) for packet in packets))
    sets = [unit for unit in units if (unit[0] >> 1) & 63 in (32, 33, 34)]
    picture = b"".join(struct.pack(">I", len(unit)) + unit for unit in units if (unit[0] >> 1) & 63 < 32)
    return _heif(width, height, sets, picture)


def _units(stream):
    parts = stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def _box(name, *parts):
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + name + body


def _heif(width, height, sets, picture):
    arrays = b"".join(bytes([0x80 | (one[0] >> 1) & 63, 0, 1]) + struct.pack(">H", len(one)) + one for one in sets)
    sps = next(one for one in sets if (one[0] >> 1) & 63 == 33)
    general = sps[3:15]
    hvcc = _box(b"hvcC", b"\1", general, b"\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f", bytes([len(sets)]), arrays)
    ispe = _box(b"ispe", bytes(4), struct.pack(">II", width, height))
    iprp = _box(b"iprp", _box(b"ipco", hvcc, ispe), _box(b"ipma", bytes(4), b"\0\0\0\1\0\1\2\x81\2"))
    infe = _box(b"infe", b"\2\0\0\0", b"\0\1\0\0hvc1\0")
    iinf = _box(b"iinf", bytes(4), b"\0\1", infe)
    hdlr = _box(b"hdlr", bytes(8), b"pict", bytes(13))
    pitm = _box(b"pitm", bytes(4), b"\0\1")
    ftyp = _box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(offset):
        iloc = _box(b"iloc", bytes(4), b"\x44\0\0\1\0\1\0\0\0\1", struct.pack(">II", offset, len(picture)))
        return _box(b"meta", bytes(4), hdlr, pitm, iloc, iinf, iprp)

    return ftyp + meta(len(ftyp) + len(meta(0)) + 8) + _box(b"mdat", picture)
