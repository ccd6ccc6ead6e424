import hashlib

import pytest

from tocsin.matching.lists import collecting
from tocsin.matching.lists.collecting import Collector, Spill, read_text
from tocsin.matching.lists.entry import BadRow, Entry, FrameHash, Status


@pytest.mark.parametrize("on_disk", [True, False])
def test_what_is_gathered_comes_back_as_columns(tmp_path, on_disk, monkeypatch):
    monkeypatch.setattr(collecting, "_FLUSH", 64)
    held = Collector(tmp_path if on_disk else None)
    for n in range(20):
        held.add(
            Entry(n, [("md5", bytes([n]) * 16)], id=f"é{n}", category=str(n % 3), extra={"n": n} if n % 2 else None)
        )
    held.add(Entry(20, frames=[FrameHash(1.5, b"p" * 32, 80)], id="video"))
    assert held.hashes("md5")["row"].tolist() == list(range(20))
    assert bytes(held.hashes("md5")["hash"][7]) == b"\x07" * 16
    assert len(held.labels()) == 4
    ends = held.table()["text"].tolist()
    assert read_text(held.text()[ends[6] : ends[7]].tobytes()) == ("é7", {"n": 7})
    assert read_text(held.text()[ends[7] : ends[8]].tobytes()) == ("é8", None)
    assert held.frames()["at"].tolist() == [1.5]
    held.close()
    assert not list(tmp_path.iterdir())


def test_of_a_withdrawn_entry_only_key_and_date_are_kept():
    held = Collector(now=77)
    held.add(Entry(1, [("md5", b"m" * 16)], id="secret name", status=Status.WITHDRAWN, extra={"a": 1}))
    assert held.kinds() == ()
    assert held.text().size == 0
    assert held.table()["updated"].tolist() == [77]


def test_endless_categories_are_refused(monkeypatch):
    monkeypatch.setattr(collecting, "MOST_LABELS", 2)
    held = Collector()
    for n in range(2):
        held.add(Entry(n, [("md5", bytes([n]) * 16)], category=str(n)))
    with pytest.raises(BadRow, match="different categories"):
        held.add(Entry(3, [("md5", b"m" * 16)], category="3"))


def test_an_extra_that_is_too_long_is_left_out():
    held = Collector()
    held.add(Entry(1, [("md5", b"m" * 16)], id="x", extra={"a": "b" * 100_000}))
    assert read_text(held.text().tobytes()) == ("x", None)


def test_a_spill_without_anything_is_an_empty_array(tmp_path):
    spill = Spill(tmp_path, "x")
    assert spill.array("u1").size == 0
    spill.close()


def test_few_bytes_are_gathered_without_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(collecting, "_FLUSH", 8)
    spill = Spill(tmp_path / "made when needed", "x")
    spill.add(b"12345678")
    assert bytes(spill.array("u1")) == b"12345678"
    assert not list(tmp_path.iterdir())
    spill.add(b"9")
    assert len(list(tmp_path.rglob("x.gathered"))) == 1
    assert bytes(spill.array("u1")) == b"123456789"
    spill.close()
    assert not list(tmp_path.rglob("x.gathered"))


def test_the_digest_of_an_empty_file_is_never_listed():
    empty, other = ("md5", hashlib.md5(b"").digest()), ("sha1", bytes(20))
    collected = Collector()
    with pytest.raises(BadRow, match="empty file"):
        collected.add(Entry(1, [empty]))
    kept = Entry(2, [empty, other])
    collected.add(kept)
    collected.add(Entry(3, [empty], status=Status.WITHDRAWN))
    assert (collected.rows, collected.kinds()) == (2, ("sha1",))
    assert "empty file" in kept.problem
