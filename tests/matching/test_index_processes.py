"""Processes that share one index file: adds are seen, kills lose nothing, one writes at a time."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from tocsin.matching import index as index_module
from tocsin.matching.index import HashIndex, IndexBusyError, IndexFileError
from tocsin.matching.index_file import locked


def uniform(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)


ADDER = """
import sys, numpy as np
from tocsin.matching import HashIndex
index = HashIndex.open(sys.argv[1])
for number in range(int(sys.argv[2]), 10**9):
    index.add(np.full((1, 32), number % 251, np.uint8), [number])
    if sys.argv[3] == "merge" and number % 5 == 0:
        index.merge()
    print(number, flush=True)
"""


def adder(path, first, how):
    return subprocess.Popen([sys.executable, "-c", ADDER, path, str(first), how], stdout=subprocess.PIPE, text=True)


def test_another_processs_add_is_seen_within_a_second(tmp_path, until):
    assert index_module._FOLLOW_EVERY < 1
    path = tmp_path / "a.idx"
    HashIndex.build(np.full((1, 32), 255, np.uint8)).save(path)
    index = HashIndex.open(path)
    process = adder(path, 1000, "add")
    try:
        process.stdout.readline()
        until(lambda: len(index.search(np.full((1, 32), 1000 % 251, np.uint8), 0).id))
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", ["add", "merge"])
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path, how):
    path = tmp_path / "a.idx"
    HashIndex.build(uniform(2000)).save(path)
    reader, said, first = HashIndex.open(path), [], 5000
    for wait in (1, 13, 22):
        process = adder(path, first, how)
        for _ in range(wait):
            said.append(int(process.stdout.readline()))
        os.kill(process.pid, signal.SIGKILL)
        said += [int(line) for line in process.communicate()[0].split() if line]
        first = said[-1] + 1
        reader.follow()
        for index in (reader, HashIndex.open(path)):
            live = set(index._snapshot.live()[1].tolist())
            assert set(said) <= live
            assert live <= {*range(2000), *said, *range(5000, first + 1)}
        assert HashIndex.verify(path) == len(reader)
    reader.add(uniform(1), [1])  # whatever the killed process left, the next writer goes on
    reader.merge()
    assert len(HashIndex.open(path)) == len(reader)


def test_a_reader_goes_over_to_a_merged_or_newly_saved_file(tmp_path):
    path = tmp_path / "a.idx"
    HashIndex.build(uniform(50)).save(path)
    writer, reader = HashIndex.open(path), HashIndex.open(path)
    writer.add(uniform(1, 1), [100])
    writer.merge()
    reader.follow()
    assert reader.search(uniform(1, 1), 0).id.tolist() == [100]
    HashIndex.build(uniform(5, 2)).save(path)
    for index in (writer, reader):
        index.follow()
        assert len(index) == 5
    writer.add(uniform(1, 3), [77])
    reader.follow()
    assert reader.search(uniform(1, 3), 0).id.tolist() == [77]


def test_one_writer_at_a_time(tmp_path, monkeypatch):
    path = tmp_path / "a.idx"
    HashIndex.build(uniform(5)).save(path)
    index = HashIndex.open(path)
    monkeypatch.setattr(index_module, "_WRITER_WAIT", 0.05)
    with locked(path, "lock", 0), pytest.raises(IndexBusyError, match="another process"):
        index.add(uniform(1), [9])
    with locked(path, "merge-lock", 0), pytest.raises(IndexBusyError, match="another process"):
        index.merge()
    index.add(uniform(1), [9])
    assert len(index) == 6


def test_a_file_that_went_is_said_and_not_taken_for_empty(tmp_path):
    path = tmp_path / "a.idx"
    HashIndex.build(uniform(5)).save(path)
    index = HashIndex.open(path)
    path.unlink()
    with pytest.raises(IndexFileError, match="is gone"):
        index.follow()
    with pytest.raises(FileNotFoundError):
        HashIndex.open(path)


def test_saving_at_its_own_path_keeps_what_others_add_meanwhile(tmp_path, monkeypatch):
    path = tmp_path / "a.idx"
    HashIndex.build(uniform(4)).save(path)
    one, other, image_of = HashIndex.open(path), HashIndex.open(path), index_module._image_of

    def meanwhile(snapshot):
        image = image_of(snapshot)
        other.add(uniform(1, 5), [99])
        return image

    monkeypatch.setattr(index_module, "_image_of", meanwhile)
    one.save(path)
    assert HashIndex.open(path).search(uniform(1, 5), 0).id.tolist() == [99]
    assert len(one) == 5


def test_counts_and_copies_hold_what_other_processes_added(tmp_path, monkeypatch):
    monkeypatch.setattr(index_module, "_FOLLOW_EVERY", 0)
    path = tmp_path / "a.idx"
    HashIndex.build(uniform(4)).save(path)
    one, other = HashIndex.open(path), HashIndex.open(path)
    other.add(uniform(1, 5), [99])
    assert len(HashIndex.from_bytes(one.to_bytes())) == 5
    other.add(uniform(1, 6), [98])
    assert len(one) == 6


def test_whoever_may_read_the_index_may_read_its_log(tmp_path):
    path = tmp_path / "a.idx"
    HashIndex.build(uniform(4)).save(path)
    path.chmod(0o664)
    index = HashIndex.open(path)
    index.add(uniform(1, 5), [99])
    assert path.with_name("a.idx.delta").stat().st_mode & 0o777 == 0o664
    index.merge()
    assert path.stat().st_mode & 0o777 == 0o664


def test_a_process_that_ends_amid_a_merge_ends_well():
    program = """if 1:
        import numpy as np
        from tocsin.matching import HashIndex
        index = HashIndex.build(np.zeros((1, 32), np.uint8))
        index.add(np.random.default_rng(0).integers(0, 256, (150_000, 32), np.uint8), np.arange(150_000))
    """
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
