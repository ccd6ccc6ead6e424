"""A real list is described without a hash; a folder that is none, or is damaged, is refused with a sentence."""

from pathlib import Path

import pytest

from tocsin.hub.list_folders import Folders, changed
from tocsin.hub.media_lists import MediaLists
from tocsin.matching.lists import Entry, Key, ListError, Terms, add, build
from tocsin.model import Fingerprints


def make(folder: Path, key: str = "", entries: int = 3) -> Path:
    rows = [Entry(n, hashes=[("sha1", bytes([n]) * 20)], id=f"e{n}") for n in range(1, entries + 1)]
    build(folder, Terms(name="demo", source="a test", scheme="own"), [("made", rows)], Key.of(key or None))
    return folder


@pytest.mark.usefixtures("cheap_passphrases")
@pytest.mark.parametrize("key", ["", "four words of a passphrase"])
def test_a_list_is_described_and_verified(tmp_path: Path, key: str) -> None:
    shelf = Folders()
    state = shelf.describe(make(tmp_path / "demo", key), key)
    assert (state.name, state.source, state.scheme, state.entries) == ("demo", "a test", "own", 3)
    assert (state.encrypted, state.negative, state.state) == (bool(key), False, "unverified")
    assert state.updated is not None
    shelf.verify(tmp_path / "demo", key)
    add(tmp_path / "demo", [("more", [Entry(1, hashes=[("md5", b"m" * 16)], id="e9")])], Key.of(key or None))
    assert shelf.describe(tmp_path / "demo", key).entries == 4


def test_real_lists_answer_and_follow(tmp_path: Path) -> None:
    lists = MediaLists(Folders(), tmp_path / "own", [make(tmp_path / "given" / "a").parent])
    known = Fingerprints(media="picture", sha1=(bytes([2]) * 20).hex())
    later = Fingerprints(media="picture", sha1=(bytes([9]) * 20).hex())
    ((match,), nothing) = lists.match([known, later])
    assert (match.list, match.entry, match.by, nothing) == ("demo", "e2", "sha1", ())
    assert (lists.count, lists.entries, len(lists.version)) == (1, 3, 16)
    before = lists.version
    add(tmp_path / "given" / "a", [("more", [Entry(1, hashes=[("sha1", bytes([9]) * 20)], id="e9")])])
    assert lists.look()
    assert [m.entry for m in lists.match([later])[0]] == ["e9"]
    assert lists.version != before
    lists.check()
    assert [state.state for state in lists.states] == ["verified"]
    lists.close()


@pytest.mark.usefixtures("cheap_passphrases")
def test_what_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    shelf = Folders()
    with pytest.raises(ListError, match="is not a hash list"):
        shelf.describe(tmp_path, "")
    folder = make(tmp_path / "sealed", "four words of a passphrase")
    with pytest.raises(ListError, match="is sealed"):
        shelf.describe(folder, "")
    cut = make(tmp_path / "cut")
    part = next(path for path in cut.iterdir() if path.name.startswith("part-"))
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(ListError, match=str(part)):
        shelf.verify(cut, "")
    assert changed(tmp_path / "nowhere") is None


def test_a_list_damaged_while_it_is_in_use_stops_no_other(tmp_path: Path) -> None:
    lists = MediaLists(Folders(), tmp_path / "own", [make(tmp_path / "given" / "a").parent, make(tmp_path / "b")])
    known = Fingerprints(media="picture", sha1=(bytes([2]) * 20).hex())
    absent = Fingerprints(media="picture", sha1=(bytes([9]) * 20).hex())
    whole, missed = lists.version, set[Path]()
    assert [len(found) for found in lists.match([known, absent], missed)] == [2, 0]
    assert missed == set()
    part = next(path for path in (tmp_path / "b").iterdir() if path.name.startswith("part-"))
    sound, rows = part.read_bytes(), (1).to_bytes(4, "little") + (2).to_bytes(4, "little")
    with part.open("r+b") as file:  # as a failing disk changes it, behind the open list's back
        file.seek(sound.rindex(rows))
        file.write(b"\xff" * len(rows))
    found = lists.match([known, absent], missed)
    assert [len(each) for each in found] == [1, 0]
    assert missed == {tmp_path / "b"}
    states = {state.folder.name: state for state in lists.states}
    assert (states["a"].state, states["b"].state) == ("unverified", "broken")
    assert "is damaged" in states["b"].sentence
    assert (lists.count, lists.broken) == (1, 1)
    assert lists.version != whole
    missed.clear()
    assert [len(each) for each in lists.match([known, absent], missed)] == [1, 0]
    assert missed == {tmp_path / "b"}, "what is not on the other lists is not known to be on none"
    part.write_bytes(sound)
    lists.look()
    missed.clear()
    assert [len(each) for each in lists.match([known, absent], missed)] == [2, 0]
    assert (missed, lists.broken, lists.version) == (set(), 0, whole)
    lists.close()
