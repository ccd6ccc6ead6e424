"""What people do with an alert is written in its history and in the audit log, and refused where it makes no sense."""

import json

import pytest
from sqlalchemy import select

from tocsin.hub import alerts
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Alert, AuditEntry, Person
from tocsin.model import ReviewVerdict


@pytest.fixture
def act(hub, device, clock):
    """Do something to the device's one alert: ``act(alerts.close, person, verdict=…)``; returns the alert."""
    device.find(severity=5)

    def do(what, person: Person, *arguments, **named) -> Alert:
        with hub.store.session() as session:
            alert = session.scalars(select(Alert)).one()
            what(session, hub, alert, session.get(Person, person.id), clock.now(), *arguments, **named)
        return alert

    return do


def log(hub) -> list[dict]:
    with hub.store.reading() as session:
        return [json.loads(entry) for entry in session.scalars(select(AuditEntry.entry).order_by(AuditEntry.seq))]


def test_acknowledging_says_who_and_stops_the_escalation(hub, act, person, clock) -> None:
    officer = person()
    alert = act(alerts.acknowledge, officer)
    assert (alert.status, alert.acknowledged_by, alert.assigned_to) == ("acknowledged", officer.id, officer.id)
    assert alert.escalate_at is None
    last = log(hub)[-1]
    assert (last["actor"], last["action"], last["object"]) == (officer.id, "alteration", f"alert:{alert.id}")
    entries = len(log(hub))
    act(alerts.acknowledge, officer)
    assert len(log(hub)) == entries


@pytest.mark.parametrize("verdict", list(ReviewVerdict))
def test_closing_takes_one_of_five_verdicts_with_a_note(hub, act, person, verdict) -> None:
    alert = act(alerts.close, person(), verdict=verdict, note_text="Looked at it.", severity=2)
    assert (alert.status, alert.verdict, alert.verdict_severity) == ("closed", verdict.value, 2)
    assert alert.severity == 5
    assert log(hub)[-1]["action"] == "verdict"


@pytest.mark.parametrize(
    "asked",
    [
        {"verdict": "guilty", "note_text": "x"},
        {"verdict": "benign", "note_text": "  "},
        {"verdict": "benign", "note_text": "x" * 5000},
        {"verdict": "benign", "note_text": "x", "category": "nonsense"},
        {"verdict": "benign", "note_text": "x", "severity": 6},
    ],
)
def test_closing_without_a_proper_decision_is_refused(act, person, asked) -> None:
    with pytest.raises(Refused):
        act(alerts.close, person(), **asked)


def test_a_closed_alert_is_closed_until_reopened_with_a_reason(act, person) -> None:
    officer = person()
    act(alerts.close, officer, verdict="benign", note_text="A cousin.")
    for what, arguments in ((alerts.acknowledge, ()), (alerts.escalate, ("why",)), (alerts.assign, (officer.id,))):
        with pytest.raises(Refused, match="reopen it first"):
            act(what, officer, *arguments)
    with pytest.raises(Refused):
        act(alerts.reopen, officer, " ")
    alert = act(alerts.reopen, officer, "The cousin does not exist.")
    assert (alert.status, alert.verdict, alert.closed_at) == ("acknowledged", None, None)


def test_new_findings_after_closing_ring_a_new_alert(hub, act, device, person) -> None:
    act(alerts.close, person(), verdict="benign", note_text="A cousin.")
    device.find()
    with hub.store.reading() as session:
        assert [alert.number for alert in session.scalars(select(Alert).order_by(Alert.number))] == [1, 2]


def test_escalating_goes_to_a_supervisor_of_the_unit(act, person) -> None:
    officer = person()
    with pytest.raises(Refused, match="nobody"):
        act(alerts.escalate, officer, "Beyond me.")
    boss = person("supervisor")
    alert = act(alerts.escalate, officer, "Beyond me.")
    assert (alert.status, alert.assigned_to, alert.escalation_level) == ("escalated", boss.id, 1)


def test_assigning_stays_within_the_unit(act, person, hub, clock) -> None:
    from tocsin.hub.store.schema import Unit

    with hub.store.session() as session:
        session.add(Unit(id="other", name="other"))
    stranger, colleague = person(unit_id="other"), person()
    with pytest.raises(Refused):
        act(alerts.assign, colleague, stranger.id)
    assert act(alerts.assign, colleague, colleague.id).assigned_to == colleague.id


def test_the_ladder_is_officers_on_call_then_others_then_supervisors(hub, person) -> None:
    boss = person("supervisor", on_call=1)
    spare = person(on_call=0)
    second, first = person(on_call=2), person(on_call=1)
    gone = person(on_call=1, active=False)
    with hub.store.reading() as session:
        order = [each.id for each in alerts.ladder(session, boss.unit_id)]
    assert order == [first.id, second.id, spare.id, boss.id]
    assert gone.id not in order


def test_history_tells_everything_in_order(hub, act, person) -> None:
    officer = person()
    act(alerts.acknowledge, officer)
    alert = act(alerts.close, officer, verdict="cannot-tell", note_text="No context.")
    with hub.store.reading() as session:
        kinds = [event.kind for event in alerts.history_of(session, alert)]
        assert kinds == ["created", "acknowledged", "closed"]
        assert len(alerts.findings_of(session, alert)) == 1
