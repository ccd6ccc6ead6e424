"""Tokens: one device each, under an order in force, kept only as digests. The rest is tested over HTTP."""

import pytest
from sqlalchemy import select

from tocsin.hub import enrolment
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Device, OrderRecord, Token


def test_a_token_is_kept_only_as_its_digest(hub, held, clock) -> None:
    with hub.store.session() as session:
        token = enrolment.issue_token(session, session.get(OrderRecord, held.order_id), "officer", clock.now())
        row = session.scalars(select(Token)).one()
    assert token not in (row.token_hash, row.created_by)
    assert (row.kind, row.order_id, row.expires_at) == ("enrol", held.order_id, clock.now() + enrolment.GOOD_FOR)


@pytest.mark.parametrize("field", ["discharged_at", "valid_until", "superseded_by"])
def test_no_token_for_an_order_that_is_over(hub, held, clock, field) -> None:
    value = "another" if field == "superseded_by" else clock.now()
    with hub.store.session() as session:
        order = session.get(OrderRecord, held.order_id)
        setattr(order, field, value)
        with pytest.raises(Refused, match="order"):
            enrolment.issue_token(session, order, "officer", clock.now())


def test_a_varied_order_names_its_successor(hub, held, device, clock) -> None:
    with hub.store.session() as session:
        first = session.get(OrderRecord, held.order_id)
        copy = {c.name: getattr(first, c.name) for c in OrderRecord.__table__.columns}
        session.add(OrderRecord(**(copy | {"id": "next", "digest": "e" * 64, "signed": "{}"})))
        session.flush()
        first.superseded_by = "next"
        answer = enrolment.order_for(session, session.get(Device, device.id), clock.now())
    assert (answer["status"], answer["successor"]) == ("superseded", "{}")
