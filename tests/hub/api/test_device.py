"""What devices call, over HTTP: every refusal is a code and a sentence, and nothing is taken without proof."""

import base64
import gzip
import json
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tocsin.evidence.journal import canonical
from tocsin.evidence.keys import DeviceKey
from tocsin.hub import enrolment
from tocsin.hub.store.schema import Device, EvidenceRecord, JournalEntry, OrderRecord


@pytest.fixture
def token(hub, held) -> str:
    """A one-time enrolment token."""
    with hub.store.session() as session:
        return enrolment.issue_token(session, session.get(OrderRecord, held.order_id), "officer", hub.clock.now())


@pytest.fixture
def asked(held, token):
    """Make an enrolment request, with changes."""

    def make(key: DeviceKey | None = None, **changes) -> dict:
        key = key or DeviceKey.generate()
        digest = sha256(canonical(json.loads(held.signed)["order"])).hexdigest()
        proof = key.sign(enrolment.proof_of(changes.get("token", token), key.public, digest))
        return {
            "token": token,
            "public_key": key.public,
            "order": held.signed,
            "platform": "linux",
            "software": "tocsin 0.1.0",
            "label": held.label,
            "proof": base64.b64encode(proof).decode(),
        } | changes

    return make


def post(client, batch, **options):
    return client.post("/api/v1/journal", json={"entries": batch}, **options)


def refused(response, status: int, code: str) -> str:
    assert (response.status_code, response.json()["error"]) == (status, code), response.text
    assert response.json()["sentence"].endswith(".")
    return response.json()["sentence"]


def test_a_token_and_a_signed_order_enrol_one_device(client, hub, held, asked) -> None:
    key = DeviceKey.generate()
    answer = client.post("/api/v1/enrol", json=asked(key))
    assert answer.status_code == 201
    assert answer.json() | {"device": ""} == {
        "device": "",
        "hub_key": hub.key.public,
        "unit": held.unit_id,
        "heartbeat_s": 15,
    }
    again = client.post("/api/v1/enrol", json=asked(key))
    assert again.json() == answer.json()
    refused(client.post("/api/v1/enrol", json=asked()), 410, "used-token")


def test_enrolment_without_proof_or_right_is_refused(client, hub, held, clock, asked) -> None:
    refused(client.post("/api/v1/enrol", json=asked(token="not-a-token")), 403, "bad-token")
    refused(client.post("/api/v1/enrol", json=asked(proof=base64.b64encode(bytes(64)).decode())), 403, "bad-proof")
    refused(client.post("/api/v1/enrol", json=asked(public_key="AAAA")), 422, "bad-key")
    refused(client.post("/api/v1/enrol", json=asked(label="another-laptop")), 422, "wrong-device")
    altered = held.signed.replace("Example Crown Court", "Another Crown Court")
    refused(client.post("/api/v1/enrol", json=asked(order=altered)), 422, "bad-order")
    refused(client.post("/api/v1/enrol", json={"token": "x" * 20}), 422, "malformed")
    refused(client.post("/api/v1/enrol", content=json.dumps(asked(label="\ud800"))), 422, "malformed")
    clock.forward(73 * 3600)
    refused(client.post("/api/v1/enrol", json=asked()), 410, "expired-token")
    with hub.store.reading() as session:
        assert session.scalars(select(Device)).all() == []


def test_nobody_enrols_under_an_order_that_is_over(client, hub, held, clock, asked) -> None:
    with hub.store.session() as session:
        session.get(OrderRecord, held.order_id).discharged_at = clock.now()
    refused(client.post("/api/v1/enrol", json=asked()), 409, "order-over")


def test_a_batch_is_answered_with_head_and_receipt(client, device) -> None:
    batch = [device.entry("start").as_dict(), device.entry("heartbeat").as_dict()]
    answer = post(client, batch)
    assert answer.status_code == 200
    assert set(answer.json()) == {"device", "head", "accepted", "duplicates", "receipt", "at"}
    assert post(client, batch).json()["duplicates"] == 2


