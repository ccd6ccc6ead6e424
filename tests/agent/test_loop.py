import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tocsin.agent.health import HealthMeter
from tocsin.agent.loop import Loop
from tocsin.detectors import KnownMedia
from tocsin.evidence.sealing import open_sealed, pictures_of
from tocsin.model import (
    Category,
    Finding,
    Fingerprints,
    Kind,
    Line,
    Match,
    MediaSeen,
    Observation,
    Print,
    Quote,
    Rect,
    Signal,
    Speaker,
    TextSeen,
)
from tocsin.orders import public_key
from tocsin.placement import wire
from tocsin.placement.blobs import Blobs
from tocsin.placement.config import Config
from tocsin.placement.courier import EvidenceCourier
from tocsin.placement.standing import Standing
from tocsin.placement.uplink import Uplink

CANARY = "zebra-canary-4711"


class Watcher:
    """Fires on the canary, as any detector would on its words."""

    name, version, reads = "conversation", "1.0", frozenset({Kind.TEXT})
    signals = (Signal("age-under-18"), Signal("secrecy"))
    category = Category.GROOMING

    def __init__(self):
        self.seen = []

    def examine(self, seen):
        self.seen.append(seen)
        for line in seen.body.lines:
            if CANARY in line.text:
                yield Finding(
                    id=f"f-{seen.id}",
                    at=seen.at,
                    detector=self.name,
                    version=self.version,
                    category=self.category,
                    severity=5,
                    confidence=0.9,
                    why=f"says {CANARY}",
                    observation=seen.id,
                    signals=self.signals,
                    not_seen=("meeting-travel",),
                    benign=("age-peer",),
                    quotes=(Quote(line.text, Speaker.OTHER, seen.at, ((0, 5),)),),
                    app=seen.app,
                    title=seen.title,
                    thread=seen.thread,
                )


class Broken(Watcher):
    name = "phrases"

    def examine(self, seen):
        raise RuntimeError(f"no: {CANARY}")


class Unasked(Watcher):
    name = "unasked"


class Setting:
    def __init__(self, tmp_path, clock, open_journal, signed, authority, detectors, pixels=None):
        self.folder = tmp_path
        path = tmp_path / "order.json"
        path.write_text(signed)
        self.standing = Standing(path, (public_key(authority),), "laptop")
        self.journal = open_journal(bounds=None)
        self.blobs = Blobs(tmp_path / "evidence")
        self.health = HealthMeter(clock)
        self.clock = clock
        self.loop = Loop(self.standing, detectors, self.journal, self.blobs, self.health, clock, "salt", pixels=pixels)
        self.loop.collecting.set()
        self.n = 0

    def text(self, *lines, title="Chat - Browser", thread="window-7", app="browser"):
        self.n += 1
        return Observation(
            id=f"o{self.n}",
            kind=Kind.TEXT,
            at=self.clock.now(),
            sensor="screen",
            app=app,
            title=title,
            thread=thread,
            seen_ns=self.clock.monotonic_ns() - 40_000_000,
            body=TextSeen(tuple(Line(t, box=Rect(10, 10, 50, 20)) for t in lines), Rect(0, 0, 300, 200)),
        )

    def bodies(self, kind):
        return [e.body for e in self.journal.entries() if e.kind == kind]


@pytest.fixture
def setting(tmp_path, clock, open_journal, signed_order, authority):
    def make(*detectors, pixels=None, **changes):
        return Setting(tmp_path, clock, open_journal, signed_order(**changes), authority, detectors, pixels)

    return make


def test_a_finding_goes_into_the_journal_as_the_hub_may_read_it(setting, clock):
    here = setting(Watcher())
    here.loop.see(here.text("hello there"))
    clock.move(2)
    here.loop.see(here.text(f"my {CANARY} line"))
    [body] = here.bodies("finding")
    assert body["verdicts"][0]["clause"] == "3"
    assert body["verdicts"][0]["exceptions"] == 1
    assert body["evidence"]["kinds"] == ["text"]
    assert len(body["thread"]) == 16
    assert body["thread"] != "window-7"
    assert set(body) == {
        *("id", "detector", "version", "category", "severity", "confidence", "signals", "not_seen", "benign"),
        *("verdicts", "thread", "observed_at", "evidence", "refines", "stages"),
    }
    assert body["stages"]["read_ms"] == pytest.approx(40)


def test_the_evidence_opens_with_the_recipients_keys_and_holds_quotes_in_context(setting, clock, identities):
    here = setting(Watcher())
    here.loop.see(here.text("first", "second"))
    clock.move(1)
    here.loop.see(here.text("other window", thread="window-8"))
    here.loop.see(here.text(f"my {CANARY} line"))
    [body] = here.bodies("finding")
    data = here.blobs.read(body["evidence"]["digest"])
    for identity, _ in identities:
        document = open_sealed(data, [identity])
        assert [line["text"] for line in document["context"]] == ["first", "second", f"my {CANARY} line"]
        assert document["context"][2]["speaker"] == "other"
        assert document["quotes"][0]["spans"] == [[0, 5]]
        assert document["clauses"][0]["text"].startswith("Not to have any contact")
        assert document["finding"] == body["id"]
        assert document["pictures"] == []


