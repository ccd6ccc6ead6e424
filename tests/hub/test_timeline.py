"""The hours around an alert come from the journal alone, and ordinary life is not in them."""

from sqlalchemy import select

from tocsin.hub import timeline
from tocsin.hub.store.schema import Alert


def rows(hub) -> list[timeline.Stretch]:
    with hub.store.reading() as session:
        return timeline.around(session, session.scalars(select(Alert).order_by(Alert.number)).first())


def test_quiet_stretches_are_joined_with_their_coverage(hub, device, clock) -> None:
    for coverage in (1.0, 0.5, 0.75):
        device.beat(coverage=coverage)
        clock.forward(15)
    device.find()
    quiet, finding = rows(hub)
    assert (quiet.kind, quiet.coverage) == ("quiet", 0.75)
    assert (quiet.ends - quiet.begins).total_seconds() == 30
    assert (finding.kind, finding.category, finding.here) == ("finding", "grooming-signal", True)
    assert finding.signals == ("age-under-18", "secrecy")


def test_idle_time_silence_gaps_and_notices_are_rows_of_their_own(hub, device, clock) -> None:
    device.beat(active=False)
    clock.forward(15)
    device.beat(active=False)
    clock.forward(300)
    device.send(
        device.entry("start", {"boot_reason": "boot"}),
        device.entry("gap", {"reason": "disk-full", "counts": {"finding": 1}}),
        device.entry("notice", {"state": "closed"}),
        device.entry("state", {"what": "active"}),
    )
    clock.forward(5)
    device.beat(state="blind")
    found = [(row.kind, row.code) for row in rows(hub)]
    assert found == [
        ("idle", ""),
        ("silent", ""),
        ("start", "boot"),
        ("gap", "disk-full"),
        ("notice", "closed"),
        ("blind", ""),
    ]
    assert rows(hub)[3].counts == {"finding": 1}


def test_only_the_hours_around_are_shown(hub, device, clock) -> None:
    device.beat()
    clock.forward(3 * 3600 + 60)
    device.find()
    clock.forward(2 * 3600)
    device.find(thread="another")
    clock.forward(3600 + 60)
    device.beat()
    found = rows(hub)
    assert [row.kind for row in found] == ["finding", "silent", "finding"]
    assert [row.here for row in found] == [True, False, False]


def test_rows_go_over_the_wire_as_plain_values(hub, device) -> None:
    device.find()
    sent = timeline.as_dict(rows(hub)[0])
    assert sent["begins"].endswith("Z")
    assert sent["signals"] == ["age-under-18", "secrecy"]
