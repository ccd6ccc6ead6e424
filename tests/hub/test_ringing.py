"""Findings that belong together make one alert; duplicates do not ring twice, a rise of severity does."""

import json
import uuid

import pytest
from sqlalchemy import select

from tocsin.hub import alerts, ingest
from tocsin.hub.events import Event
from tocsin.hub.store.schema import Alert, AlertEvent, EvidenceRecord, FindingRecord, Notification, OrderRecord, Person
from tocsin.model import utc_text


@pytest.fixture
def heard(hub, monkeypatch) -> list[Event]:
    """Every event the hub publishes."""
    events: list[Event] = []
    monkeypatch.setattr(hub.bus, "publish", events.append)
    return events


def _power_cut(*_: object) -> None:
    raise OSError("power cut")


def all_alerts(hub) -> list[Alert]:
    with hub.store.reading() as session:
        return list(session.scalars(select(Alert).order_by(Alert.number)))


def test_an_alert_cites_the_clause_verbatim_with_its_exceptions(hub, device) -> None:
    device.find()
    (alert,) = all_alerts(hub)
    (clause,) = alert.clauses
    assert clause["clause"] == "3"
    assert clause["text"].startswith("EXAMPLE. Not to have any contact")
    assert len(clause["exceptions"]) == 2
    assert alert.number == 1
    assert alert.status == "new"
    assert (alert.signals, alert.not_seen, alert.benign) == (["age-under-18", "secrecy"], ["threat"], ["age-peer"])


def test_findings_of_one_thread_within_half_an_hour_join(hub, device, clock, heard) -> None:
    device.find(severity=3)
    clock.forward(29 * 60)
    device.find(severity=2, signals=[{"name": "threat", "direction": "unknown", "confidence": 1.0}])
    (alert,) = all_alerts(hub)
    assert alert.findings_count == 2
    assert alert.severity == 3
    assert alert.signals == ["age-under-18", "secrecy", "threat"]
    assert alert.not_seen == []
    assert [(event.data["what"], event.data["ring"]) for event in heard] == [("created", True), ("updated", False)]


def test_a_later_finding_rings_anew_unless_it_refines(hub, device, clock) -> None:
    device.find()
    clock.forward(31 * 60)
    device.find()
    assert len(all_alerts(hub)) == 2
    clock.forward(31 * 60)
    device.find(refines=True)
    assert [alert.findings_count for alert in all_alerts(hub)] == [1, 2]


@pytest.mark.parametrize("change", [{"thread": "ffff"}, {"category": "sextortion-signal"}])
def test_what_does_not_belong_together_rings_by_itself(hub, device, change) -> None:
    device.find()
    device.find(**change)
    assert [alert.number for alert in all_alerts(hub)] == [1, 2]


def test_the_same_finding_twice_counts_once(hub, device, heard) -> None:
    body = device.finding()
    device.send(device.entry("finding", body), device.entry("finding", body))
    assert all_alerts(hub)[0].findings_count == 1
    assert len(heard) == 1


def test_a_device_cannot_occupy_another_devices_finding_or_evidence(hub, device, another_device) -> None:
    other = another_device()
    evidence = {"digest": "a" * 64, "size": 10, "kinds": ["text"]}
    body = device.finding(evidence=evidence)
    device.send(device.entry("finding", body))
    other.send(other.entry("finding", body | {"thread": "aaaa"}))
    with hub.store.reading() as session:
        assert len(session.scalars(select(FindingRecord)).all()) == 2
        assert session.get(EvidenceRecord, "a" * 64).device_id == device.id


def test_a_rise_of_severity_rings_again_even_when_acknowledged(hub, device, person, heard, clock) -> None:
    officer = person()
    device.find(severity=3)
    with hub.store.session() as session:
        alerts.acknowledge(session, hub, session.scalars(select(Alert)).one(), officer, clock.now())
    device.find(severity=5)
    (alert,) = all_alerts(hub)
    assert (alert.severity, alert.status) == (5, "new")
    assert alert.escalate_at is not None
    assert heard[-1].data["ring"]


def test_a_finding_the_hub_cannot_read_is_never_lost_silently(hub, device) -> None:
    assert device.find(severity=9).status == 200
    (alert,) = all_alerts(hub)
    assert alert.signals == ["not-scanned"]
    with hub.store.reading() as session:
        assert "severity" in session.scalars(select(AlertEvent.detail)).one()


