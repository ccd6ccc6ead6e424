import pytest

from tocsin.media.naming import as_named, named
from tocsin.model.media import Fingerprints
from tocsin.model.observation import NotScanned

UNKNOWN = Fingerprints(media="other", md5="0" * 32)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a.jpg", "a picture"),
        ("in/IMG 1.HEIC", "a picture"),
        ("film.Mkv", "a video"),
        ("all.tar.xz", "an archive"),
        ("letter.docx", "an archive"),
        ("a.jpg.part", ""),
        ("a.jpg~", ""),
        (".a.jpg.Xf3a9Q", ""),
        ("a.mp4.crdownload", ""),
        ("note.txt", ""),
        ("drawing.svg", ""),
        ("jpg", ""),
        (".jpg", ""),
        ("", ""),
        ("__MACOSX/._a.jpg", ""),
        ("~$letter.docx", ""),
    ],
)
def test_a_name_says_what_a_file_is_to_be(name, what):
    assert named(name, b"\0\1\2\3") == named(name, b"") == what


@pytest.mark.parametrize("head", [b"<html>404: not found", "größer\t".encode(), b"line\r\nline"])
def test_text_is_text_under_any_name(head):
    assert named("a.jpg", head) == named("a.ts", head + "é".encode()[:1]) == ""


@pytest.mark.parametrize("head", [b"", b"x", b"\r\n\xff\xd8\xff\xe0", bytes(8), b"words\0words", b"caf\xe9 au lait"])
def test_what_is_no_text_is_not(head):
    assert named("a.TS", head) == "a video"


def test_content_of_no_known_kind_under_a_name_of_one_is_unreadable_and_keeps_its_digests():
    found = as_named(UNKNOWN, "a.jpg", bytes(8))
    assert (found.reason, found.md5) == ("unreadable", UNKNOWN.md5)
    assert "By its name it is a picture" in found.detail


def test_everything_else_stays_as_it_is():
    for name, result in (
        ("a.txt", UNKNOWN),
        ("", UNKNOWN),
        ("a.jpg", Fingerprints(media="picture", format="png")),
        ("a.jpg", Fingerprints(media="other", reason="too-large")),
        ("a.jpg", NotScanned("failed")),
    ):
        assert as_named(result, name, bytes(8)) is result
