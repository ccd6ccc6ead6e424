"""A second person confirms what the first found true, or opens it again."""

import pytest

from tocsin.hub import alerts, confirming
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Alert


def close(hub, exhibit, person, verdict="true-concern") -> None:
    with hub.store.session() as session:
        alert = session.get_one(Alert, exhibit.alert_id)
        alerts.close(session, hub, alert, person, hub.clock.now(), verdict=verdict, note_text="Looked at it.")


def confirm(hub, exhibit, person, agrees=True, why="I looked and agree") -> None:
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
