"""Drafts: only from what a person confirmed, one per user and incident, nothing filled in for the person."""

import pytest
from sqlalchemy import select

from tocsin.hub import alerts
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import drafting, showing
from tocsin.hub.store.schema import Alert, FindingRecord, Person


def close(desk, verdict: str) -> None:
    with desk.hub.store.session() as session:
        alert, person = session.get_one(Alert, desk.alert_id), session.get_one(Person, desk.who.id)
        alerts.close(session, desk.hub, alert, person, desk.now, verdict=verdict, note_text="Looked at it.")


def test_a_draft_keeps_what_the_person_wrote_sealed(desk) -> None:
    report = desk.read(desk.draft(annotations=["sextortion"], escalate="A child is at risk tonight."))
    assert (report.state, report.number, report.escalated) == ("draft", 1, True)
    assert "user-17" not in report.facts + str(report.files)
    facts = drafting.facts_of(desk.hub, report)
    assert facts.reported[0].identifier == "user-17"
    assert facts.annotations == ("sextortion",)


def test_nothing_is_said_that_nobody_said(desk) -> None:
    report = desk.read(desk.draft())
    facts = drafting.facts_of(desk.hub, report)
    assert (facts.annotations, facts.escalate) == ((), "")
    assert report.files[0]["classification"] is None
    assert report.files[0]["annotations"] == []


@pytest.mark.parametrize("verdict", ["benign", "detector-error", "cannot-tell"])
def test_what_was_not_found_true_is_not_reported(desk, verdict: str) -> None:
    close(desk, verdict)
    with pytest.raises(Refused, match="not found to be true"):
        desk.draft()


def test_what_nobody_took_on_is_not_reported(desk) -> None:
    with desk.hub.store.session() as session:
        alert = session.get_one(Alert, desk.alert_id)
        alert.status, alert.acknowledged_by = "new", None
    with pytest.raises(Refused, match="takes alert"):
        desk.draft()


def support(desk, **changes: str) -> None:
    with desk.hub.store.session() as session:
        alert = session.get_one(Alert, desk.alert_id)
        for name, value in changes.items():
            setattr(alert, name, value)


@pytest.mark.parametrize(
    "changes",
    [
        {"category": "support-indicator"},
        {"verdict_category": "support-indicator"},
        {"category": "support-indicator", "verdict_category": "payment-indicator"},
    ],
    ids=["found-so", "decided-so", "decided-otherwise"],
)
def test_somebody_who_may_need_support_is_never_reported(desk, changes: dict[str, str]) -> None:
    drafted = desk.draft()
    support(desk, **changes)
    with pytest.raises(Refused, match="somebody who may need support, not a suspect"):
        desk.ready(drafted)
    with pytest.raises(Refused, match="somebody who may need support, not a suspect"):
        desk.draft(reported=[{"identifier": "user-18", "service": "Example"}])
    assert desk.read(drafted).state == "draft"


def test_a_draft_of_what_was_then_found_to_be_nothing_goes_no_further(desk) -> None:
    drafted = desk.draft()
    close(desk, "benign")
    with pytest.raises(Refused, match="not found to be true"):
        desk.ready(drafted)


def test_an_alert_closed_as_true_may_be_reported(desk) -> None:
    close(desk, "true-concern")
    assert desk.read(desk.draft()).state == "draft"


def test_one_report_per_user_and_alert(desk) -> None:
    first = desk.draft()
    with pytest.raises(Refused, match="R-1"):
        desk.draft()
    other = desk.draft(reported=[{"identifier": "user-18", "service": "Example"}])
    assert desk.read(other).number == 2
    desk.act(first, lambda s, r: drafting.discard(s, desk.who, r, "Drafted by mistake", desk.now))
    assert desk.read(desk.draft()).number == 3


def test_a_supplement_names_the_filed_report_and_marks_its_files(desk) -> None:
    first = desk.approved()
    with pytest.raises(Refused, match="supplements"):
        desk.draft(supplements=first)
    attempt = desk.take(first)["attempt"]
    desk.tell(first, attempt, "filed", remote_id=4711)
    second = desk.draft(supplements=first)
    assert desk.read(second).files[0]["relevance"] == "Supplemental Reported"
    desk.ready(second)
    job = desk.take(second)
    assert job["facts"]["reported"][0]["prior_reports"] == [4711]
    with pytest.raises(Refused, match="about this user"):
        desk.draft(supplements=first)


