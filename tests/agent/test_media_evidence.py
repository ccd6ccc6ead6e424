import hashlib
import io
import struct
from dataclasses import replace

import pytest
from PIL import Image

from tocsin.agent import media_evidence
from tocsin.agent.media_evidence import picture_of
from tocsin.model import Fingerprints, Match, MediaSeen, Print, Rect

MATCH = Match(list="L", entry="7", by="pdq", distance=3, scheme="industry", category="B1", shares=(0.5, 0.1))
PRINTS = Fingerprints(media="picture", md5="0" * 32, prints=(Print("ab" * 32, 80),))
NAME = "/home/a/private name.jpg"


def jpeg():
    out = io.BytesIO()
    Image.new("RGB", (32, 16), "teal").save(out, "JPEG")
    return out.getvalue()


def file(path, data, **more):
    path.write_bytes(data)
    prints = replace(PRINTS, sha256=hashlib.sha256(data).hexdigest())
    return MediaSeen(prints=prints, matches=(), place="file", name=str(path), size=len(data), **more)


def test_a_picture_on_the_screen_is_what_stood_there():
    media = MediaSeen(prints=PRINTS, matches=(), place="screen", box=Rect(5, 6, 2, 1), pixels=b"\1\2\3\4\5\6")
    picture = Image.open(io.BytesIO(picture_of(media)))
    assert picture.size == (2, 1)
    assert picture.getpixel((1, 0)) == (4, 5, 6)
    assert picture_of(replace(media, pixels=b"")) is None
    assert picture_of(replace(media, pixels=b"123")) is None
    assert picture_of(replace(media, box=None)) is None


def test_a_file_is_evidence_only_while_it_is_the_one_that_was_hashed(tmp_path):
    data = jpeg()
    media = file(tmp_path / "a.jpg", data)
    assert picture_of(media) == data
    assert picture_of(replace(media, held="in/b.jpg")) is None
    (tmp_path / "a.jpg").write_bytes(jpeg() + b"x")
    assert picture_of(media) is None
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(OSError, match="No such file"):
        picture_of(media)
    (tmp_path / "b").write_bytes(data)
    (tmp_path / "a.jpg").symlink_to(tmp_path / "b")
    with pytest.raises(OSError, match="symbolic links"):
        picture_of(media)


def test_other_kinds_and_large_files_are_named_and_not_copied(tmp_path, monkeypatch):
    assert picture_of(file(tmp_path / "a.webp", b"RIFF\0\0\0\0WEBP")) is None
    media = file(tmp_path / "b.jpg", jpeg())
    monkeypatch.setattr(media_evidence, "MAX_FILE", 10)
    assert picture_of(media) is None


def test_an_entry_of_a_browsers_cache_gives_its_body(tmp_path):
    data = jpeg()
    header = struct.pack("<QIII4x", 0xFCFB6D1BA7725C30, 5, 3, 0) + b"key"
    end = struct.pack("<QIII4x", 0xF4FA6F45970D41D8, 0, 0, 0)
    media = file(tmp_path / "0123456789abcdef_0", header + data + end + end)
    media = replace(media, prints=replace(media.prints, sha256=hashlib.sha256(data).hexdigest()))
    assert picture_of(media) == data
