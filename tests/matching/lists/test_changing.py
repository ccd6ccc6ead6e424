import json
import os
import random
import stat
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.evidence.sealing import new_identity
from tocsin.matching.lists import HashList, Key, ListError, Terms, add, build, changing, collecting, remove
from tocsin.matching.lists import folder as folders
from tocsin.matching.lists.entry import Entry, Rejected, Status
from tocsin.matching.lists.folder import read_state
from tocsin.matching.lists.resolving import prevails


def held(folder, key=None):
    return {entry.id or entry.hashes[0][1].hex() for entry in HashList.open(folder, key).view.all_entries()}


def test_a_list_appears_whole_and_only_its_owner_reads_it(made, md5_of):
    folder, report = made(f"{md5_of('a')}\n{md5_of('b')}\n{md5_of('a')}\nbad\n")
    assert (report.active, report.merged, report.rejected) == (2, 1, 1)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert [path for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_rows_left_out_are_kept_apart_with_line_and_reason(made, md5_of):
    folder, report = made(f"md5,status\n{md5_of('a')},\n{'x' * 500},\n{md5_of('b')},odd\n")
    [path] = folder.glob("rejected-*.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["source"], row["row"]) for row in rows] == [("source", 3), ("source", 4)]
    assert rows[1]["reason"] == "unknown status 'odd'"
    assert len(rows[0]["raw"]) < 400
    assert [row.number for row in report.first] == [3, 4]


def test_a_build_that_fails_leaves_nothing(tmp_path, made, md5_of):
    with pytest.raises(ListError, match=r"No row of source can be used \(2 left out\); row 1: 3 letters"):
        made("abc\nabc\n")
    with pytest.raises(ListError, match="no entry in source"):
        made("# nothing\n")
    assert {path.name for path in tmp_path.iterdir()} == {"source"}
    made(md5_of("a"))
    with pytest.raises(ListError, match="already holds a list"):
        made(md5_of("b"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(ListError, match="is not empty"):
        made(md5_of("b"), folder="other")


def test_an_addition_is_seen_by_whoever_has_the_list_open(made, more, md5_of):
    folder, _ = made(md5_of("a"))
    opened = HashList.open(folder)
    add(folder, more(md5_of("b")))
    opened.refresh()
    assert opened.view.find("md5", [bytes.fromhex(md5_of("b"))])
    assert opened.view.entries == 2


def test_what_was_withdrawn_stays_so_until_something_newer_comes(made, more, md5_of):
    folder, _ = made(f"md5,id,updated\n{md5_of('a')},7,2024-01-01\n{md5_of('b')},8,2024-01-01\n")
    assert remove(folder, ["7"]) == 1
    assert remove(folder, ["7"]) == 0
    report = add(folder, more(f"md5,id,updated\n{md5_of('a')},7,2024-01-01\n"))
    assert (report.active, report.held_back) == (0, 1)
    assert held(folder) == {"8"}
    add(folder, more(f"md5,id,updated\n{md5_of('a')},7,2999-01-01\n"))
    assert held(folder) == {"7", "8"}


def test_removal_by_hash_of_any_kind(made, md5_of, pdq_of):
    folder, _ = made(
        f"md5,pdq\n{md5_of('a')},{pdq_of('a')}\n{md5_of('b')},{pdq_of('b')}\n{md5_of('c')},{pdq_of('c')}\n"
    )
    assert remove(folder, [md5_of("a").upper(), pdq_of("b")]) == 2
    assert held(folder) == {md5_of("c")}


def test_a_withdrawn_row_reaches_an_entry_it_names_only_by_hash(made, more, md5_of, pdq_of):
    folder, _ = made(f"md5,pdq\n{md5_of('a')},{pdq_of('a')}\n")
    report = add(folder, more(f"hash,status\n{pdq_of('a')},withdrawn\n"))
    assert report.tombstones
    assert held(folder) == set()
    assert not HashList.open(folder).view.near("pdq", _codes(pdq_of("a")), 31).places


def _codes(text):
    import numpy as np

    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(1, 32)


def test_many_small_additions_leave_few_parts(made, more, md5_of):
    folder, _ = made("\n".join(md5_of(f"base{n}") for n in range(100)))
    for n in range(12):
        add(folder, more(md5_of(str(n))))
    assert len(read_state(folder).parts) <= 4
    assert len(held(folder)) == 112
    names = {path.name for path in folder.iterdir() if path.name.startswith("part-")}
    assert names == {name for part in read_state(folder).parts for name in part.files}


def test_a_source_that_breaks_off_is_reported(made, tmp_path):
    rows = [Entry(1, [("md5", b"a" * 16)]), Rejected(2, "the JSON breaks off", "", fatal=True)]
    report = build(tmp_path / "x", Terms(name="x"), [("feed.json", rows)])
    assert report.broken == ["feed.json: the JSON breaks off"]
    assert held(tmp_path / "x") == {(b"a" * 16).hex()}


@pytest.mark.parametrize("key", [None, Key((new_identity()[0],))], ids=["plain", "sealed"])
def test_sealed_lists_hold_nothing_in_the_clear(made, more, md5_of, key):
    raw = bytes.fromhex(md5_of("a"))
    folder, _ = made(f"md5,id\n{md5_of('a')},the-name\nbad,the-bad\n", key=key)
    add(folder, more(f"md5,id\n{md5_of('b')},other-name\n"), key)
    found = [
        path.name for path in folder.iterdir() if any(x in path.read_bytes() for x in (raw, b"the-name", b"the-bad"))
    ]
    assert bool(found) is (key is None)
    assert held(folder, key) == {"the-name", "other-name"}


@pytest.mark.usefixtures("cheap_passphrases")
def test_without_the_key_a_sealed_list_says_what_is_needed(made, md5_of):
    folder, _ = made(md5_of("a"), key=Key(passphrase="several words"))
    with pytest.raises(ListError, match="is sealed: give the key"):
        HashList.open(folder)
    with pytest.raises(ListError, match="passphrase does not open"):
        HashList.open(folder, "another")


ADDING = """
import sys
from pathlib import Path
from tocsin.matching.lists import add
from tocsin.matching.lists.entry import Entry
for n in range(10_000):
    add(Path(sys.argv[1]), [("x", [Entry(1, [("md5", n.to_bytes(16, "big"))])])])
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_a_change_cut_short_at_any_moment_leaves_a_whole_list(made, md5_of):
    folder, _ = made(md5_of("a"))
    for n in range(2):
        before, end = read_state(folder).version, time.monotonic() + 60
        process = subprocess.Popen([sys.executable, "-c", ADDING, str(folder)])
        while read_state(folder).version <= before + 1 + n and process.poll() is None and time.monotonic() < end:
            time.sleep(0.001)
        assert process.poll() is None, "the other process could not add"
        process.kill()
        process.wait()
        opened = HashList.open(folder)
        opened.verify()
        assert md5_of("a") in held(folder)
        count = opened.view.entries
        add(folder, [("x", [Entry(1, [("md5", bytes([255, n]) * 8)])])])
        assert HashList.open(folder).view.entries == count + 1


rows = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1), st.integers(0, 4)), min_size=1, max_size=6)


@pytest.mark.parametrize("kept", [False, True], ids=["opened anew", "kept open"])
@given(st.lists(rows, min_size=1, max_size=5))
@settings(max_examples=12, deadline=None)
def test_any_history_ends_as_if_rows_came_one_by_one(tmp_path_factory, kept, history):
    folder = tmp_path_factory.mktemp("history") / "list"
    stands = {99: (0, 0)}
    build(folder, Terms(name="x"), [("first", [Entry(1, [("md5", b"z" * 16)], id="99")])])
    opened = HashList.open(folder) if kept else None
    for batch in history:
        entries = [Entry(1, [("md5", bytes([key]) * 16)], id=str(key), status=status, updated=updated or 1)
                   for key, status, updated in batch]  # fmt: skip
        add(folder, [("x", entries)], opened=opened)
        settled = {}
        for key, status, updated in batch:
            if key not in settled or prevails(status, updated or 1, *settled[key]):
                settled[key] = (status, updated or 1)
        for key, one in settled.items():
            if key not in stands or prevails(*one, *stands[key]):
                stands[key] = one
    assert held(folder) == {str(key) for key, (status, _) in stands.items() if not status}


def test_of_many_imports_with_bad_rows_the_latest_are_kept(made, more, md5_of):
    folder, _ = made(f"{md5_of('a')}\nbad\n")
    for n in range(changing.MOST_REJECTED_FILES + 5):
        add(folder, more(f"{md5_of(str(n))}\nbad-{n}\n"))
    kept = sorted(folder.glob("rejected-*.jsonl"))
    assert len(kept) == changing.MOST_REJECTED_FILES
    assert f"bad-{n}" in kept[-1].read_text()


@pytest.mark.parametrize("kept", [False, True], ids=["opened anew", "kept open"])
def test_a_list_that_changes_all_the_time_stays_as_long_as_what_is_on_it(tmp_path, kept):
    folder, chance = tmp_path / "list", random.Random(5)
    stands, number = [], 0

    def new():
        nonlocal number
        number += 1
        stands.append(number)
        return Entry(number, [("md5", number.to_bytes(16, "big"))], id=str(number), updated=day)

    day = 1
    build(folder, Terms(name="x"), [("first", [new() for _ in range(100)])])
    opened = HashList.open(folder) if kept else None
    for day in range(1, 200):
        gone = [stands.pop(chance.randrange(len(stands))) for _ in range(5)]
        rows = [Entry(1, id=str(one), status=Status.WITHDRAWN, updated=day) for one in gone]
        add(
            folder,
            [("x", [new() for _ in gone] + rows)],
            opened=opened,
            forgets=lambda row, day=day: row.updated < day - 3,
        )
    view = HashList.open(folder).view
    assert held(folder) == set(map(str, stands))
    assert sum(part.record.rows for part in view.parts) < 3 * len(stands)
    assert sum(part.record.tombstones for part in view.parts) < len(stands)
    assert not view.find("md5", [gone[-1].to_bytes(16, "big")])


def test_a_tombstone_that_is_still_needed_outlives_every_merge(made, more, md5_of):
    folder, _ = made("\n".join(f"{md5_of(str(n))}" for n in range(40)))
    remove(folder, [md5_of("0")])
    for n in range(30):
        add(folder, more(md5_of(f"more{n}")), forgets=lambda row: bool(row.id))
    assert add(folder, more(md5_of("0"))).held_back == 1


def test_nothing_is_written_when_nothing_is_new(made, more, md5_of):
    folder, _ = made(md5_of("a"))
    remove(folder, [md5_of("a")])
    before = read_state(folder)
    assert add(folder, more(md5_of("a"))).held_back == 1
    assert read_state(folder) == before
    assert changing.Report().active == 0


def test_parts_join_the_same_whether_gathered_in_memory_or_on_disk(tmp_path, monkeypatch):
    found = []
    for name, flush in (("memory", 2**20), ("disk", 50)):
        monkeypatch.setattr(collecting, "_FLUSH", flush)
        folder = tmp_path / name
        build(folder, Terms(name="x"), [("first", [_entry(n) for n in range(3)])])
        for batch in (
            [_entry(3), _entry(0, 1)],
            [_entry(n) for n in range(4, 9)],
            [_entry(4, 1), _entry(9), _entry(10)],
        ):
            add(folder, [("x", batch)])
        opened = HashList.open(folder)
        opened.verify()
        assert len(read_state(folder).parts) == 1
        found.append({(one.id, *one.hashes) for one in opened.view.all_entries()})
        assert not [path for path in folder.iterdir() if path.name.endswith(".gathering")]
    assert found[0] == found[1] == {(str(n), ("md5", bytes([n]) * 16)) for n in (1, 2, 3, 5, 6, 7, 8, 9, 10)}


def _entry(number, status=0):
    return Entry(1, [("md5", bytes([number]) * 16)], id=str(number), status=status, updated=number + 1 + status)


def test_a_list_kept_open_misses_no_change_that_the_clock_does_not_show(made, md5_of, monkeypatch):
    folder, _ = made(md5_of("a"))
    opened = HashList.open(folder)
    add(folder, [("another program", [_entry(1)])])
    monkeypatch.setattr(folders, "stamp", lambda _: opened._stamp)
    add(folder, [("x", [_entry(2)])], opened=opened)
    assert held(folder) == {md5_of("a"), "1", "2"}


def test_a_list_kept_open_is_not_changed_while_it_cannot_be_read(made, md5_of):
    folder, _ = made(md5_of("a"))
    opened = HashList.open(folder)
    (folder / "list.yaml").write_text("severity: [")
    with pytest.raises(ListError, match="not YAML"):
        add(folder, [("x", [_entry(1)])], opened=opened)


def test_parts_are_not_joined_where_their_categories_are_too_many(made, md5_of, monkeypatch):
    monkeypatch.setattr(changing, "MOST_LABELS", 3)
    folder, _ = made(f"md5,category\n{md5_of('a')},1\n{md5_of('b')},2\n")
    add(folder, [("x", [Entry(1, [("md5", bytes([n]) * 16)], category=str(n)) for n in range(2)])])
    assert len(read_state(folder).parts) == 2
    assert len(held(folder)) == 4
