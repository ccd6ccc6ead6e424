"""Tables as JSON lines: what comes out goes in again, on either engine."""

from pathlib import Path

import pytest

from tocsin.hub import dump
from tocsin.hub.store import Store, sqlite_url


def test_a_dump_loads_into_an_empty_store_of_either_engine_and_dumps_the_same(hub, exhibit, person, tmp_path: Path):
    person("supervisor")
    with dump.snapshot(hub.store) as connection:
        pieces = list(dump.pieces(connection))
    other = Store(sqlite_url(tmp_path / "other.sqlite3"))
    other.migrate()
    with other.engine.execution_options(tocsin_write=True).begin() as connection:
        assert dump.is_empty(connection) is True
        for name, piece, rows in pieces:
            assert dump.load(connection, name, piece) == rows
        dump.mend_counters(connection)
        assert dump.is_empty(connection) is False
    with dump.snapshot(other) as connection:
        again = [(name, piece, rows) for name, piece, rows in dump.pieces(connection) if name != "settings"]
    other.close()
    assert again == [each for each in pieces if each[0] != "settings"]


def test_who_is_signed_in_is_not_carried():
    assert not dump.LEFT_OUT & set(dump.tables())
    assert {"people", "audit", "entries", "evidence"} <= set(dump.tables())


@pytest.mark.parametrize(
    ("name", "piece"),
    [
        ("sessions", b"[]\n"),
        ("people; DROP TABLE people", b"[]\n"),
        ("units", b"not json\n"),
        ("units", b'["id","nosuch"]\n["1","2"]\n'),
        ("units", b'["id","name"]\n["1"]\n'),
        ("units", b""),
        ("units", b"\xff"),
    ],
)
def test_pieces_that_cannot_be_read_are_a_sentence(store: Store, name, piece):
    with store.engine.connect() as connection, pytest.raises(dump.DumpError):
        dump.load(connection, name, piece)
