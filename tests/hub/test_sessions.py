"""Sessions: fresh cookies only, gone when idle, old, or ended elsewhere; forms need the token and the same site."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tocsin.hub import sessions
from tocsin.hub.hub import Hub
from tocsin.hub.store.schema import Person, WebSession


def opened(hub: Hub, person: Person, *, full: bool = True) -> str:
    with hub.store.session() as session:
        return sessions.start(session, person, hub.clock.now(), second_factor=full)


def test_the_store_does_not_hold_the_cookie(hub, person):
    cookie = opened(hub, person())
    with hub.store.reading() as session:
        assert session.scalars(select(WebSession.id_hash)).one() != cookie


@pytest.mark.parametrize(("seconds", "there"), [(59 * 60, True), (61 * 60, False)])
def test_idleness_ends_a_session(hub, person, clock, seconds, there):
    cookie = opened(hub, person(), full=True)
    clock.forward(seconds)
    assert (sessions.current(hub, cookie) is not None) is there


def test_use_keeps_a_session_alive_but_not_for_ever(hub, person, clock):
    cookie = opened(hub, person(), full=True)
    began = clock.now()
    while sessions.current(hub, cookie) is not None:
        clock.forward(50 * 60)
    assert clock.now() - began >= sessions.ABSOLUTE
    assert clock.now() - began < sessions.ABSOLUTE + timedelta(hours=1)


def test_a_waiting_session_opens_nothing_but_the_second_step(hub, person, clock):
    cookie = opened(hub, person(), full=False)
    assert sessions.current(hub, cookie) is None
    assert sessions.current(hub, cookie, pending=True) is not None
    clock.forward(5 * 60)
    assert sessions.current(hub, cookie, pending=True) is None


def test_signing_in_again_ends_the_cookie_used_before(hub, person):
    made = person()
    with hub.store.session() as session:
        planted = sessions.start(session, made, hub.clock.now(), second_factor=True)
        fresh = sessions.start(session, made, hub.clock.now(), second_factor=True, replaces=planted)
    assert sessions.current(hub, planted) is None
    assert sessions.current(hub, fresh) is not None


def test_a_deactivated_person_is_out_at_once(hub, person):
    made = person()
    with hub.store.session() as session:
        cookie = sessions.start(session, made, hub.clock.now(), second_factor=True)
        session.get_one(Person, made.id).active = False
    assert sessions.current(hub, cookie) is None


@pytest.mark.parametrize("cookie", ["", "x", "y" * 43, "z" * 5000])
def test_made_up_cookies_open_nothing(hub, cookie):
    assert sessions.current(hub, cookie) is None


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(client, sign_in, hub):
    sign_in()
    answer = client.delete("/api/v1/session")
    header = answer.headers["set-cookie"].lower()
    assert "httponly" in header
    assert "samesite=strict" in header


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"X-CSRF-Token": ""}, 403),
        ({"X-CSRF-Token": "wrong"}, 403),
        ({"Origin": "http://127.0.0.1:8420"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_changes_need_the_token_and_the_same_site(client, sign_in, headers, status):
    sign_in()
    answer = client.post("/api/v1/session/recovery-codes", headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert set(answer.json()) == {"error", "sentence"}
