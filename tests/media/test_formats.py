import zipfile
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tocsin.media import formats

BOX = b"\0\0\0\x18ftyp"
STARTS = {
    BOX + b"isom\0\0\2\0isomiso2": "video/mp4",
    BOX + b"mp42\0\0\0\0mp41isom": "video/mp4",
    BOX + b"qt  \0\0\0\0qt      ": "video/quicktime",
    b"\0\0\0\x08wide\0\0\0\0mdat": "video/quicktime",
    BOX + b"3gp5\0\0\0\0isom3gp4": "video/3gpp",
    BOX + b"heic\0\0\0\0mif1heic": "heic",
    BOX + b"mif1\0\0\0\0mif1heic": "heic",
    BOX + b"mif1\0\0\0\0mif1avif": "avif",
    BOX + b"avif\0\0\0\0avifmif1": "avif",
    b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm": "video/webm",
    b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska": "video/x-matroska",
    b"RIFF\0\0\0\0AVI LIST": "video/x-msvideo",
    b"RIFF\0\0\0\0WAVEfmt ": "",
    b"FLV\x01\x05": "video/x-flv",
    (b"\x47" + bytes(187)) * 5: "video/mp2t",
    b"\0\0\x01\xba\x44": "video/mpeg",
    b"PK\x03\x04\x14": "zip",
    b"\x1f\x8b\x08": "gz",
    b"BZh91AY&SY": "bz2",
    b"\xfd7zXZ\0": "xz",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07\x01\0": "rar",
    bytes(257) + b"ustar\x0000" + bytes(300): "tar",
    b"<svg xmlns='http://www.w3.org/2000/svg'>": "svg",
    b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg>": "svg",
    b"<?xml version='1.0'?><note/>": "",
    b"\xff\x0a\xfa\x7f": "jxl",
    b"\0\0\0\x0cJXL \r\n\x87\n": "jxl",
    b"8BPS\0\1": "psd",
    b"BM but a text about BMW cars, no picture": "",
    b"": "",
    b"plain words": "",
}


@pytest.mark.parametrize(("head", "kind"), STARTS.items())
def test_a_file_is_told_by_its_first_bytes(head, kind):
    assert formats.kind_of(head) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("JPEG", "jpeg"), ("PNG", "png"), ("GIF", "gif"), ("WEBP", "webp"), ("AVIF", "avif"), ("BMP", "bmp")),
        *(("TIFF", "tiff"), ("ICO", "ico"), ("JPEG2000", "jp2")),
    ],
)
def test_pictures_as_they_are_written_are_known(name, kind):
    made = BytesIO()
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(made, name)
    assert formats.kind_of(made.getvalue()[: formats.HEAD]) == kind
    assert formats.media_of(kind) == "picture"


def test_media_of_other_kinds():
    assert formats.media_of("video/mp4") == "video"
    assert formats.media_of("svg") == "picture"
    assert formats.media_of("zip") == formats.media_of("") == "other"


@settings(max_examples=200)
@given(st.sampled_from([*STARTS]), st.binary(max_size=64), st.integers(0, 64))
def test_no_beginning_is_too_odd(start, more, cut):
    assert isinstance(formats.kind_of(start[:cut] + more), str)


def test_an_archive_behind_a_picture_is_told():
    made, picture = BytesIO(), BytesIO()
    Image.effect_noise((60, 40), 50).save(picture, "JPEG")
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a", b"a" * 100)
        archive.comment = b"nothing to see here"
    plain, zipped = picture.getvalue(), made.getvalue()
    assert formats.attached_to(plain) == formats.attached_to(b"") == ""
    assert formats.attached_to(plain + zipped) == "zip"
    assert formats.attached_to(plain + b"Rar!\x1a\x07\x01\0...") == "rar"
    assert formats.attached_to(plain + b"7z\xbc\xaf\x27\x1c...") == "7z"
    assert formats.attached_to(plain + b"PK\x05\x06" + bytes(18)) == formats.attached_to(plain + b"PK\x05\x06") == ""


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_behind_a_picture_are_read(data):
    assert formats.attached_to(b"\xff\xd8\xff" + data + b"PK\x05\x06" + data) in ("", "zip", "rar", "7z")
