import shutil

from tocsin.gateway.ids import FIRST_OF_LISTS, MOST, entry_id, entry_name, keys_of, place_of
from tocsin.matching.lists import Entry, HashList
from tocsin.matching.lists.entry import key_of
from tocsin.matching.road import Lists
from tocsin.model.media import Fingerprints, Match, Print


def ids_of(folder, *codes):
    items = [Fingerprints(media="picture", prints=(Print(one, 100),)) for one in codes]
    return [[entry_id(match) for match in found] for found in Lists.open([folder]).match(items)]


def test_what_was_put_in_by_hand_has_its_own_number():
    assert entry_id(Match(list="l", entry=entry_name(41), by="pdq", distance=0, key="f" * 16)) == 41


def test_an_entry_from_elsewhere_has_a_number_that_json_can_carry_and_that_a_rebuild_keeps(tmp_path, make_list):
    codes = ["0f" * 32, "f0" * 32]
    first = ids_of(make_list(tmp_path / "a", *codes), *codes)
    again = ids_of(make_list(tmp_path / "b", *reversed(codes), *codes), *codes)
    assert len({one for found in first for one in found}) == 2
    assert all(FIRST_OF_LISTS <= one <= MOST for found in first for one in found)
    shutil.rmtree(tmp_path / "a")
    assert ids_of(make_list(tmp_path / "a", *codes), *codes) == first
    assert again


def test_a_name_that_only_looks_like_ours_has_a_number_of_its_own():
    for name in ("content-0", "content-007", "content-", "content-1 ", "Content-1", "content-" + "9" * 16):
        assert entry_id(Match(list="l", entry=name, by="pdq", distance=0, key="0" * 16)) >= FIRST_OF_LISTS


def test_an_entry_is_found_by_its_number(tmp_path, make_list):
    folder = make_list(tmp_path / "a", *(f"{n:02x}" * 32 for n in range(40)))
    view = HashList.open(folder).view
    for (number,) in ids_of(folder, "07" * 32, "1f" * 32):
        place = place_of(view, number)
        assert place is not None
        assert view.record(place).entry in ("entry-8", "entry-32")
    for number in (0, 5, FIRST_OF_LISTS, MOST, MOST + 1):
        assert place_of(view, number) is None


def test_the_keys_behind_a_number_hold_the_entry_it_names(tmp_path, make_list):
    folder = make_list(tmp_path / "a", "0f" * 32, "f0" * 32)
    for entry in HashList.open(folder).view.all_entries():
        low, high = keys_of(entry_id(Match(list="l", entry=entry.id, by="pdq", distance=0, key=entry.key[:8].hex())))
        assert low <= entry.key <= high
    assert keys_of(41) == (key_of(Entry(0, id="content-41")),) * 2
