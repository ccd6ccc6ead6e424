"""Rows are for the unit they belong to; names and evidence for those who gave a reason."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError

from tocsin.hub import consultation, visibility
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import AuditEntry, EvidenceRecord, Subject

QUERIES = (
    visibility.subjects,
    visibility.alerts,
    visibility.devices,
    visibility.orders,
    visibility.findings,
    visibility.journal,
)
REASON = "Alert rang at night, checking the words"


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(
    ("role", "south", "sees"),
    [
        ("officer", False, True),
        ("supervisor", False, True),
        ("officer", True, False),
        ("supervisor", True, False),
        ("auditor", False, False),
        ("administrator", False, False),
    ],
)
def test_only_officers_and_supervisors_of_the_unit_see_rows(hub, who, exhibit, other_unit, query, role, south, sees):
    by = who(role, unit_id=other_unit) if south else who(role)
    with hub.store.reading() as session:
        assert bool(session.scalars(query(by)).unique().all()) is sees
    assert visibility.sees_unit(by, exhibit_unit(hub)) is sees


def exhibit_unit(hub) -> str:
    with hub.store.reading() as session:
        return session.scalars(select(Subject.unit_id)).one()


def test_what_is_anothers_looks_like_what_does_not_exist(hub, who, exhibit, other_unit):
    stranger = who("officer", unit_id=other_unit)
    with hub.store.reading() as session:
        sentences = set()
        for alert_id in (exhibit.alert_id, "0" * 32):
            with pytest.raises(Refused) as refused:
                visibility.alert(session, stranger, alert_id)
            sentences.add(str(refused.value))
    assert len(sentences) == 1


def test_a_name_is_not_even_loaded_without_a_reason(hub, who, exhibit, held, clock):
    by = who("officer")
    with hub.store.session() as session:
        session.get_one(Subject, held.subject_id).name = "Real Name"
    with hub.store.session() as session:
        for subject in (
            visibility.subject(session, by, held.subject_id),
            visibility.alert(session, by, exhibit.alert_id).subject,
            session.scalars(visibility.devices(by)).unique().one().subject,
            session.scalars(visibility.orders(by)).unique().one().subject,
        ):
            with pytest.raises(InvalidRequestError):
                _ = subject.name
        given = consultation.consult_subject(session, by, subject, REASON, clock.now())
        assert visibility.subject_record(session, given).name == "Real Name"


def test_evidence_leaves_only_after_a_reason_and_each_time_on_the_record(hub, who, exhibit, clock):
    by = who("officer")
    with hub.store.session() as session:
        with pytest.raises(consultation.ReasonNeeded):
            visibility.disclose_evidence(session, by, exhibit.digest, clock.now())
        consultation.consult(session, by, visibility.alert(session, by, exhibit.alert_id), REASON, clock.now())
        for _ in range(2):
            visibility.disclose_evidence(session, by, exhibit.digest, clock.now())
        logged = session.scalars(select(AuditEntry).where(AuditEntry.action == "disclosure")).all()
    assert [row.object for row in logged] == [f"evidence:{exhibit.digest}"] * 2


@pytest.mark.parametrize(("status", "code"), [("erased", 410), ("pending", 409)])
def test_evidence_that_is_not_there_says_why(hub, who, exhibit, clock, status, code):
    by = who("officer")
    with hub.store.session() as session:
        session.get_one(EvidenceRecord, exhibit.digest).status = status
        consultation.consult(session, by, visibility.alert(session, by, exhibit.alert_id), REASON, clock.now())
        with pytest.raises(Refused) as refused:
            visibility.disclose_evidence(session, by, exhibit.digest, clock.now())
    assert refused.value.status == code
