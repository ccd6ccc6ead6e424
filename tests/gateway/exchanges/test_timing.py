from datetime import UTC, datetime

from tocsin.gateway.exchanges.timing import next_time


def test_times_are_spread_and_failures_come_back_sooner():
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def wait(*given):
        return (next_time(now, *given) - now).total_seconds()

    assert wait(600, 0, 0.0) == 600
    assert wait(600, 0, 1.0) == 660
    assert wait(600, 0, -1.0) == 540
    assert [wait(600, failures, 0.0) for failures in (1, 2, 3)] == [30, 60, 120]
    assert wait(600, 50, 0.0) == 3600