def test_no_word_from_the_screen_reaches_the_disk_or_the_wire_unsealed(setting, hub, device_key, clock):
    here = setting(Watcher(), Broken())
    hub.public = device_key.public
    config = Config(hub.url, hub.device, hub.key.public, "u", 15.0, "", (), "00", "laptop")
    uplink = Uplink(config, here.journal)
    courier = EvidenceCourier(config, device_key, here.journal, here.blobs)
    for number in range(5):
        clock.move(11)
        here.loop.see(here.text(f"{CANARY} {number}", title=f"Title {CANARY}", app=f"app-{CANARY}"))
    for path in here.folder.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path
    with wire.connect(config) as client:
        while uplink.step(client) is not None:
            pass
        courier.acknowledged(tuple(here.journal.entries()))
        assert courier.step(client)
    assert len(hub.blobs) == 5
    assert here.blobs.waiting() == []
    assert all(CANARY.encode() not in body for body in hub.bodies)


C11 = [{"number": "6", "condition": "C11", "text": "Not to keep listed pictures."}]
LISTED = Match(list="Unit list", entry="17", by="pdq", distance=2, severity=5, scheme="industry", category="A1")


def media_seen(clock, tmp_path, **more):
    data = b"\xff\xd8\xff" + CANARY.encode()
    path = tmp_path / f"{CANARY}.jpg"
    path.write_bytes(data)
    prints = Fingerprints(media="picture", sha256=hashlib.sha256(data).hexdigest(), prints=(Print("ab" * 32, 80),))
    given = {"matches": (LISTED,), "place": "file", "name": str(path), "size": len(data)} | more
    return Observation(
        id="m1", kind=Kind.FILE, at=clock.now(), sensor="files", body=MediaSeen(prints=prints, **given), thread="folder"
    )


def test_known_media_is_told_by_entry_and_its_place_and_digests_are_sealed(setting, clock, tmp_path, identities):
    here = setting(KnownMedia(), clauses=C11)
    here.loop.see(media_seen(clock, tmp_path))
    [body] = here.bodies("finding")
    assert body["matches"] == [
        {"list": "Unit list", "entry": "17", "by": "pdq", "distance": 2, "scheme": "industry", "category": "A1"}
    ]
    assert (body["detector"], body["category"], body["severity"]) == ("known-media", "known-media-match", 5)
    assert body["verdicts"][0]["clause"] == "6"
    assert CANARY not in json.dumps(body)
    document = open_sealed(here.blobs.read(body["evidence"]["digest"]), [identities[0][0]])
    assert document["media"]["name"].endswith(f"{CANARY}.jpg")
    assert document["media"]["digests"]["sha256"]
    assert document["pictures"] == []
    assert body["evidence"]["kinds"] == ["text"]


def test_a_pictures_bytes_are_sealed_only_where_the_order_allows_pictures(setting, clock, tmp_path, identities):
    here = setting(KnownMedia(), clauses=C11, evidence=["text", "picture"])
    here.loop.see(media_seen(clock, tmp_path))
    [body] = here.bodies("finding")
    assert body["evidence"]["kinds"] == ["picture", "text"]
    document = open_sealed(here.blobs.read(body["evidence"]["digest"]), [identities[0][0]])
    [(mime, data)] = pictures_of(document)
    assert mime == "image/jpeg"
    assert CANARY.encode() in data


def test_a_file_that_is_gone_is_told_without_its_bytes(setting, clock, tmp_path):
    here = setting(KnownMedia(), clauses=C11, evidence=["text", "picture"])
    seen = media_seen(clock, tmp_path)
    Path(seen.body.name).unlink()
    here.loop.see(seen)
    [body] = here.bodies("finding")
    assert body["evidence"]["kinds"] == ["text"]
    assert here.bodies("warning")[0]["what"] == "picture-failed FileNotFoundError"


def test_without_a_clause_about_pictures_media_is_not_weighed(setting, clock, tmp_path):
    here = setting(KnownMedia())
    here.loop.see(media_seen(clock, tmp_path))
    assert here.bodies("finding") == []


def test_a_file_in_a_privileged_place_is_never_examined(setting, clock, tmp_path):
    here = setting(KnownMedia(), clauses=C11)
    here.loop.see(media_seen(clock, tmp_path, name="/home/a/Harker and Co Solicitors/a.jpg"))
    here.loop.see(media_seen(clock, tmp_path, held="Harker and Co Solicitors/a.jpg"))
    assert here.bodies("finding") == []


def test_an_answer_is_no_look_at_the_screen(setting, clock, tmp_path):
    here = setting(KnownMedia(), clauses=C11)
    clock.move(100)
    here.loop.see(media_seen(clock, tmp_path))
    assert here.health.beat().last_evidence is None


