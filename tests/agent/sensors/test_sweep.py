import hashlib

import pytest

from tocsin.agent.sensors import sweep as module
from tocsin.agent.sensors.sweep import SweepSensor


@pytest.fixture
def sweep(files, monkeypatch):
    monkeypatch.setattr(module, "_LOOK_S", 0.02)

    def start(**more):
        given = {"hinders": lambda: "", "share": 0.9, "count": files.counts.append} | more
        return files.start(SweepSensor(files.places, files.comparing, files.seen, files.clock, **given))

    return start


def test_what_lay_there_before_is_compared(files, sweep, until):
    for number in range(30):
        files.picture(f"a/{number % 3}/{number}.jpg", listed=number == 7)
    (files.home / "a" / "words.txt").write_bytes(b"words")
    made = sweep()
    until(lambda: made.rounds == 1)
    until(lambda: len(files.names()) == 30)
    [matched] = [one for one in files.answers if one.body.matches]
    assert matched.body.name.endswith("/7.jpg")
    assert matched.sensor == "sweep"
    assert files.counts.count("swept") == 30


def test_a_restart_goes_on_and_reads_nothing_twice(files, sweep, until):
    for number in range(40):
        files.picture(f"{number:02}/{number}.jpg")
    stopped = sweep()
    until(lambda: len(files.answers) >= 5)
    stopped.close()
    files.end()
    read = files.hasher.hashed
    answered = len(files.answers)
    files.open()
    made = sweep()
    until(lambda: made.rounds == 1)
    until(lambda: len(files.names()) == 40)
    assert answered <= read <= 40
    assert files.hasher.hashed <= 40 + 5
    made.close()


def test_changed_lists_are_asked_about_everything_again_without_reading(files, sweep, until):
    paths = [files.picture(f"{number}.jpg") for number in range(10)]
    made = sweep()
    until(lambda: made.rounds == 1 and len(files.answers) == 10)
    until(lambda: files.asking.version == "v1")
    files.listed.add(hashlib.sha256(paths[3].read_bytes()).hexdigest())
    files.lists = {**files.lists, "version": "v2"}
    files.comparing.compare(str(files.picture("new.jpg")), "files", urgent=True)
    until(lambda: any(one.body.matches for one in files.answers))
    assert files.hasher.hashed == 11


def test_lists_that_changed_while_the_agent_was_off_are_noticed_at_the_first_answer(files, sweep, until):
    paths = [files.picture(f"{number}.jpg") for number in range(10)]
    made = sweep()
    until(lambda: made.rounds == 1 and len(files.answers) == 10)
    until(lambda: files.seen.get("lists") == "v1")
    files.end()
    files.listed.add(hashlib.sha256(paths[3].read_bytes()).hexdigest())
    files.lists = {**files.lists, "version": "v2"}
    files.open()
    made = sweep()
    until(lambda: made.rounds == 1)
    assert not any(one.body.matches for one in files.answers)
    files.comparing.compare(str(files.picture("new.jpg")), "files", urgent=True)
    until(lambda: any(one.body.matches for one in files.answers))
    until(lambda: files.seen.get("lists") == "v2")
    assert files.hasher.hashed == 11


def test_it_waits_while_the_computer_is_busy_and_says_so(files, sweep, until, monkeypatch):
    monkeypatch.setattr("tocsin.agent.sensors.pacing._LOOK_EVERY_S", 0.02)
    busy = ["busy"]
    files.picture("a/a.jpg")
    files.picture("b/b.jpg")
    made = sweep(hinders=lambda: busy[0])
    until(lambda: "sweep-waits-busy" in files.counts)
    assert made.rounds == 0
    busy[0] = ""
    until(lambda: made.rounds == 1)
    made.shed(1)


def test_shed_means_waiting(files, sweep, until, monkeypatch):
    monkeypatch.setattr("tocsin.agent.sensors.pacing._LOOK_EVERY_S", 0.02)
    files.picture("a/a.jpg")
    made = SweepSensor(files.places, files.comparing, files.seen, files.clock, count=files.counts.append)
    made.shed(1)
    files.start(made)
    until(lambda: "sweep-waits-shed" in files.counts)
    made.shed(0)
    made.close()


def test_it_waits_while_the_hub_is_away(files, sweep, until, monkeypatch):
    waits = []
    real = SweepSensor._may_ask
    monkeypatch.setattr(SweepSensor, "_may_ask", lambda one: (waits.append(1), real(one))[1])
    for number in range(20):
        files.picture(f"{number}.jpg")
    files.down = True
    files.comparing.compare(str(files.home / "0.jpg"), "files", urgent=True)
    until(lambda: not files.asking.reachable)
    made = sweep()
    until(lambda: waits)
    assert made.rounds == 0
    assert files.hasher.hashed <= 2
    files.down = False
    files.asking.wake()
    until(lambda: made.rounds == 1)
    until(lambda: len(files.names()) == 20)


def test_a_drive_that_is_attached_is_swept_at_once(files, sweep, until, tmp_path):
    made = sweep()
    until(lambda: made.rounds == 1)
    drive = tmp_path / "drive"
    (drive / "deep").mkdir(parents=True)
    (drive / "deep" / "a.jpg").write_bytes(b"\xff\xd8\xff drive")
    made.arrived(str(drive))
    until(lambda: files.names() == {"a.jpg"})


def test_what_cannot_be_examined_is_told_once(files, sweep, until):
    files.picture("a.jpg", b"bad")
    files.picture("b.jpg", b"boom")
    made = sweep()
    until(lambda: made.rounds == 1)
    assert sorted(one.body.reason for one in files.missed) == ["failed-file", "unreadable"]


def test_a_subvolume_is_swept_and_a_mount_is_not(files, sweep, until, renumber):
    files.picture("plain/a.jpg")
    inside = files.picture("subvolume/deep/b.jpg")
    outside = files.picture("mount/c.jpg")
    files.mountinfo.write_text(f"36 35 98:0 / {outside.parent} rw - cifs //server/share rw\n")
    numbers = {str(inside.parent.parent): 98, str(outside.parent): 99}
    renumber("sweep", numbers)
    made = sweep()
    until(lambda: made.rounds == 1)
    until(lambda: files.names() >= {"a.jpg", "b.jpg"})
    assert "c.jpg" not in files.names()
    assert "not-scanned-mount" in files.counts


def test_folders_that_vanish_are_no_obstacle(files, sweep, until):
    for number in range(5):
        files.picture(f"{number}/a.jpg")
    made = sweep()
    made.arrived("/nowhere/at/all")
    until(lambda: made.rounds == 1)


@pytest.mark.parametrize(("stranger", "found"), [(0, {"a.jpg", "b.jpg"}), (1, set())])
def test_of_a_folder_that_all_share_only_our_own_files_are_swept(files, sweep, until, tmp_path, stranger, found):
    shared = tmp_path / "shared"
    (shared / "deep").mkdir(parents=True)
    (shared / "a.jpg").write_bytes(b"\xff\xd8\xff a")
    (shared / "deep" / "b.jpg").write_bytes(b"\xff\xd8\xff b")
    files.places.shared, files.places.uid = (str(shared),), files.places.uid + stranger
    made = sweep()
    until(lambda: made.rounds == 1 and files.names() == found)
