import contextlib
import json
import time

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.exchange import stopncii
from tocsin.exchange.pages import Expired, Opinion, Outgoing, Refused, Sink, Unusable
from tocsin.exchange.stopncii import StopNCII, page_of, parse_page, read_record, record_of
from tocsin.matching.lists import Entry, Rejected, Status

KEYS = {"fetch_function_key": "f", "subscription_key": "s", "base_url_override": "https://api.example/v1"}
HASH = "ab" * 32


def record(**more):
    return record_of("ImagePDQ", HASH, "Active", 1_700_000_000) | more


def page(records, token="", start=1_700_000_000):
    return json.dumps(page_of(records, token, start)).encode()


def client(handler, **more):
    keys = KEYS | more
    return StopNCII(keys, transport=httpx.MockTransport(handler), sleep=lambda _: None, page=2)


def test_a_record_becomes_an_entry_with_all_that_was_said_of_it():
    said = record(CSPFeedbacks=[{"source": "One", "feedbackValue": "Blocked", "tags": ["Nude"]}], hashRegions=["EU"])
    entry = read_record(said)
    assert entry.hashes == [("pdq", bytes.fromhex(HASH))]
    assert (entry.status, entry.updated, entry.scheme) == (Status.ACTIVE, 1_700_000_000, "stopncii")
    assert entry.extra["raw"]["hashRegions"] == ["EU"]
    assert entry.extra["raw"]["CSPFeedbacks"][0]["tags"] == ["Nude"]


@pytest.mark.parametrize(
    "more",
    [
        {"hashStatus": "Withdrawn"},
        {"hashStatus": "Deleted"},
        {"hashStatus": "withdrawn"},
        {"hashStatus": "Active", "caseNumbers": {"1": "Withdrawn", "2": "Deleted"}},
        {"hashStatus": "Withdrawn", "lastModtimestamp": "yesterday"},
    ],
)
def test_a_withdrawn_hash_becomes_a_tombstone_of_the_same_entry(more):
    entry = read_record(record(**more))
    assert entry.status != Status.ACTIVE
    assert entry.key == read_record(record()).key


def test_a_hash_with_one_case_that_still_stands_stands():
    assert read_record(record(caseNumbers={"1": "Withdrawn", "2": "Active"})).status == Status.ACTIVE


@pytest.mark.parametrize("signal", ["ImagePDQ", "StopNCIISignalType.ImagePDQ"])
def test_both_spellings_of_a_signal_type_are_read(signal):
    assert isinstance(read_record(record(signalType=signal)), Entry)


def test_kinds_that_are_not_matched_here_are_named_and_counted():
    fetched = parse_page(page([record(), record(signalType="Text", hashValue="x"), record(signalType="VideoTMK")]))
    assert len(fetched.rows) == 1
    assert fetched.other == {"Text": 1, "VideoTMK": 1}


@pytest.mark.parametrize(
    "bad",
    [
        7, None, {}, record(hashValue="xyz"), record(hashValue=None), record(signalType="Smell"),
        record(hashStatus="Odd"), record(lastModtimestamp=None), record(lastModtimestamp=True),
        record(signalType=["ImagePDQ"]), record(hashStatus=None),
    ],
)  # fmt: skip
def test_a_bad_record_is_left_out_and_the_others_are_taken(bad):
    fetched = parse_page(page([bad, record()]))
    assert [type(row) for row in fetched.rows] == [Rejected, Entry]


