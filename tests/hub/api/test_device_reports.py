"""Reports over HTTP for a platform's gateway: signed, its own only, and no call of a supervised person's device."""

import base64
import json
import secrets
from hashlib import sha256

import pytest
from sqlalchemy import select

from tocsin.evidence.journal import canonical
from tocsin.hub import gate, matching
from tocsin.hub.store.schema import FindingRecord

PATH = "/api/v1/device/reports"


@pytest.fixture
def store_url(sqlite_template, tmp_path) -> str:
    """Signed calls do not depend on the engine: SQLite only."""
    import shutil

    path = tmp_path / "store.sqlite3"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def platform(monkeypatch) -> None:
    """The device is a gateway under a service's policy."""
    monkeypatch.setattr(matching, "refuse_but_platforms", lambda *_: None)


@pytest.fixture
def call(client, device):
    """Send a signed request; the headers can be changed."""

    def send(method: str, path: str = PATH, body: object = None, signed_path: str = "", **headers):
        data = b"" if body is None else json.dumps(body).encode()
        nonce = secrets.token_hex(16)
        signed = {"device": device.id, "path": signed_path or path, "nonce": nonce, "digest": sha256(data).hexdigest()}
        proof = {
            "X-Tocsin-Device": device.id,
            "X-Tocsin-Nonce": nonce,
            "X-Tocsin-Signature": base64.b64encode(device.key.sign(canonical(signed))).decode(),
        }
        return client.request(method, path, content=data or None, headers=proof | headers)

    return send


@pytest.fixture
def asked(hub, exhibit) -> dict:
    with hub.store.reading() as session:
        finding = session.scalars(select(FindingRecord.id)).one()
    return {
        "key": "case-1",
        "finding": finding,
        "incident_type": "Child Sex Tourism",
        "incident_at": "2026-11-22T16:58:00Z",
        "account": {"identifier": "user-17"},
    }


def refused(answer, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text
    assert answer.json()["sentence"].endswith(".")


def test_a_gateway_asks_reads_and_takes_back(platform, call, asked) -> None:
    made = call("POST", body=asked)
    assert (made.status_code, made.json()["state"]) == (201, "draft"), made.text
    assert call("POST", body=asked).status_code == 200
    one = f"{PATH}/{made.json()['id']}"
    assert call("GET", one).json() == made.json()
    assert [each["id"] for each in call("GET").json()["reports"]] == [made.json()["id"]]
    assert call("GET", PATH + "?state=filed&after=0").json() == {"reports": [], "next": None}
    assert call("GET", PATH + "?after=1").json()["reports"] == []
    assert call("DELETE", one).json()["state"] == "discarded"


def test_a_request_is_proved_over_its_path_query_and_body_and_is_good_once(platform, call, asked, hub, monkeypatch):
    refused(call("GET", PATH + "?after=1", signed_path=PATH), 403, "bad-signature")
    refused(call("DELETE", PATH + "/" + "0" * 32, signed_path=PATH), 403, "bad-signature")
    refused(call("POST", body=asked, **{"X-Tocsin-Signature": ""}), 403, "bad-signature")
    refused(call("GET", **{"X-Tocsin-Device": "f" * 32}), 403, "unknown-device")
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0" * 2 * size)
    assert call("GET").status_code == 200
    refused(call("GET"), 409, "replay")


def test_a_gateway_that_asks_too_often_waits(platform, call, monkeypatch) -> None:
    monkeypatch.setattr(gate, "BURST", 1)
    monkeypatch.setattr(gate, "A_SECOND", 0.01)
    assert call("GET").status_code == 200
    answer = call("GET")
    refused(answer, 429, "too-fast")
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_supervised_persons_device_has_no_reports(call, asked) -> None:
    refused(call("POST", body=asked), 403, "not-permitted")
    refused(call("GET"), 403, "not-permitted")


def test_what_only_a_person_says_cannot_be_asked(platform, call, asked) -> None:
    for name in ("fileViewedByEsp", "annotations", "escalate", "classification"):
        answer = call("POST", body=asked | {name: True})
        refused(answer, 422, "persons-own")
        assert name in answer.json()["sentence"]
    assert call("GET").json()["reports"] == []


def test_a_malformed_request_is_refused_with_its_field(platform, call, asked) -> None:
    refused(call("POST", body=asked | {"key": ""}), 422, "malformed")
    refused(call("POST", body=asked | {"finding": None}), 422, "malformed")
    refused(call("POST", body=asked | {"account": {"identifier": "\ud800"}}), 422, "malformed")
    refused(call("POST", body=[1]), 422, "malformed")
    refused(call("POST", body=asked | {"additional": "x" * 300_000}), 413, "too-large")
    answer = call("POST", body=asked | {"account": {"identifier": "u", "ip_events": [{"address": "not an ip"}]}})
    assert answer.status_code in (201, 422)
    refused(call("GET", PATH + "/" + "0" * 32), 404, "not-found")


def test_a_gateway_hears_what_changed(platform, call, asked, clock) -> None:
    made = call("POST", body=asked).json()
    clock.forward(10)
    heard = call("GET", PATH + "/changes?after=0&since=2020-01-01T00:00:00Z").json()
    assert [(each["report"], each["state"], each["key"]) for each in heard["changes"]] == [
        (made["id"], "draft", "case-1")
    ]
    assert call("GET", PATH + f"/changes?after={heard['next']}").json()["changes"] == []
    for bad in ("after=-1", "after=x", "since=yesterday", "since=2026-11-22T16:58:00"):
        assert call("GET", PATH + "/changes?" + bad).status_code == 422


def test_a_supervised_persons_device_hears_of_no_report(call) -> None:
    refused(call("GET", PATH + "/changes"), 403, "not-permitted")
