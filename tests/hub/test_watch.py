"""Silence rings well within two minutes; a hub's own outage does not; nobody's silence holds an imminent alert."""

import pytest
from sqlalchemy import select

from tocsin.hub import alerts
from tocsin.hub.store.schema import Alert, AlertEvent, Device
from tocsin.hub.watch import Watch


@pytest.fixture
def look(hub, clock):
    """Let the hub's watch look once, now."""
    watch = Watch(hub, clock.now())
    return lambda: watch.look(clock.now())


def silent(hub) -> list[Alert]:
    with hub.store.reading() as session:
        query = select(Alert).order_by(Alert.number)
        return [alert for alert in session.scalars(query) if alert.signals == ["device-silent"]]


def test_three_missed_heartbeats_ring(hub, device, clock, look) -> None:
    device.beat()
    clock.forward(44)
    look()
    assert silent(hub) == []
    clock.forward(1)
    look()
    (alert,) = silent(hub)
    assert alert.severity == 3
    assert {clause["status"] for clause in alert.clauses} == {"not-observed"}
    with hub.store.reading() as session:
        row = session.get(Device, device.id)
        assert row.status == "silent"
        assert row.silent_since is not None


def test_a_silent_device_rings_once_and_its_return_is_noted(hub, device, clock, look) -> None:
    device.beat()
    for _ in range(10):
        clock.forward(30)
        look()
    device.beat()
    (alert,) = silent(hub)
    assert alert.findings_count == 1
    with hub.store.reading() as session:
        assert session.get(Device, device.id).status == "active"
        events = session.scalars(select(AlertEvent).order_by(AlertEvent.id)).all()
    assert [event.kind for event in events] == ["created", "recovered"]
    assert "300 s" in events[1].detail


def test_an_announced_shutdown_rings_more_quietly_and_only_if_it_lasts(hub, device, clock, look) -> None:
    device.send(device.entry("start"), device.entry("stop", {"reason": "signal"}))
    clock.forward(30)
    look()
    assert silent(hub) == []
    clock.forward(30)
    look()
    assert [alert.severity for alert in silent(hub)] == [2]


@pytest.mark.parametrize("reason", ["order-ended", "unenrolled"])
def test_a_device_that_is_not_to_return_is_not_waited_for(hub, device, clock, look, reason) -> None:
    device.send(device.entry("stop", {"reason": reason}))
    clock.forward(3600)
    look()
    assert silent(hub) == []


def test_a_hub_outage_does_not_ring_every_device(hub, device, clock) -> None:
    device.beat()
    clock.forward(3600)
    restarted = Watch(hub, clock.now())
    restarted.look(clock.now())
    clock.forward(20)
    device.beat()
    restarted.look(clock.forward(30))
    assert silent(hub) == []


def test_a_device_silent_across_the_hubs_restart_still_rings(hub, device, clock) -> None:
    device.beat()
    clock.forward(3600)
    restarted = Watch(hub, clock.now())
    clock.forward(46)
    restarted.look(clock.now())
    assert len(silent(hub)) == 1


def test_a_device_that_never_reported_rings_after_a_while(hub, device, clock, look) -> None:
    clock.forward(60)
    look()
    assert silent(hub) == []
    clock.forward(600)
    look()
    assert len(silent(hub)) == 1


def test_an_unacknowledged_imminent_alert_goes_to_the_next_person_each_time(hub, device, person, clock, look) -> None:
    first = person(on_call=1, notify_urls=["sealed"])
    second = person(on_call=2, notify_urls=["sealed"])
    boss = person("supervisor", notify_urls=["sealed"])
    device.find(severity=5)
    seen = []
    for _ in range(3):
        clock.forward(9 * 60)
        look()
        clock.forward(60)
        look()
        with hub.store.reading() as session:
            seen.append(session.scalars(select(Alert).where(Alert.severity == 5)).one().assigned_to)
    assert seen == [second.id, boss.id, first.id]
    with hub.store.reading() as session:
        assert session.scalars(select(Alert).where(Alert.severity == 5)).one().status == "escalated"


def test_an_acknowledged_alert_stays_where_it_is(hub, device, person, clock, look) -> None:
    officer = person(on_call=1)
    person("supervisor")
    device.find(severity=5)
    with hub.store.session() as session:
        alerts.acknowledge(session, hub, session.scalars(select(Alert)).one(), officer, clock.now())
    clock.forward(3600)
    look()
    with hub.store.reading() as session:
        alert = session.scalars(select(Alert).where(Alert.severity == 5)).one()
        assert (alert.status, alert.assigned_to) == ("acknowledged", officer.id)


def test_severity_four_waits_for_a_person(hub, device, person, clock, look) -> None:
    person()
    device.find(severity=4)
    clock.forward(3600)
    look()
    with hub.store.reading() as session:
        assert session.scalars(select(Alert).where(Alert.severity == 4)).one().status == "new"
