"""Entries of the audit log: in order, without holes, canonical, and only what may be in them."""

import json
import threading

import pytest
from sqlalchemy import select

from tocsin.evidence.merkle import leaf_hash
from tocsin.hub import audit
from tocsin.hub.store import Store
from tocsin.hub.store.schema import AuditEntry


def test_entries_are_canonical_leaves_numbered_from_nought(store: Store, clock):
    with store.session() as session:
        first = audit.record(session, "p1", audit.CONSULTATION, "alert:1", "why not", "o1", {"n": 1}, at=clock.now())
        second = audit.record(session, "hub", audit.ERASURE, "evidence:2", at=clock.now())
    assert (first, second) == (0, 1)
    with store.reading() as session:
        row = session.get_one(AuditEntry, 0)
    entry = json.loads(row.entry)
    assert set(entry) == {"seq", "at", "actor", "action", "object", "reason", "order", "software", "detail"}
    assert entry["reason"] == "why not"
    assert row.entry == json.dumps(entry, sort_keys=True, separators=(",", ":"))
    assert row.leaf == leaf_hash(row.entry.encode())


def test_an_entry_falls_with_what_it_tells_of(store: Store):
    with store.session() as session:
        audit.record(session, "p1", audit.ALTERATION, "alert:1")
        session.rollback()
    with store.session() as session:
        assert audit.record(session, "p1", audit.ALTERATION, "alert:1") == 0


def test_writers_at_once_leave_no_hole_and_no_double(store: Store):
    def write(name: str) -> None:
        for _ in range(8):
            with store.session() as session:
                audit.record(session, name, audit.MATCH, "x:1")

    threads = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as session:
        assert list(session.scalars(select(AuditEntry.seq).order_by(AuditEntry.seq))) == list(range(32))


@pytest.mark.parametrize(
    ("action", "detail"),
    [("Consultation!", {}), ("consultation", {"x": 0.5}), ("consultation", {"x": [{"y": 1.0}]}), ("", {})],
)
def test_floats_and_strange_actions_are_refused(store: Store, action, detail):
    with store.session() as session, pytest.raises(ValueError, match=r"float|action"):
        audit.record(session, "p", action, "o:1", detail=detail)


def test_an_overlong_entry_is_refused(store: Store):
    with store.session() as session, pytest.raises(ValueError, match="bytes"):
        audit.record(session, "p", "export", "o:1", detail={"x": "y" * 20_000})
