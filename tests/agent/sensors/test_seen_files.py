import os
import stat
from types import SimpleNamespace

from tocsin.agent.sensors.seen_files import FileKey, SeenFiles

KEY = FileKey(1, 2, 3, 4)


def test_a_file_is_known_until_it_changes_and_over_a_restart(tmp_path):
    seen = SeenFiles(tmp_path / "f.db")
    assert seen.known(KEY) is None
    seen.put(KEY, "v1", "[]")
    seen.close()
    seen = SeenFiles(tmp_path / "f.db")
    assert seen.known(KEY) == ("v1", "[]")
    assert seen.known(FileKey(1, 2, 3, 5)) is None
    assert seen.known(FileKey(1, 2, 4, 4)) is None
    seen.close()
    assert stat.S_IMODE((tmp_path / "f.db").stat().st_mode) == 0o600


def test_a_time_set_ahead_does_not_hide_what_is_written_later(tmp_path):
    path, ahead = tmp_path / "a", (0, 2**62)
    path.write_bytes(b"one")
    os.utime(path, ns=ahead)
    before = FileKey.of(path.stat())
    first = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == first:  # until the kernel's clock ticks
        path.write_bytes(b"two")
        os.utime(path, ns=ahead)
    assert FileKey.of(path.stat()) != before


def test_a_time_set_back_does_not_make_another_file_look_seen(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    before = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert FileKey.of(path.stat()) != FileKey.of(before)


def test_a_folder_is_done_in_its_round_until_it_changes(tmp_path):
    seen = SeenFiles(tmp_path / "f.db")
    seen.folder_done("/a/\udcff", 10, 1)
    assert seen.is_folder_done("/a/\udcff", 10, 1)
    assert not seen.is_folder_done("/a/\udcff", 11, 1)
    assert not seen.is_folder_done("/a/\udcff", 10, 2)
    seen.set("round", "2")
    seen.prune(2)
    assert not seen.is_folder_done("/a/\udcff", 10, 1)
    assert seen.get("round") == "2"
    assert seen.get("nothing") == ""
    seen.close()


def test_a_damaged_file_is_begun_anew(tmp_path):
    (tmp_path / "f.db").write_bytes(b"this is no database" * 100)
    seen = SeenFiles(tmp_path / "f.db")
    assert seen.known(KEY) is None
    seen.put(KEY, "v")
    assert seen.known(KEY) == ("v", "")
    seen.close()


def test_identities_of_64_bits_fit(tmp_path):
    seen = SeenFiles(tmp_path / "f.db")
    about = SimpleNamespace(st_dev=2**63, st_ino=2**64 - 1, st_size=9, st_mtime_ns=1, st_ctime_ns=2)
    key = FileKey.of(about)
    seen.put(key, "v")
    assert seen.known(key) == ("v", "")
    seen.close()
    seen.put(key, "closed already")
