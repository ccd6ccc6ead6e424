import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.agent.sensors import caches
from tocsin.agent.sensors.caches import body_of
from tocsin.model import NotScanned

BODY = b"\xff\xd8\xff" + bytes(range(256)) * 5
KEY = b"1/0/_dk_https://example.org https://example.org https://example.org/a.jpg"


def header(key=KEY):
    return struct.pack("<QIII4x", 0xFCFB6D1BA7725C30, 5, len(key), 0) + key


def end(size, flags=0):
    return struct.pack("<QIII4x", 0xF4FA6F45970D41D8, flags, 0, size)


def simple(body=BODY, headers=b"HTTP/1.1 200", key_hash=True):
    sha = b"h" * 32 if key_hash else b""
    return header() + body + end(len(body)) + headers + sha + end(len(headers), 2 if key_hash else 0)


def pieces(*parts):
    made = header()
    for offset, data in parts:
        made += struct.pack("<QqqI4x", 0xEB97BF016553676B, offset, len(data), 0) + data
    return made


def firefox(body=BODY):
    chunks = -(-len(body) // (256 * 1024))
    return body + bytes(4 + 2 * chunks) + struct.pack(">I", 3) + b"metadata" * 4 + struct.pack(">I", len(body))


NAME = Path("/home/a/.cache/chromium/Default/Cache/Cache_Data/0123456789abcdef_0")
FOX = Path("/home/a/.cache/mozilla/firefox/x.default/cache2/entries/" + "A" * 40)


@pytest.mark.parametrize("key_hash", [True, False])
def test_the_body_of_an_entry_of_chromiums_cache(key_hash):
    assert body_of(NAME, simple(key_hash=key_hash)) == BODY


def test_a_video_fetched_in_pieces_is_joined_up_to_the_first_hole():
    name = NAME.with_name("0123456789abcdef_s")
    made = pieces((4, b"efgh"), (0, b"abcd"), (100, b"far"))
    assert body_of(name, made) == b"abcdefgh"


def test_the_body_of_an_entry_of_firefoxs_cache():
    assert body_of(FOX, firefox()) == BODY
    assert body_of(FOX, firefox(b"x" * 700_000)) == b"x" * 700_000


def test_other_files_are_no_entries():
    assert body_of(Path("/home/a/b.jpg"), BODY) is None
    assert body_of(Path("/home/a/b.jpg"), b"") is None
    assert body_of(NAME.with_name("index"), header()) is None
    assert not caches.is_simple(NAME, b"")


def test_a_cut_entry_is_not_scanned_and_never_half_a_picture():
    whole = simple()
    for size in range(24, len(whole), 97):
        assert isinstance(body_of(NAME, whole[:size]), NotScanned)
    assert isinstance(body_of(FOX, firefox()[:-9]), NotScanned)
    assert isinstance(body_of(FOX, b""), NotScanned)


@given(st.binary(max_size=300), st.sampled_from([NAME, FOX, NAME.with_name("0123456789abcdef_s")]))
@settings(max_examples=150)
def test_made_up_entries_never_fail(data, name):
    for content in (data, header() + data, simple()[: 80 + len(data)] + data):
        found = body_of(name, content)
        assert found is None or isinstance(found, bytes | NotScanned)
