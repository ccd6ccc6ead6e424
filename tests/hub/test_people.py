"""People come in by links, with password and second factor; the last administrator stays."""

import pyotp
import pytest
from sqlalchemy import select

from tocsin.hub import audit, people, sessions
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import AuditEntry, Person, Token

GOOD = "cold lantern orchard"


def set_up(hub, token: str, now, **given: str) -> list[str]:
    details = {"unit": "North", "name": "Ada", "email": "Ada@unit.example", "password": GOOD} | given
    with hub.store.session() as session:
        begun = people.begin_setup(session, hub.secret, token, **details, now=now)
    with hub.store.session() as session:
        return people.finish(session, hub.secret, token, pyotp.TOTP(begun.secret).at(now), now)


@pytest.fixture
def link(hub, clock) -> str:
    with hub.store.session() as session:
        token = people.setup_link(session, clock.now())
    assert token is not None
    return token


def test_the_first_administrator_comes_in_by_the_set_up_link_once(hub, clock, link):
    codes = set_up(hub, link, clock.now())
    assert len(codes) == 10
    with hub.store.session() as session:
        made = session.scalars(select(Person)).one()
        assert (made.role, made.email, made.unit.name, made.active) == (
            "administrator",
            "ada@unit.example",
            "North",
            True,
        )
        assert GOOD not in made.password_hash
        assert people.setup_link(session, clock.now()) is None
    with pytest.raises(Refused, match="link was used"):
        set_up(hub, link, clock.now())


def test_set_up_may_be_begun_again_before_it_is_finished(hub, clock, link):
    with hub.store.session() as session:
        people.begin_setup(
            session, hub.secret, link, unit="Nroth", name="Ada", email="a@b", password=GOOD, now=clock.now()
        )
    set_up(hub, link, clock.now())
    with hub.store.reading() as session:
        assert session.scalars(select(Person)).one().unit.name == "North"


def test_nobody_is_in_before_the_second_factor_is_confirmed(hub, clock, link):
    with hub.store.session() as session:
        people.begin_setup(session, hub.secret, link, unit="N", name="Ada", email="a@b", password=GOOD, now=clock.now())
        with pytest.raises(Refused, match="code is wrong"):
            people.finish(session, hub.secret, link, "000000", clock.now())
        assert not session.scalars(select(Person)).one().active


def test_a_new_set_up_link_ends_the_former_and_old_ones_end_by_themselves(hub, clock, link):
    with hub.store.session() as session:
        newer = people.setup_link(session, clock.now())
        with pytest.raises(Refused):
            people.find_link(session, link, clock.now())
        assert newer is not None
        assert people.find_link(session, newer, clock.now()).kind == "setup"
        with pytest.raises(Refused):
            people.find_link(session, newer, clock.forward(25 * 3600))
        assert link not in {row.token_hash for row in session.scalars(select(Token))}


def test_an_invited_person_comes_in_with_the_role_they_were_given(hub, who, held, clock):
    by = who("administrator")
    with hub.store.session() as session:
        _, token = people.invite(
            session, by, unit_id=held.unit_id, name="Bo", email="bo@unit.example", role="supervisor", now=clock.now()
        )
        begun = people.begin_invited(session, hub.secret, token, password=GOOD, now=clock.now())
        people.finish(session, hub.secret, token, pyotp.TOTP(begun.secret).at(clock.now()), clock.now())
        made = session.scalars(select(Person).where(Person.email == "bo@unit.example")).one()
        assert (made.role, made.active) == ("supervisor", True)
        logged = session.scalars(select(AuditEntry).where(AuditEntry.object == f"person:{made.id}")).all()
        assert {row.actor for row in logged} == {by.id, made.id}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no address"),
        ("email", "a@b\nc"),
        ("role", "king"),
        ("name", ""),
        ("name", "a\x00b"),
        ("unit_id", "x"),
    ],
)
def test_bad_details_are_refused(hub, who, held, clock, field, value):
    given = {"unit_id": held.unit_id, "name": "Bo", "email": "bo@unit.example", "role": "officer"} | {field: value}
    by = who("administrator")
    with hub.store.session() as session, pytest.raises(Refused):
        people.invite(session, by, **given, now=clock.now())


def test_the_last_administrator_cannot_be_lost(hub, who, clock):
    by = who("administrator")
    with hub.store.session() as session:
        for change in ({"role": "officer"}, {"active": False}):
            with pytest.raises(Refused, match="only administrator"):
                people.change(session, by, by.id, clock.now(), **change)
        with pytest.raises(Refused, match="Another administrator"):
            people.invite_again(session, by, by.id, clock.now())


def test_a_changed_role_ends_the_persons_sessions(hub, who, clock):
    by, officer = who("administrator"), who("officer")
    with hub.store.session() as session:
        people.change(session, by, officer.id, clock.now(), role="supervisor")
        assert session.get(type(officer.session), officer.session.id_hash) is None


def test_a_new_link_ends_password_second_factor_and_sessions(hub, who, clock):
    by, officer = who("administrator"), who("officer")
    with hub.store.session() as session:
        people.invite_again(session, by, officer.id, clock.now())
        row = session.get_one(Person, officer.id)
        assert (row.password_hash, row.totp_secret, row.active) == ("", "", False)
        assert session.get(type(officer.session), officer.session.id_hash) is None


def test_changing_the_password_asks_for_the_old_one_and_ends_other_sessions(hub, clock, link):
    set_up(hub, link, clock.now())
    with hub.store.session() as session:
        person = session.scalars(select(Person)).one()
        here, there = (sessions.start(session, person, clock.now(), second_factor=True) for _ in range(2))
        me = sessions.find(session, here, clock.now())
        assert me is not None
        with pytest.raises(Refused, match="present password"):
            people.change_password(session, me, "wrong", "another good phrase", clock.now())
        with pytest.raises(Refused, match="12 characters"):
            people.change_password(session, me, GOOD, "short", clock.now())
        people.change_password(session, me, GOOD, "another good phrase", clock.now())
        assert sessions.find(session, here, clock.now()) is not None
        assert sessions.find(session, there, clock.now()) is None
        actions = set(session.scalars(select(AuditEntry.action)))
    assert audit.CONFIGURATION in actions
