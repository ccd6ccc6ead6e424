import base64
import time

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.exchange import ncmec
from tocsin.exchange.ncmec import (
    NCMEC,
    Shared,
    Vote,
    feedback_of,
    members_of,
    moment,
    page_of,
    parse_page,
    read_feedback,
    read_moment,
    reasons_of,
    status_of,
)
from tocsin.exchange.pages import Expired, Opinion, Refused, Unusable
from tocsin.matching.lists import Entry, Rejected, Status

LOGIN = {"user": "u", "password": "p", "base_url_override": "https://ncmec.example/hashsharing"}
MD5 = "a" * 32
PDQ = "b" * 64
T = 1_508_857_200

DOCUMENTED = f"""<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">
 <images count="2" maxTimestamp="2017-10-24T15:10:00Z">
  <image><member id="42">Name</member><timestamp>2017-10-24T15:00:00Z</timestamp><id>image1</id>
   <classification>A1</classification>
   <fingerprints><md5>{MD5}</md5><pdq>{PDQ}</pdq>
    <tmk-pdqf rel="self" href="/v2/entries/42/image1/fingerprints/TMK_PDQF"/></fingerprints>
   <feedback lastUpdateTimestamp="2017-10-24T15:00:00Z">
    <affirmativeFeedback type="Md5" lastUpdateTimestamp="2017-10-24T15:00:00Z">
     <members timestamp="2017-10-24T15:00:00Z"><member id="43">N</member></members></affirmativeFeedback>
   </feedback></image>
  <deletedImage><member id="43">N</member><id>image4</id><timestamp>2017-10-24T15:10:00Z</timestamp></deletedImage>
 </images>
 <videos count="0"/>
 <paging><next>/v2/entries?from=1&amp;to=2&amp;start=2001&amp;size=1000&amp;max=3000</next></paging></queryResult>"""


def client(handler, **more):
    return NCMEC(LOGIN, transport=httpx.MockTransport(handler), sleep=lambda _: None, **more)


def image(number=1, at=T, **more):
    return Shared(42, "Name", f"e{number}", at, hashes=[("pdq", PDQ)], **more)


def test_the_documented_page_is_read_whole():
    page = parse_page(DOCUMENTED.encode())
    taken, gone = page.rows
    assert taken.id == "42-image1"
    assert dict(taken.hashes) == {"md5": bytes.fromhex(MD5), "pdq": bytes.fromhex(PDQ)}
    assert (taken.classification, taken.scheme, taken.status) == ("A1", "industry", Status.ACTIVE)
    assert taken.extra["feedback"][0]["members"] == ["43"]
    assert (gone.id, gone.status) == ("43-image4", Status.DELETED)
    assert page.next == "/v2/entries?from=1&to=2&start=2001&size=1000&max=3000"


BOMB = b"""<?xml version="1.0"?><!DOCTYPE q [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<queryResult><images count="0">&b;</images></queryResult>"""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (BOMB, "never read"),
        (DOCUMENTED.encode()[:-40], "breaks off"),
        (b"", "breaks off"),
        (b"<html/>", "no <queryResult>"),
        (b'{"json": true}', "breaks off"),
        (DOCUMENTED.replace('count="2"', 'count="900"').encode(), "has 2"),
        (DOCUMENTED.replace("/v2/entries?", "https://elsewhere.example/?").encode(), "leads away"),
        (DOCUMENTED.replace("/v2/entries?", "@elsewhere.example/?").encode(), "leads away"),
    ],
)
def test_a_page_that_is_not_whole_or_not_honest_is_refused(body, why):
    with pytest.raises(Unusable, match=why):
        parse_page(body)


def test_a_bad_entry_is_left_out_and_the_others_are_taken():
    page = parse_page(DOCUMENTED.replace("<id>image1</id>", "").encode())
    assert [type(row) for row in page.rows] == [Rejected, Entry]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.integers(0, len(DOCUMENTED)))
