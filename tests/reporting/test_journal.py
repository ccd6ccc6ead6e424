"""The worker's journal: on disk at once, one user at a time, and what is not settled is found again."""

import sqlite3

import pytest

from tocsin.reporting.journal import Journal, JournalError, Step


def test_a_step_is_there_after_the_process_is_gone(tmp_path) -> None:
    path = tmp_path / "a" / "journal.sqlite3"
    journal = Journal(path)
    journal.write("r", 1, Step.SUBMITTING)
    journal.write("r", 1, Step.OPENED, 4711)
    name = journal.id
    journal.close()
    again = Journal(path)
    row = again.read("r", 1)
    assert (row.step, row.remote_id, row.told, again.id) == (Step.OPENED, 4711, False, name)
    assert path.stat().st_mode & 0o077 == 0
    again.close()


def test_the_number_stays_until_nothing_was_sent(tmp_path) -> None:
    journal = Journal(tmp_path / "j")
    journal.write("r", 1, Step.OPENED, 4711)
    assert journal.write("r", 1, Step.FINISHING, files=[]).remote_id == 4711
    assert journal.write("r", 1, Step.GRANTED).remote_id is None
    journal.close()


def test_what_is_not_settled_or_not_told_is_found(tmp_path) -> None:
    journal = Journal(tmp_path / "j")
    for number, step in enumerate(Step, 1):
        journal.write("r", number, step)
    told = journal.write("s", 1, Step.FILED, 1)
    journal.tell(told)
    assert {row.step for row in journal.unsettled()} == set(Step) - {Step.DROPPED}
    assert "s" not in {row.report for row in journal.unsettled()}
    assert len(journal.rows()) == len(Step) + 1
    journal.close()


def test_two_workers_cannot_share_a_journal(tmp_path, monkeypatch) -> None:
    one = Journal(tmp_path / "j")
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, **(k | {"timeout": 0.01})))
    with pytest.raises(JournalError, match="another reporting worker"):
        Journal(tmp_path / "j")
    one.close()


def test_what_is_no_journal_is_a_sentence(tmp_path) -> None:
    (tmp_path / "j").write_bytes(b"this is not a database, it is a note about one" * 100)
    with pytest.raises(JournalError, match="cannot be used"):
        Journal(tmp_path / "j")
