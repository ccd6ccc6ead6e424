"""The match call over HTTP: signed, bounded, one round trip, each refusal a code and a sentence."""

import base64
import gzip
import json
import secrets
from hashlib import sha256

import pytest

from tocsin.evidence.journal import canonical
from tocsin.hub import gate
from tocsin.hub.media_lists import MediaLists
from tocsin.model.media import Fingerprints

SHA = "a" * 40
BODY = {"items": [{"id": "p1", "prints": Fingerprints(media="picture", sha1=SHA).as_dict()}]}


@pytest.fixture
def post(client, hub, device, shelf, made_list, tmp_path):
    """Send a signed request to a hub with a list of one entry."""
    made_list(tmp_path / "lists" / "demo", "demo", {SHA: "e1"})
    hub.lists.close()
    hub.lists = MediaLists(shelf, tmp_path / "lists")

    def send(body=BODY, *, packed: bool = False, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        data = gzip.compress(data) if packed else data
        nonce = secrets.token_hex(16)
        signed = {"device": device.id, "path": "/api/v1/match", "nonce": nonce, "digest": sha256(data).hexdigest()}
        proof = {
            "X-Tocsin-Device": device.id,
            "X-Tocsin-Nonce": nonce,
            "X-Tocsin-Signature": base64.b64encode(device.key.sign(canonical(signed))).decode(),
            **({"Content-Encoding": "gzip"} if packed else {}),
        }
        return client.post("/api/v1/match", content=data, headers=proof | headers)

    return send


def refused(answer, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text
    assert answer.json()["sentence"].endswith(".")


@pytest.mark.parametrize("packed", [False, True])
def test_a_listed_picture_is_named_in_one_round_trip(post, packed) -> None:
    answer = post(packed=packed)
    assert answer.status_code == 200
    assert answer.json()["lists"]["count"] == 1
    (only,) = answer.json()["answers"]
    assert (only["id"], only["matches"][0]["list"], only["matches"][0]["entry"]) == ("p1", "demo", "e1")


def test_what_is_too_much_or_malformed_is_refused(post) -> None:
    refused(post(b" " * (1024 * 1024 + 1)), 413, "too-large")
    refused(post(b" " * 20_000_000, packed=True), 413, "too-large")
    refused(post({"items": BODY["items"] * 257}), 413, "too-large")
    refused(post({"items": []}), 422, "malformed")
    refused(post({"items": [{"id": "1", "prints": {"media": "picture", "sha1": "zz"}}]}), 422, "malformed")
    refused(post(b'{"items": ['), 400, "malformed")
    refused(post(**{"Content-Encoding": "br"}), 415, "encoding")
    refused(post(**{"X-Tocsin-Signature": ""}), 403, "bad-signature")
    refused(post(**{"X-Tocsin-Device": "nobody"}), 403, "unknown-device")


def test_asking_too_often_is_refused_with_the_time_to_wait(post, monkeypatch) -> None:
    monkeypatch.setattr(gate, "BURST", 1)
    monkeypatch.setattr(gate, "A_SECOND", 0.01)
    assert post().status_code == 200
    answer = post()
    refused(answer, 429, "too-fast")
    assert 1 <= int(answer.headers["Retry-After"]) <= 100
