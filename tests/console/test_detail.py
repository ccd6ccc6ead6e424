from tocsin.console.detail import detail_of
from tocsin.console.frame import names
from tocsin.console.visit import Visit
from tocsin.hub import consultation, visibility
from tocsin.hub.sessions import current


def read(site, name, reason=""):
    found = current(site.hub, site.seeded.cookies["ines"])
    at = Visit(None, site.hub, found, site.clock.now())
    with site.hub.store.session() as session:
        alert = visibility.alert(session, found, site.seeded.alerts[name])
        given = consultation.consult(session, found, alert, reason, at.now) if reason else None
        return detail_of(session, at, alert, given, names(session))


def test_without_a_reason_no_address_of_evidence_is_given(site):
    detail, _ = read(site, "top")
    assert detail.evidence_count == 3
    assert detail.items == []


def test_with_a_reason_the_evidence_is_listed_oldest_first(site):
    detail, _ = read(site, "top", "Triage of this alert")
    assert len(detail.items) == 3
    assert [item["seen"] for item in detail.items] == sorted(item["seen"] for item in detail.items)
    assert any("Triage of this alert" in line.what for line in detail.history)


def test_signals_are_counted_with_who_said_them(site):
    detail, _ = read(site, "top")
    said = {(each.name, each.direction): each.count for each in detail.signals}
    assert said["age-under-18", "to-subject"] == 2
    assert said["secrecy", "from-subject"] == 1


def test_the_base_rate_is_what_people_decided_here(site):
    detail, _ = read(site, "top")
    assert detail.quality == {"decided": 5, "true": 3}


def test_text_alone_is_explained_by_the_order_or_by_the_alert(site):
    detail, _ = read(site, "top")
    assert (detail.pictures_kept, detail.pictures_allowed) == (False, True)
    detail, _ = read(site, "picture")
    assert detail.pictures_kept


def test_the_hours_around_it_are_drawn(site):
    _, strip = read(site, "top")
    assert strip is not None
    assert any(tick.this for tick in strip.ticks)
    assert len(strip.hours) == 6


def test_each_of_several_contents_has_its_evidence(site):
    known = site.seeded_module
    for entry in ("harbour-1", "harbour-2"):
        changes = known.KNOWN | {"matches": [known.LISTED | {"entry": entry}]}
        site.seeded.alerts["two"] = site.seeded.ring(site.hub, "laptop D-2", site.clock.now(), **changes)
    detail, _ = read(site, "two", "Triage of this alert")
    assert [(each.number, each.what, each.verdict) for each in detail.contents] == [
        (1, "1 picture", ""),
        (2, "1 picture", ""),
    ]
    assert sorted(each["content"] for each in detail.for_script()) == [1, 2]
    detail, _ = read(site, "picture", "Triage of this alert")
    assert detail.contents == []
    assert [each["content"] for each in detail.for_script()] == [None]
