"""A list pushed to a store and followed from there: what is served is always a whole list, of now or of before."""

import json
import os
import shutil
from datetime import timedelta

import pytest

from tocsin.gateway.cluster import mirror
from tocsin.gateway.cluster.bucket import Bucket, BucketError, MissingError
from tocsin.gateway.cluster.mirror import Copy, push, withdraw
from tocsin.matching.lists import Entry, HashList, ListError, Terms, add, build, remove

NOW = timedelta(0)


def code(number):
    return bytes([number % 256, number // 256]) * 16


def entries(*numbers):
    return [("test", [Entry(n, [("pdq", code(n))], id=f"entry-{n}") for n in numbers])]


@pytest.fixture
def made(tmp_path):
    build(tmp_path / "known", Terms(name="known"), entries(*range(1, 40)))
    return tmp_path / "known"


@pytest.fixture
def copy(bucket, tmp_path):
    return Copy(bucket, tmp_path / "copy")


def names(folder):
    view = HashList.open(folder).view
    return {entry.id for entry in view.all_entries()}


def test_a_copy_holds_what_was_pushed_and_follows_additions_and_withdrawals(made, bucket, copy):
    with pytest.raises(MissingError):
        copy.follow()
    assert not copy.whole
    assert push(made, bucket).tag
    assert copy.follow()
    held = HashList.open(copy.folder)
    assert names(copy.folder) == names(made)
    assert not copy.follow()
    add(made, entries(100))
    remove(made, ["entry-7"])
    push(made, bucket)
    assert copy.follow()
    assert "entry-100" in names(copy.folder)
    assert "entry-7" not in names(copy.folder)
    held.refresh()
    assert held.view.named("entry-100")
    assert held.view.named("entry-7") == []
    assert HashList.open(copy.folder).verify() > 0


def test_only_what_is_new_travels_and_what_is_unused_goes(made, bucket, copy, s3, monkeypatch):
    monkeypatch.setattr(mirror, "INLINE", 0)
    first = push(made, bucket)
    copy.follow()
    assert push(made, bucket).files == 0
    add(made, entries(*range(200, 204)))
    second = push(made, bucket, NOW)
    assert 0 < second.bytes < first.bytes
    s3.asked.clear()
    copy.follow()
    assert sum("GET" in line and "/files/" in line for line in s3.asked) == second.files
    add(made, entries(*range(300, 340)))  # merges the parts
    assert push(made, bucket, NOW).removed > 0
    copy.follow()
    kept = {path.name for path in copy.folder.iterdir() if path.name.startswith("part-")}
    assert kept == {path.name for path in made.iterdir() if path.name.startswith("part-")}
    small = {"list.yaml", "state.json"}
    head = json.loads(s3.objects["lists/known/head.json"])
    assert len([key for key in s3.objects if "/files/" in key]) == len(head["files"].keys() - small)


def test_files_that_copies_may_be_fetching_stay_for_a_while(made, bucket, s3, monkeypatch):
    monkeypatch.setattr(mirror, "INLINE", 0)
    push(made, bucket)
    before = set(s3.objects)
    add(made, entries(*range(300, 340)))
    assert push(made, bucket).removed == 0
    assert before <= set(s3.objects)


def test_a_crash_at_any_step_leaves_a_whole_list(made, bucket, copy, tmp_path, monkeypatch):
    """Every change that following makes to the folder is cut short in turn; then it is done again."""
    monkeypatch.setattr(mirror, "INLINE", 0)
    push(made, bucket)
    copy.follow()
    before = names(made)
    shutil.copytree(copy.folder, tmp_path / "as it was")
    add(made, entries(*range(300, 340)))
    push(made, bucket)
    after = names(made)

    class Crash(BaseException):
        pass

    def cut(real, left):
        def wrapped(*given, **more):
            if left[0] == 0:
                raise Crash
            left[0] -= 1
            return real(*given, **more)

        return wrapped

    step, done = 0, False
    while not done:
        folder = tmp_path / f"copy {step}"
        shutil.copytree(tmp_path / "as it was", folder)
        with monkeypatch.context() as broken:
            left = [step]
            for module, name in ((os, "replace"), (os, "fsync"), (mirror, "write_private")):
                broken.setattr(module, name, cut(getattr(module, name), left))
            try:
                Copy(bucket, folder).follow()
                done = True
            except Crash:
                pass
        assert names(folder) in (before, after)
        again = Copy(bucket, folder)
        again.follow()
        assert names(folder) == after
        assert not [path for path in folder.iterdir() if path.name.endswith(".fetching")]
        step += 1
    assert step > 4


def test_a_list_built_anew_under_the_same_names_is_never_served_half(made, bucket, copy, monkeypatch):
    monkeypatch.setattr(mirror, "INLINE", 0)
    push(made, bucket)
    copy.follow()
    held = HashList.open(copy.folder)
    shutil.rmtree(made)
    build(made, Terms(name="known"), entries(*range(500, 539)))
    push(made, bucket)

    class Crash(BaseException):
        pass

    real = os.replace

    def once(source, target):
        real(source, target)
        if target.name.startswith("part-"):
            raise Crash

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", once)
        with pytest.raises(Crash):
            copy.follow()
    with pytest.raises(ListError):
        HashList.open(copy.folder)
    held.refresh()
    assert held.view.named("entry-7"), "who has it open goes on with the list as it was"
    again = Copy(bucket, copy.folder)
    assert again.follow()
    assert names(copy.folder) == names(made)
    held.refresh()
    assert held.view.named("entry-507")


def test_damage_on_the_way_is_refused_and_the_old_list_stays(made, bucket, copy, s3, monkeypatch):
    monkeypatch.setattr(mirror, "INLINE", 0)
    push(made, bucket)
    copy.follow()
    before = names(copy.folder)
    add(made, entries(*range(300, 340)))
    push(made, bucket)
    files = [key for key in s3.objects if "/files/" in key]
    whole = dict(s3.objects)
    for key in files:
        s3.objects[key] = s3.objects[key][:-1]
    with pytest.raises(BucketError, match="cut, changed or damaged"):
        copy.follow()
    for key in files:
        s3.objects.pop(key, None)
    with pytest.raises(MissingError, match="lacks a file"):
        copy.follow()
    assert names(copy.folder) == before
    s3.objects.update(whole)
    assert copy.follow()
    assert names(copy.folder) == names(made)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"[]",
        b'{"format": 2}',
        b'{"format": 1, "withdrawn": false, "files": {}}',
        b'{"format": 1, "withdrawn": false, "files": {"../x": {"size": 1, "sha256": "' + b"0" * 64 + b'"}}}',
        b'{"format": 1, "withdrawn": false, "files": {"part-1/../../x": {"size": 1, "sha256": "' + b"0" * 64 + b'"}}}',
        b'{"format": 1, "withdrawn": false, "files": {"list.yaml": {"size": 3, "sha256": "00", "data": "AAAA"}}}',
    ],
)
def test_a_hostile_head_changes_nothing(made, bucket, copy, head):
    push(made, bucket)
    copy.follow()
    before = names(copy.folder)
    bucket.put_head(head)
    with pytest.raises(BucketError):
        copy.follow()
    assert names(copy.folder) == before


