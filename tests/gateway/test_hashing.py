import asyncio
import io

import pytest
from PIL import Image

from tocsin.gateway.hashing import Hasher, absent
from tocsin.model.observation import NotScanned


@pytest.fixture(scope="module")
def hasher():
    hasher = Hasher(1)
    yield hasher
    hasher.close()


def made(hasher, data, **more):
    return asyncio.run(hasher.hash(data, **more))


def test_a_picture_is_hashed_in_another_process_and_no_file_is_left(hasher, jpeg, code, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    prints = made(hasher, jpeg(), fast=False)
    assert prints.prints[0].hex == code(jpeg())
    assert list(tmp_path.iterdir()) == []
    assert len({one.turn for one in made(hasher, jpeg(), turns=True).prints}) == 8


def animated(frames=5):
    shown = [Image.new("RGB", (64, 64), (n * 40, 90, 200 - n * 30)) for n in range(frames)]
    out = io.BytesIO()
    shown[0].save(out, "GIF", save_all=True, append_images=shown[1:])
    return out.getvalue()


def huge():
    """A PNG that says it is 60,000 pixels a side."""
    out = io.BytesIO()
    Image.new("L", (8, 8)).save(out, "PNG")
    data = bytearray(out.getvalue())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"words", bytes(5000), huge(), animated()],
    ids=["empty", "jpeg-start", "png-start", "gif-start", "words", "zeros", "huge", "animated"],
)
def test_hostile_media_gets_an_answer_and_the_next_picture_too(hasher, data, jpeg, code):
    prints = made(hasher, data)
    if isinstance(prints, NotScanned):
        assert absent(prints)
    else:
        assert prints.sha256
        assert prints.prints or prints.reason or prints.media == "other"
    assert made(hasher, jpeg(), fast=False).prints[0].hex == code(jpeg())


def test_a_cut_picture_and_a_polyglot_are_digested_and_what_is_seen_is_hashed(hasher, jpeg, code):
    cut = made(hasher, jpeg()[: len(jpeg()) // 3])
    assert cut.reason == "unreadable"
    zipped = made(hasher, jpeg() + b"PK\x05\x06" + bytes(18), fast=False)
    assert zipped.prints[0].hex == code(jpeg())


def test_many_at_once_are_all_answered(hasher, jpeg):
    async def all_():
        return await asyncio.gather(*(hasher.hash(jpeg(n)) for n in range(12)))

    assert len({one.sha256 for one in asyncio.run(all_())}) == 12
