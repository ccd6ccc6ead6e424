import pytest

from tocsin.gateway.catalogue import FOLLOW_S, Catalogue, bank_name, drawn
from tocsin.gateway.refusals import Refused
from tocsin.matching.lists import ListError


def test_attached_lists_are_banks_that_nobody_changes_here(serving, make_list, tmp_path):
    make_list(tmp_path / "lists/one", "0f" * 32, name="known 1")
    make_list(tmp_path / "lists/two", "f0" * 32, name="Known-1", negative=True)
    api = serving(lists=(tmp_path / "lists",))
    banks = {one["name"]: one for one in api.get("/c/banks").json()}
    assert set(banks) == {"KNOWN_1", "KNOWN_1_2"}
    assert {one["read_only"] for one in banks.values()} == {True}
    assert [one["negative"] for one in banks.values()].count(True) == 1
    for answer in (
        api.put("/c/bank/KNOWN_1", json={"enabled_ratio": 0}),
        api.delete("/c/bank/KNOWN_1"),
        api.post("/c/bank/KNOWN_1/signal", json={"pdq": "0" * 64}),
    ):
        assert answer.status_code == 403
    assert api.post("/c/banks", json={"name": "KNOWN_1"}).status_code == 403


def test_a_folder_that_is_no_list_ends_the_start_with_a_sentence(settings, tmp_path):
    from dataclasses import replace

    from tocsin.gateway.gateway import Gateway

    with pytest.raises(ListError, match="is not a hash list"):
        Gateway.open(replace(settings, lists=(tmp_path,)))


def test_a_change_of_an_attached_list_is_seen_within_a_second(serving, make_list, tmp_path, until):
    from tocsin.matching.lists import Entry, add

    assert FOLLOW_S < 1
    folder = make_list(tmp_path / "list", "0f" * 32)
    api = serving(lists=(folder,))
    asked = {"signal": "3c" * 32, "signal_type": "pdq"}
    assert api.get("/m/lookup", params=asked).json() == {}
    add(folder, [("more", [Entry(1, [("pdq", bytes.fromhex("3c" * 32))], id="new")])])
    until(lambda: api.get("/m/lookup", params=asked).json())


def test_a_second_process_sees_banks_and_entries_of_the_first(serving, jpeg, code, until):
    api = serving()
    other = Catalogue(api.gateway.settings, api.gateway.store)
    try:
        api.post("/c/banks", json={"name": "BANK_A"})
        api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg())})
        until(lambda: [one.list.view.entries for one in other.opened] == [1])
        api.delete("/c/bank/BANK_A")
        until(lambda: other.opened == ())
    finally:
        other.close()


def test_types_are_offered_where_a_list_holds_them(api):
    api.post("/c/banks", json={"name": "BANK_A"})
    assert set(api.gateway.catalogue.types()) == {"pdq", "video_md5"}
    api.post("/c/bank/BANK_A/signal", json={"sha256": "0f" * 32, "photodna": "01" * 144})
    assert set(api.gateway.catalogue.types()) == {"pdq", "video_md5", "sha256", "photodna"}


def test_an_unknown_bank_is_not_found(api):
    with pytest.raises(Refused) as caught:
        api.gateway.catalogue.chosen(["NONE"])
    assert caught.value.status == 404


def test_draws_follow_the_ratio_and_the_seed():
    assert not drawn(0, "A", None)
    assert not drawn(0, "A", None, bypass=True)
    assert drawn(1, "A", None)
    assert drawn(0.001, "A", "s", bypass=True)
    counted = sum(drawn(0.3, "A", str(n)) for n in range(1000))
    assert 250 < counted < 350
    assert [drawn(0.5, "A", "s")] * 5 == [drawn(0.5, "A", "s") for _ in range(5)]


def test_a_lists_name_becomes_a_banks():
    assert [bank_name(one) for one in ("known-1", "1st list", "ünï", "")] == ["KNOWN_1", "_1ST_LIST", "_N_", "_"]


def test_a_damaged_bank_stops_no_other(serving, jpeg, code):
    api = serving()
    for name in ("BANK_A", "BANK_B"):
        api.post("/c/banks", json={"name": name})
        api.post(f"/c/bank/{name}/signal", json={"pdq": code(jpeg())})
    folder = api.gateway.catalogue.named("BANK_A").folder
    serving.stop(api)
    (folder / "state.json").write_bytes(b"nonsense")
    api = serving()
    found = api.get("/m/lookup", params={"signal": code(jpeg()), "signal_type": "pdq"})
    assert (found.status_code, set(found.json())) == (200, {"BANK_B"})
