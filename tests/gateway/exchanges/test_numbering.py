"""The ledger's file: numbers, seconds, and files that an older Tocsin left."""

import sqlite3

import pytest

from tocsin.gateway.exchanges.numbering import Numbering


def opened(tmp_path, now=lambda: 1000.0):
    return Numbering(tmp_path / "ledger.db", now)


def test_a_change_that_fails_leaves_no_number_behind(tmp_path):
    numbers = opened(tmp_path)
    with numbers.change():
        numbers.next()
        numbers.more("MINE", 2)

    def failing():
        with numbers.change():
            numbers.next()
            numbers.more("MINE", 5)
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    with numbers.change():
        assert numbers.next() == 2
        assert numbers.live("MINE") == 2
    numbers.close()


def test_a_second_that_was_handed_out_gets_no_further_changes(tmp_path):
    numbers = opened(tmp_path)
    with numbers.change():
        numbers.next()
    _, second = numbers.end()
    assert second == 1000
    with numbers.change():
        assert numbers.second == 1001
    numbers.close()


def test_a_ledger_made_anew_is_another(tmp_path):
    first = opened(tmp_path)
    name = first.identity
    first.close()
    again = opened(tmp_path)
    assert again.identity == name
    again.close()
    (tmp_path / "ledger.db").unlink()
    anew = opened(tmp_path)
    assert anew.identity != name
    anew.close()


def test_a_file_of_an_older_tocsin_is_brought_up_to_date(tmp_path):
    old = sqlite3.connect(tmp_path / "ledger.db")
    old.execute(
        "CREATE TABLE entries (bank TEXT, key BLOB, active INTEGER, digest BLOB, seq INTEGER, at INTEGER,"
        " first_at INTEGER, content TEXT, PRIMARY KEY (bank, key)) WITHOUT ROWID"
    )
    old.execute("INSERT INTO entries VALUES ('MINE', x'01', 1, x'02', 1, 5, 5, '{\"hashes\": {}}')")
    old.commit()
    old.close()
    numbers = opened(tmp_path)
    assert numbers.live("MINE") == 1
    numbers.close()
