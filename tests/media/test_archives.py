import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.media.archives import Bounds, members
from tocsin.model.observation import NotScanned


def zipped(files, packing=zipfile.ZIP_DEFLATED):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packing) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def tarred(files, mode="w"):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def held(data, **bounds):
    return [(one.name, one.data) for one in members(io.BytesIO(data), Bounds(**bounds))]


def reasons(data, **bounds):
    return [(name, one.reason) for name, one in held(data, **bounds) if isinstance(one, NotScanned)]


FILES = {"a.jpg": b"first" * 1000, "folder/b.txt": b"second", "empty": b""}
PACKED = {
    "zip": zipped(FILES),
    "stored": zipped(FILES, zipfile.ZIP_STORED),
    "zip-lzma": zipped(FILES, zipfile.ZIP_LZMA),
    "tar": tarred(FILES),
    "tar.gz": tarred(FILES, "w:gz"),
    "tar.bz2": tarred(FILES, "w:bz2"),
    "tar.xz": tarred(FILES, "w:xz"),
}


@pytest.mark.parametrize("kind", PACKED)
def test_every_file_is_found_with_its_place(kind):
    assert held(PACKED[kind]) == list(FILES.items())


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_single_packed_file_is_unpacked(pack):
    data = random.Random(1).randbytes(300_000) + bytes(300_000)
    assert held(pack(data)) == [("content", data)]
    assert held(pack(data) + pack(b"more")) == [("content", data + b"more")]


def test_other_files_are_no_archives():
    assert held(b"plain words") == []
    assert held(b"") == []


def test_archives_within_archives_are_looked_into_two_deep():
    inner = zipped({"deep.txt": zipped({"deepest": b"x"})})
    found = held(zipped({"inner.zip": inner}))
    assert [name for name, _ in found] == ["inner.zip", "inner.zip/deep.txt", "inner.zip/deep.txt"]
    assert found[-1][1].reason == "too-large"
    assert [name for name, _ in held(zipped({"inner.tgz": PACKED["tar.gz"]}))][1:] == [f"inner.tgz/{n}" for n in FILES]


def test_locked_and_unknown_packing_are_named(odd):
    data = bytearray(zipped({"secret.jpg": b"x" * 100}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert reasons(bytes(data)) == [("secret.jpg", "locked")]
    data = bytearray(zipped({"odd.jpg": b"x" * 100}))
    data[data.index(b"PK\x01\x02") + 10] = data[8] = 99
    assert reasons(bytes(data)) == [("odd.jpg", "unsupported")]
    assert reasons(b"Rar!\x1a\x07\x01\0" + bytes(50)) == [("", "unsupported")]
    assert reasons(b"7z\xbc\xaf\x27\x1c" + bytes(50)) == [("", "unsupported")]


def test_links_folders_and_devices_are_passed_over():
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, kind in (
            ("d", tarfile.DIRTYPE),
            ("l", tarfile.SYMTYPE),
            ("c", tarfile.CHRTYPE),
            ("f", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert held(made.getvalue()) == []


@pytest.mark.parametrize("pack", [zipped, lambda files: tarred(files, "w:gz"), lambda files: tarred(files, "w:xz")])
def test_bombs_end_early_and_say_so(pack):
    bomb = pack({f"{n}.bin": bytes(1 << 20) for n in range(20)})
    assert len(bomb) < 1 << 16
    found = held(bomb, free=5 << 20, ratio=50)
    assert len(found) <= 6
    assert found[-1][1].reason == "too-large"
    assert reasons(bomb, members=3)[-1] == ("", "too-large")
    assert {reason for _, reason in reasons(bomb, member=1000)} == {"too-large"}


def test_a_member_that_lies_about_its_size_is_damaged_or_bounded():
    data = bytearray(zipped({"a": bytes(5000)}))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    assert sum(len(one) for _, one in held(bytes(data)) if isinstance(one, bytes)) <= 5000
    data[at + 24 : at + 28] = (2**32 - 2).to_bytes(4, "little")
    assert reasons(bytes(data)) == [("a", "too-large")]


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_what_is_cut_off_says_so(kind, share):
    noise = {f"{n}": random.Random(n).randbytes(20_000) for n in range(10)}
    data = zipped(noise) if "zip" in kind or kind == "stored" else tarred(noise, "w" + kind[3:].replace(".", ":"))
    found = held(data[: int(len(data) * share)])
    assert found[-1][1].reason == "unreadable"
    assert all(one == noise[name] for name, one in found[:-1])


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([*PACKED]), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=9)
)
def test_damage_never_escapes(kind, changes):
    data = bytearray(PACKED[kind])
    for place, value in changes:
        data[int(place * len(data))] = value
    for one in members(io.BytesIO(bytes(data)), Bounds(free=1 << 20)):
        assert isinstance(one.data, bytes | NotScanned)


def test_an_archive_behind_a_picture_is_looked_into_at_every_depth():
    picture = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20
    cover = picture + zipped({"in.txt": b"hello"})
    assert held(cover) == [("in.txt", b"hello")]
    assert held(picture) == []
    assert held(zipped({"cover.jpg": cover})) == [("cover.jpg", cover), ("cover.jpg/in.txt", b"hello")]
    assert reasons(zipped({"cover.jpg": cover}), depth=1) == [("cover.jpg", "too-large")]
    assert reasons(picture + b"Rar!\x1a\x07\x01\0") == [("", "unsupported")]