@pytest.mark.parametrize("empty", [None, [], {}])
def test_null_tags_and_empty_cases_hurt_nothing(empty):
    said = record(CSPFeedbacks=[{"source": "x", "feedbackValue": "Blocked", "tags": None}], caseNumbers=empty)
    assert isinstance(read_record(said), Entry)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"<html>", page([record()])[:-5], b'{"count":0}', b"[" * 100_000,
        json.dumps({"count": 3, "hasMoreRecords": False, "nextSetTimestamp": 1, "hashRecords": [record()]}).encode(),
        json.dumps({"count": 0, "hasMoreRecords": "no", "nextSetTimestamp": 1, "hashRecords": []}).encode(),
        json.dumps({"count": 0, "hasMoreRecords": True, "nextSetTimestamp": 1, "hashRecords": []}).encode(),
        json.dumps({"count": 0, "hasMoreRecords": False, "hashRecords": []}).encode(),
        json.dumps({"count": 0, "hasMoreRecords": False, "nextSetTimestamp": 1, "hashRecords": {}}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_whole_page_is_refused_with_a_sentence(body):
    with pytest.raises(Unusable, match="othing of it was taken"):
        parse_page(body)


@settings(max_examples=200, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(
    st.sampled_from(["count", "hashRecords", "hashValue", "signalType", "hashStatus", "caseNumbers", "CSPFeedbacks"]),
    one), max_leaves=20))  # fmt: skip
def test_no_json_whatever_makes_a_record_crash(anything):
    assert isinstance(read_record(anything), Entry | Rejected | str)
    with contextlib.suppress(Unusable):
        parse_page(json.dumps(anything).encode())


def test_a_range_is_read_page_by_page_and_only_its_last_has_a_checkpoint():
    asked = []

    def answer(request):
        asked.append(dict(request.url.params))
        assert request.headers["x-functions-key"] == "f"
        assert request.headers["Ocp-Apim-Subscription-Key"] == "s"
        if "nextPageToken" not in asked[-1]:
            return httpx.Response(200, content=page([record()], "t1"))
        return httpx.Response(200, content=page([record(hashStatus="Withdrawn")], "", 1_700_000_500))

    pages = list(client(answer).pages(None, None))
    assert [one.checkpoint is not None for one in pages] == [False, True]
    assert pages[0].resume == {"since": 10, "token": "t1"}
    assert pages[1].checkpoint["since"] == 1_700_000_500
    assert all(one.full for one in pages)
    assert asked[0] == {"startTimestamp": "10", "pageSize": "2"}
    more = list(client(answer).pages(pages[1].checkpoint, None))
    assert asked[2]["startTimestamp"] == "1700000500"
    assert not more[0].full


def test_a_cut_range_goes_on_where_it_was_and_an_expired_token_begins_it_anew():
    def answer(request):
        if request.url.params.get("nextPageToken") == "old":
            return httpx.Response(404)
        if request.url.params.get("nextPageToken") == "t1":
            return httpx.Response(200, content=page([], ""))
        return httpx.Response(200, content=page([record()], "t1"))

    resumed = list(client(answer).pages(None, {"since": 10, "token": "t1"}))
    assert len(resumed) == 1
    assert not resumed[0].restart
    anew = list(client(answer).pages(None, {"since": 10, "token": "old"}))
    assert [one.restart for one in anew] == [True, False]


def test_tokens_that_always_expire_end_the_run():
    def answer(request):
        if "nextPageToken" in request.url.params:
            return httpx.Response(410)
        return httpx.Response(200, content=page([record()], "t1"))

    with pytest.raises(Expired):
        list(client(answer).pages(None, None))


def test_an_endless_circle_of_pages_is_noticed():
    with pytest.raises(Unusable, match="again and again"):
        list(client(lambda _: httpx.Response(200, content=page([record()], "same"))).pages(None, None))


def test_a_checkpoint_of_more_than_a_month_ago_reads_everything_anew():
    asked = []

    def answer(request):
        asked.append(request.url.params["startTimestamp"])
        return httpx.Response(200, content=page([]))

    old = {"since": 1_600_000_000, "fetched": int(time.time()) - stopncii.STALE_S - 1}
    [one] = client(answer).pages(old, None)
    assert asked == ["10"]
    assert one.full


def test_a_service_whose_clock_is_far_ahead_does_not_skip_what_comes():
    [one] = client(lambda _: httpx.Response(200, content=page([], "", 2**39))).pages(None, None)
    assert one.checkpoint["since"] <= time.time()


