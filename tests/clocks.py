"""A clock for tests of the hub, its console and its reports: time passes when the test says so."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


class HandClock:
    """Stands at ``START`` until it is moved; the machine it is of was switched on nine hours before."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def monotonic_ns(self) -> int:
        return int((self.at - START + timedelta(hours=9)).total_seconds() * 1e9)

    def forward(self, seconds: float) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at

    def sleep(self, seconds: float) -> None:
        self.forward(seconds)
