from dataclasses import replace

import pytest

from tocsin.evidence.sealing import MAX_SEALED, Attachment, files_of, open_sealed, pictures_of
from tocsin.model import Category, Finding, Kind, Line, Observation, Quote, Signal, Speaker, TextSeen
from tocsin.orders import judge, public_key
from tocsin.placement.blobs import Blobs
from tocsin.placement.recording import Recorder
from tocsin.placement.standing import Standing

PNG = b"\x89PNG\r\n\x1a\n-picture-"
CANARY = "zebra-canary-4711"
CLIP = Attachment("segment.mp4", "video/mp4", b"a clip")
PICTURES = [{"number": "3", "condition": "C10", "text": "No contact.", "evidence": ["text", "picture"]}]


class Desk:
    """A recorder with a journal and a folder of blobs, and what it recorded."""

    def __init__(self, tmp_path, clock, open_journal, signed, authority, identity):
        path = tmp_path / "order.json"
        path.write_text(signed)
        self.standing = Standing(path, (public_key(authority),), "laptop")
        self.journal, self.blobs = open_journal(bounds=None), Blobs(tmp_path / "evidence")
        self.clock, self.identity = clock, identity
        self.recorder = Recorder(self.standing, self.journal, self.blobs, clock, "salt")

    def record(self, words=CANARY, **more):
        now = self.clock.now()
        seen = Observation(
            id="o1", kind=Kind.TEXT, at=now, sensor="messages", body=TextSeen((Line(words),)), thread="t", title=CANARY
        )
        finding = Finding(
            id="f1", at=now, detector="conversation", version="1.0", category=Category.GROOMING, severity=4,
            confidence=0.9, why=f"says {words}", observation="o1", signals=(Signal("secrecy"),), thread="t",
            quotes=(Quote(words, Speaker.OTHER, now, ((0, 5),)),),
        )  # fmt: skip
        verdicts = judge(finding, self.standing.signed.order, now)
        assert verdicts
        return self.recorder.record(finding, verdicts, seen, self.standing.permission(now), **more)

    def bodies(self, kind):
        return [entry.body for entry in self.journal.entries() if entry.kind == kind]

    def opened(self):
        data = self.blobs.read(self.bodies("finding")[-1]["evidence"]["digest"])
        return open_sealed(data, [self.identity])


@pytest.fixture
def desk(tmp_path, clock, open_journal, signed_order, authority, identities):
    def make(**changes):
        return Desk(tmp_path, clock, open_journal, signed_order(**changes), authority, identities[0][0])

    return make


def test_words_context_and_facts_are_sealed_and_the_hub_reads_none_of_them(desk):
    here = desk()
    lines = [{"text": "hello", "speaker": "subject", "at": "t0"}, {"text": CANARY, "speaker": "unknown", "at": "t1"}]
    assert here.record(context=lines, facts={"service": CANARY})
    [body] = here.bodies("finding")
    assert CANARY not in str(body)
    assert body["evidence"]["kinds"] == ["text"]
    assert body["thread"] == here.recorder.opaque("t")
    document = here.opened()
    assert [line["speaker"] for line in document["context"]] == ["subject", "other"]
    assert document["facts"] == {"service": CANARY}
    assert document["finding"] == "f1"


def test_pictures_and_files_are_read_and_sealed_only_where_a_clause_allows_pictures(desk):
    asked = []

    def pictures():
        asked.append(1)
        return [PNG]

    here = desk()
    here.record(pictures=pictures, files=[CLIP])
    assert asked == []
    assert files_of(here.opened()) == []
    here = desk(evidence=["text", "picture"], clauses=PICTURES)
    here.record(pictures=pictures, files=lambda: [CLIP])
    assert here.bodies("finding")[-1]["evidence"]["kinds"] == ["picture", "text"]
    assert pictures_of(here.opened()) == [("image/png", PNG)]
    assert files_of(here.opened()) == [CLIP]


def test_what_is_too_much_or_unreadable_is_left_out_and_told(desk):
    here = desk(evidence=["text", "picture"], clauses=PICTURES)
    here.record(pictures=[PNG], files=[replace(CLIP, data=bytes(MAX_SEALED))])
    assert here.opened()["left_out"] == ["files"]
    assert pictures_of(here.opened()) == [("image/png", PNG)]
    here.record(pictures=[b"GIF89a"], files=lambda: 1 / 0)
    assert here.opened()["left_out"] == ["pictures"]
    assert [w["what"] for w in here.bodies("warning")] == [
        "file-not-sealed",
        "file-failed ZeroDivisionError",
        "picture-not-sealed",
    ]


def test_words_that_no_file_can_hold_cost_the_evidence_and_never_the_finding(desk):
    here = desk()
    assert here.record("half a letter \ud800")
    assert here.bodies("finding")[-1]["evidence"] is None
    assert here.bodies("warning")[0]["what"] == "evidence-not-sealed"
    here.journal.tell_gap()
    assert here.bodies("gap")[0]["counts"] == {"evidence": 1}


def test_a_finding_that_is_refused_leaves_no_evidence_behind_and_both_are_counted(desk, monkeypatch):
    here = desk()
    monkeypatch.setattr(here.journal, "append", lambda kind, body: None)
    assert not here.record()
    assert list(here.blobs.folder.iterdir()) == []
    monkeypatch.undo()
    here.journal.tell_gap()
    assert here.bodies("gap")[0]["counts"] == {"evidence": 1}


def test_evidence_that_finds_no_room_is_counted_and_the_finding_still_goes(desk, disk):
    here = desk()
    here.blobs._disk = disk
    disk.full = True
    assert here.record()
    assert here.bodies("finding")[-1]["evidence"] is None
    disk.full = False
    here.journal.tell_gap()
    assert here.bodies("gap")[0]["reason"] == "disk-full"


def test_one_warning_is_written_at_most_every_ten_seconds_with_its_count(desk, clock):
    here = desk()
    for _ in range(3):
        here.recorder.warn("page-unread", "o1")
    clock.move(11)
    here.recorder.warn("page-unread")
    assert [w["count"] for w in here.bodies("warning")] == [1, 3]


def test_a_thread_is_named_by_a_salted_hash_whatever_its_letters(desk):
    here = desk()
    assert here.recorder.opaque("") == ""
    assert len(here.recorder.opaque("x\ud800")) == 16
    assert here.recorder.opaque("a") != here.recorder.opaque("b")
