"""The hub as an application: it starts on an empty folder, answers every error alike, and leaves a signed log."""

import stat

from fastapi.testclient import TestClient
from sqlalchemy import select

from tocsin.hub.app import create_app
from tocsin.hub.audit import record
from tocsin.hub.store.schema import CheckpointRecord, Device


def test_a_second_start_finds_everything_again(settings, hub, device) -> None:
    key, vkey = hub.key.public, hub.log.vkey
    hub.close()
    again = create_app(settings).state.hub
    assert (again.key.public, again.log.vkey) == (key, vkey)
    with again.store.reading() as session:
        assert session.get(Device, device.id) is not None
    again.close()


def test_keys_are_for_this_user_only(settings, hub) -> None:
    for path in (settings.data, settings.data / "keys"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (settings.data / "keys").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_error_is_a_code_and_a_sentence(client) -> None:
    for answer in (client.get("/api/v1/nothing"), client.put("/api/v1/journal"), client.post("/api/v1/enrol")):
        assert answer.status_code in (400, 404, 405)
        assert set(answer.json()) == {"error", "sentence"}


def test_an_error_of_the_hubs_own_is_told_without_its_insides(app, hub, device, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("insides")

    monkeypatch.setattr("tocsin.hub.ingest.effects.apply", broken)
    with TestClient(app, raise_server_exceptions=False) as client:
        entry = device.entry("start").as_dict()
        answer = client.post("/api/v1/journal", json={"entries": [entry]})
        assert (answer.status_code, answer.json()["error"]) == (500, "internal")
        assert "insides" not in answer.text
        monkeypatch.undo()
        assert client.post("/api/v1/journal", json={"entries": [entry]}).status_code == 200


def test_leaving_signs_the_logs_last_state(app, hub) -> None:
    with TestClient(app), hub.store.session() as session:
        record(session, "hub", "configuration", "hub:test")
    again = create_app(hub.settings).state.hub
    with again.store.reading() as session:
        assert session.scalars(select(CheckpointRecord.size)).all()
    again.close()


def test_the_api_describes_itself(client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path in ("/api/v1/journal", "/api/v1/enrol", "/api/v1/alerts", "/api/v1/events", "/healthz", "/metrics"):
        assert path in paths


def test_a_number_or_letter_that_no_store_can_hold_is_refused_in_words(client, sign_in, exhibit) -> None:
    sign_in("auditor")
    assert client.get("/api/v1/audit", params={"before": 2**63}).status_code == 422
    sign_in("supervisor")
    nul = {"reason": "Needs a second look\x00 now."}
    answers = [
        client.get("/api/v1/alerts/%00"),
        client.get("/api/v1/alerts", params={"category": "a\x00b"}),
        client.get("/api/v1/evidence/%00"),
        client.get("/api/v1/subjects/%00"),
        client.post(f"/api/v1/alerts/{exhibit.alert_id}/escalate", json=nul),
        client.post(f"/api/v1/alerts/{exhibit.alert_id}/reopen", json=nul),
        client.post("/api/v1/session", json={"email": "a\x00@b.example", "password": "long enough it is"}),
    ]
    assert [(answer.request.url.path, answer.status_code) for answer in answers if answer.status_code >= 500] == []
