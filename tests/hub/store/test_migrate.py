"""The tables that migrations make are the tables of schema.py, on both engines."""

from alembic.script import ScriptDirectory

from tocsin.hub.store import HEAD, Store
from tocsin.hub.store.migrate import config, differences


def test_migrated_tables_equal_the_schema(store: Store) -> None:
    assert differences(store.engine) == []


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(config()).get_current_head() == HEAD


def test_migrating_twice_changes_nothing(store: Store) -> None:
    store.migrate()
    assert store.revision() == HEAD
