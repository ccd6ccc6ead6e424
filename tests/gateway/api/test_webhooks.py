"""Webhooks over the API."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from tocsin.gateway.access import new_key


def test_a_webhook_is_added_shown_without_its_secret_and_removed(api: TestClient) -> None:
    made = api.post("/v1/webhooks", json={"url": "https://platform.example.org/hook", "events": ["stream.hold"]})
    assert made.status_code == 201
    assert len(made.json()["secret"]) >= 16
    (told,) = api.get("/v1/webhooks").json()["webhooks"]
    assert "secret" not in told
    assert told["events"] == ["stream.hold"]
    assert api.delete(f"/v1/webhooks/{told['id']}").status_code == 200
    assert api.delete(f"/v1/webhooks/{told['id']}").status_code == 404
    assert api.get("/v1/webhooks").json()["webhooks"] == []


def test_what_is_no_webhook_is_refused_with_a_sentence(api: TestClient) -> None:
    for body in ({"url": "ftp://example.org/x"}, {"url": "x"}, {"url": "https://example.org/", "events": ["all"]}, {}):
        answer = api.post("/v1/webhooks", json=body)
        assert answer.status_code in (400, 422)
        assert answer.json()["message"].endswith(".")


def test_a_webhook_belongs_to_the_key_that_added_it(api: TestClient) -> None:
    store, clock = api.gateway.store, api.gateway.clock  # type: ignore[attr-defined]
    before = api.post("/v1/webhooks", json={"url": "https://platform.example.org/before"}).json()["id"]
    keys = {name: new_key(store, clock, name, [scope]) for name, scope in
            (("one", "webhooks"), ("two", "webhooks"), ("root", "admin"))}  # fmt: skip
    api.gateway.access._keys.refresh()  # type: ignore[attr-defined]
    head = {name: {"X-API-Key": key} for name, key in keys.items()}
    made = {
        name: api.post("/v1/webhooks", json={"url": f"https://{name}.example.org/hook"}, headers=head[name]).json()[
            "id"
        ]
        for name in keys
    }

    def seen(name: str) -> set[str]:
        return {one["id"] for one in api.get("/v1/webhooks", headers=head[name]).json()["webhooks"]}

    assert (seen("one"), seen("two")) == ({made["one"]}, {made["two"]})
    assert seen("root") == {before, *made.values()}
    for foreign in (made["two"], made["root"], before):
        assert api.delete(f"/v1/webhooks/{foreign}", headers=head["one"]).status_code == 404
    assert api.delete(f"/v1/webhooks/{made['one']}", headers=head["one"]).status_code == 200
    assert api.delete(f"/v1/webhooks/{made['two']}", headers=head["root"]).status_code == 200
    assert seen("root") == {before, made["root"]}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://user:secret@platform.example.org/hook", "user name"),
        ("https://10.0.0.8/hook", "private network"),
        ("http://127.0.0.1:9/hook", "private network"),
        ("http://[::1]:9/hook", "private network"),
        ("http://127.1/hook", "private network"),
        ("http://localhost/hook", "private network"),
        ("HTTPS://LOCALHOST./hook", "private network"),
        ("file:///etc/passwd", "begins with https"),
        ("https:///hook", "no host"),
        ("https://platform.example.org:0/hook", "no host"),
        ("https://platform.example.org/a b", "letters"),
    ],
)
def test_an_address_that_events_could_never_reach_is_refused(api: TestClient, url: str, why: str) -> None:
    answer = api.post("/v1/webhooks", json={"url": url})
    assert answer.status_code == 400
    assert why in answer.json()["message"]
    assert "secret" not in answer.text
    assert api.get("/v1/webhooks").json()["webhooks"] == []


def test_a_private_address_is_taken_where_they_are_allowed(serving: Callable[..., TestClient]) -> None:
    api = serving(allow_private=True)
    assert api.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/hook"}).status_code == 201


def test_a_token_in_an_address_is_not_shown_again(api: TestClient) -> None:
    api.post("/v1/webhooks", json={"url": "https://platform.example.org/hook?token=hidden"})
    assert api.get("/v1/webhooks").json()["webhooks"][0]["url"] == "https://platform.example.org/hook?…"
