import json

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.agent import match_wire
from tocsin.agent.match_wire import MatchError
from tocsin.model import Fingerprints, Frame, Print, Rect
from tocsin.placement import wire
from tocsin.placement.config import Config

MATCH = {"list": "L", "entry": "1", "by": "pdq", "distance": 4, "severity": 5, "category": "A1", "shares": None}
PRINTS = Fingerprints(media="picture", md5="0" * 32, prints=(Print("ab" * 32, 80),))


def config(hub):
    return Config(hub.url, hub.device, hub.key.public, "u", 15.0, "", (), "00", "l")


@pytest.fixture
def ask(hub, device_key):
    hub.public = device_key.public

    def ask_(*items):
        with wire.connect(config(hub)) as client:
            return match_wire.ask(client, device_key, hub.device, [match_wire.written(each) for each in items])

    return ask_


def test_one_round_trip_signed_by_the_device(ask, hub):
    hub.listed["ab" * 32] = MATCH
    other = Fingerprints(media="picture", prints=(Print("cd" * 32, 80),))
    answers = ask(PRINTS, other)
    assert [len(found) for found in answers.matches] == [1, 0]
    assert answers.matches[0][0].severity == 5
    assert (answers.lists, answers.entries, answers.version) == (1, 3, "v1")
    assert [path for _, path, _ in hub.requests] == ["/api/v1/match"]
    assert set(hub.asked[0][0]) == {"id", "prints"}


def test_where_on_a_page_a_match_stands_comes_back(ask, hub):
    hub.listed["ef" * 32] = MATCH | {"region": {"x": 1, "y": 2, "w": 30, "h": 40}}
    part = Print("ef" * 32, 80, region=Rect(1, 2, 30, 40))
    answers = ask(Fingerprints(media="picture", prints=(Print("cd" * 32, 80), part)), PRINTS)
    assert [one.region for one in answers.matches[0]] == [part.region]


def test_another_device_gets_no_answer(ask, hub):
    hub.public = hub.key.public
    with pytest.raises(MatchError) as told:
        ask(PRINTS)
    assert told.value.code == "removed"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (503, "busy"),
        (429, "busy"),
        (404, "absent"),
        (413, "refused"),
        (422, "refused"),
        (403, "removed"),
        (500, "unreachable"),
        (409, "unreachable"),
        ("close", "unreachable"),
        ("half", "unreachable"),
        ("garbage", "unreachable"),
        ("forged", "unreachable"),
    ],
)
def test_every_other_answer_is_a_code_and_a_sentence(ask, hub, fault, code):
    hub.match_faults.append(fault)
    with pytest.raises(MatchError) as told:
        ask(PRINTS)
    assert told.value.code == code
    assert str(told.value)


def test_the_frames_of_a_very_long_video_are_thinned_out():
    frames = tuple(Frame(float(n), "ab" * 32, 90) for n in range(20_000))
    written = match_wire.written(Fingerprints(media="video", frames=frames))
    raw = json.loads(written)
    assert 2000 <= len(raw["frames"]) <= 6000
    assert len(written) < match_wire.MAX_BYTES
    assert raw["frames"][-1]["at"] > 19_900


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
@settings(max_examples=80)
def test_an_answer_of_any_form_is_read_or_refused(device_key, body):
    answer = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    with (
        httpx.Client(base_url="http://hub", transport=answer) as client,
        pytest.raises(MatchError),
    ):
        match_wire.ask(client, device_key, "d", [match_wire.written(PRINTS)])


def test_answers_to_other_questions_are_refused(device_key):
    lists = {"count": 1, "entries": 1, "version": "v"}
    for answers in ([], [{"id": "1", "matches": []}], [{"id": "0", "matches": [{"list": "x"}]}]):
        answer = httpx.MockTransport(lambda _, a=answers: httpx.Response(200, json={"lists": lists, "answers": a}))
        with httpx.Client(base_url="http://hub", transport=answer) as client, pytest.raises(MatchError):
            match_wire.ask(client, device_key, "d", [match_wire.written(PRINTS)])
