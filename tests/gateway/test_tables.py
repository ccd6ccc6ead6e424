from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import sqlite

from tocsin.gateway.tables import Utc


def test_moments_are_kept_in_utc_and_come_back_with_their_zone():
    moment = datetime(2026, 11, 22, 19, 0, tzinfo=timezone(timedelta(hours=2)))
    stored = Utc().process_bind_param(moment, sqlite.dialect())
    assert stored == datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
    assert Utc().process_result_value(stored.replace(tzinfo=None), sqlite.dialect()) == moment
    assert Utc().process_bind_param(None, sqlite.dialect()) is None


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        Utc().process_bind_param(datetime(2026, 1, 1), sqlite.dialect())  # noqa: DTZ001
