import importlib
import sqlite3

import pytest
from sqlalchemy import func, select

from tocsin.gateway.keys_tables import ApiKey
from tocsin.gateway.store import TABLES, VERSION, Following, Store, StoreError
from tocsin.gateway.tables import Base


def row(clock, name):
    return ApiKey(name=name, digest=name, scopes=[], rate=0.0, created_at=clock.now())


def test_every_module_of_tables_is_listed(tmp_path):
    for module in TABLES:
        importlib.import_module(module)
    assert {"api_keys", "banks", "contents"} <= set(Base.metadata.tables)
    Store.open(tmp_path / "a.db").close()
    with sqlite3.connect(tmp_path / "a.db") as connection:
        there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    assert set(Base.metadata.tables) <= there


def test_a_store_of_a_later_version_is_refused(tmp_path):
    Store.open(tmp_path / "a.db").close()
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StoreError, match="newer"):
        Store.open(tmp_path / "a.db")


def test_what_is_no_store_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "a.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(tmp_path / "a.db")


def test_a_block_that_fails_leaves_nothing(tmp_path, clock):
    store = Store.open(tmp_path / "a.db")

    def fail():
        with store.session() as session:
            session.add(row(clock, "a"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(ApiKey)) == 0
    store.close()


def test_what_another_process_writes_is_followed(tmp_path, clock, until):
    ours, theirs = Store.open(tmp_path / "a.db"), Store.open(tmp_path / "a.db")
    loads = []

    def load(session):
        loads.append(1)
        return sorted(session.scalars(select(ApiKey.name)))

    following = Following(ours, load)
    assert following.value == []
    with theirs.session() as session:
        session.add(row(clock, "a"))
    until(lambda: following.value == ["a"])
    read = len(loads)
    assert following.value == ["a"]
    assert len(loads) == read
    with ours.session() as session:
        session.add(row(clock, "b"))
    assert following.refresh() == ["a", "b"]
    ours.close()
    theirs.close()


def test_only_its_user_reads_the_store(tmp_path):
    Store.open(tmp_path / "a.db").close()
    assert (tmp_path / "a.db").stat().st_mode & 0o077 == 0
