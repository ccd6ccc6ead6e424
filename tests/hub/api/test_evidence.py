"""Evidence over HTTP: a reason first, then the bytes, for this person and session, and all of it in the log."""

from sqlalchemy import select

from tocsin.hub.store.schema import AuditEntry

REASON = {"reason": "Alert rang at night, checking the words"}


def test_first_the_reason_then_the_sealed_bytes(client, sign_in, exhibit, hub):
    sign_in("officer")
    url = f"/api/v1/evidence/{exhibit.digest}"
    assert client.get(url).json()["error"] == "reason-needed"
    given = client.post(f"/api/v1/alerts/{exhibit.alert_id}/consult", json=REASON).json()
    assert [each["url"] for each in given["evidence"]] == [url]
    answer = client.get(url)
    assert answer.content == exhibit.data
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["cache-control"] == "no-store"
    with hub.store.reading() as session:
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.seq)).all()
    assert actions[-2:] == ["consultation", "disclosure"]


def test_another_session_of_the_same_unit_gives_its_own_reason(client, sign_in, exhibit, clock):
    sign_in("officer")
    client.post(f"/api/v1/alerts/{exhibit.alert_id}/consult", json=REASON)
    sign_in("officer")
    assert client.get(f"/api/v1/evidence/{exhibit.digest}").status_code == 403
    client.post(f"/api/v1/alerts/{exhibit.alert_id}/consult", json=REASON)
    assert client.get(f"/api/v1/evidence/{exhibit.digest}").status_code == 200
    clock.forward(15 * 60)
    assert client.get(f"/api/v1/evidence/{exhibit.digest}").status_code == 403


def test_another_unit_learns_nothing(client, sign_in, exhibit, other_unit):
    sign_in("supervisor", unit_id=other_unit)
    consulted = client.post(f"/api/v1/alerts/{exhibit.alert_id}/consult", json=REASON)
    assert consulted.status_code == 404
    known, unknown = (client.get(f"/api/v1/evidence/{digest}") for digest in (exhibit.digest, "0" * 64))
    assert known.json() == unknown.json()
    assert known.status_code == 404


def test_damaged_evidence_is_not_handed_out(client, sign_in, exhibit, hub):
    sign_in("officer")
    client.post(f"/api/v1/alerts/{exhibit.alert_id}/consult", json=REASON)
    hub.blobs.delete(exhibit.digest)
    answer = client.get(f"/api/v1/evidence/{exhibit.digest}")
    assert (answer.status_code, answer.json()["error"]) == (500, "evidence-damaged")


def test_what_is_no_digest_is_refused(client, sign_in):
    sign_in("officer")
    assert client.get("/api/v1/evidence/..%2Fkeys").status_code in (404, 422)
    assert client.get(f"/api/v1/evidence/{'Z' * 64}").status_code == 422
