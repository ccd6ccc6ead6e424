"""Retention: nothing unless set, exactly what the dry run listed, never under hold, digests stay in the log."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tocsin.hub import configuration, notify, retention, visibility
from tocsin.hub.refusals import Refused
from tocsin.hub.store.reports import ContentVerdict
from tocsin.hub.store.schema import (
    Alert,
    AuditEntry,
    EvidenceRecord,
    FindingRecord,
    JournalEntry,
    Notification,
    WebSession,
)

ALL = dict.fromkeys(configuration.RETENTION_KINDS, 30)
REASON = "Defence has asked for everything"


def days(hub, by, **kinds: int) -> None:
    with hub.store.session() as session:
        configuration.write(session, by, "retention", kinds, hub.clock.now())


def close(hub, alert_id: str) -> None:
    with hub.store.session() as session:
        alert = session.get_one(Alert, alert_id)
        alert.status, alert.closed_at = "closed", hub.clock.now()


def plan(hub, **narrowed) -> retention.Plan:
    with hub.store.reading() as session:
        return retention.plan(session, hub.clock.now(), **narrowed)


def run(hub) -> retention.Plan:
    return retention.run(hub.store, hub.blobs, hub.clock.now())


def test_nothing_goes_unless_days_are_set(hub, exhibit, clock):
    close(hub, exhibit.alert_id)
    clock.forward(100 * 365 * 86400)
    assert run(hub).empty
    assert hub.blobs.has(exhibit.digest)


def test_the_dry_run_lists_what_the_run_then_erases_and_changes_nothing(hub, who, exhibit, device, clock):
    device.beat()
    by = who("administrator")
    days(hub, by, **ALL)
    close(hub, exhibit.alert_id)
    clock.forward(31 * 86400)
    listed = plan(hub)
    assert listed.evidence == (exhibit.digest,)
    assert listed.entries == {device.id: (1, 1)}
    assert hub.blobs.has(exhibit.digest)
    assert run(hub) == listed
    assert not hub.blobs.has(exhibit.digest)
    with hub.store.reading() as session:
        assert session.get_one(EvidenceRecord, exhibit.digest).status == "erased"
        erased = session.scalars(select(AuditEntry.object).where(AuditEntry.action == "erasure")).all()
    assert f"evidence:{exhibit.digest}" in erased
    assert f"device:{device.id}" in erased


def test_a_closed_alert_goes_after_its_evidence_with_all_that_hangs_on_it(hub, who, person, exhibit, clock):
    by = who("administrator")
    person("officer", notify_urls=["sealed"])
    with hub.store.session() as session:
        notify.queue(session, session.get_one(Alert, exhibit.alert_id), clock.now())
        decided = ContentVerdict(alert_id=exhibit.alert_id, number=1, verdict="benign", entries=[], at=clock.now())
        decided.person_id = by.id
        session.add(decided)
    days(hub, by, **ALL)
    close(hub, exhibit.alert_id)
    clock.forward(31 * 86400)
    run(hub)
    assert plan(hub).alerts == (exhibit.alert_id,)
    run(hub)
    with hub.store.reading() as session:
        for table in (Alert, FindingRecord, Notification, ContentVerdict):
            assert session.execute(select(func.count()).select_from(table)).scalar_one() == 0
    assert plan(hub).empty


def test_open_alerts_keep_their_evidence_whatever_its_age(hub, who, exhibit, clock):
    days(hub, who("administrator"), **ALL)
    clock.forward(3650 * 86400)
    run(hub)
    assert hub.blobs.has(exhibit.digest)
    with hub.store.reading() as session:
        assert session.get(Alert, exhibit.alert_id) is not None


def test_a_legal_hold_keeps_everything_of_a_subject_until_released(hub, who, exhibit, device, held, clock):
    supervisor = who("supervisor")
    days(hub, who("administrator"), entries=30, evidence=30, alerts=30)
    close(hub, exhibit.alert_id)
    with hub.store.session() as session:
        subject = visibility.subject(session, supervisor, held.subject_id)
        with pytest.raises(Refused, match="reason"):
            retention.hold(session, supervisor, subject, "x", clock.now())
        retention.hold(session, supervisor, subject, REASON, clock.now())
    clock.forward(31 * 86400)
    assert plan(hub).empty
    assert plan(hub).held == 1
    run(hub)
    assert hub.blobs.has(exhibit.digest)
    with hub.store.session() as session:
        retention.release(
            session, supervisor, visibility.subject(session, supervisor, held.subject_id), REASON, clock.now()
        )
    assert plan(hub).evidence == (exhibit.digest,)
    with hub.store.session() as session, pytest.raises(Refused, match="no legal hold"):
        retention.release(
            session, supervisor, visibility.subject(session, supervisor, held.subject_id), REASON, clock.now()
        )


def test_a_journal_keeps_its_head_and_is_cut_only_at_its_beginning(hub, who, device, clock):
    days(hub, who("administrator"), entries=30)
    for _ in range(4):
        device.beat()
    clock.forward(40 * 86400)
    device.beat()
    clock.forward(40 * 86400)
    run(hub)
    with hub.store.reading() as session:
        assert session.scalars(select(JournalEntry.seq)).all() == [5]
    device.beat()


def test_a_unit_sees_its_own_plan_only(hub, who, exhibit, other_unit, held, clock):
    days(hub, who("administrator"), **ALL)
    close(hub, exhibit.alert_id)
    clock.forward(31 * 86400)
    assert plan(hub, unit_id=other_unit).empty
    assert plan(hub, unit_id=held.unit_id).evidence == (exhibit.digest,)


def test_ended_sessions_go(hub, who, clock):
    days(hub, who("administrator"), sessions=30)
    clock.forward(timedelta(days=31, hours=13).total_seconds())
    run(hub)
    with hub.store.reading() as session:
        assert session.scalars(select(WebSession)).all() == []


def test_an_erasure_cut_off_half_way_is_finished(hub, who, exhibit, clock):
    with hub.store.session() as session:
        session.get_one(EvidenceRecord, exhibit.digest).status = "erased"
    assert retention.sweep(hub.store, hub.blobs) == 1
    assert not hub.blobs.has(exhibit.digest)
