import pytest

from tocsin.console.visit import safe_next


def test_nobody_is_led_to_sign_in_and_back(site):
    answer = site.get("", "/alerts?show=mine")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Falerts%3Fshow%3Dmine"


def test_a_swapped_page_is_led_to_sign_in_as_a_whole(site):
    answer = site.get("", "/alerts", headers={"HX-Request": "true"})
    assert answer.headers["hx-redirect"].startswith("/sign-in")


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/api/v1/alerts", "/sign-out", "/a\nb", "x"],
)
def test_nobody_is_led_elsewhere(address):
    assert safe_next(address) == "/"


def test_a_page_of_this_site_is_gone_on_to():
    assert safe_next("/alerts?show=mine") == "/alerts?show=mine"


def test_errors_are_sentences_on_a_page(site, words_of):
    missing = site.get("ines", "/nothing-here")
    assert missing.status_code == 404
    assert "There is no such page" in words_of(missing)
    hidden = site.get("ines", "/audit")
    assert hidden.status_code == 403
    assert "This is for auditors; you are signed in as officer." in words_of(hidden)
    other = site.get("tom", site.alert("top"))
    assert other.status_code == 404
    assert "not your unit's" in words_of(other)
    assert "S-0412" not in other.text


def test_programs_keep_their_answers(site):
    answer = site.get("", "/api/v1/alerts")
    assert answer.status_code == 401
    assert answer.json()["error"] == "not-signed-in"


def test_an_error_of_the_hubs_own_is_a_page_too(site, monkeypatch, words_of):
    from fastapi.testclient import TestClient

    from tocsin.console.views import quality

    def fail(*_):
        raise RuntimeError("private words")

    monkeypatch.setattr(quality, "rows", fail)
    client = TestClient(site.app, base_url="http://127.0.0.1:8420", raise_server_exceptions=False)
    answer = client.get("/quality", headers={"cookie": f"tocsin_session={site.seeded.cookies['ines']}"})
    assert answer.status_code == 500
    assert "The hub met an error of its own" in words_of(answer)
    assert "private words" not in answer.text


def test_a_form_without_the_pages_token_is_refused(site):
    assert site.post("ines", f"{site.alert('top')}/acknowledge", csrf=False).status_code == 403
