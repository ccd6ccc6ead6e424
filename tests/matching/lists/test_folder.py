import os
import stat
import threading

import pytest
import yaml

from tocsin.matching.lists import folder as folders
from tocsin.matching.lists.entry import ListError
from tocsin.matching.lists.folder import PartRecord, State, Terms, read_state, read_terms, write_state, write_terms

PART = PartRecord("part-000001", 3, 2, 1, {"md5": 2}, {"part-000001.cols": {"size": 9, "sha256": "ab"}})


def test_terms_are_written_for_a_person_and_read_back(tmp_path):
    terms = Terms(name="Agency", categories={"1": 5, "007": 2}, radius=20, negative=True, terms="Keep it safe: §7")
    write_terms(tmp_path, terms)
    assert read_terms(tmp_path) == terms
    text = (tmp_path / "list.yaml").read_text()
    assert text.startswith("#")
    assert "§7" in text
    assert stat.S_IMODE((tmp_path / "list.yaml").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"radius": 65}, "radius must be a whole number from 0 to 64"),
        ({"radius": True}, "radius"),
        ({"radius": "31"}, "radius"),
        ({"severity": 0}, "severity"),
        ({"categories": {"1": 9}}, "category 1"),
        ({"categories": [1]}, "categories must be"),
        ({"negative": "no"}, "negative must be true or false"),
        ({"origin": "stolen"}, "own or shared"),
        ({"photodna_metric": "cosine"}, "squared, absolute"),
        ({"video_known": float("nan")}, "shares"),
        ({"colour": "red"}, "'colour', which is not known"),
        ({"format": 2}, "newer version"),
        ({"name": ""}, "needs a name"),
    ],
)
def test_a_manifest_with_a_slip_says_which(tmp_path, change, why):
    write_terms(tmp_path, Terms(name="x"))
    held = yaml.safe_load((tmp_path / "list.yaml").read_text())
    (tmp_path / "list.yaml").write_text(yaml.safe_dump(held | change))
    with pytest.raises(ListError, match=why):
        read_terms(tmp_path)


@pytest.mark.parametrize("text", ["", "[1]", "a: [", "\x00", "&a [*a]", "name: x"])
def test_what_is_no_manifest_is_a_sentence(tmp_path, text):
    (tmp_path / "list.yaml").write_text(text)
    with pytest.raises(ListError):
        read_terms(tmp_path)


def test_a_folder_without_a_manifest_is_no_list(tmp_path):
    with pytest.raises(ListError, match=r"is not a hash list: it holds no list\.yaml"):
        read_terms(tmp_path)


def test_the_state_comes_back(tmp_path):
    state = State(4, (PART,), ("age1x",), 2)
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"format": 9}',
     '{"format":1,"version":1,"recipients":[],"next_part":1,"parts":[{"name":"../x"}]}',
     '{"format":1,"version":1,"recipients":[],"next_part":1,"parts":[{"name":"p","rows":1,"active":1,"tombstones":0,'
     '"counts":{},"files":{"../../etc/passwd":{}}}]}'],
)  # fmt: skip
def test_a_damaged_or_strange_state_is_refused(tmp_path, text):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(ListError, match=r"damaged|newer|tampered"):
        read_state(tmp_path)


def test_left_over_parts_are_swept_and_others_kept(tmp_path):
    for name in ("part-000001.cols", "part-000001.pdq.lock", "part-000002.cols", "list.yaml", "mine.txt"):
        (tmp_path / name).touch()
    folders.sweep(tmp_path, State(1, (PART,)))
    kept = {"part-000001.cols", "part-000001.pdq.lock", "list.yaml", "mine.txt"}
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_one_change_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "_PATIENCE", 0.0)
    caught = []

    def other():
        try:
            with folders.changing(tmp_path):
                pass
        except ListError as error:
            caught.append(str(error))

    write_terms(tmp_path, Terms(name="x"))
    with folders.changing(tmp_path):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "Another program" in caught[0]
    with folders.changing(tmp_path):
        assert os.path.exists(tmp_path / ".lock")  # noqa: PTH110


def test_what_a_killed_build_left_is_cleared_by_the_next_one_and_a_living_one_is_not(tmp_path):
    """Its hashes lie in the clear, also where the list is to be sealed."""
    left = tmp_path / ".known.building-killed"
    left.mkdir()
    (left / "md5").write_bytes(b"hashes")
    (tmp_path / ".known.building-file").touch()
    (tmp_path / ".known.building-link").symlink_to(tmp_path)
    (tmp_path / ".other.building-1").mkdir()
    with folders.making(tmp_path / "known") as first:
        assert not left.exists()
        with folders.making(tmp_path / "known") as second:
            assert first.is_dir()
            assert first != second
    assert {path.name for path in tmp_path.iterdir()} == {
        ".known.building-file", ".known.building-link", ".other.building-1",
    }  # fmt: skip


def test_what_was_made_stays_where_it_was_put(tmp_path):
    with folders.making(tmp_path / "deep" / "known") as place:
        (place / "list.yaml").touch()
        place.rename(tmp_path / "deep" / "known")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["known"]
