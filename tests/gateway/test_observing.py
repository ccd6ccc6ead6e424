import hashlib
from datetime import timedelta

import pytest

from tocsin.evidence.sealing import new_identity, seal
from tocsin.gateway.forwarding import packed, unpacked
from tocsin.gateway.observing import Sighting, attachments, facts, observation
from tocsin.model import parse_utc
from tocsin.model.media import Fingerprints


class Seen:
    """An observer that keeps what it is shown."""

    def __init__(self):
        self.kept = []

    async def see(self, sighting):
        self.kept.append(sighting)
        return ["f1"]


@pytest.fixture
def watched(api, jpeg, code):
    for name, rings in (("BANK_A", True), ("QUIET", False)):
        api.post("/c/banks", json={"name": name, "rings": rings})
    api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg(1))})
    api.post("/c/bank/QUIET/signal", json={"pdq": code(jpeg(2))})
    api.gateway.other_observer = Seen()
    return api


def test_a_matching_upload_is_shown_with_its_bytes_and_what_the_platform_says(watched, jpeg):
    asked = {"item": "item-1", "account": "account-9"}
    watched.post("/m/lookup", params=asked, files={"photo": ("a.jpg", jpeg(1), "image/jpeg")})
    (one,) = watched.gateway.other_observer.kept
    assert (one.data, one.name, one.media_type) == (jpeg(1), "a.jpg", "image/jpeg")
    assert (one.item, one.account, one.caller) == ("item-1", "account-9", "open")
    assert [match.list for match in one.matches] == ["BANK_A"]


def test_a_matching_signal_is_shown_too_and_what_does_not_match_or_ring_is_not(watched, jpeg, code):
    for seed in (1, 2, 3):
        watched.get("/m/lookup", params={"signal": code(jpeg(seed)), "signal_type": "pdq"})
        if seed > 1:
            watched.post("/m/lookup", files={"photo": jpeg(seed)})
    (one,) = watched.gateway.other_observer.kept
    assert (one.signal, one.data) == (code(jpeg(1)), b"")


def test_raw_lookups_and_hashing_show_nothing(watched, jpeg, code):
    watched.get("/m/raw_lookup", params={"signal": code(jpeg(1)), "signal_type": "pdq"})
    watched.post("/h/hash", files={"photo": jpeg(1)})
    assert watched.gateway.other_observer.kept == []


def test_what_one_account_sends_is_one_thread_and_without_an_account_one_content_is(api):
    def thread(content="ab", **more):
        prints = Fingerprints(media="picture", sha256=content * 32)
        return observation(api.gateway, Sighting(prints=prints, matches=(), caller="c", **more)).thread

    assert thread(name="a") == thread(name="b")
    assert thread() != thread("cd")
    assert thread(account="a") == thread("cd", account="a")
    assert thread(account="a") != thread(account="b")
    digest = hashlib.sha256(b"ab" * 32).hexdigest()
    assert thread() != thread(account=digest)


def test_nothing_is_attached_where_nothing_was_uploaded():
    bare = Sighting(prints=Fingerprints(media="other"), matches=(), caller="c")
    assert attachments(bare) == []
    assert facts(bare) == {"caller": "c"}


@pytest.mark.parametrize(
    ("data", "said", "is_"),
    [
        (b"\x89PNG\r\n\x1a\n and so on", "text/html", "image/png"),
        (b"\xff\xd8\xff\xe0 and so on", "IMAGE/JPEG; charset=odd", "image/jpeg"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "", "video/mp4"),
        (b"MZ and so on", "image/png", "application/octet-stream"),
    ],
)
def test_a_file_is_sealed_as_what_its_bytes_are(data, said, is_):
    sighting = Sighting(prints=Fingerprints(media="other"), matches=(), caller="c", media_type=said, data=data)
    assert [one.media_type for one in attachments(sighting)] == [is_]
    assert seal({}, files=attachments(sighting), recipients=[new_identity()[1]]).size > 0


def test_an_upload_is_seen_when_it_arrived_however_long_its_hashing_takes(watched, jpeg):
    before = watched.gateway.clock.now()
    watched.post("/m/lookup", files={"photo": ("a.jpg", jpeg(1), "image/jpeg")})
    (one,) = watched.gateway.other_observer.kept
    arrived = parse_utc(unpacked(packed(one)).arrived)
    assert before - timedelta(milliseconds=1) <= arrived <= watched.gateway.clock.now()
    assert observation(watched.gateway, one).at == arrived


def test_what_was_not_uploaded_is_seen_when_it_was_asked(watched, jpeg, code):
    watched.get("/m/lookup", params={"signal": code(jpeg(1)), "signal_type": "pdq"})
    (one,) = watched.gateway.other_observer.kept
    assert one.arrived == ""
