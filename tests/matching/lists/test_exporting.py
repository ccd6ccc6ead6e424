import csv
import stat

import pytest

from tocsin.matching.lists import HashList, ListError, Terms, build, read
from tocsin.matching.lists.entry import Entry, FrameHash
from tocsin.matching.lists.exporting import export, name_of

ENTRIES = [
    Entry(
        1,
        [("md5", b"m" * 16), ("pdq", b"p" * 32), ("pdq", b"q" * 32)],
        id="=1+1",
        category="2",
        quality=80,
        updated=86400,
    ),
    Entry(2, [("photodna", b"d" * 144)], id="two", extra={"é": "x"}),
    Entry(3, frames=[FrameHash(1.5, b"f" * 32, 60)], id="video", source="S"),
]


def rebuilt(tmp_path, form):
    export(tmp_path / "out", list(ENTRIES), form)
    build(tmp_path / "list", Terms(name="x"), [("out", read(tmp_path / "out"))])
    return list(HashList.open(tmp_path / "list").view.all_entries())


def test_json_lines_hold_everything(tmp_path):
    found = rebuilt(tmp_path, "jsonl")
    for entry, was in zip(found, ENTRIES, strict=True):
        for name in ("hashes", "id", "category", "quality", "updated", "frames", "source", "extra"):
            assert (getattr(entry, name) or None) == (getattr(was, name) or None)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


def test_csv_holds_every_hash_and_no_formula(tmp_path):
    found = rebuilt(tmp_path, "csv")
    assert [sorted(entry.hashes) for entry in found] == [sorted(entry.hashes) for entry in ENTRIES[:2]]
    rows = list(csv.DictReader((tmp_path / "out").open()))
    assert rows[0]["entry"] == "'=1+1"


def test_text_holds_kind_and_hash(tmp_path):
    found = rebuilt(tmp_path, "text")
    assert sorted(hash_ for entry in found for hash_ in entry.hashes) == sorted(h for e in ENTRIES for h in e.hashes)


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(ListError, match="cannot be written"):
        export(tmp_path / "out", [], "csv")
    assert name_of(Entry(1, key=b"\x01" * 16)) == "01" * 8


def test_half_an_export_is_taken_away(tmp_path):
    def full():
        yield ENTRIES[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(ListError, match="cannot be written: No space left on device"):
        export(tmp_path / "out", full(), "csv")
    assert not (tmp_path / "out").exists()
