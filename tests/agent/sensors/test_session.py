from datetime import UTC, datetime, timedelta

import pytest

from tocsin.agent.sensors.session import SeatState, SessionSensor, logind_seat


class Times:
    def __init__(self) -> None:
        self.wall, self.mono, self.awake = datetime(2026, 5, 1, tzinfo=UTC), 0.0, 0.0

    def now(self) -> datetime:
        return self.wall

    def monotonic_ns(self) -> int:
        return int(self.mono * 1e9)

    def pass_(self, seconds: float, asleep: float = 0.0, jump: float = 0.0) -> None:
        self.wall += timedelta(seconds=seconds + asleep + jump)
        self.mono += seconds + asleep
        self.awake += seconds


@pytest.fixture
def times() -> Times:
    return Times()


def states(sensor: SessionSensor) -> list[tuple[str, dict]]:
    return [(seen.body.state, dict(seen.body.detail)) for seen in sensor.look()]


@pytest.mark.parametrize("jump", [-3600.0, -6.0, 6.0, 86400.0])
def test_a_clock_that_is_set_is_told_with_how_far(times, jump):
    sensor = SessionSensor(times, awake=lambda: times.awake)
    assert states(sensor) == []
    times.pass_(5, jump=jump)
    assert states(sensor) == [("clock-jump", {"delta_s": jump})]
    times.pass_(5)
    assert states(sensor) == []


def test_sleep_is_no_clock_jump(times):
    sensor = SessionSensor(times, awake=lambda: times.awake)
    states(sensor)
    times.pass_(5, asleep=7200)
    assert states(sensor) == [("resumed", {"seconds": 7200.0})]


def test_idle_and_active_are_told_once_each(times):
    idle = [0]
    sensor = SessionSensor(times, idle_ms=lambda: idle[0], awake=lambda: times.awake)
    told = []
    for value in (0, 30_000, 61_000, 90_000, 500):
        idle[0] = value
        told += [state for state, _ in states(sensor)]
    assert told == ["active", "idle", "active"]


def test_locks_and_other_seats_are_told_when_they_change(times):
    seat = SeatState(active=True, locked=False)
    sensor = SessionSensor(times, seat=lambda: seat, awake=lambda: times.awake)
    assert states(sensor) == []
    seat.locked, seat.active = True, False
    assert [s for s, _ in states(sensor)] == ["locked", "session-away"]
    seat.locked, seat.active = False, True
    assert [s for s, _ in states(sensor)] == ["unlocked", "session-back"]


def test_logind_file_is_read(tmp_path, monkeypatch):
    (tmp_path / "c2").write_text("# comment\nACTIVE=1\nLOCKED_HINT=1\n")
    monkeypatch.setenv("XDG_SESSION_ID", "c2")
    seat = logind_seat(tmp_path)
    assert (seat.active, seat.locked) == (True, True)
    monkeypatch.setenv("XDG_SESSION_ID", "../c2")
    seat = logind_seat(tmp_path)
    assert (seat.active, seat.locked) == (None, None)
