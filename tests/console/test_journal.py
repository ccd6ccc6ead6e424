from datetime import timedelta

from tocsin.console.journal import days_of, notable_of
from tocsin.hub import visibility
from tocsin.hub.sessions import current


def test_coverage_by_day_tells_what_was_and_was_not_observed(site):
    who = current(site.hub, site.seeded.cookies["ines"])
    midnight = site.clock.now().replace(hour=0, minute=0)
    with site.hub.store.reading() as session:
        mine = site.seeded.devices["laptop D-2"].id
        days = days_of(session, visibility.journal(who), [mine], midnight - timedelta(days=2), 3)
    assert [day.at for day in days] == [midnight, midnight - timedelta(days=1), midnight - timedelta(days=2)]
    assert 0.9 < days[0].share <= 1
    assert days[0].findings == 4
    assert days[1].share is None


def test_only_what_is_worth_a_look_is_listed(site):
    who = current(site.hub, site.seeded.cookies["ines"])
    with site.hub.store.reading() as session:
        lines = notable_of(
            session,
            visibility.journal(who),
            site.seeded.devices["desktop D-1"].id,
            site.clock.now() - timedelta(days=1),
        )
    assert [line.kind for line in lines] == ["reduced", "notice", "agent"]


def test_nobody_elses_journal_is_read(site):
    who = current(site.hub, site.seeded.cookies["tom"])
    with site.hub.store.reading() as session:
        device = site.seeded.devices["desktop D-1"].id
        assert notable_of(session, visibility.journal(who), device, site.clock.now() - timedelta(days=1)) == []
