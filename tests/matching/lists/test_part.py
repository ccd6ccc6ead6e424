import pytest

from tocsin.matching.lists.building import write_part
from tocsin.matching.lists.collecting import Collector
from tocsin.matching.lists.entry import Entry, FrameHash, ListError
from tocsin.matching.lists.part import Part
from tocsin.matching.lists.resolving import resolve

ENTRIES = [
    Entry(1, [("md5", b"m" * 16), ("sha1", b"s" * 20), ("pdq", b"p" * 32)], id='a "b"', category="2", extra={"x": 1}),
    Entry(2, [("pdq", b"q" * 32), ("photodna", b"d" * 144)], quality=70, updated=9),
    Entry(3, [("window", b"w" * 38)], frames=[FrameHash(1.0, b"f" * 32, 60)], id="v", source="S", scheme="own"),
    Entry(4, [("md5", b"n" * 16)], id="gone", status=1, updated=5),
]


@pytest.fixture
def part(tmp_path):
    held = Collector()
    for entry in ENTRIES:
        held.add(entry)
    record = write_part(tmp_path, "part-000001", held, resolve(held.table()), {})
    return Part(tmp_path, record)


def test_every_entry_comes_back_as_it_was(part):
    found = list(part.entries())
    for entry, was in zip(found[:3], ENTRIES, strict=False):
        for name in ("hashes", "id", "category", "extra", "quality", "updated", "frames", "source", "scheme", "status"):
            assert _plain(getattr(entry, name)) == _plain(getattr(was, name)), name
    assert (found[3].status, found[3].hashes, found[3].id) == (1, [], "")
    assert [one.id for one in part.entries(part.status == 0)] == ['a "b"', "", "v"]


def _plain(value):
    return sorted(value) if value and isinstance(value, list) and isinstance(value[0], tuple) else value or None


def test_entries_are_found_by_name(part):
    assert part.named('a "b"') == [0]
    assert part.named("v") == [2]
    assert part.named(part.key_name(1)) == [1]
    assert part.record_of(1).entry == part.key_name(1)
    for name in ("", "a", "nobody", "0" * 16, "gone"):
        assert part.named(name) == []


def test_what_is_known_of_an_entry(part):
    record = part.record_of(2)
    assert (record.entry, record.source, record.scheme) == ("v", "S", "own")
    assert part.opaque().search(b"d" * 144) == [(1, 0)]
    assert part.codes("pdq")[1].tolist() == [0, 1]
    assert part.codes("frames")[1].tolist() == [2]


def test_a_part_that_was_cut_or_swapped_is_refused(part, tmp_path):
    path = tmp_path / "part-000001.cols"
    data = path.read_bytes()
    for bad in (data[:-64], b"", data + b"x", b"\x00" * len(data)):
        path.write_bytes(bad)
        with pytest.raises(ListError, match="part-000001"):
            Part(tmp_path, part.record)
