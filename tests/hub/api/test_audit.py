"""The audit log over HTTP."""

import io
import zipfile

from sqlalchemy import update

from tocsin.evidence.audit import verify_export
from tocsin.evidence.notes import Verifier, verify_checkpoint
from tocsin.hub.store.schema import AuditEntry


def test_an_auditor_reads_pages_and_takes_a_checkpoint_away(client, sign_in, exhibit):
    sign_in("auditor")
    page = client.get("/api/v1/audit", params={"limit": 1, "action": "collection"}).json()
    assert page["entries"][0]["action"] == "collection"
    note = client.get("/api/v1/audit/checkpoint").text
    key = client.get("/api/v1/audit/key").text
    assert verify_checkpoint(note, Verifier.parse(key))[0].size > 0
    assert client.get("/api/v1/statistics").json()["alerts"][0]["count"] == 1


def test_the_export_is_a_zip_that_verifies(client, sign_in, exhibit, hub, tmp_path):
    sign_in("auditor")
    answer = client.get("/api/v1/audit/export")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path / "read")
    assert verify_export(tmp_path / "read" / "tocsin-audit", hub.log.vkey).ok


def test_over_a_harmed_log_nothing_is_signed_and_health_says_so(client, sign_in, exhibit, hub):
    with hub.store.session() as session:
        session.execute(update(AuditEntry).where(AuditEntry.seq == 0).values(leaf=b"0" * 32))
    sign_in("auditor")
    hub.log._tree = type(hub.log._tree)()
    answer = client.get("/api/v1/audit/checkpoint")
    assert (answer.status_code, answer.json()["error"]) == (409, "log-inconsistent")
    assert client.get("/api/v1/audit/export").status_code == 409
    health = client.get("/healthz")
    assert (health.status_code, health.json()["checks"]["audit_log"]) == (503, False)
