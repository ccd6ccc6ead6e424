"""Alerts over HTTP: one's own unit only, paged, and every act behind a sign-in and a CSRF token."""

import pytest
from sqlalchemy import select

from tocsin.hub import sessions
from tocsin.hub.store.schema import Alert, AuditEntry, Unit

URL = "/api/v1/alerts"


@pytest.fixture
def alert_id(hub, device) -> str:
    device.find(severity=4, evidence={"digest": "d" * 64, "size": 5, "kinds": ["text"]})
    with hub.store.reading() as session:
        return session.scalars(select(Alert.id)).one()


def test_without_a_sign_in_nothing_is_shown(client, alert_id) -> None:
    assert client.get(URL).status_code == 401
    assert client.post(f"{URL}/{alert_id}/acknowledge").status_code == 401


def test_the_list_is_newest_first_filtered_and_paged(client, device, sign_in) -> None:
    sign_in()
    for n in range(5):
        device.find(thread=f"t{n}", severity=n + 1)
    first = client.get(URL, params={"limit": 2}).json()
    assert [alert["number"] for alert in first["alerts"]] == [5, 4]
    second = client.get(URL, params={"limit": 2, "before": first["next"]}).json()
    assert [alert["number"] for alert in second["alerts"]] == [3, 2]
    last = client.get(URL, params={"limit": 2, "before": second["next"]}).json()
    assert last["next"] is None
    assert len(client.get(URL, params={"least": 4}).json()["alerts"]) == 2
    assert client.get(URL, params={"status": "closed"}).json()["alerts"] == []
    assert client.get(URL, params={"category": "grooming-signal", "device": device.id}).json()["alerts"]
    assert client.get(URL, params={"limit": 0}).json()["error"] == "malformed"


def test_another_units_officer_sees_nothing(client, hub, sign_in, alert_id) -> None:
    with hub.store.session() as session:
        session.add(Unit(id="south", name="south"))
    sign_in(unit_id="south")
    assert client.get(URL).json()["alerts"] == []
    for answer in (client.get(f"{URL}/{alert_id}"), client.post(f"{URL}/{alert_id}/acknowledge")):
        assert (answer.status_code, answer.json()["error"]) == (404, "not-found")


@pytest.mark.parametrize("role", ["auditor", "administrator"])
def test_other_roles_have_no_business_here(client, sign_in, alert_id, role) -> None:
    sign_in(role)
    assert client.get(f"{URL}/{alert_id}").status_code == 403


def test_a_change_needs_the_csrf_token(client, sign_in, alert_id) -> None:
    sign_in()
    del client.headers[sessions.CSRF_HEADER]
    assert client.post(f"{URL}/{alert_id}/acknowledge").json()["error"] == "csrf"


def test_an_alert_is_acknowledged_escalated_closed_and_reopened(client, person, sign_in, alert_id) -> None:
    boss = person("supervisor")
    officer = sign_in()
    page = f"{URL}/{alert_id}"
    assert client.post(f"{page}/acknowledge").json()["status"] == "acknowledged"
    assert client.post(f"{page}/escalate", json={"reason": "Needs two."}).json()["assigned_to"] == boss.id
    assert client.post(f"{page}/assign", json={"to": officer.id}).json()["assigned_to"] == officer.id
    closing = {"verdict": "benign", "note": "A cousin.", "severity": 1}
    assert client.post(f"{page}/close", json=closing).json()["verdict"] == "benign"
    assert client.post(f"{page}/close", json=closing).status_code == 409
    assert client.post(f"{page}/reopen", json={"reason": "Looked again."}).json()["status"] == "acknowledged"
    whole = client.get(page).json()
    kinds = [event["kind"] for event in whole["history"]]
    assert kinds == ["created", "acknowledged", "escalated", "assigned", "closed", "reopened"]
    assert whole["clauses"][0]["text"].startswith("EXAMPLE.")
    assert whole["finding_list"][0]["signals"][0]["name"] == "age-under-18"


def test_closing_without_a_verdict_is_refused(client, sign_in, alert_id) -> None:
    sign_in()
    assert client.post(f"{URL}/{alert_id}/close", json={"note": "x"}).json()["error"] == "malformed"
    answer = client.post(f"{URL}/{alert_id}/close", json={"verdict": "guilty", "note": "x"})
    assert answer.json()["error"] == "verdict"


def test_consulting_asks_for_a_reason_and_is_logged(client, hub, sign_in, alert_id) -> None:
    officer = sign_in()
    assert client.post(f"{URL}/{alert_id}/consult", json={"reason": "x"}).status_code == 422
    answer = client.post(f"{URL}/{alert_id}/consult", json={"reason": "Assessing the alert of this morning."})
    (evidence,) = answer.json()["evidence"]
    assert evidence["url"] == f"/api/v1/evidence/{'d' * 64}"
    assert (evidence["status"], evidence["size"], evidence["kinds"]) == ("pending", 5, ["text"])
    with hub.store.reading() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.action == "consultation")).all()
    assert [(row.actor, row.object) for row in rows] == [(officer.id, f"alert:{alert_id}")]


def test_the_hours_around_come_with_the_alert(client, sign_in, alert_id) -> None:
    sign_in()
    rows = client.get(f"{URL}/{alert_id}/around").json()["rows"]
    assert [row["kind"] for row in rows] == ["finding"]
    assert client.get(f"{URL}/{alert_id}/around", params={"hours": 1000}).status_code == 422


def test_the_contents_of_an_alert_are_decided_one_by_one(client, device, sign_in, clock) -> None:
    someone = sign_in()
    for entry in ("e1", "e2"):
        matched = {"list": "L", "entry": entry, "by": "md5", "distance": 0, "scheme": "", "category": ""}
        device.find(category="known-media-match", matches=[matched])
    [listed] = client.get(URL).json()["alerts"]
    path = f"{URL}/{listed['id']}"
    assert [each["verdict"] for each in client.get(path).json()["contents"]] == [None, None]
    answer = client.post(f"{path}/contents/2", json={"verdict": "true-concern"}).json()
    assert answer["contents"][1]["entries"] == [{"list": "L", "entry": "e2"}]
    assert (answer["contents"][1]["verdict"], answer["contents"][1]["decided_by"]) == ("true-concern", someone.id)
    clock.forward(1)
    assert client.post(f"{path}/contents/1", json={"verdict": "benign"}).json()["verdict"] == "true-concern"
    assert client.post(f"{path}/contents/1", json={"verdict": "benign"}).status_code == 409
    undone = client.post(f"{path}/undo").json()
    assert (undone["status"], [each["verdict"] for each in undone["contents"]]) == (
        "acknowledged",
        [None, "true-concern"],
    )
    assert client.post(f"{path}/contents/9", json={"verdict": "benign"}).status_code == 409
    assert client.post(f"{path}/contents/1", json={"verdict": "perhaps"}).status_code == 422
