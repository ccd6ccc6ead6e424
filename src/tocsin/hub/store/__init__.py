"""The hub's state: SQLite by default, PostgreSQL by URL."""