def test_verdicts_and_hashes_are_pushed_as_documented():
    sent = []

    def answer(request):
        sent.append((request.url.path, request.headers["x-functions-key"], json.loads(request.content)))
        return httpx.Response(200, content=b"{}")

    source = client(answer, feedback_function_key="g", submit_function_key="h")
    assert source.tell(Opinion("", "pdq", HASH, good=True))
    assert source.tell(Opinion("", "pdq", HASH, good=False))
    assert source.submit_hashes([("ImagePDQ", HASH, "Blocked", ["Nude"])])
    assert [one[:2] for one in sent] == [("/v1/SubmitFeedback", "g")] * 2 + [("/v1/SubmitHashes", "h")]
    assert [one[2]["hashFeedbacks"][0]["feedbackValue"] for one in sent[:2]] == ["Blocked", "NotBlocked"]
    assert sent[2][2]["hashRecords"][0]["CSPFeedbacks"] == [{"tags": ["Nude"], "feedbackValue": "Blocked"}]
    assert not client(answer).tell(Opinion("", "pdq", HASH, good=True))


def test_credentials_are_needed():
    with pytest.raises(Refused, match="fetch_function_key"):
        StopNCII({})


def test_what_is_served_is_read_by_the_package_threatexchange(monkeypatch):
    api = pytest.importorskip("threatexchange.exchanges.clients.stopncii.api")
    served = page_of([record_of("ImagePDQ", HASH, "Active", 5, [{"source": "P", "value": "Blocked"}])], "", 9)
    theirs = api.StopNCIIAPI("s", "f")
    monkeypatch.setattr(theirs, "_get", lambda *_, **__: json.loads(json.dumps(served)))
    fetched = theirs.fetch_hashes()
    assert (fetched.count, fetched.hasMoreRecords, fetched.nextSetTimestamp) == (1, False, 9)
    assert fetched.hashRecords[0].hashValue == HASH
    assert fetched.hashRecords[0].CSPFeedbacks[0].source == "P"


def pushing(handler):
    keys = KEYS | {"submit_function_key": "h", "feedback_function_key": "g"}
    return StopNCII(keys, transport=httpx.MockTransport(handler), sleep=lambda _: None)


def test_hashes_are_given_and_those_it_leaves_out_are_told_apart():
    bodies = []

    def answer(request):
        bodies.append((request.url.path, json.loads(request.content)))
        return httpx.Response(200, json={"count": 1, "rejected": [{"record": 2, "reason": "no"}, {"record": 9}, 5]})

    receipts = pushing(answer).give([Outgoing("pdq", "a" * 64), Outgoing("md5", "b" * 32)], ["t"])
    assert [(one.taken, one.reason) for one in receipts] == [(True, ""), (False, "no")]
    path, body = bodies[0]
    assert path.endswith("/SubmitHashes")
    assert [one["signalType"] for one in body["hashRecords"]] == ["ImagePDQ", "VideoMD5"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"rejected": null}'])
def test_an_answer_without_words_takes_everything(content):
    receipts = pushing(lambda _: httpx.Response(200, content=content)).give([Outgoing("pdq", "a" * 64)], [])
    assert [one.taken for one in receipts] == [True]


def test_withdrawals_go_as_feedback_and_missing_keys_are_named():
    bodies = []

    def answer(request):
        bodies.append(json.loads(request.content))
        return httpx.Response(200)

    assert pushing(answer).take_back([Outgoing("pdq", "a" * 64)])[0].taken
    assert bodies[0]["hashFeedbacks"] == [{"hashValue": "a" * 64, "tags": [], "feedbackValue": "Withdrawn"}]
    bare = StopNCII(KEYS, transport=httpx.MockTransport(answer))
    for call, key in ((lambda: bare.give([], []), "submit"), (lambda: bare.take_back([]), "feedback")):
        with pytest.raises(Refused, match=f"{key}_function_key") as caught:
            call()
        assert caught.value.about_us
    assert isinstance(bare, Sink)
    assert bare.find(Outgoing("pdq", "a" * 64)) == ""
