"""The tables keep moments in UTC on both engines and refuse what has no zone."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, StatementError

from tocsin.hub.store import Store, StoreError, after_commit, sqlite_url
from tocsin.hub.store.schema import Setting, Subject, Throttle

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_moments_come_back_in_utc(store) -> None:
    with store.session() as session:
        session.add(Throttle(key="k", last_at=NOON.astimezone(timezone(timedelta(hours=8)))))
    with store.reading() as session:
        row = session.get(Throttle, "k")
        assert (row.last_at, row.last_at.tzinfo, row.blocked_until) == (NOON, UTC, None)


def test_a_moment_without_a_zone_is_refused(store) -> None:
    with pytest.raises(StatementError, match="time zone"), store.session() as session:
        session.add(Throttle(key="k", last_at=datetime(2026, 11, 22)))  # noqa: DTZ001


def test_references_are_held(store) -> None:
    with pytest.raises(IntegrityError), store.session() as session:
        session.add(Subject(id="s", unit_id="nowhere", reference="r", created_at=NOON))


def test_what_fails_is_rolled_back_and_nothing_follows_it(store) -> None:
    said: list[str] = []

    def fail() -> None:
        with store.session() as session:
            session.add(Setting(key="k", value={}))
            after_commit(session, lambda: said.append("written"))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    with store.session() as session:
        after_commit(session, lambda: said.append("on disk"))
    with store.reading() as session:
        assert session.scalars(select(Setting)).all() == []
    assert said == ["on disk"]


def test_reading_goes_on_while_something_is_written(store) -> None:
    with store.session() as writing:
        writing.add(Setting(key="k", value={}))
        writing.flush()
        with store.reading() as session:
            assert session.scalars(select(Setting)).all() == []


def test_a_store_that_cannot_be_opened_is_a_sentence(tmp_path) -> None:
    for url in (sqlite_url(tmp_path / "no" / "folder.db"), "postgresql://nobody@127.0.0.1:1/none"):
        with pytest.raises(StoreError, match="cannot be opened"):
            Store(url).migrate()
    for url in ("nonsense", "mysql://h/d"):
        with pytest.raises(StoreError, match="postgresql://"):
            Store(url)


def test_sqlite_commits_reach_the_disk(tmp_path) -> None:
    store = Store(sqlite_url(tmp_path / "s.db"))
    with store.engine.connect() as connection:
        modes = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    store.close()
    assert modes == ["wal", 2]
