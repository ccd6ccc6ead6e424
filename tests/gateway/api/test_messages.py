from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from tocsin.gateway.access import new_key
from tocsin.gateway.app import create_app
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.settings import Settings
from tocsin.model import utc_text

TALK = (
    ("kid", "im 13 btw, just started year 9"),
    ("adult", "cool. are your parents home right now?"),
    ("kid", "no mum is at work"),
    ("adult", "keep this between us ok, add me on telegram"),
)


@pytest.fixture
def client(tmp_path, clock):
    gateway = Gateway.open(Settings(data=tmp_path / "gateway", clock=clock))
    with TestClient(create_app(gateway), "http://localhost", raise_server_exceptions=False) as client:
        client.gateway = gateway
        yield client


@pytest.fixture
def body(clock):
    def make(*talk, thread="t-1", **more):
        messages = [
            {"id": f"m{n}", "author": who, "at": utc_text(clock.now() + timedelta(seconds=20 * n)), "text": text}
            for n, (who, text) in enumerate(talk or TALK)
        ]
        return {"thread": thread, "messages": messages} | more

    return make


def test_a_conversation_goes_in_and_findings_with_their_explanations_come_out(client, body):
    people = [{"id": "adult", "age_band": "adult"}, {"id": "kid", "age_band": "13-15"}]
    found = client.post("/v1/messages", json=body(participants=people)).json()
    assert found["state"] == "new"
    assert found["accepted"] == 4
    assert found["not_examined"] == []
    assert [one["detector"] for one in found["examined_by"]] == ["phrases", "conversation"]
    assert found["retention"] | {"until": ""} == {
        "minutes": 60,
        "until": "",
        "messages_held": 4,
        "messages_held_at_most": 120,
    }
    last = found["findings"][-1]
    assert (last["participant"], last["to"], last["message"]) == ("adult", ["kid"], "m3")
    assert (last["category"], last["severity"]) == ("grooming-signal", 5)
    assert {"secrecy", "adults-near"} <= {signal["name"] for signal in last["signals"]}
    assert {"threat"} <= {one["name"] for one in last["not_seen"]}
    assert last["base_rate"]
    assert last["recorded"] is False
    text = TALK[3][1]
    assert any(
        text[start:end] == "keep this between us"
        for words in last["words"]
        if words["message"] == "m3"
        for start, end in words["spans"]
    )


def test_an_enrolled_gateway_seals_the_words_and_the_hub_reads_none_of_them(client, body, record):
    recorded = record(client.gateway)
    found = client.post("/v1/messages", json=body()).json()
    assert all(one["recorded"] for one in found["findings"])
    last = recorded.bodies[-1]
    assert last["verdicts"][0]["clause"] == "3"
    for private in ("'adult'", "kid", "t-1", "telegram", "between us"):
        assert private not in str(last)
    document = recorded.opened(last)
    assert document["facts"]["participant"] == "adult"
    assert document["facts"]["messages"][0]["author"] == "kid"
    assert [line["speaker"] for line in document["context"]] == ["other", "subject", "other", "subject"]
    lines = {(line["text"], line["at"]) for line in document["context"]}
    assert {(quote["text"], quote["at"]) for quote in document["quotes"]} <= lines  # so that a reader sees each once
    assert len({one["thread"] for one in recorded.bodies}) == 1
    before = len(recorded.bodies)
    again = client.post("/v1/messages", json=body()).json()
    assert again["findings"] == found["findings"]
    assert len(recorded.bodies) == before


def test_each_participant_is_a_matter_of_its_own_to_the_hub(client, body, record):
    recorded = record(client.gateway)
    threat = "pay me or i will send it to all your friends"
    client.post("/v1/messages", json=body(("a", threat), ("b", "no, pay me or i will tell everyone at your school")))
    assert len({one["thread"] for one in recorded.bodies}) == 2


def test_a_help_lines_conversation_is_answered_and_never_recorded(client, body, record):
    recorded = record(client.gateway)
    people = [{"id": "adult"}, {"id": "Example Child Helpline", "role": "staff"}]
    found = client.post("/v1/messages", json=body(participants=people)).json()
    assert found["findings"]
    assert not any(one["recorded"] for one in found["findings"])
    assert recorded.bodies == []


def test_without_a_clause_nothing_is_recorded(client, body, record):
    recorded = record(client.gateway, lambda text: text.replace("[conversation, phrases]", "[known-media]"))
    found = client.post("/v1/messages", json=body()).json()
    assert found["findings"]
    assert not any(one["recorded"] for one in found["findings"])
    assert recorded.bodies == []


def test_ordinary_messages_find_nothing_and_say_that_they_were_examined(client, body):
    found = client.post("/v1/messages", json=body(("a", "training is moved to 6"), ("b", "thanks coach"))).json()
    assert (found["findings"], found["accepted"]) == ([], 2)


