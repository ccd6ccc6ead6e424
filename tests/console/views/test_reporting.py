"""Reporting as administrators set it: who reports, the switch, the pauses, the workers."""

import re


def test_it_is_for_administrators_only(site) -> None:
    for who in ("ines", "ruth", "ada"):
        assert site.get(who, "/reporting").status_code == 403
    assert site.get("jo", "/reporting").status_code == 200


def test_who_reports_is_set_and_shown(site, words_of) -> None:
    answer = site.post("jo", "/reporting/reporter", {"email": "nobody"})
    assert answer.status_code == 422
    assert "e-mail address" in words_of(answer)
    site.post("jo", "/reporting/reporter", {"email": "r@p.example", "platform": "P", "two_person": "yes"})
    page = site.get("jo", "/reporting").text
    assert 'value="r@p.example"' in page
    assert re.search(r'name="two_person" value="yes" checked', page)


def test_production_is_a_switch_of_its_own(site, words_of) -> None:
    assert "To the sandbox." in words_of(site.get("jo", "/reporting"))
    hasty = site.post("jo", "/reporting/production", {"on": "yes"})
    assert hasty.status_code == 422
    assert "To the sandbox." in words_of(hasty)
    site.post("jo", "/reporting/production", {"on": "yes", "sure": "yes"})
    assert "To the authority itself." in words_of(site.get("jo", "/reporting"))
    site.post("jo", "/reporting/production", {"on": "no"})
    assert "To the sandbox." in words_of(site.get("jo", "/reporting"))


def test_a_worker_s_token_is_shown_once(site, words_of) -> None:
    unit = site.seeded.people["ines"].unit_id
    made = site.post("jo", "/reporting/workers", {"name": "filer", "unit": unit})
    assert re.search(r'id="token">trw-[\w-]{40,}<', made.text)
    later = site.get("jo", "/reporting")
    assert "trw-" not in later.text
    assert "filer" in words_of(later)
    address = re.search(r'action="(/reporting/workers/\w+/revoke)"', later.text)[1]
    site.post("jo", address)
    assert "ended" in words_of(site.get("jo", "/reporting"))


def test_pauses_have_bounds(site, words_of) -> None:
    given = {"minutes": "1", "items": "60", "break_minutes": "15"}
    assert site.post("jo", "/reporting/review", given).status_code == 422
    assert site.post("jo", "/reporting/review", given | {"minutes": "30"}).status_code == 303
    assert (
        'id="minutes" name="minutes" type="number" min="5" max="240" required value="30"'
        in site.get("jo", "/reporting").text
    )