def test_a_packed_batch_is_taken(client, device) -> None:
    data = gzip.compress(json.dumps({"entries": [device.entry("start").as_dict()]}).encode())
    answer = client.post("/api/v1/journal", content=data, headers={"Content-Encoding": "gzip"})
    assert answer.json()["accepted"] == 1


def test_oversized_truncated_and_bomb_bodies_are_refused(client, device) -> None:
    packed = {"Content-Encoding": "gzip"}
    url = "/api/v1/journal"
    refused(client.post(url, content=b" " * (1024 * 1024 + 1)), 413, "too-large")
    refused(client.post(url, content=iter([b" " * 600_000] * 2)), 413, "too-large")
    bomb = gzip.compress(b" " * 20_000_000)
    refused(client.post(url, content=bomb, headers=packed), 413, "too-large")
    whole = json.dumps({"entries": [device.entry("start").as_dict()]}).encode()
    refused(client.post(url, content=whole[:-5]), 400, "malformed")
    refused(client.post(url, content=gzip.compress(whole)[:-5], headers=packed), 400, "malformed")
    refused(client.post(url, content=gzip.compress(whole) + b"more", headers=packed), 400, "malformed")
    refused(client.post(url, content=whole, headers=packed), 400, "malformed")
    refused(client.post(url, content=whole, headers={"Content-Encoding": "br"}), 415, "encoding")
    refused(client.post(url, content=b"[" * 100_000), 400, "malformed")
    refused(client.post(url, content=b'{"entries":[NaN]}'), 400, "malformed")
    refused(client.post(url, json={"entries": []}), 400, "malformed")
    refused(client.post(url, json={"entries": [{}] * 501}), 413, "too-large")
    assert client.post(url, content=whole).status_code == 200


def test_evidence_is_taken_once_declared_and_only_if_it_is_what_was_declared(client, hub, device) -> None:
    data = b"age-encryption.org/v1 sealed"
    digest = sha256(data).hexdigest()
    url = f"/api/v1/evidence/{digest}"
    refused(client.put(url, content=data), 404, "undeclared")
    device.find(evidence={"digest": digest, "size": len(data), "kinds": ["text"]})
    refused(client.put(url, content=data[:-1]), 422, "digest")
    refused(client.put(url, content=data[:-1] + b"!"), 422, "digest")
    refused(client.put(url, content=data * 2), 413, "too-large")
    assert client.put(url, content=data).status_code == 201
    assert client.put(url, content=b"anything").status_code == 200
    assert hub.blobs.get(digest) == data
    with hub.store.reading() as session:
        assert session.get(EvidenceRecord, digest).status == "stored"


def test_a_device_fetches_its_order_and_its_successor(client, hub, device, held, clock) -> None:
    def ask(key: DeviceKey, nonce: str = "0123456789abcdef"):
        signed = key.sign(canonical({"device": device.id, "path": "/api/v1/device/order", "nonce": nonce}))
        headers = {
            "X-Tocsin-Device": device.id,
            "X-Tocsin-Nonce": nonce,
            "X-Tocsin-Signature": base64.b64encode(signed).decode(),
        }
        return client.get("/api/v1/device/order", headers=headers)

    assert ask(device.key).json() == {"order": held.signed, "status": "in-force", "successor": None}
    refused(ask(DeviceKey.generate()), 403, "bad-signature")
    refused(ask(device.key, "short"), 400, "malformed")
    with hub.store.session() as session:
        session.get(OrderRecord, held.order_id).discharged_at = clock.now()
    assert ask(device.key).json()["status"] == "discharged"