def test_no_bytes_whatever_crash_the_reader(noise, at):
    for body in (noise, DOCUMENTED.encode()[:at] + noise + DOCUMENTED.encode()[at:]):
        try:
            assert all(isinstance(row, Entry | Rejected) for row in parse_page(body).rows)
        except Unusable:
            continue


def test_what_is_written_is_read_back():
    votes = [Vote(7, "P", "pdq", False, T, ("guid-1", "Too plain")), Vote(8, "Q", "md5", True, T)]
    first = image(1, votes=votes, classification="B1")
    gone = Shared(42, "Name", "e2", T + 60, deleted=True)
    film = Shared(42, "Name", "v1", T, video=True, hashes=[("md5", MD5)])
    page = parse_page(page_of([first, gone], [film], "/v2/entries?start=1&size=2&max=3"))
    assert [(row.id, row.status) for row in page.rows] == [("42-e1", 0), ("42-e2", 2), ("42-v1", 0)]
    assert page.rows[0].classification == "B1"
    assert page.rows[0].extra["feedback"][1] == {
        "feedback": "negativefeedback", "type": "Pdq", "reasons": ["Too plain"], "members": ["7"],
    }  # fmt: skip
    assert page.rows[2].extra["media"] == "video"


def test_a_whole_range_is_read_in_utc_and_only_its_end_is_a_checkpoint():
    asked = []

    def answer(request):
        asked.append(request.url)
        assert request.headers["authorization"] == "Basic " + base64.b64encode(b"u:p").decode()
        if "start" in request.url.params:
            return httpx.Response(200, content=page_of([image(2, at=T - 5000)], [], ""))
        return httpx.Response(200, content=page_of([image(1)], [], "/v2/entries?start=2&size=1&max=2"))

    before = int(time.time())
    pages = list(client(answer).pages(None, None))
    assert [one.checkpoint is not None for one in pages] == [False, True]
    assert asked[0].params["from"] == "1970-01-01T00:00:00Z"
    assert abs(read_moment(asked[0].params["to"]) - before) <= 10
    assert pages[1].checkpoint == {"to": read_moment(asked[0].params["to"])}
    assert str(asked[1]) == "https://ncmec.example/hashsharing/v2/entries?start=2&size=1&max=2"
    more = list(client(answer).pages(pages[1].checkpoint, None))
    assert read_moment(asked[2].params["from"]) == pages[1].checkpoint["to"] - ncmec.OVERLAP_S
    assert not more[0].full


def test_a_cut_range_goes_on_by_its_link_unless_that_is_too_old_or_gone():
    seen = []

    def answer(request):
        seen.append(str(request.url.query))
        if "gone" in str(request.url):
            return httpx.Response(404)
        return httpx.Response(200, content=page_of([image()], [], ""))

    now = int(time.time())
    held = {"since": 0, "until": now - 50, "next": "/v2/entries?start=2", "at": now - 50}
    [one] = client(answer).pages(None, held)
    assert one.checkpoint == {"to": now - 50}
    assert not one.restart
    old = held | {"at": now - ncmec.LINK_LIVES_S - 1}
    [one] = client(answer).pages(None, old)
    assert one.restart
    assert one.checkpoint["to"] >= now - 10
    [one] = client(answer).pages(None, held | {"next": "/v2/entries?gone"})
    assert one.restart


def test_links_that_always_expire_and_circles_end_the_run():
    def expiring(request):
        if "start" in request.url.params:
            return httpx.Response(410)
        return httpx.Response(200, content=page_of([image()], [], "/v2/entries?start=2"))

    with pytest.raises(Expired):
        list(client(expiring).pages(None, None))
    circle = page_of([image()], [], "/v2/entries?start=2")
    with pytest.raises(Unusable, match="again and again"):
        list(client(lambda _: httpx.Response(200, content=circle)).pages(None, None))


def test_entries_of_members_that_are_not_wanted_are_counted_and_left_out():
    page = page_of([image(), Shared(9, "Other", "x", T, hashes=[("pdq", PDQ)])], [], "")
    [one] = client(lambda _: httpx.Response(200, content=page), only=frozenset({"9"})).pages(None, None)
    assert [row.id for row in one.rows] == ["9-x"]
    assert one.other == {"of other members": 1}


