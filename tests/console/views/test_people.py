import re

import pytest


def test_an_invitation_is_shown_once_and_lets_somebody_in(site, words_of):
    unit = site.seeded.people["ines"].unit_id
    given = {"name": "Noor Haddad", "email": "noor@unit.example", "unit": unit, "role": "officer"}
    made = site.post("jo", "/people/invite", given)
    address = re.search(r"http://127.0.0.1:8420(/invite/[^<\s]+)<", made.text).group(1)
    assert address not in site.get("jo", "/people").text
    assert "Choose the password you will sign in with." in words_of(site.get("", address))
    again = site.post("jo", "/people/invite", given)
    assert again.status_code == 409
    assert "There is a person with this e-mail address already." in words_of(again)


def test_roles_on_call_and_sign_in_can_be_changed(site, words_of):
    marek = site.seeded.people["marek"].id
    site.post("jo", f"/people/{marek}", {"on_call": "3"})
    site.post("jo", f"/people/{marek}", {"role": "supervisor"})
    site.post("jo", f"/people/{marek}", {"active": "no"})
    assert site.get("marek", "/alerts").status_code == 303
    assert "deactivated" in words_of(site.get("jo", "/people"))


def test_the_last_administrator_stays(site, words_of):
    answer = site.post("jo", f"/people/{site.seeded.people['jo'].id}", {"role": "officer"})
    assert "This is the only administrator" in words_of(answer)


def test_units_are_added_once(site, words_of):
    assert site.post("jo", "/people/unit", {"name": "Unit 12"}).status_code == 303
    assert "There is a unit of this name already." in words_of(site.post("jo", "/people/unit", {"name": "unit 12"}))


def test_settings_are_kept_and_bad_ones_refused(site, words_of):
    assert site.post("jo", "/settings/escalation", {"minutes": "7"}).status_code == 303
    assert 'value="7"' in site.get("jo", "/settings").text
    assert "from 1 to 1440" in words_of(site.post("jo", "/settings/escalation", {"minutes": "0"}))
    assert site.post("jo", "/settings/retention", {"evidence": "365", "alerts": ""}).status_code == 303
    assert 'value="365"' in site.get("jo", "/settings").text
    assert site.post("jo", "/settings/retention", {"evidence": "many"}).status_code == 422
    assert site.post("jo", "/settings/public-url", {"url": "ftp://x"}).status_code == 422
    assert site.post("jo", "/settings/authorities", {"keys": "nonsense"}).status_code == 422


def test_a_dry_run_erases_nothing(site, words_of):
    site.post("jo", "/settings/retention", {"alerts": "1"})
    before = site.get("ines", "/alerts?show=closed").text.count("data-alert")
    assert "nothing was erased" in words_of(site.post("jo", "/settings/dry-run")) or "Nothing would go" in words_of(
        site.post("jo", "/settings/dry-run")
    )
    assert site.get("ines", "/alerts?show=closed").text.count("data-alert") == before


@pytest.mark.parametrize("path", ["/people", "/settings"])
def test_only_administrators_come_here(site, path):
    for who in ("ines", "ruth", "ada"):
        assert site.get(who, path).status_code == 403