def test_the_same_call_again_gives_the_same_findings_and_holds_nothing_twice(client, body):
    first = client.post("/v1/messages", json=body()).json()
    again = client.post("/v1/messages", json=body()).json()
    assert again["state"] == "continued"
    assert again["accepted"] == 0
    assert again["findings"] == first["findings"]


def test_every_call_is_logged_without_a_word_or_an_id_that_can_be_read(client, body, tmp_path):
    client.post("/v1/messages", json=body())
    client.get("/v1/messages/t-1")
    client.delete("/v1/messages/t-1")
    logged = b"".join(path.read_bytes() for path in (tmp_path / "gateway" / "audit").rglob("*") if path.is_file())
    assert logged.count(b'"messages"') >= 3
    for private in (b"telegram", b"t-1", b"kid"):
        assert private not in logged


def test_a_key_for_lookups_reads_no_messages(client, body):
    from tocsin.gateway.access import new_key

    gateway = client.gateway
    lookup = new_key(gateway.store, gateway.clock, "lookups", ["lookup"])
    messages = new_key(gateway.store, gateway.clock, "chat", ["messages"])
    for key, status in (("", 401), ("tg_1_" + "x" * 43, 401), (lookup, 403), (messages, 200)):
        answers = [client.post("/v1/messages", json=body(), headers={"X-API-Key": key})]
        answers.append(client.request("DELETE", "/v1/messages/t-1", headers={"X-API-Key": key}))
        assert {answer.status_code for answer in answers} == {status}


def test_a_thread_is_told_of_and_forgotten_at_once_whatever_its_name(client, body):
    for name in ("t-1", "room/7?x=#", "ünï code"):
        client.post("/v1/messages", json=body(thread=name))
        path = client.build_request("GET", "http://localhost/v1/messages/").url.copy_with(
            raw_path=b"/v1/messages/" + _quoted(name)
        )
        assert client.get(path).json()["messages_held"] == 4
        assert client.delete(path).json() == {"thread": name, "forgotten": True}
        assert client.delete(path).json()["forgotten"] is False
        assert client.get(path).status_code == 404


def _quoted(name):
    from urllib.parse import quote

    return quote(name, safe="").encode()


def test_after_its_minutes_nothing_is_held(client, body, clock):
    client.post("/v1/messages", json=body(retention_minutes=5))
    clock.move(301)
    assert client.get("/v1/messages/t-1").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"messages": []},
        {"messages": "x"},
        {"thread": ""},
        {"thread": "x" * 201},
        {"thread": "a\u202eb"},
        {"thread": " a"},
        {"retention_minutes": 0},
        {"retention_minutes": 10**6},
        {"participants": [{"id": "a", "age_band": "young"}]},
        {"participants": [{"id": "a", "name": "Somebody"}]},
        {"label": "bad person"},
        {"messages": [{"id": "m", "author": "a", "at": "2026-01-01T00:00:00", "text": "no zone"}]},
        {"messages": [{"id": "m", "author": "a", "at": "2099-01-01T00:00:00Z", "text": "from the future"}]},
        {"messages": [{"id": "m", "author": "a", "at": "2026-01-01T00:00:00Z", "text": "x" * 20_001}]},
        {"messages": [{"id": "m", "author": "a", "at": "2026-01-01T00:00:00Z"}]},
    ],
)
def test_what_cannot_be_taken_is_refused_whole_with_a_sentence(client, body, change):
    answer = client.post("/v1/messages", json=body() | change)
    assert answer.status_code == 422
    assert answer.json()["message"].endswith(".")
    assert client.get("/v1/messages/t-1").status_code == 404


def test_half_letters_and_null_bytes_refuse_no_conversation(client, body):
    raw = (
        '{"thread":"t-1","messages":[{"id":"m","author":"a","at":"2026-01-01T00:00:00Z",'
        '"text":"\\ud800 \\u0000 pay me or i will send it to all your friends"}]}'
    )
    answer = client.post("/v1/messages", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["findings"]


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null"])
def test_what_is_no_json_is_refused(client, content):
    answer = client.post("/v1/messages", content=content, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert answer.json()["message"]


def test_a_key_neither_sees_nor_ends_the_conversations_of_another(client, body):
    gateway = client.app.state.gateway
    keys = [new_key(gateway.store, gateway.clock, name, ["messages"]) for name in ("one", "other")]
    gateway.access._keys.refresh()
    one, other = ({"X-API-Key": key} for key in keys)
    assert client.post("/v1/messages", json=body(), headers=one).json()["state"] == "new"
    assert client.get("/v1/messages/t-1", headers=other).status_code == 404
    assert client.delete("/v1/messages/t-1", headers=other).json()["forgotten"] is False
    answer = client.post("/v1/messages", json=body(), headers=other).json()
    assert (answer["state"], answer["repeated"]) == ("new", [])
    assert client.get("/v1/messages/t-1", headers=one).status_code == 200
