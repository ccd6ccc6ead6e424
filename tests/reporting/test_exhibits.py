"""From opened evidence to files: numbered as people see them, viewed only as recorded."""

import base64

import pytest

from tocsin.evidence.sealing import SealingError
from tocsin.reporting.exhibits import exhibits_of, safe_name, words_of

DIGEST = "d" * 64
PICTURE = {"mime": "image/png", "data": base64.b64encode(b"png").decode()}
FILE = {"name": "../a b/holiday.mp4", "mime": "video/mp4", "data": base64.b64encode(b"mp4").decode()}
MEDIA = {
    "name": "x.png",
    "digests": {"md5": "0" * 32, "sha1": "bad", "sha256": "1" * 64},
    "prints": [{"pdq": "f" * 64}, {"pdq": "short"}, "odd"],
}


def test_pictures_come_first_and_files_after_them() -> None:
    found = exhibits_of(DIGEST, {"pictures": [PICTURE, PICTURE], "files": [FILE]}, [{"item": None}], [])
    assert [(one.item, one.name, one.data) for one in found] == [
        (1, "picture-1.png", b"png"),
        (2, "picture-2.png", b"png"),
        (3, "3-holiday.mp4", b"mp4"),
    ]


def test_views_are_those_of_this_item_and_of_nobody_else() -> None:
    views = [
        {"evidence": DIGEST, "item": 2, "how": "colour"},
        {"evidence": DIGEST, "item": 1, "how": "metadata"},
        {"evidence": DIGEST, "item": 1, "how": "saved"},
        {"evidence": "e" * 64, "item": 3, "how": "grey"},
    ]
    document = {"pictures": [PICTURE, PICTURE], "files": [FILE]}
    found = [one.details_for(1, "f") for one in exhibits_of(DIGEST, document, [{"item": None}], views)]
    assert [(one.viewed, one.exif_viewed) for one in found] == [(None, True), (True, None), (None, None)]


def test_what_a_gateway_fetched_is_located_by_its_address() -> None:
    document = {"files": [FILE], "facts": {"url": "https://p.example/2", "account": "user-17"}}
    (found,) = exhibits_of(DIGEST, document, [{"item": None}], [])
    assert found.details_for(1, "f").location == "https://p.example/2"
    (words,) = exhibits_of(DIGEST, document, [{"item": 0}], [])
    assert words.location == ""


def test_digests_and_hashes_are_said_only_where_they_can_mean_one_file() -> None:
    chosen = [{"item": None}]
    one = exhibits_of(DIGEST, {"pictures": [PICTURE], "media": MEDIA}, chosen, [], ["Matches an entry."])[0]
    details = one.details_for(1, "f")
    assert [(each.type, each.value) for each in details.hashes] == [("MD5", "0" * 32), ("SHA256", "1" * 64)]
    assert details.details[0].pairs == (("PDQ", "f" * 64),)
    assert details.additional == ("Matches an entry.",)
    two = exhibits_of(DIGEST, {"pictures": [PICTURE, PICTURE], "media": MEDIA}, chosen, [])
    assert all(each.hashes == () for each in two)


def test_the_upload_s_own_facts_are_carried() -> None:
    upload = {"name": "o.png", "url": "https://p.example/1", "at": "2026-01-15T08:00:00Z", "ip": "192.0.2.1"}
    one = exhibits_of(DIGEST, {"pictures": [PICTURE], "upload": upload}, [{"item": 1, "public": True}], [])[0]
    details = one.details_for(1, "f")
    assert (details.original_name, details.location, details.public) == ("o.png", "https://p.example/1", True)
    assert (details.ip_event.address, details.uploaded_at.year) == ("192.0.2.1", 2026)


def test_the_words_go_as_a_text_file() -> None:
    document = {"app": "Chat", "context": [{"at": "t", "speaker": "other", "text": "hello"}, "odd"], "pictures": []}
    assert words_of(document) == "Chat\nt\tother\thello\n"
    one = exhibits_of(DIGEST, document, [{"item": 0}], [{"evidence": DIGEST, "item": 0, "how": "words"}])[0]
    assert one.data == b"Chat\nt\tother\thello\n"
    assert one.viewed is None


@pytest.mark.parametrize("document", [{"pictures": "x"}, {"pictures": [{}]}, {"files": [{"name": 1}]}, {"files": 3}])
def test_what_cannot_be_read_is_a_sentence(document) -> None:
    with pytest.raises(SealingError):
        exhibits_of(DIGEST, document, [{"item": None}], [])


def test_an_item_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(SealingError, match="no item 4"):
        exhibits_of(DIGEST, {"pictures": [PICTURE]}, [{"item": 4}], [])


def test_names_are_plain() -> None:
    assert safe_name("..\\..\\x/..") == "file"
    assert safe_name("/etc/pass wd\n") == "pass_wd_"
    assert safe_name("") == "file"


def test_when_nobody_said_when_it_was_uploaded_the_file_says_when_the_service_saw_it() -> None:
    document = {"pictures": [PICTURE], "at": "2026-01-15T08:00:00.250Z"}
    one = exhibits_of(DIGEST, document, [{"item": 1}], [], ["Matches an entry."])[0]
    assert one.uploaded_at is None
    assert one.ip_event is None
    assert one.notes[0].startswith("The service's own system saw it at 2026-01-15T08:00:00.250Z")
    assert one.notes[1] == "Matches an entry."
    said = {"at": "2026-01-15T07:00:00Z"}
    assert exhibits_of(DIGEST, document | {"upload": said}, [{"item": 1}], [])[0].notes == ()
