"""What HMA's clients, Coop among them, send and expect: written from the API's description, call by call."""

import json

import pytest


def bank(api, name="BANK_A", **more):
    answer = api.post("/c/banks", json={"name": name, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def put_in(api, name, signal, kind="pdq"):
    return api.post(f"/c/bank/{name}/signal", json={kind: signal}).json()["id"]


class TestCore:
    def test_the_root_leads_to_the_status(self, api):
        answer = api.get("/")
        assert (answer.status_code, answer.headers["location"]) == (302, "/status")

    def test_status_and_liveness_are_plain_words(self, api):
        for path in ("/status", "/status/live"):
            answer = api.get(path)
            assert (answer.status_code, answer.text) == (200, "I-AM-ALIVE")
            assert answer.headers["content-type"].startswith("text/plain")

    def test_the_site_map_is_a_sorted_list_of_paths(self, api):
        paths = api.get("/site-map").json()
        assert paths == sorted(paths)
        assert {"/h/hash", "/m/lookup", "/m/raw_lookup", "/m/index/status", "/m/compare", "/c/banks"} <= set(paths)


class TestHashing:
    def test_an_upload_is_hashed_and_its_field_is_its_content_type(self, api, jpeg, code):
        answer = api.post("/h/hash", files={"photo": ("a.jpg", jpeg())})
        assert (answer.status_code, answer.json()) == (200, {"pdq": code(jpeg())})

    def test_a_url_is_hashed(self, serving, elsewhere, jpeg, code):
        api = serving(allow_private=True, fetch_hosts=("127.0.0.1",))
        url = elsewhere.picture("/a", jpeg())
        assert api.get("/h/hash", params={"url": url}).json() == {"pdq": code(jpeg())}

    def test_content_that_is_neither_image_nor_video_needs_a_content_type(self, serving, elsewhere, jpeg):
        api = serving(allow_private=True, fetch_hosts=("127.0.0.1",))
        url = elsewhere.picture("/a", jpeg(), "application/octet-stream")
        assert api.get("/h/hash", params={"url": url}).status_code == 400
        assert api.get("/h/hash", params={"url": url, "content_type": "photo"}).status_code == 200

    @pytest.mark.parametrize("query", ["", "?url=", "?url=nonsense", "?url=ftp://a/b"])
    def test_a_bad_url_is_a_bad_request(self, api, query):
        answer = api.get(f"/h/hash{query}")
        assert answer.status_code == 400
        assert answer.json()["message"]

    def test_only_the_types_asked_for_are_made(self, api, jpeg):
        made = api.post("/h/hash?types=md5,pdq", files={"photo": jpeg()}).json()
        assert set(made) == {"md5", "pdq"}
        assert api.post("/h/hash?types=nonsense", files={"photo": jpeg()}).status_code == 400

    def test_exactly_one_file_is_taken(self, api, jpeg):
        two = [("photo", ("a", jpeg())), ("photo", ("b", jpeg()))]
        assert api.post("/h/hash", files=two).status_code == 400
        assert api.post("/h/hash", data={"photo": "x"}).status_code == 400
        assert api.post("/h/hash", files={"picture": jpeg()}).status_code == 400

    def test_more_than_may_be_is_too_large(self, serving, jpeg):
        api = serving(max_bytes=1000)
        assert api.post("/h/hash", files={"photo": jpeg()}).status_code == 413


class TestMatching:
    def test_a_signal_is_looked_up_and_its_distance_is_text(self, api, code, jpeg):
        bank(api)
        number = put_in(api, "BANK_A", code(jpeg()))
        found = api.get("/m/lookup", params={"signal": code(jpeg()), "signal_type": "pdq"}).json()
        assert [(one["bank_content_id"], one["distance"]) for one in found["BANK_A"]] == [(number, "0")]
        assert type(number) is int
        assert number < 2**53

    def test_no_match_is_an_empty_object(self, api, code, jpeg):
        bank(api)
        put_in(api, "BANK_A", code(jpeg(1)))
        assert api.get("/m/lookup", params={"signal": code(jpeg(2)), "signal_type": "pdq"}).json() == {}

    def test_exact_types_have_a_dash_for_a_distance(self, api):
        bank(api)
        put_in(api, "BANK_A", "0f" * 16, "video_md5")
        found = api.get("/m/lookup", params={"signal": "0f" * 16, "signal_type": "video_md5"}).json()
        assert found["BANK_A"][0]["distance"] == "-"

    def test_a_url_is_looked_up_by_type_and_by_one_type_without_the_outer_level(self, serving, elsewhere, jpeg, code):
        api = serving(allow_private=True, fetch_hosts=("127.0.0.1",))
        bank(api)
        number = put_in(api, "BANK_A", code(jpeg()))
        url = elsewhere.picture("/a.jpg", jpeg())
        found = api.get("/m/lookup", params={"url": url}).json()
        assert found["pdq"]["BANK_A"][0]["bank_content_id"] == number
        found = api.get("/m/lookup", params={"url": url, "signal_type": "pdq"}).json()
        assert found["BANK_A"][0]["bank_content_id"] == number

    def test_an_upload_is_looked_up_by_type(self, api, jpeg, code):
        bank(api)
        number = put_in(api, "BANK_A", code(jpeg()))
        found = api.post("/m/lookup", files={"photo": jpeg()}).json()
        assert found["pdq"]["BANK_A"][0]["bank_content_id"] == number
        assert api.post("/m/lookup", files={"photo": jpeg(7)}).json() == {"pdq": {}}

    def test_content_is_told_under_each_type_that_knows_it(self, api, jpeg):
        bank(api)
        made = api.post("/c/bank/BANK_A/content?types=pdq,sha256", files={"photo": jpeg()}).json()
        found = api.post("/m/lookup?types=pdq,sha256", files={"photo": jpeg()}).json()
        assert found["sha256"]["BANK_A"][0]["distance"] == "-"
        assert int(found["pdq"]["BANK_A"][0]["distance"]) <= 8  # looked up by the decoder's scaled output
        assert {told["BANK_A"][0]["bank_content_id"] for told in found.values()} == {made["id"]}

    def test_raw_lookup_gives_numbers_with_distances_on_request_and_minds_no_ratio(self, api, jpeg, code):
        bank(api, enabled_ratio=0)
        number = put_in(api, "BANK_A", code(jpeg()))
        asked = {"signal": code(jpeg()), "signal_type": "pdq"}
        assert api.get("/m/lookup", params=asked).json() == {}
        assert api.get("/m/raw_lookup", params=asked).json() == {"matches": [number]}
        found = api.get("/m/raw_lookup", params=asked | {"include_distance": "true"}).json()["matches"]
        assert [(one["bank_content_id"], one["distance"]) for one in found] == [(number, "0")]

    @pytest.mark.parametrize(
        "asked",
        [
            {},
            {"signal": "0" * 64},
            {"signal": "0" * 63, "signal_type": "pdq"},
            {"signal": "g" * 64, "signal_type": "pdq"},
            {"signal": "0" * 64, "signal_type": "nonsense"},
            {"signal": "0" * 64, "signal_type": "pdq", "url": "http://a/b"},
        ],
    )
    def test_a_malformed_question_is_a_bad_request(self, api, asked):
        answer = api.get("/m/lookup", params=asked)
        assert answer.status_code == 400
        assert answer.json()["message"]

    def test_banks_can_be_chosen(self, api, jpeg, code):
        for name in ("BANK_A", "BANK_B"):
            bank(api, name)
            put_in(api, name, code(jpeg()))
        asked = {"signal": code(jpeg()), "signal_type": "pdq"}
        assert set(api.get("/m/lookup", params=asked).json()) == {"BANK_A", "BANK_B"}
        assert set(api.get("/m/lookup", params=asked | {"banks": "BANK_B"}).json()) == {"BANK_B"}

    def test_the_index_tells_its_size_and_that_it_was_never_built(self, api, jpeg, code):
        never = {"present": False, "built_to": -1, "size": 0}
        assert api.get("/m/index/status").json() == {"pdq": never, "video_md5": never}
        bank(api)
        put_in(api, "BANK_A", code(jpeg()))
        held = api.get("/m/index/status", params={"signal_type": "pdq"}).json()
        assert (held["pdq"]["present"], held["pdq"]["size"]) == (True, 1)
        assert held["pdq"]["built_to"] > 1_700_000_000

    def test_two_hashes_are_compared_with_a_number_for_a_distance(self, api):
        answer = api.post("/m/compare", json={"pdq": ["0" * 64, "0" * 63 + "7"]})
        assert answer.json() == {"pdq": [True, {"distance": 3}]}
        assert api.post("/m/compare", json={"pdq": ["0" * 64, "f" * 64]}).json()["pdq"][0] is False
        assert api.post("/m/compare", json={"pdq": ["0" * 64]}).status_code == 400


class TestCuration:
    def test_a_bank_is_made_shown_changed_and_removed(self, api):
        made = bank(api, enabled_ratio=0.5)
        assert (made["name"], made["matching_enabled_ratio"]) == ("BANK_A", 0.5)
        assert api.get("/c/bank/BANK_A").json()["name"] == "BANK_A"
        assert [one["name"] for one in api.get("/c/banks").json()] == ["BANK_A"]
        changed = api.put("/c/bank/BANK_A", json={"name": "BANK_B", "enabled_ratio": 1}).json()
        assert (changed["name"], changed["matching_enabled_ratio"]) == ("BANK_B", 1.0)
        assert api.get("/c/bank/BANK_A").status_code == 404
        assert api.delete("/c/bank/BANK_B").json() == {"message": "Done"}
        assert api.get("/c/banks").json() == []

    @pytest.mark.parametrize("name", ["", "lower", "1A", "A B", "A-B", "A/B", "Ä", "A\n", "../A", "A" * 300])
    def test_an_odd_name_is_refused(self, api, name):
        assert api.post("/c/banks", json={"name": name}).status_code in (400, 422)
        assert api.get("/c/banks").json() == []

    def test_the_same_name_twice_is_forbidden(self, api):
        bank(api)
        assert api.post("/c/banks", json={"name": "BANK_A"}).status_code == 403

    def test_content_goes_in_by_url_and_by_upload(self, serving, elsewhere, jpeg, code):
        api = serving(allow_private=True, fetch_hosts=("127.0.0.1",))
        bank(api)
        url = elsewhere.picture("/a", jpeg(1))
        by_url = api.post("/c/bank/BANK_A/content", params={"url": url})
        assert (by_url.status_code, by_url.json()["signals"]) == (200, {"pdq": code(jpeg(1))})
        by_upload = api.post("/c/bank/BANK_A/content", files={"photo": jpeg(2)}).json()
        assert by_upload["signals"] == {"pdq": code(jpeg(2))}
        shown = api.get(f"/c/bank/BANK_A/content/{by_url.json()['id']}").json()
        assert (shown["original_media_uri"], shown["disable_until_ts"], shown["bank"]["name"]) == (url, 1, "BANK_A")
        assert "signals" not in shown

    def test_content_carries_metadata_and_a_note(self, api, jpeg):
        bank(api)
        told = {"content_id": "c-7", "content_uri": "app://7", "json": {"why": "seen before"}}
        made = api.post(
            "/c/bank/BANK_A/content",
            files={"photo": jpeg()},
            data={"metadata": json.dumps(told), "note": "from the desk"},
        ).json()
        asked = {"include_signals": "true"}
        shown = api.get(f"/c/bank/BANK_A/content/{made['id']}", params=asked).json()
        assert shown["metadata"] == told | {"collab": None}
        assert shown["note"] == "from the desk"
        assert shown["signals"] == made["signals"]
        bare = api.get(f"/c/bank/BANK_A/content/{made['id']}", params={"include_metadata": "false"}).json()
        assert "metadata" not in bare
        long = api.post("/c/bank/BANK_A/content", files={"photo": jpeg()}, data={"note": "x" * 256})
        assert long.status_code == 400

    def test_content_is_disabled_enabled_and_removed(self, api, jpeg, code):
        bank(api)
        number = put_in(api, "BANK_A", code(jpeg()))
        asked = {"signal": code(jpeg()), "signal_type": "pdq"}
        path = f"/c/bank/BANK_A/content/{number}"
        assert api.put(path, json={"disable_until_ts": 0}).json()["disable_until_ts"] == 0
        assert api.get("/m/lookup", params=asked).json() == {}
        assert api.put(path, json={"disable_until_ts": 1}).status_code == 200
        assert api.get("/m/lookup", params=asked).json() != {}
        assert api.put(path, json={"disable_until_ts": 4_000_000_000_000}).status_code == 400
        assert api.delete(path).json() == {"deleted": 1}
        assert api.get("/m/lookup", params=asked).json() == {}
        assert api.get(path).status_code == 404

    def test_signal_types_are_shown_and_set(self, api):
        types = {one["name"]: one["enabled_ratio"] for one in api.get("/c/signal_type").json()}
        assert types == {"pdq": 1.0, "video_md5": 1.0}
        assert api.put("/c/signal_type/pdq", json={"enabled_ratio": 0}).status_code == 204
        assert api.get("/m/lookup", params={"signal": "0" * 64, "signal_type": "pdq"}).status_code == 400
        assert api.put("/c/signal_type/nonsense", json={"enabled_ratio": 0}).status_code == 404
        assert api.put("/c/signal_type/pdq", json={"enabled_ratio": 2}).status_code == 400
        told = api.get("/c/signal_type/index").json()["video_md5"]
        assert set(told) == {"db_size", "index_size", "index_out_of_date", "newest_db_item", "index_built_to"}
        assert [one["name"] for one in api.get("/c/content_type").json()] == ["photo", "video"]


class TestCoop:
    """The shapes that Coop really sends."""

    def test_a_double_slash_after_the_base_url_is_one(self, api, jpeg, code):
        answer = api.request("GET", "http://localhost//status")
        assert answer.status_code == 200
        bank(api)
        put_in(api, "BANK_A", code(jpeg()))
        url = f"http://localhost//m/lookup?signal_type=pdq&signal={code(jpeg())}"
        assert "BANK_A" in api.request("GET", url).json()

    def test_an_enabled_ratio_may_be_text(self, api):
        assert bank(api, "COOP_ORG7_X", enabled_ratio="1")["matching_enabled_ratio"] == 1.0
        assert api.put("/c/bank/COOP_ORG7_X", json={"enabled_ratio": "0.5"}).json()["matching_enabled_ratio"] == 0.5

    def test_content_by_query_and_form_fields_with_any_metadata(self, serving, elsewhere, jpeg):
        api = serving(allow_private=True, fetch_hosts=("127.0.0.1",))
        bank(api)
        url = elsewhere.picture("/a", jpeg())
        asked = {"url": url, "content_id": "7", "content_uri": "app://7", "metadata": '{"queue": "a", "rank": 2}'}
        number = api.post("/c/bank/BANK_A/content", params=asked).json()["id"]
        told = api.get(f"/c/bank/BANK_A/content/{number}").json()["metadata"]
        assert told == {"content_id": "7", "content_uri": "app://7", "json": {"queue": "a", "rank": 2}, "collab": None}
        form = {"content_id": "8", "content_uri": "app://8", "metadata": '{"queue": "b"}'}
        made = api.post("/c/bank/BANK_A/content", files={"photo": ("p.jpg", jpeg(2))}, data=form).json()
        assert set(made) == {"id", "signals"}
        told = api.get(f"/c/bank/BANK_A/content/{made['id']}").json()["metadata"]
        assert (told["content_id"], told["json"]) == ("8", {"queue": "b"})

    def test_hash_by_url_then_lookup_of_each_signal(self, serving, elsewhere, jpeg):
        api = serving(allow_private=True, fetch_hosts=("127.0.0.1",))
        bank(api, "COOP_ORG7_X", enabled_ratio="1")
        url = elsewhere.picture("/a", jpeg())
        api.post("/c/bank/COOP_ORG7_X/content", params={"url": url})
        banks = set()
        for kind, signal in api.get("/h/hash", params={"url": url}).json().items():
            found = api.get("/m/lookup", params={"signal_type": kind, "signal": signal}).json()
            banks |= {name for name, matches in found.items() if matches}
        assert banks == {"COOP_ORG7_X"}


class TestMended:
    """The defects that a compatible server should not have."""

    def test_a_picture_with_too_little_in_it_fails_no_request(self, api, flat):
        bank(api)
        hashed = api.post("/h/hash?types=pdq,md5", files={"photo": flat})
        assert hashed.status_code == 200
        assert hashed.json()["pdq"] == ""
        assert len(hashed.json()["md5"]) == 32
        assert "low-quality" in hashed.headers["x-tocsin-not-comparable"]
        empty = api.get("/m/lookup", params={"signal_type": "pdq", "signal": ""})
        assert (empty.status_code, empty.json()) == (200, {})
        found = api.post("/m/lookup?types=pdq,md5", files={"photo": flat}).json()
        assert found["md5"] == {}
        assert "pdq" not in found
        assert found["not_comparable"]["pdq"]["reason"] == "low-quality"

    def test_bypassing_the_coin_flip_means_the_same_on_both_verbs_and_never_shows_what_is_disabled(
        self, api, jpeg, code
    ):
        bank(api, "SELDOM", enabled_ratio=1e-9)
        bank(api, "OFF", enabled=False)
        for name in ("SELDOM", "OFF"):
            put_in(api, name, code(jpeg()))
        asked = {"signal": code(jpeg()), "signal_type": "pdq"}
        for yes in ("true", "True", "1"):
            assert set(api.get("/m/lookup", params=asked | {"bypass_coinflip": yes}).json()) == {"SELDOM"}
            found = api.post("/m/lookup", params={"bypass_coinflip": yes}, files={"photo": jpeg()}).json()
            assert set(found["pdq"]) == {"SELDOM"}
        assert api.get("/m/lookup", params=asked).json() == {}

    def test_the_same_seed_draws_the_same(self, api, jpeg, code):
        names = [f"BANK_{n}" for n in range(12)]
        for name in names:
            bank(api, name, enabled_ratio=0.5)
            put_in(api, name, code(jpeg()))
        asked = {"signal": code(jpeg()), "signal_type": "pdq", "seed": "a seed"}
        first = set(api.get("/m/lookup", params=asked).json())
        assert first == set(api.get("/m/lookup", params=asked).json())
        assert 0 < len(first) < len(names)

    def test_a_bank_made_disabled_is_disabled(self, api):
        assert bank(api, enabled=False)["matching_enabled_ratio"] == 0.0

    def test_content_belongs_to_its_bank(self, api, jpeg, code):
        bank(api, "BANK_A")
        bank(api, "BANK_B")
        number = put_in(api, "BANK_A", code(jpeg()))
        path = f"/c/bank/BANK_B/content/{number}"
        assert api.get(path).status_code == 404
        assert api.put(path, json={"disable_until_ts": 0}).status_code == 404
        assert api.delete(path).status_code == 404
        assert api.get(f"/c/bank/BANK_A/content/{number}").status_code == 200
        assert api.delete("/c/bank/NONE").status_code == 404

    def test_the_distance_is_there_as_a_number_too(self, api, code, jpeg):
        bank(api)
        put_in(api, "BANK_A", code(jpeg()))
        near = f"{int(code(jpeg()), 16) ^ 0b1011:064x}"
        found = api.get("/m/lookup", params={"signal": near, "signal_type": "pdq"}).json()
        assert (found["BANK_A"][0]["distance"], found["BANK_A"][0]["distance_value"]) == ("3", 3)
