"""Attempts are counted, waits grow and end, and the table names nobody."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tocsin.hub import limits
from tocsin.hub.limits import ACCOUNT
from tocsin.hub.secret import HubSecret
from tocsin.hub.store import Store
from tocsin.hub.store.schema import Throttle


@pytest.fixture
def secret(tmp_path) -> HubSecret:
    return HubSecret.load_or_create(tmp_path / "secret")


def fail(store: Store, secret: HubSecret, clock, times: int) -> timedelta | None:
    with store.session() as session:
        for _ in range(times):
            limits.failed(session, secret, ACCOUNT, "a@unit.example", clock.now())
        return limits.waits(session, secret, ACCOUNT, "a@unit.example", clock.now())


def test_a_few_failures_are_free_and_then_waits_double_up_to_a_quarter_of_an_hour(store: Store, secret, clock):
    assert fail(store, secret, clock, 4) is None
    assert fail(store, secret, clock, 1) == timedelta(seconds=30)
    assert fail(store, secret, clock, 1) == timedelta(seconds=60)
    assert fail(store, secret, clock, 40) == timedelta(minutes=15)
    clock.forward(15 * 60)
    with store.session() as session:
        assert limits.waits(session, secret, ACCOUNT, "a@unit.example", clock.now()) is None


def test_success_and_a_day_forgive(store: Store, secret, clock):
    fail(store, secret, clock, 5)
    with store.session() as session:
        limits.succeeded(session, secret, ACCOUNT, "a@unit.example")
        assert limits.waits(session, secret, ACCOUNT, "a@unit.example", clock.now()) is None
    fail(store, secret, clock, 5)
    clock.forward(25 * 3600)
    assert fail(store, secret, clock, 1) is None


def test_others_do_not_wait_and_nobody_is_named(store: Store, secret, clock):
    fail(store, secret, clock, 9)
    with store.session() as session:
        assert limits.waits(session, secret, ACCOUNT, "b@unit.example", clock.now()) is None
        assert "unit" not in session.scalars(select(Throttle.key)).one()
        limits.prune(session, clock.now() + timedelta(days=2))
        assert session.scalars(select(Throttle)).all() == []
