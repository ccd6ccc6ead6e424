"""The log of changes: half a record is passed over and cut, any other damage is refused."""

from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.matching import delta, index_file
from tocsin.matching.delta import Change
from tocsin.matching.index import HashIndex
from tocsin.matching.index_file import IndexFileError

OWN = UUID(int=7)


def codes(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)


CHANGES = [Change(np.array([1, 2]), codes(2)), Change(np.array([1])), Change(np.array([-5]), codes(1, 1))]


@pytest.fixture
def log(tmp_path):
    log = tmp_path / "a.idx.delta"
    delta.create(log, OWN, CHANGES)
    return log


def same(one, other):
    return len(one) == len(other) and all(
        np.array_equal(a.ids, b.ids) and ((a.codes is None) == (b.codes is None))
        and (a.codes is None or np.array_equal(a.codes, b.codes))
        for a, b in zip(one, other, strict=True)
    )  # fmt: skip


def test_what_was_appended_is_read_from_anywhere_on(log):
    end = delta.read(log, OWN).end
    after = delta.append(log, OWN, end, Change(np.array([9])))
    assert same(delta.read(log, OWN).changes, [*CHANGES, Change(np.array([9]))])
    assert same(delta.read(log, OWN, end).changes, [Change(np.array([9]))])
    assert delta.read(log, OWN, after).changes == []
    assert delta.owner(log) == OWN
    assert delta.owner(log.with_name("none")) is None


def test_a_torn_tail_is_passed_over_and_cut_by_the_next_writer(log):
    end = delta.read(log, OWN).end
    delta.append(log, OWN, end, Change(np.array([4]), codes(1)))
    whole = log.read_bytes()
    for size in range(end, len(whole)):
        log.write_bytes(whole[:size])
        read = delta.read(log, OWN)
        assert same(read.changes, CHANGES)
        assert (read.end, read.torn) == (end, size > end)
    delta.append(log, OWN, end, Change(np.array([8])))
    assert same(delta.read(log, OWN).changes, [*CHANGES, Change(np.array([8]))])


def test_zeros_that_a_power_cut_left_are_passed_over(log):
    end = delta.read(log, OWN).end
    log.write_bytes(log.read_bytes() + bytes(500))
    read = delta.read(log, OWN)
    assert (read.end, read.torn) == (end, True)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_is_refused_or_at_the_end_taken_for_torn(tmp_path_factory, data):
    log = tmp_path_factory.mktemp("log") / "a.idx.delta"
    delta.create(log, OWN, CHANGES)
    content = bytearray(log.read_bytes())
    bit = data.draw(st.integers(8 * 64, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    log.write_bytes(content)
    with pytest.raises(IndexFileError, match="damaged at byte"):
        delta.read(log, OWN)


def test_records_do_not_count_elsewhere(log):
    """A record moved within the log, or to the log of another index, is damage."""
    with pytest.raises(IndexFileError, match="damaged at byte 64"):
        delta.read(log, uuid4())
    whole = log.read_bytes()
    log.write_bytes(whole + whole[64:])
    with pytest.raises(IndexFileError, match="damaged"):
        delta.read(log, OWN)


def test_a_damaged_or_newer_beginning_is_refused(tmp_path, log):
    HashIndex.build(codes(4)).save(tmp_path / "a.idx")
    content = log.read_bytes()
    for at, value, sentence in ((0, 0, "damaged"), (8, 9, "newer"), (20, 1, "damaged"), (34, 1, "damaged")):
        log.write_bytes(content[:at] + bytes([value]) + content[at + 1 :])
        with pytest.raises(IndexFileError, match=sentence):
            HashIndex.open(tmp_path / "a.idx")
    log.write_bytes(content[:40])
    with pytest.raises(IndexFileError, match="damaged at its beginning"):
        delta.owner(log)


def test_a_damaged_log_stops_an_open_index_too(tmp_path):
    path = tmp_path / "a.idx"
    HashIndex.build(codes(4)).save(path)
    writer, reader = HashIndex.open(path), HashIndex.open(path)
    writer.add(codes(2, 3), [7, 8])
    log = delta.names(path)[0]
    log.write_bytes(log.read_bytes()[:100] + b"?" + log.read_bytes()[101:])
    with pytest.raises(IndexFileError, match="damaged at byte"):
        reader.follow()
    with pytest.raises(IndexFileError, match="damaged at byte"):
        HashIndex.verify(path)


@pytest.fixture
def between(tmp_path):
    """An index as it is between the two renames of a merge: the new log waits, the old one is still there."""
    path = tmp_path / "a.idx"
    HashIndex.build(codes(4)).save(path)
    index = HashIndex.open(path)
    index.add(codes(2, 3), [7, 8])
    place, waiting = delta.names(path)
    old = place.read_bytes()
    index.merge()
    index.add(codes(1, 4), [9])
    place.rename(waiting)
    place.write_bytes(old)
    return path


def test_a_merge_cut_short_between_its_renames_is_finished_by_the_next_writer(between):
    index, again = HashIndex.open(between), HashIndex.open(between)
    assert len(again) == 7
    again.add(codes(1, 5), [10])
    assert not delta.names(between)[1].exists()
    assert len(HashIndex.open(between)) == 8
    index.follow()
    assert len(index) == 8


@pytest.mark.parametrize("how", ["merge", "save"])
def test_a_second_merge_cut_short_loses_nothing_that_the_first_left_waiting(between, monkeypatch, how):
    rename = index_file.rename

    def killed(beside, to):
        if to == between:
            raise KeyboardInterrupt
        rename(beside, to)

    index = HashIndex.open(between)
    monkeypatch.setattr(index_file, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        index.merge() if how == "merge" else HashIndex.build(codes(1)).save(between)
    monkeypatch.undo()
    assert len(HashIndex.open(between)) == 7


@pytest.mark.parametrize("step", ["owner", "read"])
def test_opening_while_a_merge_ends_finds_the_log_wherever_it_is(between, monkeypatch, step):
    place, waiting = delta.names(between)
    look = getattr(delta, step)

    def meanwhile(log, *rest):
        if step == "read" and waiting.exists():
            waiting.replace(place)
        found = look(log, *rest)
        if step == "owner" and log == place and waiting.exists():
            waiting.replace(place)
        return found

    monkeypatch.setattr(delta, step, meanwhile)
    assert len(HashIndex.open(between)) == 7


@pytest.mark.parametrize("late", [False, True])
def test_opening_while_a_merge_replaces_base_and_log_misses_nothing(tmp_path, monkeypatch, late):
    path = tmp_path / "a.idx"
    HashIndex.build(codes(4)).save(path)
    writer, read, done = HashIndex.open(path), delta.read, []
    writer.add(codes(2, 3), [7, 8])

    def meanwhile(log, *rest):
        if not done:
            done.append(1)
            writer.merge()
            if late:
                writer.add(codes(1, 4), [9])
        return read(log, *rest)

    monkeypatch.setattr(delta, "read", meanwhile)
    assert len(HashIndex.open(path)) == 6 + late
