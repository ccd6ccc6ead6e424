import pytest

from tocsin.evidence.sealing import files_of, open_sealed
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.observing import Sighting, attachments, facts, observation
from tocsin.gateway.road import NO_ORDER, NO_ROOM, NotRecordedError, Road
from tocsin.model.media import Fingerprints, Match, Print
from tocsin.placement.config import Folders
from tocsin.placement.enrol import enrol

CLAUSES = [
    {
        "number": "1",
        "condition": "custom",
        "text": "No known media.",
        "detectors": ["known-media"],
        "evidence": ["text", "picture"],
    }
]
MATCH = Match(list="known", entry="7", by="sha256", distance=0, severity=5, category="A1")


def sighting(data=b"the very bytes", digest="ab" * 32, **more):
    prints = Fingerprints(media="picture", sha256=digest, prints=(Print("0f" * 32, 90),))
    return Sighting(
        prints=prints,
        matches=(MATCH,),
        caller="coop",
        data=data,
        item="item-1",
        account="account-9",
        **{"name": "a.jpg"} | more,
    )


@pytest.fixture
def enrolled(hub, signed_order, settings):
    def make(**changes):
        order = signed_order(kind="platform-policy", evidence=["text", "picture"], **{"clauses": CLAUSES} | changes)
        enrol(hub.url, "good-token", order, Folders(settings.placement, "gateway"), settings.clock)
        return Gateway.open(settings)

    return make


def see(gateway, one):
    return gateway.road.see(observation(gateway, one), attachments=attachments(one), facts=facts(one))


def test_without_an_enrolment_findings_are_returned_and_nothing_is_recorded(settings, clock):
    gateway = Gateway.open(settings)
    assert not gateway.road.records
    (finding,) = see(gateway, sighting())
    assert (finding.detector, finding.severity) == ("known-media", 5)
    assert not settings.placement.exists()
    gateway.close()


def test_an_enrolled_gateway_seals_the_very_bytes_and_tells_the_hub_no_words(enrolled, hub, identities, until):
    gateway = enrolled()
    gateway.start()
    assert gateway.road.records
    assert see(gateway, sighting())
    until(lambda: hub.blobs)
    body = hub.of("finding")[0]
    assert (body["category"], body["severity"], body["matches"][0]["entry"]) == ("known-media-match", 5, "7")
    assert "account-9" not in str(hub.entries)
    assert "item-1" not in str(hub.entries)
    sealed = hub.blobs[body["evidence"]["digest"]]
    document = open_sealed(sealed, [identities[0][0]])
    (held,) = files_of(document)
    assert (held.name, held.data) == ("a.jpg", b"the very bytes")
    assert document["facts"] == {"item": "item-1", "account": "account-9", "caller": "coop"}
    gateway.close()


def test_what_no_clause_calls_for_is_returned_and_not_recorded(enrolled, hub, until):
    other = CLAUSES[0] | {"detectors": ["conversation"]}
    gateway = enrolled(clauses=[other])
    gateway.start()
    assert see(gateway, sighting())
    until(lambda: "heartbeat" in hub.kinds())
    assert gateway.road.record([], observation(gateway, sighting())) == 0
    gateway.close()
    assert hub.of("finding") == []


def test_the_same_content_again_rings_once(enrolled):
    gateway = enrolled()
    assert len(see(gateway, sighting())) == 1
    assert see(gateway, sighting()) == []
    assert len(see(gateway, sighting(digest="cd" * 32))) == 1
    gateway.close()


def test_a_name_that_the_sender_chose_hides_nothing(enrolled, hub, until):
    gateway = enrolled()
    gateway.start()
    assert see(gateway, sighting(name="Harker and Co Solicitors.jpg"))
    until(lambda: hub.of("finding"))
    gateway.close()


def test_what_found_no_room_on_the_disk_is_said_and_recorded_at_the_next_look(enrolled, monkeypatch):
    gateway = enrolled()
    journal = gateway.road.enrolment.recorder._journal
    seen = observation(gateway, sighting())
    with monkeypatch.context() as full:
        full.setattr(journal, "append", lambda *_: None)
        with pytest.raises(NotRecordedError, match=NO_ROOM):
            gateway.road.note(seen)
    (once,) = gateway.road.note(seen)
    assert [entry.body["id"] for entry in journal.entries() if entry.kind == "finding"] == [once]
    assert gateway.road.note(seen) == []
    gateway.close()


def test_after_the_orders_end_a_match_is_not_recorded_and_that_is_said(enrolled, clock):
    gateway = enrolled()
    seen = observation(gateway, sighting())
    assert gateway.road.note(seen)
    gateway.road.enrolment.standing.discharge("The authority has ended the order.")
    assert not gateway.road.records
    with pytest.raises(NotRecordedError, match=NO_ORDER):
        gateway.road.note(seen)
    gateway.close()


def test_a_detector_that_fails_stops_no_other(settings, clock):
    class Broken:
        name, version = "broken", "1"
        reads = frozenset({"file"})

        def examine(self, seen):
            raise ZeroDivisionError

    gateway = Gateway.open(settings)
    road = Road(clock)
    from tocsin.detectors import KnownMedia

    assert len(road.see(observation(gateway, sighting()), detectors=[Broken(), KnownMedia()])) == 1
    gateway.close()
