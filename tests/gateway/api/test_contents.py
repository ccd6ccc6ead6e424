import pytest

from tocsin.gateway.ids import FIRST_OF_LISTS


@pytest.fixture
def bank(api):
    api.post("/c/banks", json={"name": "BANK_A"})
    return api


def test_contents_are_listed_page_by_page(bank):
    numbers = [bank.post("/c/bank/BANK_A/signal", json={"md5": f"{n:032x}"}).json()["id"] for n in range(5)]
    seen, after = [], 0
    while after is not None:
        page = bank.get("/c/bank/BANK_A/contents", params={"after": after, "limit": 2}).json()
        seen += [one["id"] for one in page["contents"]]
        after = page["next"]
    assert seen == numbers
    assert bank.get("/c/bank/BANK_A/contents", params={"limit": 0}).status_code == 422
    assert bank.get("/c/bank/NONE/contents").status_code == 404


def test_several_signals_are_one_entry(bank):
    number = bank.post("/c/bank/BANK_A/signal", json={"pdq": "0f" * 32, "md5": "0f" * 16}).json()["id"]
    for kind, signal in (("pdq", "0f" * 32), ("md5", "0f" * 16)):
        found = bank.get("/m/lookup", params={"signal": signal, "signal_type": kind}).json()
        assert found["BANK_A"][0]["bank_content_id"] == number


@pytest.mark.parametrize(
    "body",
    [{}, {"pdq": "x"}, {"pdq": 7}, {"nonsense": "0"}, {"note": "alone"}, {"pdq": "0" * 64, "note": "x" * 256}, []],
)
def test_what_is_no_signal_is_refused(bank, body):
    assert bank.post("/c/bank/BANK_A/signal", json=body).status_code in (400, 422)
    assert bank.get("/c/bank/BANK_A/contents").json()["contents"] == []


@pytest.mark.parametrize("metadata", ["nonsense", "[1]", "7", '"x"', "[" * 9999])
def test_metadata_must_be_an_object(bank, jpeg, metadata):
    answer = bank.post("/c/bank/BANK_A/content", files={"photo": jpeg()}, data={"metadata": metadata})
    assert answer.status_code == 400


def test_a_picture_with_too_little_in_it_is_not_put_into_a_bank(bank, flat):
    answer = bank.post("/c/bank/BANK_A/content", files={"photo": flat})
    assert answer.status_code == 400
    assert "too little" in answer.json()["message"]


def test_the_hash_of_half_a_picture_is_not_put_into_a_bank(bank, jpeg):
    half = jpeg()[: int(len(jpeg()) * 0.9)]
    assert bank.post("/m/lookup", files={"photo": half}).json()["not_comparable"]["pdq"]["partly"]
    answer = bank.post("/c/bank/BANK_A/content", files={"photo": half})
    assert answer.status_code == 400
    assert "ends early" in answer.json()["message"]
    assert bank.get("/c/bank/BANK_A/contents").json()["contents"] == []


def test_of_a_picture_that_ends_early_the_digest_is_put_into_a_bank_and_the_rest_is_said(bank, jpeg):
    bank.post("/c/bank/BANK_A/signal", json={"md5": "0f" * 16})  # from now on md5 is made of uploads too
    half = jpeg()[: int(len(jpeg()) * 0.9)]
    told = bank.post("/c/bank/BANK_A/content", files={"photo": half}).json()
    assert list(told["signals"]) == ["md5"]
    why = told["not_comparable"]["pdq"]
    assert (why["reason"], why["partly"]) == ("unreadable", True)
    assert why["sentence"].endswith("What was read of it is not put into the bank; send it whole.")
    assert list(bank.post("/m/lookup", files={"photo": jpeg()}).json()["pdq"]) == []
    assert bank.post("/m/lookup", files={"photo": half}).json()["md5"]["BANK_A"]


def test_a_content_is_disabled_until_a_time_and_then_not_any_more(bank):
    number = bank.post("/c/bank/BANK_A/signal", json={"md5": "0f" * 16}).json()["id"]
    asked = {"signal": "0f" * 16, "signal_type": "md5"}
    path = f"/c/bank/BANK_A/content/{number}"
    bank.put(path, json={"disable_until_ts": 2})
    assert bank.get("/m/lookup", params=asked).json() != {}
    bank.put(path, json={"disable_until_ts": 1_900_000_000, "note": "asked for"})
    assert bank.get("/m/lookup", params=asked).json() == {}
    assert bank.get(path).json()["note"] == "asked for"
    for bad in (-1, "x", 1.5):
        assert bank.put(path, json={"disable_until_ts": bad}).status_code == 422


def test_an_entry_from_elsewhere_is_shown_disabled_and_enabled_but_not_removed(serving, make_list, tmp_path):
    api = serving(lists=(make_list(tmp_path / "list", "0f" * 32),))
    asked = {"signal": "0f" * 32, "signal_type": "pdq"}
    number = api.get("/m/lookup", params=asked).json()["KNOWN_1"][0]["bank_content_id"]
    path = f"/c/bank/KNOWN_1/content/{number}"
    shown = api.get(path, params={"include_signals": "true"}).json()
    assert shown["signals"] == {"pdq": "0f" * 32}
    assert (shown["metadata"]["content_id"], shown["metadata"]["collab"]) == ("entry-1", "known 1")
    api.put(path, json={"disable_until_ts": 0})
    assert api.get("/m/lookup", params=asked).json() == {}
    api.put(path, json={"disable_until_ts": 1})
    assert api.get("/m/lookup", params=asked).json() != {}
    assert api.delete(path).status_code == 403
    assert api.get(f"/c/bank/KNOWN_1/content/{FIRST_OF_LISTS + 5}").status_code == 404


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", str(2**53), str(2**70)])
def test_an_odd_number_is_not_found(bank, number):
    for method in ("GET", "PUT", "DELETE"):
        assert bank.request(method, f"/c/bank/BANK_A/content/{number}", json={}).status_code in (404, 422)
