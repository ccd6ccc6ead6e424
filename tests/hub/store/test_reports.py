"""The tables of review and reporting hold to their references."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import IntegrityError

from tocsin.hub.store.reports import Report, View

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_view_names_a_person_and_an_alert(store) -> None:
    with pytest.raises(IntegrityError), store.session() as session:
        session.add(View(person_id="p", alert_id="a", evidence="0" * 64, item=1, how="grey", at=NOON, reason="r"))


def test_a_report_names_its_unit_and_who_drafted_it(store) -> None:
    with pytest.raises(IntegrityError), store.session() as session:
        session.add(
            Report(
                id="r",
                number=1,
                unit_id="u",
                state="draft",
                incident_type="x",
                facts="",
                drafted_by="p",
                drafted_at=NOON,
                updated_at=NOON,
            )
        )
