"""Subjects over HTTP: references for the list, the record after a reason, legal hold by supervisors."""

REASON = {"reason": "Home visit tomorrow, preparing"}


def test_the_record_opens_after_a_reason_and_the_list_has_no_names(client, sign_in, exhibit, held):
    sign_in("officer")
    url = f"/api/v1/subjects/{held.subject_id}"
    assert client.get(url).json()["error"] == "reason-needed"
    assert client.put(f"{url}/name", json={"name": "Real Name"}).status_code == 403
    assert client.post(f"{url}/consult", json={"reason": "x"}).status_code == 422
    assert client.post(f"{url}/consult", json=REASON).status_code == 200
    assert client.put(f"{url}/name", json={"name": " Real  Name "}).status_code == 204
    record = client.get(url).json()
    assert record["name"] == "Real Name"
    assert [alert["id"] for alert in record["alerts"]] == [exhibit.alert_id]
    listed = client.get("/api/v1/subjects")
    assert listed.json()[0]["open_alerts"] == 1
    assert "Real Name" not in listed.text


def test_another_units_subject_does_not_exist(client, sign_in, held, other_unit):
    sign_in("officer", unit_id=other_unit)
    assert client.get("/api/v1/subjects").json() == []
    assert client.post(f"/api/v1/subjects/{held.subject_id}/consult", json=REASON).status_code == 404


def test_legal_hold_and_the_plan(client, sign_in, held):
    sign_in("supervisor")
    url = f"/api/v1/subjects/{held.subject_id}"
    assert client.put(f"{url}/hold", json=REASON).status_code == 204
    assert client.get("/api/v1/subjects").json()[0]["on_hold"] is True
    assert client.get("/api/v1/retention/plan").json()["days"] == {}
    assert client.post(f"{url}/release", json=REASON).status_code == 204
    assert client.post(f"{url}/release", json=REASON).status_code == 409
