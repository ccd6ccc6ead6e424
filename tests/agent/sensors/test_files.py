import io
import os
import shutil
import threading
import zipfile

import pytest
from inotify_simple import flags

from tocsin.agent.sensors import files as module
from tocsin.agent.sensors.files import FileSensor
from tocsin.model import NotScanned


@pytest.fixture
def sensor(files):
    def start(**more):
        made = FileSensor(files.places, files.comparing, files.clock, count=files.counts.append, **more)
        files.start(made)
        assert made.ready.wait(60)
        return made

    return start


def test_a_listed_file_saved_to_disk_is_matched_within_two_seconds(files, sensor, until):
    sensor()
    assert module.SETTLE_MOST_S + module._TURN_S < 2
    path = files.picture("Downloads/a.jpg", listed=True)
    until(lambda: files.answers)
    assert files.answers[0].body.name == str(path)
    assert files.answers[0].body.matches
    assert files.answers[0].seen_ns > 0


def test_moved_unpacked_linked_and_downloaded_files_are_all_seen(files, sensor, until, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    sensor()
    (outside / "moved.jpg").write_bytes(b"\xff\xd8\xff moved")
    (outside / "moved.jpg").rename(files.home / "moved.jpg")
    part = files.home / "got.jpg.part"
    part.write_bytes(b"\xff\xd8\xff got")
    part.rename(files.home / "got.jpg")
    (outside / "tree" / "deep").mkdir(parents=True)
    (outside / "tree" / "deep" / "in.jpg").write_bytes(b"\xff\xd8\xff in")
    shutil.move(outside / "tree", files.home / "tree")
    for number in range(25):
        files.picture(f"n{number}/a/b/c/{number}.jpg")
    wanted = {"moved.jpg", "got.jpg", "in.jpg", *(f"{n}.jpg" for n in range(25))}
    until(lambda: wanted <= files.names())


def test_a_download_that_comes_while_nothing_can_decode_it_is_examined_a_little_later(
    files, sensor, until, monkeypatch
):
    monkeypatch.setattr(module, "_AGAIN_S", (0.05, 0.05))
    real, refused = files.hasher.fingerprint, []

    def fingerprint(source):
        if len(refused) < 2:
            refused.append(source)
            return NotScanned("no-decoder", "The process that decodes pictures could not be started.")
        return real(source)

    files.hasher.fingerprint = fingerprint
    sensor()
    path = files.picture("Downloads/a.part", listed=True)
    path = path.rename(path.with_suffix(".jpg"))
    until(lambda: files.answers)
    assert files.answers[0].body.name == str(path)
    assert files.answers[0].body.matches
    assert [one.body.reason for one in files.missed].count("no-decoder") == 2, "and each time was told"


def test_hundreds_of_downloads_at_once_into_folders_old_and_new_are_all_seen(files, sensor, until):
    sensor()
    wanted = set()
    for number in range(240):
        folder = files.home / "Downloads" / (f"new {number}" if number % 3 == 0 else "old") / "in"
        path = folder / f"{number}.jpg"
        wanted.add(path.name)
        if number % 4 == 0:
            part = files.picture(f"elsewhere/{number}.part", str(number).encode())
            folder.mkdir(parents=True, exist_ok=True)
        else:
            part = files.picture(str(path.with_suffix(".part").relative_to(files.home)), str(number).encode())
        if number % 5 == 0:
            path.touch()
        if number % 7 == 0:
            part.write_bytes(part.read_bytes())
        part.replace(path)
    until(lambda: wanted <= files.names())


def test_archives_are_looked_into_and_the_entry_named(files, sensor, until):
    sensor()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("in/a.jpg", b"\xff\xd8\xff inside")
    (files.home / "a.zip").write_bytes(out.getvalue())
    until(lambda: len(files.answers) == 2)
    assert [one.body.held for one in files.answers] == ["", "in/a.jpg"]


def test_files_of_other_kinds_and_of_the_agent_are_left_alone(files, sensor, until):
    sensor()
    (files.home / "letter.txt").write_bytes(b"dear all")
    (files.data / "b.jpg").write_bytes(b"\xff\xd8\xff own")
    files.picture("last.jpg")
    until(lambda: files.names() == {"last.jpg"})
    assert files.hasher.hashed == 1


def test_a_file_written_again_and_again_is_examined_when_it_rests(files, sensor, until):
    sensor()
    for number in range(30):
        files.picture("a.jpg", str(number).encode())
    until(lambda: files.answers)
    last = files.home / "a.jpg"
    until(lambda: any(one.body.size == last.stat().st_size for one in files.answers))
    assert files.hasher.hashed < 10


def test_what_cannot_be_examined_is_told_by_its_reason(files, sensor, until):
    sensor()
    files.picture("a.jpg", b"bad")
    files.picture("b.jpg", b"boom")
    until(lambda: {one.body.reason for one in files.missed} == {"unreadable", "failed-file"})
    files.picture("c.jpg")
    until(lambda: files.names() == {"c.jpg"})


def test_an_overflow_is_counted_and_everything_that_changed_is_found(files, sensor, until):
    made = sensor()
    real = made._watch._event
    lost, written = [], threading.Event()

    def losing(wd, mask, name):
        assert written.wait(60), "what comes after the first is read together, as where a queue ran over"
        if name and len(lost) < 5 and not mask & flags.ISDIR:
            lost.append(name)
            if len(lost) == 5:
                yield from real(-1, flags.Q_OVERFLOW, "")
            return
        yield from real(wd, mask, name)

    made._watch._event = losing
    for number in range(8):
        files.picture(f"{number}.jpg")
    written.set()
    until(lambda: {f"{n}.jpg" for n in range(8)} <= files.names())
    assert "overflow" in {one.body.reason for one in files.missed}


def test_more_files_at_once_than_can_be_remembered_are_found_again(files, sensor, until, monkeypatch):
    monkeypatch.setattr(module, "_MOST_DUE", 5)
    sensor()
    for number in range(40):
        files.picture(f"{number}.jpg")
    until(lambda: len(files.names()) == 40)


def test_where_there_are_no_watches_left_folders_are_looked_through(files, sensor, until, monkeypatch):
    (files.home / "deep").mkdir()
    watch = module.TreeWatch(files.places.skip)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(watch._inotify, "add_watch", full)
    made = sensor(watch=watch, poll_s=0.2)
    assert made.degradations[0].startswith("folders-unwatched ")
    until(lambda: [one.body.reason for one in files.missed] == ["unwatched"])
    files.picture("deep/a.jpg")
    files.picture("new/folder/b.jpg")
    until(lambda: files.names() == {"a.jpg", "b.jpg"})


def test_a_drive_that_is_attached_later_is_followed(files, sensor, until, tmp_path, monkeypatch):
    drive = tmp_path / "media" / "STICK"
    drive.mkdir(parents=True)
    files.places.mounts = (str(tmp_path / "media"),)
    changed = []
    monkeypatch.setattr(module.MountWatch, "changed", lambda _self: bool(changed and changed.pop()))
    arrived = []
    sensor(arrived=arrived.append)
    files.mountinfo.write_text(f"36 35 8:1 / {drive} rw shared:1 - vfat /dev/sdb1 rw\n")
    changed.append(True)
    until(lambda: arrived == [str(drive)])
    (drive / "a.jpg").write_bytes(b"\xff\xd8\xff stick")
    until(lambda: files.names() == {"a.jpg"})
    files.mountinfo.write_text("")
    changed.append(True)
    until(lambda: not changed)
    assert "drive-attached" in files.counts


def test_names_that_are_no_text_are_no_obstacle(files, sensor, until):
    sensor()
    path = os.fsencode(files.home) + b"/\xff\xfe.jpg"
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"\xff\xd8\xff odd")
    until(lambda: files.answers)
    assert os.fsencode(files.answers[0].body.name) == path


def test_what_the_order_names_as_privileged_is_never_hashed(files, sensor, until):
    files.places.private = lambda path: "Harker" in path
    sensor()
    files.picture("Harker and Co/a.jpg")
    files.picture("Harker.jpg")
    files.picture("b.jpg")
    until(lambda: files.names() == {"b.jpg"})
    assert files.hasher.hashed == 1
    assert "privileged" in files.counts


def test_of_a_folder_that_all_share_only_our_own_files_are_followed(files, sensor, until, tmp_path, monkeypatch):
    shared = tmp_path / "shared"
    shared.mkdir()
    files.places.shared = (str(shared),)
    monkeypatch.setattr(files.places.__class__, "is_foreign", lambda _, path: path.endswith("theirs.jpg"))
    sensor()
    for name in ("theirs.jpg", "ours.jpg"):
        (shared / name).write_bytes(b"\xff\xd8\xff " + name.encode())
    until(lambda: "ours.jpg" in files.names())
    (shared / "last.jpg").write_bytes(b"\xff\xd8\xff last")
    until(lambda: "last.jpg" in files.names())
    assert files.names() == {"ours.jpg", "last.jpg"}
