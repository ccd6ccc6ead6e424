"""Who looked at what: recorded from a person's session against their reason, and from nowhere else."""

import pytest
from sqlalchemy import func, select

from tocsin.hub import consultation, views
from tocsin.hub.refusals import Refused
from tocsin.hub.store.reports import View
from tocsin.hub.store.schema import Alert, AuditEntry


def look(hub, who, exhibit, item=1, how="grey", evidence=""):
    with hub.store.session() as session:
        return views.record(session, who, exhibit.alert_id, evidence or exhibit.digest, item, how, hub.clock.now())


def give_reason(hub, who, exhibit) -> None:
    with hub.store.session() as session:
        consultation.consult(
            session, who, session.get_one(Alert, exhibit.alert_id), "Triage of this alert", hub.clock.now()
        )


def test_without_a_reason_nothing_is_recorded(hub, exhibit, who) -> None:
    with pytest.raises(consultation.ReasonNeeded):
        look(hub, who(), exhibit)


def test_a_look_is_kept_with_its_reason_and_in_the_log(hub, exhibit, who, clock) -> None:
    me = who()
    give_reason(hub, me, exhibit)
    view = look(hub, me, exhibit)
    assert (view.person_id, view.item, view.how, view.reason) == (me.id, 1, "grey", "Triage of this alert")
    with hub.store.reading() as session:
        logged = session.scalars(select(AuditEntry).where(AuditEntry.object == f"evidence:{exhibit.digest}")).all()
        assert '"how":"grey"' in logged[-1].entry
        assert views.of_evidence(session, [exhibit.digest])[0].id == view.id


def test_the_same_look_at_once_is_one_and_later_another(hub, exhibit, who, clock) -> None:
    me = who()
    give_reason(hub, me, exhibit)
    look(hub, me, exhibit)
    look(hub, me, exhibit)
    look(hub, me, exhibit, how="colour")
    clock.forward(31)
    look(hub, me, exhibit)
    with hub.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(View)) == 3


def test_what_cannot_be_is_refused(hub, exhibit, who, other_unit) -> None:
    me = who()
    give_reason(hub, me, exhibit)
    for changed, words in (
        ({"how": "filed"}, "one of"),
        ({"item": -1}, "one of"),
        ({"evidence": "0" * 64}, "no such evidence"),
    ):
        with pytest.raises(Refused, match=words):
            look(hub, me, exhibit, **changed)
    with pytest.raises(Refused, match="no such alert"):
        look(hub, who(unit_id=other_unit), exhibit)
