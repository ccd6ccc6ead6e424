"""What a device failed to show rings as not observed, never more; its health is told honestly."""

import pytest
from sqlalchemy import select

from tocsin.hub.store.schema import Alert, AlertEvent, AuditEntry, Device, OrderRecord


def rung(hub) -> list[tuple[list[str], int]]:
    with hub.store.reading() as session:
        return [(alert.signals, alert.severity) for alert in session.scalars(select(Alert).order_by(Alert.number))]


def state(hub, device) -> Device:
    with hub.store.reading() as session:
        return session.get(Device, device.id)


@pytest.mark.parametrize(
    ("kind", "body", "signal", "severity"),
    [
        ("notice", {"state": "declined"}, "notice-refused", 4),
        ("notice", {"state": "closed"}, "notice-refused", 4),
        ("notice", {"state": "unmapped"}, "notice-refused", 3),
        ("stop", {"reason": "unenrolled"}, "agent-removed", 4),
        ("stop", {"reason": "notice-lost"}, "notice-refused", 3),
        ("stop", {"reason": "notice-refused"}, "notice-refused", 4),
        ("stop", {"reason": "order-invalid"}, "agent-removed", 3),
        ("stop", {"reason": "failed", "sentence": "A sensor keeps failing."}, "agent-removed", 3),
        ("stop", {"reason": "something-new"}, "agent-removed", 3),
        ("stop", {}, "agent-removed", 3),
        ("gap", {"reason": "overflow", "counts": {"finding": 2}}, "journal-gap", 3),
        ("clock", {"delta_s": -3600}, "clock-jump", 3),
        ("clock", {"delta_s": 30}, "clock-jump", 2),
        ("dead-letter", {"kind": "finding"}, "not-scanned", 2),
        ("unsupported", {"what": "wayland"}, "not-scanned", 3),
    ],
)
def test_what_is_missing_rings_as_not_observed(hub, device, kind, body, signal, severity) -> None:
    device.send(device.entry(kind, body))
    assert rung(hub) == [([signal], severity)]
    with hub.store.reading() as session:
        alert = session.scalars(select(Alert)).one()
        assert alert.category == "condition-observation"
        assert {clause["status"] for clause in alert.clauses} == {"not-observed"}
        assert [clause["condition"] for clause in alert.clauses] == ["C1"]
        assert signal in session.scalars(select(AuditEntry.action)).all()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("stop", {"reason": "signal"}),
        ("notice", {"state": "accepted"}),
        ("notice", {"state": "covered"}),
        ("state", {"what": "idle"}),
        ("degraded", {"step": "ocr-slow", "level": 1, "reason": "cpu"}),
        ("something-new", {"x": 1}),
    ],
)
def test_what_is_in_order_does_not_ring(hub, device, kind, body) -> None:
    assert device.send(device.entry(kind, body)).status == 200
    assert rung(hub) == []


def test_an_end_of_the_order_rings_only_where_the_order_has_not_ended(hub, device, held, clock) -> None:
    with hub.store.session() as session:
        session.get_one(OrderRecord, held.order_id).discharged_at = clock.now()
    device.send(device.entry("stop", {"reason": "order-ended"}))
    assert rung(hub) == []
    with hub.store.session() as session:
        session.get_one(OrderRecord, held.order_id).discharged_at = None
    device.send(device.entry("stop", {"reason": "order-ended"}))
    assert rung(hub) == [(["agent-removed"], 3)]


def test_a_heartbeat_is_the_devices_health(hub, device, clock) -> None:
    device.beat(state="degraded", coverage=0.4, degradations=["ocr-slow"], counts={"text": 7, "a word!": 1})
    row = state(hub, device)
    assert (row.status, row.last_heartbeat) == ("active", clock.now())
    assert row.health["state"] == "degraded"
    assert row.health["counts"] == {"text": 7}
    assert row.health["degradations"] == ["ocr-slow"]


def test_evidence_keeps_its_own_age(hub, device, clock) -> None:
    device.beat()
    seen = clock.now()
    clock.forward(60)
    device.beat(state="blind", last_evidence="2026-11-22T17:00:00.000Z")
    row = state(hub, device)
    assert row.last_evidence == seen
    assert row.last_heartbeat == clock.now()


def test_a_restored_notice_is_noted_on_its_alert(hub, device) -> None:
    device.send(device.entry("notice", {"state": "unmapped"}), device.entry("notice", {"state": "restored"}))
    with hub.store.reading() as session:
        kinds = session.scalars(select(AlertEvent.kind).order_by(AlertEvent.id)).all()
    assert kinds == ["created", "recovered"]


def test_hostile_values_in_a_body_change_nothing(hub, device) -> None:
    bodies = [
        {"state": 5, "coverage": "all", "counts": [1], "degradations": {"a": 1}, "last_evidence": "yesterday"},
        {"state": "x" * 500, "memory": 1e300 and 2**53 - 1, "counts": {"a": -1}, "cpu": None},
    ]
    for body in bodies:
        assert device.send(device.entry("heartbeat", body)).status == 200
    device.send(device.entry("start", {"software": "\u0000evil"}))
    assert state(hub, device).software == ""


def test_after_a_stop_a_heartbeat_brings_the_device_back(hub, device) -> None:
    device.send(device.entry("stop", {"reason": "signal"}))
    assert state(hub, device).status == "stopped"
    device.beat()
    assert state(hub, device).status == "active"
