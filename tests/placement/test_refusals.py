from tocsin.placement.disk import Disk
from tocsin.placement.refusals import Refusals


def test_counts_survive_and_are_cleared_once_told(tmp_path):
    refusals = Refusals(tmp_path / "r", Disk())
    assert not refusals
    refusals.add("disk-full", {"finding": 2}, 100, "2026-01-02", "2026-01-02")
    refusals.add("overflow", {"finding": 1, "state": 1}, 10, "2026-01-01", "2026-01-03")
    refusals.close()
    again = Refusals(tmp_path / "r", Disk())
    assert again.body() == {
        "reason": "disk-full",
        "counts": {"finding": 3, "state": 1},
        "bytes": 110,
        "since": "2026-01-01",
        "until": "2026-01-03",
    }
    again.clear()
    assert not Refusals(tmp_path / "r", Disk())


def test_kinds_are_bounded(tmp_path):
    refusals = Refusals(tmp_path / "r", Disk())
    for n in range(100):
        refusals.add("overflow", {f"kind-{n}": 1}, 1, "a", "b")
    assert sum(refusals.counts.values()) == 100
    assert len(refusals.counts) <= 33
