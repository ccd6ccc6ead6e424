"""Signing in: two factors, answers that tell nothing, waits, and no code twice."""

import pyotp
import pytest
from sqlalchemy import select

from tocsin.hub import passwords, second_factor, sessions, sign_in
from tocsin.hub.store.schema import AuditEntry, Person

GOOD = "cold lantern orchard"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def hashed(cheap_passwords) -> str:
    return passwords.hash_password(GOOD)


@pytest.fixture
def account(hub, person, hashed) -> Person:
    return person(password_hash=hashed, totp_secret=hub.secret.seal(SECRET))


def first(hub, email: str, password: str = GOOD, address: str = "192.0.2.1") -> sign_in.Step:
    return sign_in.password_step(hub, email, password, address=address)


def second(hub, cookie: str, code: str) -> sign_in.Step:
    who = sessions.current(hub, cookie, pending=True)
    assert who is not None
    return sign_in.code_step(hub, who, code, cookie=cookie, address="192.0.2.1")


def test_both_factors_open_a_session_under_a_new_cookie(hub, account, clock):
    waiting = first(hub, account.email.upper())
    assert sessions.current(hub, waiting.cookie) is None
    done = second(hub, waiting.cookie, pyotp.TOTP(SECRET).at(clock.now()))
    assert done.passed
    assert done.cookie != waiting.cookie
    assert sessions.current(hub, waiting.cookie, pending=True) is None
    who = sessions.current(hub, done.cookie)
    assert who is not None
    assert who.id == account.id


def test_unknown_inactive_and_wrong_are_answered_alike(hub, account, person, hashed):
    inactive = person(password_hash=hashed, active=False)
    answers = {first(hub, "nobody@x"), first(hub, account.email, "wrong"), first(hub, inactive.email)}
    assert answers == {sign_in.Step(sentence=sign_in.WRONG, code="sign-in", status=401)}


@pytest.mark.parametrize("known", [True, False])
def test_guessing_is_slowed_alike_for_known_and_unknown_accounts(hub, account, clock, known):
    email = account.email if known else "nobody@x"
    for _ in range(5):
        assert first(hub, email, "wrong").status == 401
    refused = first(hub, email)
    assert (refused.status, refused.code) == (429, "wait")
    clock.forward(31)
    assert first(hub, email).passed is known


def test_one_address_cannot_try_accounts_without_end(hub, account):
    passwords_tried = 0
    while first(hub, f"p{passwords_tried}@x", "wrong").status == 401:
        passwords_tried += 1
        assert passwords_tried <= 30
    assert first(hub, account.email).status == 429
    assert first(hub, account.email, address="192.0.2.2").passed


def test_a_code_is_taken_once(hub, account, clock):
    code = pyotp.TOTP(SECRET).at(clock.now())
    assert second(hub, first(hub, account.email).cookie, code).passed
    assert not second(hub, first(hub, account.email).cookie, code).passed


def test_wrong_codes_are_counted_and_end_the_attempt(hub, account):
    cookie = first(hub, account.email).cookie
    for _ in range(sign_in.SECOND_FACTOR_TRIES):
        assert second(hub, cookie, "000000").sentence == sign_in.WRONG_CODE
    assert sessions.current(hub, cookie, pending=True) is None
    assert first(hub, account.email).status == 429


def test_a_recovery_code_does_instead_once(hub, person, clock, hashed):
    codes, hashes = second_factor.new_recovery_codes()
    made = person(password_hash=hashed, totp_secret=hub.secret.seal(SECRET), recovery_hashes=hashes)
    assert second(hub, first(hub, made.email).cookie, codes[0]).passed
    assert not second(hub, first(hub, made.email).cookie, codes[0]).passed


def test_signing_in_and_failing_are_logged_without_address_or_email(hub, account, clock):
    first(hub, account.email, "wrong")
    first(hub, "stranger@x.example", "wrong")
    second(hub, first(hub, account.email).cookie, pyotp.TOTP(SECRET).at(clock.now()))
    with hub.store.reading() as session:
        entries = session.scalars(select(AuditEntry.entry).order_by(AuditEntry.seq)).all()
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.seq)).all()
    assert actions[-3:] == ["refused", "refused", "sign-in"]
    assert not any("192.0.2.1" in entry or "stranger" in entry or account.email in entry for entry in entries)


def test_signing_out_everywhere(hub, account, clock):
    with hub.store.session() as session:
        cookies = [sessions.start(session, account, clock.now(), second_factor=True) for _ in range(3)]
    who = sessions.current(hub, cookies[0])
    assert who is not None
    sign_in.sign_out(hub, who, everywhere=True)
    assert not any(sessions.current(hub, cookie) for cookie in cookies)
