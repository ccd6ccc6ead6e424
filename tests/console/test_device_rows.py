from datetime import UTC, datetime

import pytest

from tocsin.console.device_rows import DeviceRow, state_of
from tocsin.evidence.keys import DeviceKey
from tocsin.hub.store.schema import Device, Subject

AT = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def device(**changes):
    values = {"status": "active", "last_heartbeat": AT, "silent_since": None, "health": {"state": "ok"}}
    return Device(
        id="d",
        label="laptop",
        subject_id="s",
        order_id="o",
        public_key=DeviceKey.generate().public,
        software="",
        platform="",
        enrolled_at=AT,
        last_seq=1,
        last_hash="0" * 64,
        subject=Subject(id="s", reference="S-1"),
        **(values | changes),
    )


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "ok"),
        ({"silent_since": AT}, "silent"),
        ({"status": "stopped"}, "stopped"),
        ({"last_heartbeat": None, "health": {}}, "unheard"),
        ({"health": {"state": "blind"}}, "blind"),
        ({"health": {"state": "never-heard-of"}}, "degraded"),
        ({"status": "removed", "silent_since": AT}, "removed"),
    ],
)
def test_state_is_never_better_than_what_is_known(changes, state):
    assert state_of(device(**changes)) == state


def test_degradations_are_told_in_words():
    row = DeviceRow.of(
        device(health={"state": "degraded", "degradations": ["pictures-off"], "coverage": 0.4, "active": True})
    )
    assert row.trouble == "pictures are not looked at"
    assert row.coverage == 0.4


def test_coverage_of_an_idle_device_is_not_a_figure():
    assert DeviceRow.of(device(health={"state": "idle", "coverage": 1.0, "active": False})).coverage is None
