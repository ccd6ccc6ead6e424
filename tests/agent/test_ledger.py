import json

import pytest

from tocsin.agent import ledger as ledgers
from tocsin.agent.ledger import Ledger
from tocsin.model import EntryKind


@pytest.fixture
def entries(open_journal, clock):
    journal = open_journal(bounds=None)

    def make(n, kind=EntryKind.HEARTBEAT, **body):
        for number in range(n):
            clock.move(15)
            journal.append(kind, {"n": number, **body})
        return journal.commit(journal.lease(entries=10**6, size=10**9))

    return make


def test_it_counts_what_was_sent_once(tmp_path, entries):
    book = Ledger(tmp_path / "l.db")
    sent = entries(3) + entries(1, EntryKind.FINDING, evidence={"digest": "d" * 64, "size": 7, "kinds": ["text"]})
    book.sent(sent)
    book.sent(sent)
    book.evidence_sent("d" * 64, 7)
    rows = {row.kind: row for row in book.rows()}
    assert (rows["heartbeat"].count, rows["finding"].count) == (3, 1)
    assert rows["finding"].evidence_bytes == 7
    assert rows["heartbeat"].first < rows["heartbeat"].last
    assert [event["kind"] for event in book.events()] == ["finding"]
    assert "body" not in book.events()[0]
    book.close()
    again = Ledger(tmp_path / "l.db", readonly=True)
    assert len(again.rows()) == 2
    again.close()


def test_content_is_shown_only_where_the_order_allows_it(tmp_path, entries):
    book = Ledger(tmp_path / "l.db", content=True)
    book.sent(entries(1, EntryKind.FINDING, category="grooming-signal"))
    assert book.events()[0]["body"]["category"] == "grooming-signal"
    assert json.dumps(book.events())
    book.close()


def test_years_of_heartbeats_fold_into_days_without_losing_a_count(tmp_path, entries, monkeypatch):
    monkeypatch.setattr(ledgers, "_FOLD_OVER", 40)
    book = Ledger(tmp_path / "l.db")
    total = 0
    for _ in range(4):
        sent = entries(30)
        total += sum(len(json.dumps(e.as_dict(), separators=(",", ":"), ensure_ascii=False)) for e in sent)
        book.sent(sent)
    [row] = book.rows()
    assert row.count == 120
    assert row.bytes == total
    book.close()


def test_a_full_disk_delays_the_ledger_and_loses_nothing(tmp_path, entries):
    book = Ledger(tmp_path / "l.db")
    book._db.execute("pragma query_only=on")
    book.sent(entries(2, EntryKind.FINDING, evidence={"digest": "d" * 64}))
    book.evidence_sent("d" * 64, 7)
    book._db.execute("pragma query_only=off")
    book.sent(entries(1, EntryKind.FINDING))
    book.evidence_sent("e" * 64, 1)
    assert book.rows()[0].count == 3
    assert book.rows()[0].evidence_bytes == 14
    book.close()


def test_a_disk_full_at_the_start_delays_the_ledger_only(tmp_path, entries, monkeypatch):
    real = ledgers.sqlite3.connect

    def full(*_, **__):
        raise ledgers.sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(ledgers.sqlite3, "connect", full)
    book = Ledger(tmp_path / "l.db")
    book.sent(entries(2, EntryKind.FINDING, evidence={"digest": "d" * 64}))
    book.evidence_sent("d" * 64, 7)
    monkeypatch.setattr(ledgers.sqlite3, "connect", real)
    book.sent(entries(1, EntryKind.FINDING))
    book.evidence_sent("e" * 64, 1)
    assert (book.rows()[0].count, book.rows()[0].evidence_bytes) == (3, 14)
    book.close()


def test_fingerprints_that_were_compared_are_counted_though_the_hub_keeps_none(tmp_path, entries):
    book = Ledger(tmp_path / "l.db")
    book.asked(5, 500)
    book._db.execute("pragma query_only=on")
    book.asked(2, 20)
    book._db.execute("pragma query_only=off")
    book.asked(1, 10)
    book.sent(entries(1, EntryKind.FINDING))
    rows = {row.kind: row for row in book.rows()}
    assert (rows["fingerprints"].count, rows["fingerprints"].bytes) == (8, 530)
    assert rows["finding"].count == 1
    book.close()
