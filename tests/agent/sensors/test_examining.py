import hashlib
import io
import os
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tocsin.agent.sensors import examining
from tocsin.agent.sensors.examining import Found, examine, kept, recalled
from tocsin.agent.sensors.seen_files import FileKey
from tocsin.model import Fingerprints, Frame, NotScanned, Print

JPEG = b"\xff\xd8\xff\xe0 a picture"


def never(_key):
    return None


@pytest.fixture
def hasher(files):
    return files.hasher


def test_a_picture_gives_fingerprints_whatever_its_name(tmp_path, hasher):
    path = tmp_path / "letter.txt"
    path.write_bytes(JPEG)
    looked = examine(str(path), hasher, never)
    assert looked.media
    assert [(one.size, one.held) for one in looked.found] == [(len(JPEG), "")]
    assert looked.key == FileKey.of(path.stat())


def test_a_file_overwritten_while_it_is_read_gives_what_it_holds_in_the_end(tmp_path, hasher, monkeypatch):
    """Within a tick of the kernel's clock two changes bear the same time, and its size is the same too."""

    def coarse(about):
        return FileKey(about.st_dev, about.st_ino, about.st_size, about.st_ctime_ns // 10_000_000)

    monkeypatch.setattr(examining, "FileKey", SimpleNamespace(of=coarse))  # as where the clock ticks every 10 ms
    real, data = hasher.fingerprint, [JPEG + bytes([n]) for n in range(6)]
    path = tmp_path / "a.jpg"

    def fingerprint(source):
        made = real(source)
        if data:
            path.write_bytes(data.pop())
        return made

    hasher.fingerprint = fingerprint
    del data[2:]
    path.write_bytes(JPEG + b"?")
    looked = examine(str(path), hasher, never)
    [found] = looked.found
    assert found.prints.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert looked.key == coarse(path.stat())


def test_other_files_are_not_examined(tmp_path, hasher):
    others = (
        ("a.txt", b"plain words"),
        ("b.jpg", b""),
        ("b2.jpg", b"404 not found"),
        ("c.ts", b"const a = 1;"),
        ("d.jpg.part", b"\0\0 picture"),
    )
    for name, data in others:
        (tmp_path / name).write_bytes(data)
        looked = examine(str(tmp_path / name), hasher, never)
        assert not looked.media
        assert not looked.found + looked.missed
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "picture").write_bytes(JPEG)
    (tmp_path / "link").symlink_to(tmp_path / "picture")
    for name in ("pipe", "link"):
        assert not examine(str(tmp_path / name), hasher, never).media
    assert hasher.hashed == 0


def test_archives_are_looked_into(tmp_path, hasher):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/a.jpg", JPEG)
        archive.writestr("in/b.jpg", b"bad")
    path = tmp_path / "a.zip"
    path.write_bytes(out.getvalue())
    looked = examine(str(path), hasher, never)
    assert [one.held for one in looked.found] == ["", "in/a.jpg"]
    assert looked.found[0].prints.sha256 == hashlib.sha256(out.getvalue()).hexdigest()
    assert [one.reason for one in looked.missed] == ["unreadable"]


def test_an_archive_behind_a_picture_is_looked_into(tmp_path, hasher, monkeypatch):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("in.jpg", JPEG)
    (tmp_path / "cover.jpg").write_bytes(JPEG + made.getvalue())
    plain = hasher.fingerprint
    monkeypatch.setattr(
        hasher, "fingerprint", lambda data: replace(plain(data), attached="zip" if b"PK" in data else "")
    )
    looked = examine(str(tmp_path / "cover.jpg"), hasher, lambda _: None)
    assert [one.held for one in looked.found] == ["", "in.jpg"]


def test_archives_within_archives_and_damaged_pictures_in_them_are_compared_by_their_digests(tmp_path, hasher):
    made = {
        "in.zip": Fingerprints(media="other", format="zip", sha256="1" * 64),
        "b.jpg": Fingerprints(media="other", sha256="2" * 64, reason="unreadable", detail="It may be damaged."),
        "note.txt": Fingerprints(media="other", sha256="3" * 64),
    }
    hasher.members = lambda _source: [(name, 5, one) for name, one in made.items()]
    (tmp_path / "a").write_bytes(b"PK\x05\x06" + bytes(18))
    looked = examine(str(tmp_path / "a"), hasher, never)
    assert [one.held for one in looked.found] == ["", "in.zip", "b.jpg"]
    assert [one.reason for one in looked.missed] == ["unreadable"]