def test_a_device_hears_what_was_decided_on_its_matches_and_nobody_elses(
    client, hub, device, another_device, person, clock
) -> None:
    from tocsin.hub import alerts
    from tocsin.hub.store.schema import Alert
    from tocsin.placement import wire

    path = "/api/v1/device/verdicts?after=0"
    match = {"list": "NCII", "entry": "e1", "by": "pdq", "distance": 4, "scheme": "", "category": ""}
    device.find(category="known-media-match", matches=[match])
    officer = person()
    with hub.store.session() as session:
        alert = session.scalars(select(Alert)).one()
        alerts.close(session, hub, alert, officer, clock.now(), verdict="true-concern", note_text="Seen.")
    clock.forward(6)
    asked = client.get(path, headers=wire.signed_headers(device.key, device.id, path))
    [said] = asked.json()["verdicts"]
    assert (said["verdict"], said["matches"][0]["entry"]) == ("true", "e1")
    other = another_device()
    assert client.get(path, headers=wire.signed_headers(other.key, other.id, path)).json()["verdicts"] == []
    refused(client.get(path), 400, "malformed")
    refused(client.get(path, headers=wire.signed_headers(other.key, device.id, path)), 403, "bad-signature")
    further = "/api/v1/device/verdicts?after=1"
    refused(client.get(further, headers=wire.signed_headers(device.key, device.id, path)), 403, "bad-signature")
    for bad in ("-1", "x", str(2**53)):
        assert client.get(f"/api/v1/device/verdicts?after={bad}").status_code == 422


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner), max_leaves=8
)
names = st.sampled_from(["device", "seq", "at", "mono_ns", "boot", "kind", "body", "prev", "sig"])
calm = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def chain(hub, device) -> None:
    """Check that the stored journal is whole and the head is its last entry."""
    with hub.store.reading() as session:
        rows = session.scalars(select(JournalEntry).order_by(JournalEntry.seq)).all()
        row = session.get(Device, device.id)
        assert [entry.seq for entry in rows] == list(range(1, row.last_seq + 1))
        prev = "0" * 64
        for entry in rows:
            assert json.loads(entry.raw)["prev"] == prev
            prev = sha256(entry.raw.encode()).hexdigest()
            assert prev == entry.hash
        assert row.last_hash == prev


@calm
@given(body=anything)
def test_any_json_is_answered(client, body) -> None:
    for sent in (body, {"entries": body}, {"entries": [body, body]}):
        data = json.dumps(sent).encode()
        answer = client.post("/api/v1/journal", content=data)
        assert answer.status_code < 500
        assert answer.json()["sentence"]


@calm
@given(changes=st.dictionaries(names, anything, max_size=3), drop=st.sets(names, max_size=2), body=st.none() | anything)
def test_a_mutated_entry_never_harms_the_chain(client, hub, device, changes, drop, body) -> None:
    good = device.entry("heartbeat", body if isinstance(body, dict) and _carried(body) else {}).as_dict()
    bad = {key: value for key, value in (good | changes).items() if key not in drop}
    answer = client.post("/api/v1/journal", content=json.dumps({"entries": [bad]}).encode())
    assert answer.status_code < 500
    assert client.post("/api/v1/journal", content=json.dumps({"entries": [good]}).encode()).status_code == 200
    chain(hub, device)


@calm
@given(kind=st.sampled_from(["heartbeat", "finding", "stop", "notice", "gap", "clock", "dead-letter"]), body=anything)
def test_any_signed_body_is_kept(client, hub, device, kind, body) -> None:
    plain = body if isinstance(body, dict) and _carried(body) else {"reason": "signal", "state": "closed"}
    entry = device.entry(kind, device.finding() | plain).as_dict()
    assert client.post("/api/v1/journal", content=json.dumps({"entries": [entry]}).encode()).status_code == 200
    chain(hub, device)


def _carried(body: dict) -> bool:
    """Tell whether a journal could carry this body at all."""
    from tocsin.evidence.journal import JournalError

    def small(value) -> bool:
        if isinstance(value, dict):
            return all(map(small, value.values()))
        if isinstance(value, list):
            return all(map(small, value))
        return not isinstance(value, int | float) or -(2**53) < value < 2**53

    try:
        canonical(body)
    except JournalError:
        return False
    return small(body)