def test_a_detector_that_fails_is_a_warning_and_stops_no_other(setting, clock):
    here = setting(Broken(), Watcher())
    for _ in range(3):
        here.loop.see(here.text(CANARY))
    clock.move(11)
    here.loop.see(here.text(CANARY))
    assert len(here.bodies("finding")) == 4
    warnings = here.bodies("warning")
    assert [(w["count"], w["observation"]) for w in warnings] == [(1, "o1"), (3, "o4")]
    assert warnings[0]["what"] == "detector-failed phrases 1.0 RuntimeError"


def test_only_what_a_clause_calls_for_runs_and_is_recorded(setting):
    unasked, watcher = Unasked(), Watcher()
    watcher.category = Category.PAYMENT
    watcher.signals = (Signal("vpn"),)
    here = setting(unasked, watcher)
    here.loop.see(here.text(CANARY))
    assert unasked.seen == []
    assert watcher.seen
    assert here.journal.pending == 0
    assert here.blobs.waiting() == []


def test_privileged_contacts_are_never_examined_nor_remembered(setting):
    watcher = Watcher()
    here = setting(watcher)
    here.loop.see(here.text(CANARY, title="Chat with Harker and Co Solicitors"))
    here.loop.see(here.text("dear Harker and Co Solicitors", CANARY))
    assert watcher.seen == []
    assert here.journal.pending == 0
    here.loop.see(here.text(CANARY + " alone"))
    [body] = here.bodies("finding")
    assert body["evidence"]


@pytest.mark.parametrize("changes", [{"until": "2026-06-01T00:00:00Z"}, {"from": "2098-01-01T00:00:00Z"}])
def test_outside_the_orders_time_nothing_is_examined(setting, changes):
    watcher = Watcher()
    here = setting(watcher, **changes)
    here.loop.see(here.text(CANARY))
    assert watcher.seen == []
    assert here.journal.pending == 0


def test_nothing_is_examined_before_the_notice_is_accepted(setting):
    watcher = Watcher()
    here = setting(watcher)
    here.loop.collecting.clear()
    here.loop.see(here.text(CANARY))
    assert watcher.seen == []


def picture(_box):
    import io

    out = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(out, "PNG")
    return out.getvalue()


def test_pictures_are_taken_only_where_the_order_says_so(setting, identities):
    asked = []

    def pixels(box):
        asked.append(box)
        return picture(box)

    here = setting(Watcher(), pixels=pixels)
    here.loop.see(here.text(CANARY))
    assert asked == []


def test_pictures_go_sealed_and_are_shed_first(setting, identities, order_text, clock):
    import yaml

    clauses = yaml.safe_load(order_text())["clauses"]
    clauses[0]["evidence"] = ["text", "picture"]
    here = setting(Watcher(), pixels=picture, evidence=["text", "picture"], clauses=clauses)
    here.loop.see(here.text(CANARY))
    [body] = here.bodies("finding")
    assert body["evidence"]["kinds"] == ["picture", "text"]
    document = open_sealed(here.blobs.read(body["evidence"]["digest"]), [identities[0][0]])
    assert document["pictures"][0]["mime"] == "image/png"
    here.loop.pictures = False
    here.loop.see(here.text(CANARY))
    assert here.bodies("finding")[1]["evidence"]["kinds"] == ["text"]
    here.loop.pictures = True
    here.loop.pixels = lambda _box: 1 / 0
    here.loop.see(here.text(CANARY))
    assert here.bodies("finding")[2]["evidence"]["kinds"] == ["text"]
    assert here.bodies("warning")[0]["what"] == "picture-failed ZeroDivisionError"


def test_evidence_that_finds_no_room_is_counted_and_the_finding_still_goes(setting, disk, clock):
    here = setting(Watcher())
    here.blobs._disk = disk
    disk.full = True
    here.loop.see(here.text(CANARY))
    [body] = here.bodies("finding")
    assert body["evidence"] is None
    disk.full = False
    here.journal.tell_gap()
    [gap] = here.bodies("gap")
    assert gap["counts"] == {"evidence": 1}
    assert gap["reason"] == "disk-full"
    assert json.dumps(gap)


def test_the_lines_around_say_who_spoke_where_the_page_shows_it(setting, identities):
    here = setting(Watcher())
    left, right = (230, 230, 230), (0, 120, 255)
    lines = (
        Line("hello there", Rect(20, 40, 300, 20), left),
        Line("hi", Rect(480, 90, 300, 20), right),
        Line(CANARY, Rect(20, 140, 300, 20), left),
    )
    here.loop.see(replace(here.text(), body=TextSeen(lines, Rect(0, 0, 800, 600))))
    [body] = here.bodies("finding")
    document = open_sealed(here.blobs.read(body["evidence"]["digest"]), [identities[0][0]])
    assert [line["speaker"] for line in document["context"]] == ["other", "subject", "other"]
