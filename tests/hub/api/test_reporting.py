"""What a reporting worker calls, from queue to filed, with nothing but its token."""

import pytest

JOURNAL = "a" * 32
FACTS = {"incident_type": "Child Sex Tourism", "incident_at": "2026-11-22T16:58:00Z"}


@pytest.fixture
def report(client, sign_in, exhibit, held) -> str:
    """An approved report, and a client that is signed out and holds a worker's token."""
    sign_in("administrator")
    client.put("/api/v1/settings/reporting", json={"email": "r@p.example"})
    made = client.post("/api/v1/reporting/workers", json={"name": "w", "unit": held.unit_id})
    assert made.status_code == 201
    assert "token" not in client.get("/api/v1/reporting/workers").json()["workers"][0]
    sign_in("officer")
    client.post(f"/api/v1/alerts/{exhibit.alert_id}/acknowledge")
    given = {"alert": exhibit.alert_id, "facts": FACTS, "files": [{"evidence": exhibit.digest}]}
    report_id = client.post("/api/v1/reports", json=given).json()["id"]
    assert client.post(f"/api/v1/reports/{report_id}/ready").json()["state"] == "approved"
    client.cookies.clear()
    client.headers.pop("X-CSRF-Token")
    client.headers["Authorization"] = f"Bearer {made.json()['token']}"
    return report_id


def test_from_the_queue_to_filed(client, report, exhibit) -> None:
    queue = client.get("/api/v1/reporting/queue", params={"journal": JOURNAL})
    assert [each["report"] for each in queue.json()["reports"]] == [report]
    path = f"/api/v1/reporting/reports/{report}"
    job = client.post(f"{path}/take", json={"journal": JOURNAL, "environment": "sandbox"}).json()
    assert (job["attempt"], job["facts"]["incident_type"]) == (1, "Child Sex Tourism")
    assert client.get(f"{path}/evidence/{exhibit.digest}").content == exhibit.data
    told = {"journal": JOURNAL, "attempt": 1, "state": "opened", "remote_id": 7}
    assert client.post(f"{path}/state", json=told).json() == {"state": "opened"}
    assert client.post(f"{path}/state", json=told | {"state": "filed"}).json() == {"state": "filed"}
    assert client.post(f"{path}/state", json=told | {"state": "filed", "remote_id": None}).status_code == 422


def test_without_the_token_nothing_is_given(client, report) -> None:
    client.headers["Authorization"] = "Bearer trw-wrong"
    assert client.get("/api/v1/reporting/queue", params={"journal": JOURNAL}).status_code == 401
    assert client.post(f"/api/v1/reporting/reports/{report}/take", json={}).status_code in (401, 422)


def test_production_is_refused_while_the_hub_s_switch_is_off(client, report) -> None:
    given = {"journal": JOURNAL, "environment": "production"}
    assert client.get("/api/v1/reporting/queue", params=given).status_code == 409
    assert client.post(f"/api/v1/reporting/reports/{report}/take", json=given).status_code == 409


def test_another_unit_s_reports_are_not_there(client, report, sign_in, other_unit) -> None:
    authorization = client.headers.pop("Authorization")
    sign_in("administrator")
    made = client.post("/api/v1/reporting/workers", json={"name": "w2", "unit": other_unit}).json()
    assert client.delete(f"/api/v1/reporting/workers/{made['id']}").status_code == 204
    again = client.post("/api/v1/reporting/workers", json={"name": "w3", "unit": other_unit}).json()
    client.headers["Authorization"] = f"Bearer {again['token']}"
    assert client.get("/api/v1/reporting/queue", params={"journal": JOURNAL}).json()["reports"] == []
    given = {"journal": JOURNAL, "environment": "sandbox"}
    assert client.post(f"/api/v1/reporting/reports/{report}/take", json=given).status_code == 404
    client.headers["Authorization"] = authorization
    assert client.post(f"/api/v1/reporting/reports/{report}/take", json=given).status_code == 200
