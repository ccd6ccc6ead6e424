"""The table of reports."""

from tocsin.gateway.reports_tables import ReportCursor
from tocsin.gateway.store import TABLES


def test_it_is_created_with_the_store() -> None:
    assert ReportCursor.__module__ in TABLES
