from tocsin.console.frame import MENUS, figures, names
from tocsin.hub import people
from tocsin.hub.sessions import current


def who(site, name):
    found = current(site.hub, site.seeded.cookies[name])
    assert found is not None
    return found


def test_the_frame_counts_what_awaits_a_person_of_the_unit(site):
    with site.hub.store.reading() as session:
        counts, last = figures(session, who(site, "ines"))
    assert counts == {"await": 5, "open": 6, "mine": 0, "silent": 1, "devices": 4}
    assert last is not None


def test_another_unit_counts_none_of_it(site):
    with site.hub.store.reading() as session:
        counts, last = figures(session, who(site, "tom"))
    assert set(counts.values()) == {0}
    assert last is None


def test_what_somebody_holds_is_counted_as_theirs(site):
    with site.hub.store.reading() as session:
        assert figures(session, who(site, "marek"))[0]["mine"] == 1


def test_every_role_has_a_menu_and_only_of_pages_it_may_open(site):
    assert set(MENUS) == set(people.ROLES)
    for name in ("ines", "ruth", "ada", "jo"):
        for item in MENUS[who(site, name).role]:
            assert site.get(name, item.address).status_code == 200


def test_people_are_named(site):
    with site.hub.store.reading() as session:
        assert "Marek Lind" in names(session).values()
