"""Times are aware, in UTC, and read back as written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.times import SystemClock, parse_utc, told_utc, utc_text


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_written_time_reads_back_to_the_millisecond(at: datetime) -> None:
    assert abs(parse_utc(utc_text(at)) - at) < timedelta(milliseconds=1)


def test_other_zones_become_utc() -> None:
    at = datetime(2026, 11, 22, 18, 0, tzinfo=timezone(timedelta(hours=1)))
    assert utc_text(at) == "2026-11-22T17:00:00.000Z"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        utc_text(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="zone"):
        parse_utc("2026-01-01T00:00:00")


def test_what_another_machine_tells_is_a_moment_or_nothing() -> None:
    assert told_utc("2026-11-22T18:32:08+01:00") == datetime(2026, 11, 22, 17, 32, 8, tzinfo=UTC)
    assert [told_utc(told) for told in (None, "", "soon", "2026-11-22T17:32:08", 7, "0001-01-01T00:00:00+01:00")] == [
        None
    ] * 6


def test_the_system_clock_is_aware_and_monotonic() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic_ns() <= clock.monotonic_ns()
