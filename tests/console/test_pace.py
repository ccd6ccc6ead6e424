"""A reviewer's pace: counted since the last break, however the break came about."""

from datetime import timedelta

from tocsin.console.pace import pace
from tocsin.hub import configuration
from tocsin.hub.sessions import current
from tocsin.hub.store.reports import View


def looks(site, *minutes_ago: float) -> None:
    with site.hub.store.session() as session:
        for number, ago in enumerate(minutes_ago):
            session.add(
                View(
                    person_id=site.seeded.people["ines"].id,
                    alert_id=site.seeded.alerts["picture"],
                    evidence="a" * 64,
                    item=number,
                    how="grey",
                    at=site.clock.now() - timedelta(minutes=ago),
                    reason="Triage",
                )
            )


def now(site):
    with site.hub.store.reading() as session:
        return pace(session, site.seeded.people["ines"].id, site.clock.now())


def limit(site, **value: int) -> None:
    jo = current(site.hub, site.seeded.cookies["jo"])
    with site.hub.store.session() as session:
        configuration.write(session, jo, "review", value, site.clock.now())


def test_nothing_looked_at_is_no_pace(site) -> None:
    assert (now(site).items, now(site).minutes, now(site).over) == (0, 0, False)


def test_items_end_the_stretch_and_a_break_opens_the_queue_again(site) -> None:
    limit(site, minutes=45, items=3, break_minutes=15)
    looks(site, 9, 5, 1)
    assert now(site).over
    assert now(site).until == site.clock.now() + timedelta(minutes=14)
    site.clock.forward(14 * 60 + 1)
    assert (now(site).items, now(site).over) == (0, False)


def test_minutes_end_it_too_and_a_pause_in_between_counts_as_a_break(site) -> None:
    limit(site, minutes=30, items=100, break_minutes=10)
    looks(site, 60, 55, 25, 20, 12, 4)
    assert (now(site).items, now(site).minutes, now(site).over) == (4, 25, False)
    site.clock.forward(5 * 60)
    assert now(site).over
