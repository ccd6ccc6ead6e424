"""Reading the log: pages, an export that verifies offline, statistics without names; for auditors."""

import zipfile

import pytest

from tocsin.evidence.audit import verify_export
from tocsin.hub import audit, audit_reading
from tocsin.hub.audit_reading import Wanted
from tocsin.hub.refusals import Refused


def test_pages_go_from_the_newest_and_can_be_narrowed(hub, who, clock):
    auditor = who("auditor")
    with hub.store.session() as session:
        for number in range(5):
            audit.record(session, "p", audit.MATCH, f"x:{number}", at=clock.forward(60))
    with hub.store.reading() as session:
        newest = audit_reading.page(session, auditor, Wanted(action="match"), limit=2)
        assert [entry["object"] for entry in newest] == ["x:4", "x:3"]
        older = audit_reading.page(session, auditor, Wanted(action="match"), before=newest[-1]["seq"])
        assert [entry["object"] for entry in older] == ["x:2", "x:1", "x:0"]
        late = audit_reading.page(session, auditor, Wanted(since=clock.now(), actor="p"))
        assert [entry["object"] for entry in late] == ["x:4"]
        with pytest.raises(Refused, match="zone"):
            audit_reading.page(session, auditor, Wanted(until=clock.now().replace(tzinfo=None)))


@pytest.mark.parametrize("role", ["officer", "supervisor", "administrator"])
def test_only_auditors_read_the_log(hub, who, role):
    by = who(role)
    with hub.store.reading() as session, pytest.raises(Refused):
        audit_reading.page(session, by, Wanted())


def test_the_export_verifies_offline_against_an_earlier_checkpoint_and_shows_tampering(hub, who, exhibit, tmp_path):
    earlier = hub.log.checkpoint(hub.store, hub.clock.now())
    (tmp_path / "out").mkdir()
    path = audit_reading.export(hub, who("auditor"), tmp_path / "out")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "read")
    folder = tmp_path / "read" / "tocsin-audit"
    report = verify_export(folder, hub.log.vkey, earlier)
    assert report.problems == ()
    assert report.trusted
    lines = (folder / "entries.jsonl").read_text()
    assert '"action":"export"' in lines.splitlines()[-1]
    (folder / "entries.jsonl").write_text(lines.replace("collection", "collectioN", 1))
    assert not verify_export(folder, hub.log.vkey, earlier).ok


def test_statistics_count_without_naming_anyone(hub, who, exhibit, other_unit):
    auditor, stranger = who("auditor"), who("supervisor", unit_id=other_unit)
    with hub.store.reading() as session:
        counted = audit_reading.statistics(session, auditor)
        assert [row["count"] for row in counted["alerts"]] == [1]
        assert set(counted["alerts"][0]) == {"unit", "category", "severity", "status", "verdict", "count"}
        assert audit_reading.statistics(session, stranger)["alerts"] == []
