import json
import time

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.exchange import threatexchange
from tocsin.exchange.pages import Opinion, Outgoing, Refused, Unusable
from tocsin.exchange.threatexchange import ThreatExchange, parse_page, read_update
from tocsin.matching.lists import Entry, Rejected, Status

TOKEN = {"api_token": "12345678|SECRET", "base_url_override": "https://graph.example/v21.0"}
PDQ = "c" * 64


def update(number=1, **more):
    opinion = {
        "id": f"9{number}",
        "owner": {"id": "77"},
        "status": "MALICIOUS",
        "tags": {"data": [{"id": "5", "text": "media_priority_s0"}]},
        "reactions": [{"key": "HELPFUL", "value": "77,78"}],
    }
    held = {
        "id": str(number), "indicator": PDQ, "type": "HASH_PDQ", "last_updated": 1_700_000_000 + number,
        "should_delete": False, "descriptors": {"data": [opinion]},
    }  # fmt: skip
    return held | more


def opinions(*states, **more):
    return {"data": [{"id": "1", "owner": {"id": "7"}, "status": state, **more} for state in states]}


def page(updates, link=""):
    return json.dumps({"data": updates} | ({"paging": {"next": link}} if link else {})).encode()


def client(handler):
    return ThreatExchange(TOKEN, "555", transport=httpx.MockTransport(handler), sleep=lambda _: None)


def test_an_indicator_becomes_an_entry_with_the_opinions_on_it():
    entry = read_update(update())
    assert entry.hashes == [("pdq", bytes.fromhex(PDQ))]
    assert (entry.id, entry.category, entry.classification) == ("1", "media_priority_s0", "MALICIOUS")
    assert entry.extra["opinions"][0]["reactions"] == {"HELPFUL": "77,78"}


def test_tombstones_are_told_by_their_flag_or_by_lacking_descriptors():
    assert read_update(update(should_delete=True)).status == Status.DELETED
    bare = {"id": "1", "last_updated": 5, "should_delete": False}
    assert read_update(bare).status == Status.DELETED


def test_what_all_hold_to_be_harmless_is_not_matched_and_a_dispute_is_named():
    assert read_update(update(descriptors=opinions("NON_MALICIOUS"))).status == Status.WITHDRAWN
    disputed = read_update(update(descriptors=opinions("MALICIOUS", "NON_MALICIOUS")))
    assert (disputed.status, disputed.classification) == (Status.ACTIVE, "DISPUTED")


@pytest.mark.parametrize("tags", [["media_type_video"], {"data": [{"text": "media_type_video"}]}])
def test_tags_are_read_in_both_forms(tags):
    held = opinions("MALICIOUS", tags=tags)
    entry = read_update(update(type="HASH_MD5", indicator="d" * 32, descriptors=held))
    assert entry.extra["media"] == "video"


def test_kinds_that_are_not_matched_are_counted_and_bad_updates_left_out():
    bad = [update(id=None), update(indicator=5), update(indicator="xx"), 7, None, update(descriptors={"data": [{}]})]
    fetched = parse_page(page([update(), update(type="URI"), *bad]))
    assert [type(row) for row in fetched.rows] == [Entry] + [Rejected] * len(bad)
    assert fetched.other == {"URI": 1}


def test_an_empty_page_is_a_page():
    assert parse_page(b'{"data": []}').rows == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"data": {}}', page([update()])[:-3], b'{"data": [], "paging": {"next": 5}}']
)
def test_what_is_no_page_is_refused(body):
    with pytest.raises(Unusable):
        parse_page(body)


@settings(max_examples=200, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(
    st.sampled_from(["id", "descriptors", "data", "owner", "tags", "type", "indicator", "status", "reactions"]),
    one), max_leaves=25))  # fmt: skip
def test_no_json_whatever_makes_an_update_crash(anything):
    assert isinstance(read_update(anything), Entry | Rejected | str)


