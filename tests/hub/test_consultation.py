"""A reason opens, for one person's one session, for a quarter of an hour, and it is in the log."""

import json

import pytest
from sqlalchemy import select

from tocsin.hub import consultation, visibility
from tocsin.hub.consultation import ReasonNeeded
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import AuditEntry

REASON = "Alert rang at night, checking the words"


def consult(hub, by, alert_id: str, reason: str = REASON):
    with hub.store.session() as session:
        return consultation.consult(session, by, visibility.alert(session, by, alert_id), reason, hub.clock.now())


def test_who_when_why_and_under_which_order_are_logged(hub, who, exhibit, held):
    by = who("officer")
    consult(hub, by, exhibit.alert_id)
    with hub.store.reading() as session:
        entry = json.loads(session.scalars(select(AuditEntry.entry).order_by(AuditEntry.seq.desc())).first() or "")
    assert entry["action"] == "consultation"
    assert (entry["actor"], entry["reason"], entry["order"]) == (by.id, REASON, held.order_id)
    assert entry["object"] == f"alert:{exhibit.alert_id}"


@pytest.mark.parametrize("reason", ["", "because", " " * 30, "aaaaaaaaaaaaaaa", ".... .... ....", "x" * 501])
def test_a_reason_that_says_nothing_opens_nothing(hub, who, exhibit, reason):
    with pytest.raises(Refused, match="reason"):
        consult(hub, who("officer"), exhibit.alert_id, reason)


def test_it_lasts_a_quarter_of_an_hour_of_this_session(hub, who, exhibit, clock):
    by, another = who("officer"), who("officer")
    consult(hub, by, exhibit.alert_id)
    with hub.store.reading() as session:
        assert consultation.standing(session, by, [exhibit.alert_id], clock.now()).reason == REASON
        with pytest.raises(ReasonNeeded):
            consultation.standing(session, another, [exhibit.alert_id], clock.now())
        with pytest.raises(ReasonNeeded):
            consultation.standing(session, by, [exhibit.alert_id], clock.forward(15 * 60))


def test_an_alerts_reason_does_not_open_the_subjects_record_nor_the_reverse(hub, who, exhibit, held, clock):
    by = who("supervisor")
    given = consult(hub, by, exhibit.alert_id)
    with hub.store.session() as session:
        with pytest.raises(ReasonNeeded):
            visibility.subject_record(session, given)
        with pytest.raises(ReasonNeeded):
            consultation.standing_for_subject(session, by, held.subject_id, clock.now())
        subject = visibility.subject(session, by, held.subject_id)
        record = consultation.consult_subject(session, by, subject, REASON, clock.now())
        with pytest.raises(ReasonNeeded):
            visibility.evidence(session, record)


@pytest.mark.parametrize("role", ["auditor", "administrator"])
def test_other_roles_cannot_consult(hub, who, exhibit, clock, role):
    by, officer = who(role), who("officer")
    with hub.store.session() as session:
        alert = visibility.alert(session, officer, exhibit.alert_id)
        with pytest.raises(Refused, match="own unit"):
            consultation.consult(session, by, alert, REASON, clock.now())
