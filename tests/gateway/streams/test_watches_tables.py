"""The table of watched streams."""

from tocsin.gateway.store import TABLES
from tocsin.gateway.streams.watches_tables import StreamWatch


def test_it_is_created_with_the_store() -> None:
    assert StreamWatch.__module__ in TABLES
