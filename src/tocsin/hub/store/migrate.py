"""Alembic, run in-process: the migrations live in the package and need no alembic.ini."""

from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine

from tocsin.hub.store import reports as _reports  # noqa: F401 - its tables are part of the schema
from tocsin.hub.store.schema import Base


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, working on ``connection`` if one is given."""
    settings = Config()
    settings.set_main_option("script_location", "tocsin.hub.store:migrations")
    settings.set_main_option("file_template", "r%%(rev)s_%%(slug)s")
    settings.attributes["connection"] = connection
    return settings


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring ``engine``'s tables to ``revision``, in one transaction."""
    with engine.execution_options(tocsin_write=True).begin() as connection:
        command.upgrade(config(connection), revision)


def differences(engine: Engine) -> list[Any]:
    """Return what the tables lack or have too much of, compared with schema.py; empty when they agree."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False, "render_as_batch": True})
        return list(compare_metadata(context, Base.metadata))
