"""Orders at the hub: as signed or not at all; variations follow one another; an end is an end."""

import re

import pytest
from sqlalchemy import select

from tocsin import orders as law
from tocsin.hub import configuration, enrolment, orders, visibility
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Device, OrderRecord, Subject


def example(authority: bytes, **changes: str) -> str:
    text = law.template("uk-shpo", example=True)
    fields = {"from": "2026-01-01T00:00:00Z", "until": "2036-01-01T00:00:00Z"} | changes
    for field, value in fields.items():
        text, count = re.subn(rf"(?m)^{field}: .*$", f"{field}: {value}", text)
        if not count:
            text += f"\n{field}: {value}\n"
    return law.sign(text, authority)


def add(hub, by, signed: str) -> OrderRecord:
    with hub.store.session() as session:
        return orders.add(session, by, signed, hub.clock.now())


def test_the_first_order_makes_the_subject_and_adding_again_changes_nothing(hub, who, other_unit, authority):
    by = who("officer", unit_id=other_unit)
    signed = example(authority, id="NEW-1")
    first = add(hub, by, signed)
    assert add(hub, by, signed).id == first.id
    with hub.store.reading() as session:
        subject = session.get_one(Subject, first.subject_id)
        assert (subject.unit_id, subject.name) == (other_unit, "")
    assert orders.status(first, hub.clock.now()) == "in-force"


def test_an_altered_ended_or_foreign_order_is_refused(hub, who, authority, held, other_unit):
    by = who()
    signed = example(authority, id="NEW-2")
    for bad in (signed.replace("NEW-2", "NEW-3"), "{}", "", "x" * (orders.LONGEST + 1)):
        with pytest.raises(Refused):
            add(hub, by, bad)
    with pytest.raises(Refused, match="ended"):
        add(hub, by, example(authority, id="OLD", until="2026-02-01T00:00:00Z"))
    with pytest.raises(Refused, match="another unit"):
        add(hub, who(unit_id=other_unit), held.signed)


def test_once_authorities_are_named_only_theirs_are_taken_in(hub, who, authority, clock):
    administrator, officer = who("administrator"), who("officer")
    with hub.store.session() as session:
        keys = {"keys": [law.public_key(authority)]}
        configuration.write(session, administrator, "authorities", keys, clock.now())
    assert add(hub, officer, example(authority, id="NEW-4")).reference == "NEW-4"
    with pytest.raises(Refused, match="not an authority"):
        add(hub, officer, example(law.keygen(), id="NEW-5"))


def test_a_variation_supersedes_the_order_it_names(hub, who, held, authority):
    by = who()
    first = add(hub, by, example(authority, id="FIRST"))
    newer = add(hub, by, example(authority, id="VARIED", replaces="FIRST"))
    with hub.store.reading() as session:
        older = session.get_one(OrderRecord, first.id)
        assert older.superseded_by == newer.id
        assert orders.status(older, hub.clock.now()) == "superseded"
    with pytest.raises(Refused, match="not an open order"):
        add(hub, by, example(authority, id="VARIED-2", replaces="FIRST"))


def test_a_device_is_followed_to_its_varied_order_and_offered_the_next(hub, who, held, device, authority):
    by = who()
    reference = law.verify(held.signed).order.id
    subject = law.verify(held.signed).order.subject
    with hub.store.session() as session:
        session.get_one(Subject, held.subject_id).reference = subject
        session.get_one(Subject, held.subject_id).unit_id = by.unit_id
    second = add(hub, by, example(authority, id="SECOND", replaces=reference))
    third = add(hub, by, example(authority, id="THIRD", replaces="SECOND"))
    stranger = add(hub, by, example(authority, id="ASIDE"))

    def offered():
        with hub.store.reading() as session:
            return enrolment.order_for(session, session.get_one(Device, device.id), hub.clock.now())

    assert offered()["successor"] == second.signed
    device.send(device.entry("order", {"state": "varied", "digest": second.digest}))
    assert (offered()["order"], offered()["successor"]) == (second.signed, third.signed)
    for digest in (stranger.digest, held.signed, "\0", 5, None):
        device.send(device.entry("order", {"state": "in-force", "digest": digest}))
    assert offered()["order"] == second.signed
    device.send(device.entry("order", {"state": "in-force", "digest": third.digest}))
    assert (offered()["order"], offered()["status"]) == (third.signed, "in-force")
    with hub.store.reading() as session:
        assert orders.runs_on(session, held.order_id, hub.clock.now())


def test_discharge_needs_a_reason_and_happens_once(hub, who, held, clock):
    by = who()
    for reason, match in (("no", "reason"), ("The court discharged it today", None), ("Once more for luck", "already")):
        with hub.store.session() as session:
            order = visibility.order(session, by, held.order_id)
            if match:
                with pytest.raises(Refused, match=match):
                    orders.discharge(session, by, order, reason, clock.now())
                session.rollback()
            else:
                orders.discharge(session, by, order, reason, clock.now())
    with hub.store.reading() as session:
        assert orders.status(session.scalars(select(OrderRecord)).one(), clock.now()) == "discharged"
