"""Health is a value that can be compared."""

from datetime import UTC, datetime

from tocsin.model import Health, HealthState


def test_a_heartbeat_without_evidence_has_no_last_evidence() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    beat = Health(state=HealthState.BLIND, at=at, last_evidence=None, active=True, coverage=0.0)
    assert beat.state == "blind"
    assert beat.last_evidence is None