def test_what_no_decoder_took_is_tried_again(tmp_path, hasher):
    hasher.fingerprint = lambda _source: NotScanned("no-decoder", "None could be started.")
    (tmp_path / "a").write_bytes(b"PK\x05\x06" + bytes(18))
    looked = examine(str(tmp_path / "a"), hasher, never)
    assert ([one.reason for one in looked.missed], looked.found) == (["no-decoder"], [])
    (tmp_path / "b").write_bytes(b"%PDF-1.7")
    assert [one.reason for one in examine(str(tmp_path / "b"), hasher, never).missed] == ["pdf", "no-decoder"]


def test_what_cannot_be_examined_says_why(tmp_path, hasher):
    for name, data, reason in (
        ("damaged", JPEG + b"bad", "unreadable"),
        ("a.svg", b"<svg xmlns='x'></svg>", "unsupported"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(30), "unsupported"),
        ("a.pdf", b"%PDF-1.7", "pdf"),
        ("overwritten.jpg", bytes(8) + JPEG[8:], "unreadable"),
        ("one.mp4", b"x", "unreadable"),
    ):
        (tmp_path / name).write_bytes(data)
        [missed] = examine(str(tmp_path / name), hasher, never).missed
        assert missed.reason == reason
        assert missed.detail.endswith(".")
    assert examine(str(tmp_path / "gone"), hasher, never).missed == [examining.GONE]
    if os.getuid():
        (tmp_path / "damaged").chmod(0)
        assert examine(str(tmp_path / "damaged"), hasher, never).missed[0].reason == "unreadable"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<svg xmlns='x'></svg>", "unsupported"),
        (b"8BPS" + bytes(40), "unsupported"),
        (b"Rar!\x1a\x07\x01\0" + bytes(30), "unsupported"),
        (b"%PDF-1.7", "pdf"),
        (bytes(8) + JPEG[8:], "unreadable"),
    ],
)
def test_the_digests_of_what_is_not_decoded_are_compared_all_the_same(tmp_path, hasher, data, reason):
    (tmp_path / "a.jpg").write_bytes(data)
    looked = examine(str(tmp_path / "a.jpg"), hasher, never)
    assert [one.reason for one in looked.missed] == [reason]
    assert [one.prints.sha256 for one in looked.found] == [hashlib.sha256(data).hexdigest()]


def test_a_file_that_changes_while_it_is_read_is_read_again_and_given_up_at_last(tmp_path, hasher):
    path = tmp_path / "a.jpg"
    path.write_bytes(JPEG)
    real, changes = hasher.fingerprint, [1]

    def changing(source):
        if changes:
            changes.pop()
            path.write_bytes(JPEG + b"more")
        return real(source)

    hasher.fingerprint = changing
    looked = examine(str(path), hasher, never)
    assert looked.found[0].size == len(JPEG) + 4
    changes += [1] * 20
    sizes = iter(range(100))
    hasher.fingerprint = lambda source: (path.write_bytes(JPEG + bytes(next(sizes) + 9)), real(source))[1]
    looked = examine(str(path), hasher, never)
    assert looked.found == []
    assert [one.reason for one in looked.missed] == ["changing"]


def test_a_file_that_vanishes_while_it_is_opened(tmp_path, hasher, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(JPEG)
    looked = examine(str(path), hasher, lambda _key: path.unlink())
    assert [one.reason for one in looked.missed] == ["vanished"]


def test_a_file_known_is_not_read_and_one_whose_lists_changed_is_asked_from_memory(tmp_path, hasher):
    path = tmp_path / "a.jpg"
    path.write_bytes(JPEG)
    assert examine(str(path), hasher, lambda _key: []).known
    before = [Found(Fingerprints(media="picture"), 3)]
    looked = examine(str(path), hasher, lambda _key: before)
    assert looked.found == before
    assert not looked.known
    assert hasher.hashed == 0


def test_fingerprints_are_kept_and_recalled():
    prints = Fingerprints(media="video", md5="0" * 32, prints=(Print("ab", 3, turn=2),), frames=(Frame(1.0, "cd", 5),))
    found = [Found(prints, 5, "x\udcff")]
    assert recalled(kept(found)) == found
    assert kept([Found(Fingerprints(media="video", windows=("ab" * 1000,) * 200), 1)]) == ""
    assert recalled("nonsense") == []
    assert recalled("") == []


def test_a_large_file_is_handed_over_by_its_path(tmp_path, hasher, monkeypatch):
    monkeypatch.setattr(examining, "LARGEST_READ", 4)
    path = tmp_path / "a.jpg"
    path.write_bytes(JPEG)
    given = []
    real = hasher.fingerprint
    hasher.fingerprint = lambda source: (given.append(source), real(source))[1]
    assert examine(str(path), hasher, never).found
    assert given == [path]
