"""Live streams over the API."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from tocsin.gateway.access import new_key
from tocsin.gateway.webhooks_tables import Delivery


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "gopher://x.example.org/",
        "http://a b.example.org/",
        "rtmp://",
        "udp://1.2.3.4",
        "udp://media.example.org:5000",
        "rtmp://127.0.0.1/live/key",
        "https://10.0.0.8/live.m3u8",
        "http://[::1]:8080/live.ts",
        "srt://169.254.169.254:9000",
    ],
)
def test_addresses_that_are_not_watched_are_refused(api: TestClient, url: str) -> None:
    answer = api.post("/v1/streams", json={"url": url})
    assert answer.status_code in (400, 422)
    assert answer.json()["message"].endswith(".")
    assert not api.get("/v1/streams").json()["streams"]


def test_a_stream_is_watched_reviewed_and_ended(api: TestClient) -> None:
    made = api.post("/v1/streams", json={"url": "udp://0.0.0.0:0x", "name": "ours"})
    assert made.status_code == 400
    made = api.post("/v1/streams", json={"url": "udp://0.0.0.0:9899", "name": "ours"})
    assert made.status_code == 201
    name = made.json()["id"]
    assert [one["name"] for one in api.get("/v1/streams").json()["streams"]] == ["ours"]
    chat = {"messages": [{"text": "hello"}, {"text": "hi all", "host": True}]}
    assert api.post(f"/v1/streams/{name}/chat", json=chat).json()["accepted"] == 2
    review = {"by": "reviewer-7", "decision": "hold", "reason": "seen with my own eyes"}
    assert api.post(f"/v1/streams/{name}/review", json=review).status_code == 200
    assert api.get(f"/v1/streams/{name}").json()["rung"] == "hold"
    assert api.post(f"/v1/streams/{name}/review", json=review | {"decision": "no-concern"}).status_code == 200
    assert api.get(f"/v1/streams/{name}").json()["rung"] == ""
    ended = api.delete(f"/v1/streams/{name}").json()
    assert ended["state"] == "stopped"
    assert not ended["complete"]
    assert api.post(f"/v1/streams/{name}/chat", json=chat).status_code == 409


def test_a_stream_key_is_told_nowhere(serving: Callable[..., TestClient]) -> None:
    api = serving(allow_private=True)
    api.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/hook"})
    made = api.post("/v1/streams", json={"url": "rtmp://127.0.0.1:9898/live/sk_hidden?listen", "name": "ours"})
    assert made.json()["address"] == "rtmp://127.0.0.1:9898/live/sk…"
    name = made.json()["id"]
    review = {"by": "reviewer-7", "decision": "hold", "reason": "seen with my own eyes"}
    api.post(f"/v1/streams/{name}/review", json=review)
    told = [made.text, api.get("/v1/streams").text, api.delete(f"/v1/streams/{name}").text]
    serving.stop(api)  # type: ignore[attr-defined]
    gateway: Any = serving(allow_private=True).gateway
    told += [path.read_text(errors="replace") for path in gateway.settings.audit.rglob("*") if path.is_file()]
    with gateway.store.reading() as session:
        told += [json.dumps(row.body) for row in session.scalars(select(Delivery))]
        assert any(row.body["data"]["address"] == made.json()["address"] for row in session.scalars(select(Delivery)))
    assert "hidden" not in "".join(told)


def test_a_stream_that_is_not_there(api: TestClient) -> None:
    assert api.get("/v1/streams/none").status_code == 404
    assert api.delete("/v1/streams/none").status_code == 404


def test_a_stream_belongs_to_the_key_that_began_it(serving: Callable[..., TestClient]) -> None:
    api: Any = serving()
    store, clock = api.gateway.store, api.gateway.clock
    keys = {name: new_key(store, clock, name, scopes) for name, scopes in
            (("one", ["streams", "webhooks"]), ("two", ["streams", "webhooks"]), ("root", ["admin"]))}  # fmt: skip
    api.gateway.access._keys.refresh()
    head = {name: {"X-API-Key": key} for name, key in keys.items()}
    hooks = {
        api.post("/v1/webhooks", json={"url": f"http://{name}.invalid/hook"}, headers=head[name]).json()["id"]: name
        for name in keys
    }
    made = api.post("/v1/streams", json={"url": "udp://0.0.0.0:9894", "name": "ours"}, headers=head["one"])
    stream = f"/v1/streams/{made.json()['id']}"
    seen = {name: len(api.get("/v1/streams", headers=head[name]).json()["streams"]) for name in keys}
    assert seen == {"one": 1, "two": 0, "root": 1}
    review = {"by": "reviewer-7", "decision": "hold", "reason": "seen with my own eyes"}
    for method, path, body in (
        ("GET", stream, None), ("DELETE", stream, None), ("POST", f"{stream}/review", review),
        ("POST", f"{stream}/chat", {"messages": [{"text": "hello"}]}),
    ):  # fmt: skip
        answer = api.request(method, path, json=body, headers=head["two"])
        assert (answer.status_code, answer.json()) == (404, {"message": "There is no such stream."})
    assert api.post(f"{stream}/review", json=review, headers=head["one"]).status_code == 200
    assert api.get(stream, headers=head["root"]).json()["rung"] == "hold"
    serving.stop(api)  # type: ignore[attr-defined]
    again: Any = serving()
    with again.gateway.store.reading() as session:
        told = [(row.event, hooks[row.webhook]) for row in session.scalars(select(Delivery))]
    assert sorted(told) == [("stream.hold", "one"), ("stream.hold", "root")]
    assert again.get(stream, headers=head["two"]).status_code == 404
    assert again.delete(stream, headers=head["one"]).json()["state"] == "stopped"