def test_a_withdrawn_list_goes_and_one_that_cannot_be_reached_stays(made, bucket, copy, s3):
    push(made, bucket)
    copy.follow()
    s3.broken.append("head.json")
    with pytest.raises(BucketError, match="does not answer"):
        copy.follow()
    assert copy.whole
    s3.broken.clear()
    withdraw(bucket)
    assert copy.follow()
    assert not copy.whole
    assert not [path for path in copy.folder.iterdir() if path.name.startswith("part-")]
    assert not [key for key in s3.objects if "/files/" in key]
    push(made, bucket)
    assert copy.follow()
    assert names(copy.folder) == names(made)


def test_a_folder_with_a_list_of_its_own_is_left_alone(made, bucket):
    with pytest.raises(ListError, match="list of its own"):
        Copy(bucket, made)


def test_two_processes_may_share_a_copy(made, bucket, copy):
    other = Copy(bucket, copy.folder)
    push(made, bucket)
    assert copy.follow()
    assert other.follow()
    assert not other.follow()
    add(made, entries(100))
    push(made, bucket)
    assert other.follow()
    assert copy.follow()
    assert "entry-100" in names(copy.folder)


def test_lists_travel_by_any_store(made, tmp_path):
    pytest.importorskip("obstore")
    (tmp_path / "store").mkdir()
    here = Bucket.open(f"file://{tmp_path / 'store'}")
    push(made, here)
    copy = Copy(here, tmp_path / "copy")
    assert copy.follow()
    assert not copy.follow()
    assert names(copy.folder) == names(made)