def test_words_in_places_of_codes_are_not_taken(hub, device) -> None:
    device.find(signals=[{"name": "she said she is 13!", "direction": "unknown", "confidence": 1.0}])
    assert all_alerts(hub)[0].signals == ["not-scanned"]


def test_people_are_called_by_id_only(hub, device, person) -> None:
    chosen = person(notify_urls=["sealed"], notify_severity=3)
    person(notify_urls=["sealed"], notify_severity=4)
    device.find(severity=3)
    with hub.store.reading() as session:
        rows = session.scalars(select(Notification)).all()
        assert [row.person_id for row in rows] == [chosen.id]
        assert rows[0].alert_id == all_alerts(hub)[0].id


def test_evidence_is_expected_once_declared(hub, device) -> None:
    digest = uuid.uuid4().hex * 2
    device.find(evidence={"digest": digest, "size": 77, "kinds": ["text", "picture"]})
    with hub.store.reading() as session:
        record = session.get(EvidenceRecord, digest)
        assert (record.status, record.size, record.kinds) == ("pending", 77, ["text", "picture"])


def test_nothing_is_announced_when_the_transaction_fails(hub, device, heard, monkeypatch) -> None:
    entry = device.entry("finding", device.finding())
    monkeypatch.setattr(ingest.device_state, "save", _power_cut)
    with pytest.raises(OSError, match="power cut"):
        device.send(entry)
    assert heard == []
    assert all_alerts(hub) == []


def test_a_finding_from_a_clock_ahead_is_dated_when_it_came(hub, device, clock) -> None:
    device.find(observed_at="2036-01-01T00:00:00Z")
    assert utc_text(all_alerts(hub)[0].last_at) == utc_text(clock.now())


def test_everybody_hears_of_the_most_severe(hub, device, person) -> None:
    person(notify_urls=["sealed"], notify_severity=5)
    person("supervisor", notify_urls=["sealed"], notify_severity=5)
    device.find(severity=5)
    with hub.store.reading() as session:
        assert len(session.scalars(select(Notification)).all()) == 2
        assert len(session.scalars(select(Person)).all()) == 2


def listed(device, entry: str = "e1", name: str = "demo", thread: str | None = None, **changes) -> None:
    match = {"list": name, "entry": entry, "by": "pdq", "distance": 4, "scheme": "own", "category": "x"}
    thread = uuid.uuid4().hex if thread is None else thread
    body = {"category": "known-media-match", "signals": [], "thread": thread, "detector": "known-media"}
    device.find(**(body | {"matches": [match | changes]}))


def test_known_media_joins_by_list_and_device_whatever_the_thread(hub, device, another_device) -> None:
    listed(device, "e1")
    listed(device, "e2")
    listed(device, "e1", by="sha1", distance=0)
    (alert,) = all_alerts(hub)
    assert alert.findings_count == 3
    assert [(m["entry"], m["by"]) for m in alert.matches] == [("e1", "sha1"), ("e2", "pdq")]
    listed(device, "e1", name="other")
    listed(another_device(), "e1")
    assert [alert.findings_count for alert in all_alerts(hub)] == [3, 1, 1]
    with hub.store.reading() as session:
        kept = session.scalars(select(FindingRecord.matches).where(FindingRecord.seq == 1)).first()
    assert kept[0]["entry"] == "e1"


def test_a_services_members_are_alerts_of_their_own_whatever_list_names_what_they_sent(hub, held, device) -> None:
    with hub.store.session() as session:
        order = session.get_one(OrderRecord, held.order_id)
        signed = json.loads(order.signed)
        signed["order"]["kind"] = "platform-policy"
        order.signed = json.dumps(signed)
    listed(device, "e1", thread="a" * 16)
    listed(device, "e2", thread="a" * 16)
    listed(device, "e1", thread="b" * 16)
    assert [alert.findings_count for alert in all_alerts(hub)] == [2, 1]
    listed(device, "e1", thread="")
    listed(device, "e2", thread="")
    assert [alert.findings_count for alert in all_alerts(hub)] == [2, 1, 2]


def test_an_entry_joins_the_open_alert_that_names_it_however_long_ago(hub, device, clock) -> None:
    listed(device, "e1")
    clock.forward(5 * 3600)
    listed(device, "e1")
    assert [alert.findings_count for alert in all_alerts(hub)] == [2]
    clock.forward(5 * 3600)
    listed(device, "e2")
    assert [alert.findings_count for alert in all_alerts(hub)] == [2, 1]
