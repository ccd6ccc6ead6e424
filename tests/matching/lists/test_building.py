import numpy as np

from tocsin.matching.lists import building
from tocsin.matching.lists.building import quality_of, write_part
from tocsin.matching.lists.collecting import Collector
from tocsin.matching.lists.entry import Entry, FrameHash
from tocsin.matching.lists.part import Part
from tocsin.matching.lists.resolving import resolve


def write(folder, entries, **more):
    held = Collector()
    for entry in entries:
        held.add(entry)
    record = write_part(folder, "part-000001", held, resolve(held.table()), more.pop("hides", {}), **more)
    return record, Part(folder, record)


def test_hashes_of_joined_rows_meet_under_one_without_repeating(tmp_path):
    row = Entry(1, [("md5", b"m" * 16), ("pdq", b"p" * 32)], id="a")
    other = Entry(2, [("pdq", b"p" * 32), ("pdq", b"q" * 32)], id="a")
    record, part = write(tmp_path, [row, other])
    assert (record.active, record.counts) == (1, {"md5": 1, "pdq": 2})
    [(_, at)] = part.find("md5", [b"m" * 16])
    assert {bytes(code) for code in part.held("pdq", at)} == {b"p" * 32, b"q" * 32}


def test_frames_stay_with_their_video_in_order(tmp_path):
    frames = [FrameHash(n / 2, bytes([n]) * 32, 90) for n in range(5)]
    _, part = write(tmp_path, [Entry(1, [("md5", b"m" * 16)]), Entry(2, frames=frames, id="v")])
    assert [frame.at for frame in part.frames(1)] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert part.frames(0) == []


def test_many_codes_have_an_index_file_that_only_the_owner_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "INDEXED_FROM", 10)
    chance = np.random.default_rng(1)
    entries = [Entry(n, [("pdq", chance.bytes(32))], id=str(n)) for n in range(20)]
    record, _ = write(tmp_path, entries)
    assert set(record.files) == {"part-000001.cols", "part-000001.pdq"}
    assert (tmp_path / "part-000001.pdq").stat().st_mode & 0o077 == 0
    assert all((tmp_path / name).stat().st_size == check["size"] for name, check in record.files.items())


def test_qualities():
    assert [quality_of(raw) for raw in (0, 100, 255)] == [0, 100, -1]
