"""A second person confirms what the first found true, or opens it again."""

import pytest
from sqlalchemy import select

from tocsin.hub import alerts, confirming, contents
from tocsin.hub.refusals import Refused
from tocsin.hub.store.reports import View
from tocsin.hub.store.schema import Alert, AlertEvent


def close(hub, exhibit, person, verdict="true-concern") -> None:
    with hub.store.session() as session:
        alert = session.get_one(Alert, exhibit.alert_id)
        alerts.close(session, hub, alert, person, hub.clock.now(), verdict=verdict, note_text="Looked at it.")


def look(hub, exhibit, person) -> None:
    with hub.store.session() as session:
        session.add(
            View(person_id=person.id, alert_id=exhibit.alert_id, evidence=exhibit.digest, item=0, how="words",
                 at=hub.clock.now(), reason="A second look")
        )  # fmt: skip


def confirm(hub, exhibit, person, agrees=True, why="I looked and agree", seen=True) -> None:
    if seen:
        look(hub, exhibit, person)
    with hub.store.session() as session:
        alert = session.get_one(Alert, exhibit.alert_id)
        confirming.confirm(session, hub, alert, person, hub.clock.now(), agrees=agrees, why=why)


def awaits(hub, exhibit) -> bool:
    with hub.store.reading() as session:
        return confirming.awaits(session, session.get_one(Alert, exhibit.alert_id))


def test_it_takes_another_person(hub, exhibit, person) -> None:
    first, second = person(), person("supervisor")
    close(hub, exhibit, first)
    assert awaits(hub, exhibit)
    with pytest.raises(Refused, match="second person"):
        confirm(hub, exhibit, first)
    confirm(hub, exhibit, second)
    assert not awaits(hub, exhibit)
    with pytest.raises(Refused, match="does not wait"):
        confirm(hub, exhibit, second)


def test_a_dispute_opens_it_and_a_new_verdict_needs_a_new_confirmation(hub, exhibit, person, clock) -> None:
    first, second = person(), person()
    close(hub, exhibit, first)
    confirm(hub, exhibit, second)
    with hub.store.session() as session:
        alerts.reopen(session, hub, session.get_one(Alert, exhibit.alert_id), first, clock.forward(5), "Look again")
    clock.forward(5)
    close(hub, exhibit, first)
    assert awaits(hub, exhibit)
    confirm(hub, exhibit, second, agrees=False, why="This is something else")
    with hub.store.reading() as session:
        assert session.get_one(Alert, exhibit.alert_id).status == "acknowledged"


@pytest.mark.parametrize("verdict", ["benign", "cannot-tell", "detector-error"])
def test_only_what_was_found_true_waits(hub, exhibit, person, verdict) -> None:
    close(hub, exhibit, person(), verdict)
    assert not awaits(hub, exhibit)


def test_to_agree_one_has_to_have_looked_and_to_disagree_not(hub, exhibit, person) -> None:
    first, second = person(), person()
    close(hub, exhibit, first)
    with pytest.raises(Refused, match="have to have looked"):
        confirm(hub, exhibit, second, seen=False)
    assert awaits(hub, exhibit)
    confirm(hub, exhibit, second, agrees=False, why="This cannot be so", seen=False)
    with hub.store.reading() as session:
        assert session.get_one(Alert, exhibit.alert_id).status == "acknowledged"


