"""Signing in over HTTP, from the set-up link to the signed-in page."""

import pyotp
import pytest

from tocsin.hub import people

GOOD = "cold lantern orchard"


@pytest.fixture
def secret(client, hub, clock) -> str:
    """Set the hub up over HTTP; returns the administrator's second-factor secret."""
    with hub.store.session() as session:
        token = people.setup_link(session, clock.now())
    assert client.post("/api/v1/links/open", json={"token": token}).json()["kind"] == "setup"
    details = {"token": token, "unit": "North", "name": "Ada", "email": "ada@unit.example", "password": GOOD}
    begun = client.post("/api/v1/links/begin", json=details).json()
    assert begun["qr_svg"].startswith("<svg")
    code = pyotp.TOTP(begun["secret"]).at(clock.now())
    done = client.post("/api/v1/links/finish", json={"token": token, "code": code})
    assert len(done.json()["codes"]) == 10
    assert client.post("/api/v1/links/open", json={"token": token}).status_code == 410
    clock.forward(60)
    return begun["secret"]


def sign_in(client, secret: str, clock) -> None:
    first = client.post("/api/v1/session", json={"email": "ada@unit.example", "password": GOOD}).json()
    assert first["next"] == "code"
    assert client.get("/api/v1/session").status_code == 401
    code = {"code": pyotp.TOTP(secret).at(clock.now())}
    second = client.post("/api/v1/session/code", json=code, headers={"X-CSRF-Token": first["csrf"]}).json()
    assert second["next"] == "done"
    client.headers["X-CSRF-Token"] = second["csrf"]


def test_from_the_set_up_link_to_signed_in_and_out(client, secret, clock):
    sign_in(client, secret, clock)
    me = client.get("/api/v1/session").json()
    assert (me["person"]["role"], me["person"]["unit"]) == ("administrator", "North")
    assert client.delete("/api/v1/session").status_code == 204
    assert client.get("/api/v1/session").status_code == 401


def test_wrong_is_wrong_whoever_it_is(client, secret):
    wrong = [
        client.post("/api/v1/session", json={"email": email, "password": "wrong"})
        for email in ("ada@unit.example", "nobody@unit.example")
    ]
    assert wrong[0].json() == wrong[1].json()
    assert {answer.status_code for answer in wrong} == {401}
    assert not any("set-cookie" in answer.headers for answer in wrong)


def test_another_sites_page_cannot_sign_someone_in(client, secret):
    given = {"email": "ada@unit.example", "password": GOOD}
    assert client.post("/api/v1/session", json=given, headers={"Origin": "https://evil.example"}).status_code == 403


def test_notifications_and_evidence_key_are_ones_own(client, secret, clock):
    sign_in(client, secret, clock)
    given = {"urls": ["json://host.example"], "severity": 4}
    assert client.put("/api/v1/session/notifications", json=given).status_code == 204
    assert client.get("/api/v1/session/notifications").json() == given
    assert client.put("/api/v1/session/evidence-key", json={"recipient": "age1nonsense"}).status_code == 422
    key = "age1" + "q" * 58
    assert client.put("/api/v1/session/evidence-key", json={"recipient": key}).status_code == 204


def test_password_and_recovery_codes(client, secret, clock):
    sign_in(client, secret, clock)
    assert len(client.post("/api/v1/session/recovery-codes").json()["codes"]) == 10
    bad = client.put("/api/v1/session/password", json={"old": "no", "new": "another good phrase"})
    assert (bad.status_code, bad.json()["error"]) == (403, "password")
    good = client.put("/api/v1/session/password", json={"old": GOOD, "new": "another good phrase"})
    assert good.status_code == 204
