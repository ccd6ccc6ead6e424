import io
import json
import os
from pathlib import Path

import pytest

from tocsin.cli.speaking import Failure
from tocsin.cli.walking import Going, Kept, Unreadable, files_of


@pytest.fixture
def tree(tmp_path):
    """b.txt, a/1, a/z/2 and a link from a/loop back to the top."""
    (tmp_path / "tree" / "a" / "z").mkdir(parents=True)
    for name in ("b.txt", "a/1", "a/z/2"):
        (tmp_path / "tree" / name).write_text(name)
    (tmp_path / "tree" / "a" / "loop").symlink_to(tmp_path / "tree")
    return tmp_path / "tree"


def test_folders_are_gone_through_by_name_and_links_to_folders_are_not_followed(tree):
    found = [str(path.relative_to(tree)) for path in files_of([tree])]
    assert found == ["b.txt", "a/1", "a/z/2"]
    assert list(files_of([tree / "b.txt"])) == [tree / "b.txt"]


def test_what_is_not_there_or_not_readable_is_said(tree):
    [gone] = files_of([tree / "none"])
    assert isinstance(gone, Unreadable)
    assert gone.detail == "There is no such file or folder."
    if os.geteuid():
        (tree / "a").chmod(0)
        assert any(isinstance(one, Unreadable) for one in files_of([tree]))
        (tree / "a").chmod(0o700)


def test_what_was_kept_is_taken_up_unless_the_file_changed(tree, tmp_path):
    store = tmp_path / "kept"
    with Kept(store, {"radius": 31}) as kept:
        assert kept.earlier(tree / "b.txt") is None
        kept.keep(tree / "b.txt", [{"status": "match"}])
        kept.keep(tree / "a" / "1", [{"status": "no-match"}])
    (tree / "a" / "1").write_text("changed since")
    with Kept(store, {"radius": 31}) as kept:
        assert kept.earlier(tree / "b.txt") == [{"status": "match"}]
        assert kept.earlier(tree / "a" / "1") is None
        kept.keep(tree / "a" / "1", [{"status": "match"}])
    with Kept(store, {"radius": 31}) as kept:
        assert kept.earlier(tree / "a" / "1") == [{"status": "match"}]
    assert store.stat().st_mode & 0o077 == 0


def test_a_line_cut_short_is_forgotten_and_the_rest_stays(tree, tmp_path):
    store = tmp_path / "kept"
    with Kept(store, {}) as kept:
        kept.keep(tree / "b.txt", [{"n": 1}])
        kept.keep(tree / "a" / "1", [{"n": 2}])
    store.write_bytes(store.read_bytes()[:-7])
    with Kept(store, {}) as kept:
        assert kept.earlier(tree / "b.txt") == [{"n": 1}]
        assert kept.earlier(tree / "a" / "1") is None
        kept.keep(tree / "a" / "1", [{"n": 3}])
    assert [json.loads(line) for line in store.read_text().splitlines()][2]["results"] == [{"n": 3}]


def test_other_settings_and_other_files_are_refused(tree, tmp_path):
    with Kept(tmp_path / "kept", {"radius": 31}):
        pass
    with pytest.raises(Failure, match="other settings"), Kept(tmp_path / "kept", {"radius": 5}):
        pass
    with pytest.raises(Failure, match="not a file of kept results"), Kept(tree / "b.txt", {}):
        pass
    with Kept(None, {}) as kept:
        kept.keep(tree / "b.txt", [])
        assert kept.earlier(tree / "b.txt") is None


def test_what_no_results_can_be_kept_in_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path / "pipe", Path("/dev/full")):
        with pytest.raises(Failure, match="not a file that results"), Kept(name, {}):
            pass


def test_a_full_disk_is_told_in_a_sentence(tree, tmp_path):
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(28, "No space left on device")

    with Kept(tmp_path / "kept", {}) as kept:
        kept._file.close()
        kept._file = Full()
        with pytest.raises(Failure, match=r"cannot be kept in .*: No space left"):
            kept.keep(tree / "b.txt", [])


def test_names_that_are_no_text_are_kept_too(tmp_path):
    name = os.fsdecode(b"odd-\xff.jpg")
    (tmp_path / name).write_text("x")
    [path] = files_of([tmp_path / name])
    with Kept(tmp_path / "kept", {}) as kept:
        kept.keep(path, [{"n": 1}])
    with Kept(tmp_path / "kept", {}) as kept:
        assert kept.earlier(path) == [{"n": 1}]


def test_progress_is_silent_where_there_is_no_terminal(tree, capsys):
    with Going("Matching", [tree]) as going:
        going.step()
    assert capsys.readouterr().err == ""


def test_progress_tells_what_was_found_so_far(tree, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    with Going("Matching", [tree]) as going:
        for found in (0, 2, 1):
            going.step(found)
        going._progress.refresh()
    assert "3 matched" in terminal.getvalue()
