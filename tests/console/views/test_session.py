import re

import pyotp

from tocsin.hub import people

PASSWORD = "plain walnut harbour tide"


def code(site, secret):
    return pyotp.TOTP(secret).at(site.clock.now())


def csrf_in(html):
    return re.search(r'name="csrf" value="([^"]+)"', html).group(1)


def test_signing_in_takes_the_password_and_then_the_second_factor(site):
    first = site.client.post(
        "/sign-in",
        data={"email": "ines@unit.example", "password": PASSWORD, "next": "/devices"},
        follow_redirects=False,
    )
    assert first.headers["location"] == "/sign-in/second-factor?next=%2Fdevices"
    page = site.client.get(first.headers["location"])
    assert site.client.get("/alerts", follow_redirects=False).headers["location"].startswith("/sign-in")
    done = site.client.post(
        "/sign-in/second-factor",
        data={"code": code(site, site.seeded.totp["ines"]), "csrf": csrf_in(page.text), "next": "/devices"},
        follow_redirects=False,
    )
    assert done.headers["location"] == "/devices"
    assert site.client.get("/devices").status_code == 200


def test_a_wrong_password_is_answered_alike_for_known_and_unknown(site, words_of):
    said = []
    for email in ("ines@unit.example", "nobody@unit.example"):
        answer = site.client.post("/sign-in", data={"email": email, "password": "wrong wrong wrong"})
        assert answer.status_code == 401
        said.append(words_of(answer).replace(email, ""))
    assert said[0] == said[1]
    assert "The e-mail address or the password is wrong." in said[0]


def test_a_wrong_code_says_so_and_asks_again(site, words_of):
    site.client.post("/sign-in", data={"email": "ines@unit.example", "password": PASSWORD})
    page = site.client.get("/sign-in/second-factor")
    answer = site.client.post("/sign-in/second-factor", data={"code": "000000", "csrf": csrf_in(page.text)})
    assert answer.status_code == 401
    assert "This code is wrong" in words_of(answer)


def test_a_form_from_another_site_cannot_sign_anybody_in(site):
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    answer = site.client.post("/sign-in", data={"email": "a@b.example", "password": "x"}, headers=headers)
    assert answer.status_code == 403


def test_the_first_administrator_comes_in_by_the_link(empty, words_of):
    with empty.hub.store.session() as session:
        token = people.setup_link(session, empty.clock.now())
    address = f"/setup/{token}"
    assert "Set up this hub" in words_of(empty.get("", address))
    details = {"unit": "Unit 4", "name": "Jo Lindqvist", "email": "jo@unit.example"}
    short = empty.post("", address, {**details, "password": "short"})
    assert short.status_code == 422
    assert "at least 12 characters" in words_of(short)
    assert "jo@unit.example" in short.text
    second = empty.post("", address, {**details, "password": "meadow copper thirteen"})
    assert "<svg" in second.text
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", second.text).group(1)
    wrong = empty.post("", f"{address}/code", {"code": "000000"})
    assert wrong.status_code == 422
    assert secret in wrong.text
    done = empty.post("", f"{address}/code", {"code": code(empty, secret)})
    assert len(re.findall(r"<li>[a-z0-9-]{19}</li>", done.text)) == 10
    gone = empty.get("", address)
    assert gone.status_code == 410
    assert "ask an administrator" in words_of(gone)


def test_everyone_starts_where_their_work_is(site):
    for who, home in (("ines", "/alerts"), ("ada", "/audit"), ("jo", "/people")):
        assert site.get(who, "/").headers["location"] == home


def test_signing_out_ends_the_session(site):
    assert site.post("ines", "/sign-out").headers["location"] == "/sign-in"
    assert site.get("ines", "/alerts").status_code == 303


def test_ones_own_password_and_codes_can_be_changed(site, words_of):
    wrong = site.post("ines", "/account/password", {"old": "no", "new": "meadow copper thirteen"})
    assert "The present password is wrong." in words_of(wrong)
    right = site.post("ines", "/account/password", {"old": PASSWORD, "new": "meadow copper thirteen"})
    assert right.headers["location"] == "/account?said=password"
    assert "shown once" in words_of(site.post("ines", "/account/codes"))


def test_where_one_is_called_is_kept_sealed_and_shown_to_oneself(site):
    site.post("ines", "/account/notifications", {"urls": "json://127.0.0.1/tocsin", "severity": "4"})
    assert "json://127.0.0.1/tocsin" in site.get("ines", "/account").text
    assert "json://127.0.0.1/tocsin" not in site.get("marek", "/account").text
