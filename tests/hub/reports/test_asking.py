"""What a platform's gateway may do about reports: ask for drafts of its own alerts, read how they stand, take back."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from tocsin.exchange.cybertip.asked import Asked
from tocsin.hub import alerts
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import asking, drafting
from tocsin.hub.store.reports import Report, ReportEvent, ReportRequest
from tocsin.hub.store.schema import Alert, AuditEntry, Device, EvidenceRecord, FindingRecord, Person
from tocsin.model import Category

ACCOUNT = {"identifier": "user-17", "screen_name": "lamp"}


@pytest.fixture
def gateway(desk, device):
    """Act as the gateway that the alert came from; every call is one transaction."""

    def act(deed, *, device_id=device.id, **named):
        with desk.hub.store.session() as session:
            return deed(session, session.get_one(Device, device_id), **named)

    return act


@pytest.fixture
def finding(desk) -> str:
    with desk.hub.store.reading() as session:
        return session.scalars(select(FindingRecord.id)).one()


@pytest.fixture
def ask(desk, gateway, finding):
    """Ask for a report and return what is told of it, and whether it is new."""

    def request(device_id="", **changes):
        raw = {
            "key": "case-1",
            "finding": finding,
            "incident_type": "Child Sex Tourism",
            "incident_at": "2026-11-22T16:58:00Z",
            "account": ACCOUNT,
        } | changes
        asked = Asked.model_validate_json(json.dumps(raw))

        def deed(session, device):
            report, new = asking.ask(session, desk.hub, device, asked, desk.now)
            return asking.told(session, desk.hub, device, report), new

        return gateway(deed, **({"device_id": device_id} if device_id else {}))

    return request


def alter(desk, **fields) -> None:
    with desk.hub.store.session() as session:
        alert = session.get_one(Alert, desk.alert_id)
        for name, value in fields.items():
            setattr(alert, name, value)


def refused(code: str, call, *given, **named) -> str:
    with pytest.raises(Refused) as caught:
        call(*given, **named)
    assert caught.value.code == code
    assert str(caught.value).endswith(".")
    return str(caught.value)


def test_what_is_asked_for_is_a_draft_that_waits_for_a_person(desk, ask, device) -> None:
    told, new = ask()
    assert new
    assert (told["state"], told["key"], told["files"], told["authority_number"]) == ("draft", "case-1", 1, None)
    assert "waits for a person" in told["words"]
    assert "user-17" not in json.dumps(told)
    assert "lamp" not in json.dumps(told)
    report = desk.read(told["id"])
    assert (report.drafted_by, report.approved_by, report.environment) == (None, None, "")
    assert drafting.facts_of(desk.hub, report).reported[0].screen_name == "lamp"
    with desk.hub.store.reading() as session:
        request = session.scalars(select(ReportRequest)).one()
        assert "case-1" not in request.key + request.said
        assert "user-17" not in request.said + report.facts
        assert session.scalars(select(ReportEvent.kind)).all() == ["asked"]
        logged = session.scalars(select(AuditEntry).where(AuditEntry.object == f"report:{report.id}")).one()
        assert logged.actor == device.id
        assert "user-17" not in logged.entry
    assert desk.queue() == []


def test_a_draft_may_be_asked_for_before_a_person_took_the_alert_on_and_goes_no_further_without(desk, ask) -> None:
    alter(desk, status="new", acknowledged_by=None)
    told, _ = ask()
    refused("unconfirmed", desk.ready, told["id"])
    with desk.hub.store.session() as session:
        alert, person = session.get_one(Alert, desk.alert_id), session.get_one(Person, desk.who.id)
        alerts.acknowledge(session, desk.hub, alert, person, desk.now)
    desk.ready(told["id"])
    report = desk.read(told["id"])
    assert (report.state, report.drafted_by, report.approved_by) == ("approved", desk.who.id, desk.who.id)


def test_whoever_takes_a_request_up_is_not_its_second_person(desk, ask, who) -> None:
    desk.set("reporting", email="r@p.example", two_person=True)
    second = who("officer")
    told, _ = ask()
    desk.ready(told["id"])
    with pytest.raises(Refused, match="second person"):
        desk.act(told["id"], lambda s, r: drafting.approve(s, desk.hub, desk.who, r, desk.now))
    desk.consult(second)
    desk.act(told["id"], lambda s, r: drafting.approve(s, desk.hub, second, r, desk.now))
    assert desk.read(told["id"]).state == "approved"


def test_the_same_key_makes_one_report_and_another_request_needs_another(desk, ask) -> None:
    first, _ = ask()
    again, new = ask()
    assert (again, new) == (first, False)
    refused("key", ask, additional="More.")
    refused("one-report", ask, key="case-2")
    with desk.hub.store.reading() as session:
        assert len(session.scalars(select(Report)).all()) == 1


def test_about_somebody_who_may_need_support_nothing_is_drafted(desk, ask) -> None:
    alter(desk, category=Category.SUPPORT.value)
    refused("support", ask)
    alter(desk, category="grooming-signal", verdict_category=Category.SUPPORT.value)
    refused("support", ask)


def test_what_a_person_found_not_true_is_not_drafted_again(desk, ask) -> None:
    alter(desk, status="closed", verdict="benign")
    refused("verdict", ask)


def test_another_gateways_findings_and_reports_are_not_there(desk, ask, another_device, gateway) -> None:
    other = another_device()
    refused("not-found", ask, device_id=other.id)
    refused("not-found", ask, device_id=other.id, finding=None, alert=desk.alert_id)
    told, _ = ask()
    refused("not-found", gateway, lambda s, d: asking.one(s, d, told["id"]), device_id=other.id)
    with desk.hub.store.reading() as session:
        assert session.scalars(asking.reports(session.get_one(Device, other.id))).all() == []


def test_an_alert_is_asked_about_by_its_id_with_all_its_evidence(desk, ask) -> None:
    told, _ = ask(finding=None, alert=desk.alert_id)
    assert (told["alert"]["id"], told["files"], told["finding"]) == (desk.alert_id, 1, None)


def test_evidence_that_is_on_its_way_is_awaited_and_not_for_ever(desk, ask, clock) -> None:
    with desk.hub.store.session() as session:
        session.get_one(EvidenceRecord, desk.digest).status = "pending"
    refused("arriving", ask)
    clock.forward((asking.ARRIVING + timedelta(seconds=1)).total_seconds())
    told, _ = ask()
    assert told["files"] == 0


def test_what_one_gateway_may_leave_waiting_is_bounded(ask, monkeypatch) -> None:
    monkeypatch.setattr(asking, "MOST_WAITING", 1)
    ask()
    refused("too-many", ask, key="case-2", account={"identifier": "user-18"})
    assert ask()[1] is False


def test_a_request_is_taken_back_only_while_no_person_took_it_up(desk, ask, gateway) -> None:
    def back(told):
        gateway(lambda s, d: asking.take_back(s, d, asking.one(s, d, told["id"]), desk.now))
        return desk.read(told["id"]).state

    first, _ = ask()
    assert back(first) == "discarded"
    assert back(first) == "discarded"
    second, new = ask(key="case-2")
    assert new
    desk.act(
        second["id"],
        lambda s, r: drafting.change(s, desk.hub, desk.who, r, _facts(desk, r), [], desk.now),
    )
    refused("taken-up", back, second)
    desk.ready(second["id"])
    refused("state", back, second)


def test_what_a_person_drafted_is_read_and_not_taken_back(desk, gateway) -> None:
    report_id = desk.draft()
    told = gateway(lambda s, d: asking.told(s, desk.hub, d, asking.one(s, d, report_id)))
    assert (told["state"], told["key"]) == ("draft", None)
    assert "user-17" not in json.dumps(told)
    refused("not-asked", gateway, lambda s, d: asking.take_back(s, d, asking.one(s, d, report_id), desk.now))


def test_the_authoritys_number_and_a_failure_are_told(desk, ask, gateway) -> None:
    told, _ = ask()
    desk.ready(told["id"])
    attempt = desk.take(told["id"])["attempt"]
    desk.tell(told["id"], attempt, "held", reason="refused", sentence="The service said no: 4100.")

    def read():
        return gateway(lambda s, d: asking.told(s, desk.hub, d, asking.one(s, d, told["id"])))

    held = read()
    assert (held["state"], held["held_for"]) == ("held", "refused")
    assert "a person must decide" in held["words"]
    assert "4100" in held["failure"]
    with desk.hub.store.session() as session:
        report = session.get_one(Report, told["id"])
        report.state, report.remote_id, report.filed_at = "filed", 4711, desk.now
    assert (read()["authority_number"], read()["words"]) == (4711, "Filed at the authority.")


def _facts(desk, report):
    return drafting.as_json(drafting.facts_of(desk.hub, report))
