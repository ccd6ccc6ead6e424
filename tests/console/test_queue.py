"""Which queue an alert is in for a person, and how many wait in each."""

from tocsin.console import queue
from tocsin.hub import alerts, configuration
from tocsin.hub.sessions import current
from tocsin.hub.store.schema import Alert, Person


def who(site, name):
    return current(site.hub, site.seeded.cookies[name])


def two_people(site) -> None:
    given = {"minutes": 45, "items": 60, "break_minutes": 15, "two_person": True}
    with site.hub.store.session() as session:
        configuration.write(session, who(site, "jo"), "review", given, site.clock.now())


def place(site, name, alert) -> str:
    with site.hub.store.reading() as session:
        return queue.place(session, who(site, name), session.get(Alert, site.seeded.alerts[alert]))


def test_what_waits_is_counted_as_it_is_listed(site) -> None:
    with site.hub.store.reading() as session:
        ines = who(site, "ines")
        listed = queue.rows(session, ines, "new")
        assert queue.counts(session, ines) == {"review": len(listed), "review-support": 0}
        assert [each.severity for each in listed] == sorted((each.severity for each in listed), reverse=True)


def test_an_item_taken_by_somebody_is_in_their_queue_only(site) -> None:
    assert (place(site, "ines", "picture"), place(site, "marek", "picture")) == ("new", "new")
    with site.hub.store.session() as session:
        alert = session.get(Alert, site.seeded.alerts["picture"])
        marek = session.get(Person, site.seeded.people["marek"].id)
        alerts.acknowledge(session, site.hub, alert, marek, site.clock.now())
        assert queue.dealt_with(who(site, "ines"), alert, {marek.id: "Marek Lind"}) == "Marek Lind has it."
        assert queue.dealt_with(who(site, "marek"), alert, {marek.id: "Marek Lind"}) == ""
    assert (place(site, "ines", "picture"), place(site, "marek", "picture")) == ("", "new")


def test_what_was_found_true_waits_for_another_person_where_two_are_asked_for(site) -> None:
    assert place(site, "ruth", "closed-1") == ""
    two_people(site)
    assert place(site, "ruth", "closed-1") == "confirm"
    assert place(site, "marek", "closed-1") == ""
    with site.hub.store.reading() as session:
        ruth = who(site, "ruth")
        assert queue.counts(session, ruth)["review-confirm"] == len(queue.rows(session, ruth, "confirm")) > 0
        assert "review-confirm" not in queue.counts(session, ruth, confirm=False)
