"""An alert that gathers several contents is decided content by content."""

import pytest
from sqlalchemy import select

from tocsin.hub import alerts, contents
from tocsin.hub.audit import VERDICT
from tocsin.hub.known_media import MOST_KEPT
from tocsin.hub.refusals import Refused
from tocsin.hub.store.reports import ContentVerdict
from tocsin.hub.store.schema import Alert, AuditEntry


def match(entry, **more):
    return {"list": "NCII", "entry": entry, "by": "pdq", "distance": 0, "scheme": "", "category": ""} | more


class Desk:
    """A person at the one alert of a device that gathers a content for each entry."""

    def __init__(self, hub, device, clock, someone, *entries):
        self.hub, self.device, self.clock, self.someone = hub, device, clock, someone
        for entry in entries:
            self.find(entry)

    def find(self, *entries, evidence=None):
        self.device.find(category="known-media-match", matches=[match(entry) for entry in entries], evidence=evidence)

    def do(self, act):
        self.clock.forward(1)
        with self.hub.store.session() as session:
            alert = session.scalars(select(Alert)).one()
            act(session, self.hub, alert, self.someone, self.clock.now())
            return alert

    def decide(self, number, verdict):
        return self.do(lambda *given: contents.decide(*given, number, verdict))

    def undo(self):
        return self.do(contents.undo)

    def state(self):
        with self.hub.store.reading() as session:
            alert = session.scalars(select(Alert)).one()
            held = contents.of_alert(session, alert)
            return alert, {each.number: each.decided.verdict if each.decided else None for each in held}


@pytest.fixture
def desk(hub, device, clock, person):
    """Somebody at an alert of three contents."""
    return Desk(hub, device, clock, person(), "e1", "e2", "e3")


def test_the_first_decision_takes_the_alert_on_and_the_last_closes_it_as_true_if_any_is(desk):
    assert desk.state()[1] == {1: None, 2: None, 3: None}
    desk.decide(2, "true-concern")
    alert, verdicts = desk.state()
    assert (alert.status, alert.acknowledged_by) == ("acknowledged", desk.someone.id)
    assert verdicts == {1: None, 2: "true-concern", 3: None}
    desk.decide(1, "benign")
    desk.decide(3, "benign")
    alert, _ = desk.state()
    assert (alert.status, alert.verdict) == ("closed", "true-concern")
    assert alert.note == "Content by content: true concern 2; benign 1, 3."


@pytest.mark.parametrize(
    ("given", "follows"),
    [
        (("benign", "true-but-known", "cannot-tell"), "true-but-known"),
        (("benign", "cannot-tell", "benign"), "cannot-tell"),
        (("detector-error", "benign", "detector-error"), "benign"),
    ],
)
def test_what_the_alert_s_verdict_follows_from(desk, given, follows):
    for number, verdict in enumerate(given, 1):
        desk.decide(number, verdict)
    assert desk.state()[0].verdict == follows


def test_a_decision_may_be_changed_and_every_change_is_logged(desk):
    desk.decide(1, "true-concern")
    desk.decide(1, "benign")
    alert, verdicts = desk.state()
    assert verdicts[1] == "benign"
    with desk.hub.store.reading() as session:
        told = [(e.kind, e.detail) for e in alerts.history_of(session, alert) if e.kind == "content"]
        logged = session.scalars(select(AuditEntry.entry).where(AuditEntry.action == VERDICT)).all()
    assert told == [("content", "1: true-concern"), ("content", "1: benign")]
    assert len(logged) == 2
    assert '"before":"true-concern"' in logged[1]


def test_undo_takes_back_the_last_and_opens_what_it_had_closed(desk):
    for number in (1, 3, 2):
        desk.decide(number, "benign")
    assert desk.state()[0].status == "closed"
    desk.undo()
    alert, verdicts = desk.state()
    assert (alert.status, verdicts) == ("acknowledged", {1: "benign", 2: None, 3: "benign"})
    desk.undo()
    assert desk.state()[1] == {1: "benign", 2: None, 3: None}
    desk.undo()
    with pytest.raises(Refused, match="taken back"):
        desk.undo()
    with desk.hub.store.reading() as session:
        kinds = [event.kind for event in alerts.history_of(session, alert)]
    assert kinds.count("content-undone") == 3


def test_a_change_after_opening_again_closes_nothing_by_itself(desk):
    for number in (1, 2, 3):
        desk.decide(number, "benign")
    desk.do(lambda *given: alerts.reopen(*given, "A second look."))
    desk.decide(1, "true-concern")
    alert, verdicts = desk.state()
    assert (alert.status, verdicts[1]) == ("acknowledged", "true-concern")


def test_an_alert_closed_as_a_whole_is_opened_again_with_its_contents_as_they_were(desk):
    desk.decide(1, "true-concern")
    desk.do(lambda *given: alerts.close(*given, verdict="benign", note_text="As a whole."))
    desk.undo()
    alert, verdicts = desk.state()
    assert (alert.status, verdicts) == ("acknowledged", {1: "true-concern", 2: None, 3: None})


def test_a_content_that_is_found_to_match_more_is_undecided_again(desk):
    desk.decide(1, "benign")
    desk.find("e1")
    assert desk.state()[1][1] == "benign"
    desk.find("e1", "e9")
    assert desk.state()[1][1] is None
    desk.decide(1, "true-concern")
    assert desk.state()[1][1] == "true-concern"


def test_what_cannot_be_decided_is_refused_in_words(hub, device, clock, person):
    desk = Desk(hub, device, clock, person(), "e1")
    with pytest.raises(Refused, match="several contents"):
        desk.decide(1, "benign")
    desk.find("e2")
    for number, verdict, words in ((7, "benign", "not there"), (1, "perhaps", "verdict is one of")):
        with pytest.raises(Refused, match=words):
            desk.decide(number, verdict)
    desk.decide(1, "benign")
    desk.decide(2, "benign")
    with pytest.raises(Refused, match="reopen"):
        desk.decide(1, "true-concern")


def test_an_alert_that_does_not_name_all_it_found_is_closed_as_a_whole_only(desk):
    with desk.hub.store.session() as session:
        alert = session.scalars(select(Alert)).one()
        alert.matches = [match(f"e{number}", thing=min(number, 1)) for number in range(MOST_KEPT)]
    desk.decide(1, "benign")
    desk.decide(2, "benign")
    assert desk.state()[0].status == "acknowledged"


def test_evidence_is_told_by_the_content_it_shows(hub, device, clock, person):
    desk = Desk(hub, device, clock, person())
    for entry, digest in (("e1", "a" * 64), ("e2", "b" * 64), ("e1", "c" * 64)):
        desk.find(entry, evidence={"digest": digest, "size": 10, "kinds": ["picture"]})
    with hub.store.reading() as session:
        alert = session.scalars(select(Alert)).one()
        shown = contents.shown_by(contents.of_alert(session, alert), alerts.findings_of(session, alert))
    assert shown == {"a" * 64: 1, "b" * 64: 2, "c" * 64: 1}
    assert desk.state()[1] == {1: None, 2: None}


def test_a_decision_names_the_entries_it_was_made_on(desk):
    desk.decide(3, "benign")
    with desk.hub.store.reading() as session:
        row = session.scalars(select(ContentVerdict)).one()
    assert (row.number, row.entries, row.person_id) == (3, [["NCII", "e3"]], desk.someone.id)