class Several:
    """An alert of three contents, of which nothing is sealed, and people who decide on them."""

    def __init__(self, hub, device, clock, person) -> None:
        self.hub, self.clock = hub, clock
        self.first, self.second, self.third = person(), person(), person()
        for entry in ("e1", "e2", "e3"):
            match = {"list": "NCII", "entry": entry, "by": "pdq", "distance": 0, "scheme": "", "category": ""}
            device.find(category="known-media-match", matches=[match])

    def do(self, act, person, *given, **named):
        self.clock.forward(1)
        with self.hub.store.session() as session:
            alert = session.scalars(select(Alert)).one()
            act(session, self.hub, alert, person, self.clock.now(), *given, **named)

    def decide(self, *verdicts, by=None) -> None:
        for number, verdict in verdicts:
            self.do(contents.decide, by or self.first, number, verdict)

    def confirm(self, person, number, agrees=True) -> None:
        self.do(confirming.confirm_content, person, number, agrees=agrees)

    def state(self):
        """The alert's status and verdict, whom it is open to, and which contents wait."""
        with self.hub.store.reading() as session:
            alert = session.scalars(select(Alert)).one()
            people = (("first", self.first), ("second", self.second), ("third", self.third))
            to = [name for name, one in people if confirming.open_to(session, alert, one.id)]
            left = [each.number for each in contents.waiting(contents.of_alert(session, alert))]
            return alert.status, alert.verdict, to, left

    def confirmations(self) -> int:
        with self.hub.store.reading() as session:
            return len(session.scalars(select(AlertEvent).where(AlertEvent.kind == "confirmed")).all())


@pytest.fixture
def several(hub, device, clock, person) -> Several:
    return Several(hub, device, clock, person)


TRUE, BENIGN = "true-concern", "benign"


def test_each_content_that_was_found_true_takes_another_person(several) -> None:
    several.decide((1, TRUE), (2, BENIGN), (3, TRUE))
    assert several.state() == ("closed", TRUE, ["second", "third"], [1, 3])
    with pytest.raises(Refused, match="the verdict is yours"):
        several.confirm(several.first, 1)
    with pytest.raises(Refused, match="does not wait"):
        several.confirm(several.second, 2)
    several.confirm(several.second, 1)
    assert several.state()[2:] == (["second", "third"], [3])
    with pytest.raises(Refused, match="Content 1 does not wait"):
        several.confirm(several.third, 1)
    assert several.confirmations() == 0
    several.confirm(several.third, 3)
    assert several.state()[2:] == ([], [])
    assert several.confirmations() == 1


def test_two_who_decided_confirm_each_other_s_contents(several) -> None:
    several.decide((1, TRUE))
    several.decide((2, TRUE), (3, BENIGN), by=several.second)
    with pytest.raises(Refused, match="the verdict is yours"):
        several.do(confirming.confirm, several.first, agrees=True, why="I agree with it all")
    several.confirm(several.first, 2)
    assert several.state()[2] == ["second", "third"]
    several.confirm(several.second, 1)
    assert several.state()[2:] == ([], [])


def test_a_disputed_content_is_undecided_again_and_the_others_stand(several) -> None:
    several.decide((1, TRUE), (2, TRUE), (3, BENIGN))
    several.confirm(several.second, 1)
    several.confirm(several.second, 2, agrees=False)
    assert several.state()[:2] == ("acknowledged", None)
    several.decide((2, BENIGN), by=several.second)
    assert several.state() == ("closed", TRUE, [], [])
    assert several.confirmations() == 1, "content 1 was confirmed before"


def test_the_first_who_decides_anew_needs_a_new_word(several) -> None:
    several.decide((1, TRUE), (2, BENIGN), (3, BENIGN))
    several.confirm(several.second, 1)
    several.do(alerts.reopen, several.first, "A second thought about it")
    with pytest.raises(Refused, match="does not wait"):
        several.confirm(several.third, 1)
    several.decide((1, "true-but-known"))
    several.do(alerts.close, several.first, verdict=TRUE, note_text="Looked again.")
    assert several.state()[2:] == (["second", "third"], [1])


def test_one_word_on_the_whole_confirms_each(several) -> None:
    several.decide((1, TRUE), (2, TRUE), (3, BENIGN))
    several.do(confirming.confirm, several.second, agrees=True, why="I agree with all of it")
    assert several.state()[2:] == ([], [])
    assert several.confirmations() == 1
