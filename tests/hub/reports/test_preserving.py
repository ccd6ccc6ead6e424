"""A year's preservation: ordinary retention keeps its hands off, and the end is a person's logged decision."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tocsin.hub import alerts, configuration, retention
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import preserving
from tocsin.hub.store.schema import Alert, AuditEntry, EvidenceRecord, Person


def filed(desk) -> str:
    report = desk.approved()
    desk.take(report)
    desk.tell(report, 1, "filed", remote_id=7)
    with desk.hub.store.session() as session:
        alert, person = session.get_one(Alert, desk.alert_id), session.get_one(Person, desk.who.id)
        alerts.close(session, desk.hub, alert, person, desk.now, verdict="true-concern", note_text="Reported.")
        configuration.write(session, desk.administrator, "retention", {"evidence": 30, "alerts": 60}, desk.now)
    return report


def erase(desk, report) -> list[str]:
    reason = "The year is over; the case is closed"
    return desk.act(report, lambda s, r: preserving.erase(s, desk.who, r, reason, desk.now))


def test_a_year_is_a_year() -> None:
    noon = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert preserving.one_year_after(noon) == datetime(2029, 3, 1, 12, tzinfo=UTC)
    assert preserving.one_year_after(noon + timedelta(days=1)) == datetime(2029, 3, 1, 12, tzinfo=UTC)


def test_ordinary_retention_leaves_it_alone_until_a_person_decides(desk, clock) -> None:
    report = filed(desk)
    clock.forward(364 * 86400)
    assert retention.run(desk.hub.store, desk.hub.blobs, desk.now).empty
    with pytest.raises(Refused, match="preserved until"):
        erase(desk, report)
    clock.forward(5 * 86400)
    assert retention.run(desk.hub.store, desk.hub.blobs, desk.now).empty
    assert erase(desk, report) == [desk.digest]
    row = desk.read(report)
    assert (row.facts, row.files, row.state) == ("", [], "filed")
    with desk.hub.store.reading() as session:
        assert session.get_one(EvidenceRecord, desk.digest).status == "erased"
        last = session.scalars(select(AuditEntry).where(AuditEntry.object == f"report:{report}")).all()[-1]
        assert "The year is over" in last.entry
    with pytest.raises(Refused, match="preserves nothing"):
        erase(desk, report)
    assert retention.run(desk.hub.store, desk.hub.blobs, desk.now).alerts == (desk.alert_id,)
    assert desk.read(report).alert_id is None


def test_a_legal_hold_and_another_report_keep_it(desk, clock) -> None:
    report = filed(desk)
    other = desk.approved(reported=[{"identifier": "user-18"}])
    clock.forward(366 * 86400)
    with desk.hub.store.session() as session:
        session.get_one(Alert, desk.alert_id).subject.legal_hold = "A court asked for it"
    with pytest.raises(Refused, match="legal hold"):
        erase(desk, report)
    with desk.hub.store.session() as session:
        session.get_one(Alert, desk.alert_id).subject.legal_hold = ""
    assert erase(desk, report) == []
    assert desk.read(other).state == "approved"


def test_what_was_never_sent_preserves_nothing(desk, clock) -> None:
    from tocsin.hub.reports import drafting

    report = desk.approved()
    desk.act(report, lambda s, r: drafting.discard(s, desk.who, r, "Drafted by mistake", desk.now))
    with desk.hub.store.reading() as session:
        assert session.scalars(preserving.preserved_alerts()).all() == []
