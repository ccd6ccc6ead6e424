"""Webhooks over the API."""

from starlette.testclient import TestClient


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
