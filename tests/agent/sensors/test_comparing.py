import hashlib

import pytest

from tocsin.agent.sensors.seen_files import FileKey
from tocsin.model import Kind, NotScanned


def test_a_file_becomes_a_question_with_its_place(files, until):
    path = files.picture("Downloads/a.jpg", listed=True)
    done = []
    files.comparing.compare(str(path), "files", urgent=True, seen_ns=5, done=lambda: done.append(1))
    until(lambda: files.answers)
    [answer] = files.answers
    assert (answer.kind, answer.sensor, answer.seen_ns) == (Kind.FILE, "files", 5)
    assert answer.body.name == str(path)
    assert answer.body.place == "file"
    assert len(answer.body.matches) == 1
    assert answer.thread.startswith("folder:")
    until(lambda: done)
    version, kept = files.seen.known(FileKey.of(path.stat()))
    assert version == "v1"
    assert hashlib.sha256(path.read_bytes()).hexdigest() in kept


def test_a_file_is_compared_once_with_each_state_of_the_lists(files, until):
    path = files.picture("a.jpg")
    for _ in range(2):
        files.comparing.compare(str(path), "files", urgent=True)
        until(lambda: files.seen.known(FileKey.of(path.stat())))
    assert len(files.answers) == 1
    files.lists = {**files.lists, "version": "v2"}
    files.listed.add(hashlib.sha256(path.read_bytes()).hexdigest())
    files.comparing.compare(str(files.picture("b.jpg")), "files", urgent=True)
    until(lambda: files.asking.version == "v2")
    files.comparing.compare(str(path), "sweep", urgent=False)
    until(lambda: len(files.answers) == 3)
    assert len(files.answers[-1].body.matches) == 1
    assert files.hasher.hashed == 2


def test_what_cannot_be_examined_is_noted_and_not_tried_again_until_it_changes(files):
    path = files.picture("a.jpg", b"bad")
    assert files.comparing.compare(str(path), "files", urgent=True).missed
    assert not files.comparing.compare(str(path), "files", urgent=True).missed
    files.picture("a.jpg", b"bad again")
    assert files.comparing.compare(str(path), "files", urgent=True).missed
    assert files.answers == []


@pytest.mark.parametrize("reason", ["no-decoder", "time-out", "failed"])
def test_what_could_not_be_examined_just_now_is_tried_again_though_it_did_not_change(files, until, reason):
    path, real = files.picture("a.jpg", listed=True), files.hasher.fingerprint
    files.hasher.fingerprint = lambda _source: NotScanned(reason, "Not now.")
    assert files.comparing.compare(str(path), "files", urgent=True).missed
    files.hasher.fingerprint = real
    files.comparing.compare(str(path), "sweep", urgent=False)
    until(lambda: files.answers)
    assert files.answers[0].body.matches


def test_while_the_hub_is_away_the_question_waits_on_disk(files, until):
    files.down = True
    path = files.picture("a.jpg", listed=True)
    files.comparing.compare(str(path), "files", urgent=True)
    until(lambda: files.waiting.count == 1)
    assert files.answers == []
    files.down = False
    files.asking.wake()
    until(lambda: files.answers)
    assert files.answers[0].body.name == str(path)