def test_two_persons_where_the_settings_ask_for_them(desk, who) -> None:
    desk.set("reporting", email="r@p.example", two_person=True)
    report = desk.draft()
    desk.ready(report)
    assert desk.read(report).state == "ready"
    with pytest.raises(Refused, match="second person"):
        desk.act(report, lambda s, r: drafting.approve(s, desk.hub, desk.who, r, desk.now))
    second = who("supervisor")
    with pytest.raises(Refused, match="Read what the report says"):
        desk.act(report, lambda s, r: drafting.approve(s, desk.hub, second, r, desk.now))
    desk.consult(second)
    desk.act(report, lambda s, r: drafting.approve(s, desk.hub, second, r, desk.now))
    assert desk.read(report).state == "approved"


def test_a_report_sent_back_can_be_changed(desk) -> None:
    report = desk.approved()
    with pytest.raises(Refused, match="only a draft"):
        desk.act(report, lambda s, r: drafting.change(s, desk.hub, desk.who, r, {}, [], desk.now))
    desk.act(report, lambda s, r: drafting.send_back(s, desk.who, r, "The place is wrong", desk.now))
    facts = {"incident_type": "Child Sex Trafficking", "incident_at": "2026-11-22T16:58:00Z"}
    desk.act(report, lambda s, r: drafting.change(s, desk.hub, desk.who, r, facts, [], desk.now))
    assert (desk.read(report).incident_type, desk.read(report).approved_by) == ("Child Sex Trafficking", None)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"incident_type": "Something"}, "incident_type"),
        ({"escalates": "mistyped"}, "escalates"),
        ({"escalate": "x" * 3001}, "3000"),
        ({"where": [{}]}, "exactly one"),
        ({"reported": [{"identifier": "a"}, {"identifier": "b"}]}, "one user"),
        ({"incident_at": "2026-11-22T16:58:00"}, "zone"),
    ],
)
def test_bad_facts_are_a_sentence(desk, facts, words: str) -> None:
    with pytest.raises(Refused, match=words):
        desk.draft(**facts)


def test_files_are_this_alert_s_and_named_once(desk) -> None:
    for files, words in (
        ([{"evidence": "0" * 64}], "this alert's"),
        ([{"evidence": desk.digest}, {"evidence": desk.digest}], "twice"),
        ([{"evidence": desk.digest}, {"evidence": desk.digest, "item": 1}], "not both"),
        ([{"evidence": desk.digest, "classification": "A1"}], "agreement"),
    ):
        with pytest.raises(Refused, match=words):
            desk.draft(files=files)
    desk.set("reporting", email="r@p.example", industry=True)
    desk.draft(files=[{"evidence": desk.digest, "item": 1, "classification": "A1"}])


def test_a_list_s_classification_is_proposed_only(desk) -> None:
    with desk.hub.store.session() as session:
        finding = session.scalars(select(FindingRecord)).one()
        finding.matches = [{"list": "L", "entry": "e", "category": "A1", "scheme": "industry", "by": "md5"}]
    with desk.hub.store.reading() as session:
        alert = session.get_one(Alert, desk.alert_id)
        assert drafting.proposed(session, alert) == {desk.digest: ["A1 (list L)"]}
    report = desk.read(desk.draft())
    assert report.files[0]["classification"] is None


def test_nothing_is_approved_while_nobody_reports(desk) -> None:
    desk.set("reporting", email="r@p.example")
    with desk.hub.store.session() as session:
        from tocsin.hub.store.schema import Setting

        session.delete(session.get_one(Setting, "reporting"))
    with pytest.raises(Refused, match="reporter"):
        desk.ready(desk.draft())


def test_facts_are_shown_against_a_reason_only(desk) -> None:
    report_id = desk.draft()
    with desk.hub.store.reading() as session:
        shown = showing.whole(session, desk.hub, desk.who, desk.read(report_id), desk.now)
        assert shown["facts"] is None
    desk.consult()
    with desk.hub.store.reading() as session:
        shown = showing.whole(session, desk.hub, desk.who, desk.read(report_id), desk.now)
        assert shown["facts"]["reported"][0]["identifier"] == "user-17"
