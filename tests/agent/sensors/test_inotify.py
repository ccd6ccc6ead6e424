import errno
import os
import threading
import time
from pathlib import Path

import pytest
from inotify_simple import flags

from tocsin.agent.sensors.inotify import TreeWatch


@pytest.fixture
def watch(tmp_path):
    made = TreeWatch(lambda folder, _owner: folder.endswith("/skipped"))
    list(made.add(str(tmp_path), time.time() + 60))
    yield made
    made.close()


def told(watch, wanted, seconds=60.0):
    """Read until every wanted path was told; the time is for what never comes."""
    found, ends = set(), time.monotonic() + seconds
    while not {str(path) for path in wanted} <= found and time.monotonic() < ends:
        found.update(watch.read(0.05))
    return found


def settled(watch, folder):
    """Read all that was told so far: the news of a file made now is the last of it."""
    mark = folder / "mark"
    mark.write_bytes(b"x")
    found = told(watch, [mark])
    mark.unlink()
    return found - {str(mark)}


def test_written_moved_and_linked_files_are_told(watch, tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "part").write_bytes(b"y")
    (tmp_path / "part").rename(tmp_path / "whole")
    os.link(tmp_path / "a", tmp_path / "linked")
    names = [tmp_path / "a", tmp_path / "whole", tmp_path / "linked"]
    assert told(watch, names) >= {str(path) for path in names}


def test_nested_folders_made_fast_lose_nothing(watch, tmp_path):
    wanted = []
    for number in range(30):
        folder = tmp_path / f"{number}" / "b" / "c" / "d"
        folder.mkdir(parents=True)
        wanted.append(folder / "file")
        wanted[-1].write_bytes(b"x")
    assert told(watch, wanted) >= {str(path) for path in wanted}
    later = tmp_path / "3" / "b" / "later"
    later.write_bytes(b"x")
    assert str(later) in told(watch, [later])


def test_a_folder_moved_in_and_renamed_is_followed_under_its_new_name(watch, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "folder"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "before").write_bytes(b"x")
    outside.rename(tmp_path / "one")
    assert str(tmp_path / "one/deep/before") in told(watch, [tmp_path / "one/deep/before"])
    (tmp_path / "one").rename(tmp_path / "two")
    told(watch, [tmp_path / "two/deep/before"])
    (tmp_path / "two" / "deep" / "after").write_bytes(b"x")
    found = told(watch, [tmp_path / "two/deep/after"])
    assert str(tmp_path / "two/deep/after") in found
    assert str(tmp_path / "one/deep/after") not in found


def test_a_folder_moved_away_is_let_go(watch, tmp_path, tmp_path_factory):
    (tmp_path / "gone" / "deep").mkdir(parents=True)
    settled(watch, tmp_path)
    many = watch.watched
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "gone"
    (tmp_path / "gone").rename(elsewhere)
    settled(watch, tmp_path)
    assert watch.watched == many - 2
    (elsewhere / "deep" / "file").write_bytes(b"x")
    assert settled(watch, tmp_path) == set()


def test_links_and_skipped_folders_are_not_followed(watch, tmp_path, tmp_path_factory):
    target = tmp_path_factory.mktemp("target")
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "skipped").mkdir()
    settled(watch, tmp_path)
    (target / "file").write_bytes(b"x")
    (tmp_path / "skipped" / "file").write_bytes(b"x")
    assert settled(watch, tmp_path) == set()


def test_a_subvolume_is_part_of_the_tree_and_a_mount_is_not(tmp_path, renumber):
    for name in ("subvolume/deep", "mount"):
        (tmp_path / name).mkdir(parents=True)
    numbers = {str(tmp_path / "subvolume"): 98, str(tmp_path / "mount"): 99}
    renumber("inotify", numbers)
    watch = TreeWatch(mounted=lambda folder: folder.endswith("/mount"))
    list(watch.add(str(tmp_path), time.time() + 60))
    wanted = [tmp_path / "subvolume" / "a", tmp_path / "subvolume" / "deep" / "b"]
    for path in (tmp_path / "mount" / "c", *wanted):
        path.write_bytes(b"x")
    (tmp_path / "subvolume" / "later").mkdir()
    wanted.append(tmp_path / "subvolume" / "later" / "d")
    wanted[-1].write_bytes(b"x")
    found = told(watch, wanted)
    assert {str(path) for path in wanted} <= found
    assert str(tmp_path / "mount" / "c") not in found
    watch.close()


def test_an_overflow_is_told_and_what_changed_is_found_again(watch, tmp_path):
    moment = time.time() - 1
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"x")
    list(watch._event(-1, flags.Q_OVERFLOW, ""))
    assert watch.overflows == 1
    assert str(tmp_path / "deep/file") in set(watch.all_changed_since(moment))
    assert set(watch.all_changed_since(time.time() + 60)) == set()


def test_where_the_system_has_no_watch_left_that_is_known_and_looked_through(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    watch = TreeWatch()
    real, left = watch._inotify.add_watch, [2]

    def add_watch(path, mask):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "no space")
        return real(path, mask)

    monkeypatch.setattr(watch._inotify, "add_watch", add_watch)
    list(watch.add(str(tmp_path), time.time()))
    assert watch.watched == 2
    assert len(watch.unwatched) == 2
    folder = next(iter(watch.unwatched))
    moment = time.time() - 1
    path = Path(folder) / "file"
    path.write_bytes(b"x")
    assert list(watch.look_through(folder, moment)) == [str(path)]
    assert list(watch.look_through(folder, moment + 60)) == []
    new = Path(folder) / "new" / "deep" / "file"
    new.parent.mkdir(parents=True)
    new.write_bytes(b"x")
    assert str(new) in set(watch.look_through(folder, moment + 60))
    watch.close()


def test_closed_folders_are_counted(tmp_path):
    if os.getuid() == 0:
        pytest.skip("root may read everything")
    (tmp_path / "closed").mkdir(mode=0o000)
    watch = TreeWatch()
    list(watch.add(str(tmp_path), time.time()))
    assert watch.unreadable == 1
    watch.close()
    (tmp_path / "closed").chmod(0o700)


def test_a_waiting_reader_can_be_woken(watch):
    threading.Timer(0.05, watch.wake).start()
    assert list(watch.read(3600)) == [], "it does not wait for the hour to end"


def test_a_tree_taken_out_is_let_go(watch, tmp_path):
    watch.remove(str(tmp_path))
    assert watch.watched == 0
    (tmp_path / "file").write_bytes(b"x")
    assert list(watch.read(0.1)) == []
