"""Alembic's entry point; the connection is handed in by tocsin.hub.store.migrate."""

from alembic import context

from tocsin.hub.store import reports as _reports  # noqa: F401 - its tables are part of the schema
from tocsin.hub.store.schema import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection is not None and connection.dialect.name == "sqlite",
    transactional_ddl=False,
)
context.run_migrations()