def test_an_exploitative_environment_keeps_its_own_scheme():
    page = page_of([image()], [], "")
    source = client(lambda _: httpx.Response(200, content=page), environment="Industry_Exploitative")
    [one] = source.pages(None, None)
    assert one.rows[0].scheme == "ncmec-exploitative"


REASONS = reasons_of("PDQ", [("g1", "Too plain")])


DOCUMENTED_REASONS = (
    b"<availableFeedbackReasons><reason guid='g1' name='Too plain' type='PDQ'/></availableFeedbackReasons>"
)


@pytest.mark.parametrize("reasons", [REASONS, DOCUMENTED_REASONS])
def test_verdicts_are_put_with_the_reason_that_there_is(reasons):
    put = []

    def answer(request):
        if request.method == "GET":
            return httpx.Response(200, content=reasons)
        put.append((request.url.raw_path.decode(), read_feedback(request.content)))
        return httpx.Response(200)

    source = client(answer)
    assert source.tell(Opinion("42-im age/1", "pdq", PDQ, good=True))
    assert source.tell(Opinion("42-image1", "pdq", PDQ, good=False))
    assert put == [
        ("/hashsharing/v2/entries/42/im%20age%2F1/PDQ/feedback", (True, [])),
        ("/hashsharing/v2/entries/42/image1/PDQ/feedback", (False, ["g1"])),
    ]
    assert not source.tell(Opinion("nothing", "pdq", PDQ, good=True))


def test_where_there_are_several_reasons_the_operator_must_choose_one():
    reasons = reasons_of("PDQ", [("g1", "One"), ("g2", "Two")])
    with pytest.raises(Refused, match="negative_reason to one of: One, Two"):
        client(lambda _: httpx.Response(200, content=reasons)).tell(Opinion("4-x", "pdq", PDQ, good=False))
    chosen = client(lambda _: httpx.Response(200, content=reasons), negative_reason="Two")
    assert chosen.tell(Opinion("4-x", "pdq", PDQ, good=False))


def test_status_and_members_are_read_as_they_are_written():
    answers = {"status": status_of("192.0.2.1", "u", 5, "Five"), "members": members_of([(1, "A & B"), (5, "Five")])}
    source = client(lambda request: httpx.Response(200, content=answers[request.url.path.rpartition("/")[2]]))
    assert source.status() == ("5", "Five")
    assert source.members() == {"1": "A & B", "5": "Five"}


@pytest.mark.parametrize("body", [feedback_of(), feedback_of("g1")])
def test_feedback_is_read_as_it_is_written(body):
    good, guids = read_feedback(body)
    assert good == (not guids)


@pytest.mark.parametrize("body", [b"", b"<x/>", b"<feedbackSubmission/>", BOMB])
def test_feedback_that_says_nothing_is_refused(body):
    with pytest.raises(Unusable):
        read_feedback(body)


def test_times_are_written_and_read_in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert moment(0) == "1970-01-01T00:00:00Z"
        assert read_moment("1970-01-01T00:00:10Z") == 10
        assert read_moment("yesterday") is None
    finally:
        monkeypatch.undo()
        time.tzset()


def test_an_environment_and_a_login_are_needed():
    with pytest.raises(Refused, match="environment"):
        NCMEC(LOGIN, "Nowhere")
    with pytest.raises(Refused, match="password"):
        NCMEC({"user": "u"})


@pytest.mark.parametrize("data", [b"<a/>" * 2_000_000, b"<a>" * 1_000_000 + b"</a>" * 1_000_000])
def test_xml_that_would_fill_the_memory_is_not_read(data: bytes) -> None:
    with pytest.raises(Unusable, match="more than 2,000,000 tags"):
        ncmec.read_xml(b"<queryResult>" + data + b"</queryResult>", "queryResult")
