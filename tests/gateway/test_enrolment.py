import pytest

from tocsin.gateway.enrolment import Counts, Enrolment
from tocsin.placement.config import Folders, PlacementError
from tocsin.placement.enrol import enrol

CLAUSES = [{"number": "1", "condition": "custom", "text": "No known media.", "detectors": ["known-media"]}]


@pytest.fixture
def enrolled(hub, signed_order, tmp_path, clock):
    order = signed_order(kind="platform-policy", clauses=CLAUSES)
    enrol(hub.url, "good-token", order, Folders(tmp_path / "placement", "gateway"), clock)
    return tmp_path / "placement"


def test_a_gateway_starts_beats_and_stops_at_its_hub(enrolled, hub, clock, until):
    assert Enrolment.there(enrolled)
    one = Enrolment(enrolled, clock)
    one.counts.add("lookup", 3)
    one.start()
    until(lambda: "heartbeat" in hub.kinds())
    assert hub.of("start")[0]["boot_reason"] == "first"
    assert hub.of("heartbeat")[0]["counts"] == {"lookup": 3}
    until(lambda: one.status()["connected"])
    assert (one.status()["order"], one.status()["over"]) == ("in-force", "")
    one.close()
    assert hub.of("stop")[0]["reason"] == "signal"
    again = Enrolment(enrolled, clock)
    again.start()
    until(lambda: len(hub.of("start")) == 2)
    again.close()
    assert hub.of("start")[1]["boot_reason"] == "clean"


def test_an_order_that_its_authority_ended_is_over(enrolled, hub, clock):
    one = Enrolment(enrolled, clock)
    one._order_answered({"status": "discharged"})
    assert "nothing is recorded" in one.standing.over(clock.now())
    one.journal.close()


def test_the_end_of_the_order_is_said_before_and_when_it_comes(enrolled, clock, caplog):
    one = Enrolment(enrolled, clock)
    left = (one.standing.signed.order.ends - clock.now()).total_seconds()
    clock.move(left - 86_400)
    one._look_at_order()
    assert (one.idle(), caplog.text) == ("", "")
    one.start()
    assert f"The policy ends on {one.standing.signed.order.ends:%d %B %Y}" in caplog.text
    clock.move(86_401)
    one._look_at_order()
    one._look_at_order()
    assert one.idle()
    assert caplog.text.count("Nothing is recorded, and no match becomes an alert") == 1
    told = [entry.body["state"] for entry in one.journal.entries() if entry.kind == "order"]
    assert told == ["in-force", "ended"]
    one.close()


def test_a_changed_order_that_is_not_signed_by_the_authority_is_refused(enrolled, clock, signed_order, other_authority):
    one = Enrolment(enrolled, clock)
    before = one.standing.signed.digest
    one._order_answered({"status": "superseded", "successor": signed_order(other_authority)})
    one._order_answered({"status": "superseded", "successor": "nonsense"})
    one._order_answered({})
    assert one.standing.signed.digest == before
    one.journal.close()


def test_what_is_not_enrolled_says_how(tmp_path, clock):
    assert not Enrolment.there(tmp_path)
    with pytest.raises(PlacementError, match=r"The gateway is not enrolled.*tocsin gateway enrol"):
        Enrolment(tmp_path, clock)


def test_kinds_of_counts_are_bounded():
    counts = Counts()
    for n in range(100):
        counts.add(f"kind-{n}")
    held = counts.take()
    assert sum(held.values()) == 100
    assert len(held) <= 41
    assert counts.take() == {}