def test_links_are_followed_with_the_token_and_kept_without():
    asked = []

    def answer(request):
        asked.append(request.url)
        if request.url.params.get("after") == "x":
            return httpx.Response(200, content=page([update(2)]))
        link = "https://graph.example/v21.0/555/threat_updates/?access_token=12345678%7CSECRET&after=x&limit=100"
        return httpx.Response(200, content=page([update(1)], link))

    pages = list(client(answer).pages(None, None))
    assert "SECRET" not in json.dumps(pages[0].resume)
    assert [url.params["access_token"] for url in asked] == ["12345678|SECRET"] * 2
    assert asked[0].params["fields"] == threatexchange.FIELDS
    assert pages[1].checkpoint["since"] == 1_700_000_002
    [one] = client(answer).pages(None, pages[0].resume)
    assert one.checkpoint["since"] == 1_700_000_002
    more = list(client(answer).pages(pages[1].checkpoint, None))
    assert asked[-2].params["start_time"] == "1700000002"
    assert not more[0].full


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/v21.0/555/threat_updates/?a",
        "http://graph.example/v21.0/555/",
        "https://graph.example/me",
    ],
)
def test_a_link_to_another_place_is_not_followed(link):
    calls = []

    def answer(request):
        calls.append(request)
        return httpx.Response(200, content=page([update()], link))

    with pytest.raises(Unusable, match="another place"):
        list(client(answer).pages(None, None))
    assert len(calls) == 1


def test_a_checkpoint_of_more_than_85_days_ago_reads_everything_anew():
    old = {"since": 1_600_000_000, "fetched": int(time.time()) - threatexchange.STALE_S - 1}
    asked = []

    def answer(request):
        asked.append(dict(request.url.params))
        return httpx.Response(200, content=page([]))

    [one] = client(answer).pages(old, None)
    assert "start_time" not in asked[0]
    assert one.full


def test_verdicts_are_reactions_on_every_descriptor_and_hashes_can_be_published():
    sent = []

    def answer(request):
        sent.append((request.url.path, dict(httpx.QueryParams(request.content.decode()))))
        return httpx.Response(200, content=b'{"id": "99"}')

    source = client(answer)
    held = {"opinions": [{"id": "91"}, {"id": "92"}]}
    assert source.tell(Opinion("1", "pdq", PDQ, good=True, extra=held))
    assert source.tell(Opinion("1", "pdq", PDQ, good=False, extra=held))
    assert [(path, body["reactions"]) for path, body in sent] == [
        ("/v21.0/91", "HELPFUL"), ("/v21.0/92", "HELPFUL"),
        ("/v21.0/91", "DISAGREE_WITH_TAGS"), ("/v21.0/92", "DISAGREE_WITH_TAGS"),
    ]  # fmt: skip
    assert not source.tell(Opinion("1", "pdq", PDQ, good=True))
    assert source.publish(PDQ, "HASH_PDQ", "test") == "99"
    assert sent[-1][0] == "/v21.0/threat_descriptors"


def test_a_token_and_a_group_are_needed():
    with pytest.raises(Refused, match="api_token"):
        ThreatExchange({}, "1")
    with pytest.raises(Refused, match="number"):
        ThreatExchange(TOKEN, "../1")


def test_our_own_descriptor_is_found_and_nobody_elses():
    answers = [
        {"data": [{"id": "7", "raw_indicator": PDQ, "owner": {"id": "99"}}]},
        {"data": [{"id": "8", "raw_indicator": PDQ, "owner": {"id": "12345678"}}]},
        {"data": []},
    ]
    source = client(lambda _: httpx.Response(200, json=answers.pop(0)))
    assert [source.find(Outgoing("pdq", PDQ)) for _ in range(3)] == ["", "8", ""]
    for odd in ({}, {"data": [5]}, []):
        with pytest.raises(Unusable):
            client(lambda _, odd=odd: httpx.Response(200, json=odd)).find(Outgoing("pdq", PDQ))


def test_a_descriptor_is_published_with_tags_and_deleted_and_gone_is_gone():
    asked = []

    def answer(request):
        asked.append((request.method, request.url.path, dict(httpx.QueryParams(request.content.decode()))))
        return httpx.Response(404 if request.method == "DELETE" else 200, json={"success": True, "id": "8"})

    source = client(answer)
    [receipt] = source.give([Outgoing("md5", "d" * 32)], ["one", "two"])
    assert (receipt.taken, receipt.remote) == (True, "8")
    assert (asked[0][2]["type"], asked[0][2]["tags"]) == ("HASH_VIDEO_MD5", "one,two")
    assert source.take_back([Outgoing("md5", "d" * 32, "8")])[0].taken
    assert asked[1][:2] == ("DELETE", "/v21.0/8")
    with pytest.raises(Refused):
        client(lambda _: httpx.Response(400)).take_back([Outgoing("md5", "d" * 32, "8")])
