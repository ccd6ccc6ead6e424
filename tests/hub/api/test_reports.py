"""Reports over HTTP, from draft to decision, and the looks at evidence."""

FACTS = {
    "incident_type": "Child Sex Tourism",
    "incident_at": "2026-11-22T16:58:00Z",
    "reported": [{"identifier": "user-17"}],
}


def ready(client, sign_in) -> None:
    sign_in("administrator")
    assert client.put("/api/v1/settings/reporting", json={"email": "r@p.example"}).status_code == 204


def test_a_report_is_drafted_changed_approved_and_sent_back(client, sign_in, exhibit) -> None:
    ready(client, sign_in)
    sign_in("officer")
    given = {"alert": exhibit.alert_id, "facts": FACTS, "files": [{"evidence": exhibit.digest}]}
    assert client.post("/api/v1/reports", json=given).status_code == 409
    client.post(f"/api/v1/alerts/{exhibit.alert_id}/acknowledge")
    made = client.post("/api/v1/reports", json=given)
    assert made.status_code == 201, made.text
    path = f"/api/v1/reports/{made.json()['id']}"
    assert client.get(path).json()["facts"] is None
    client.post(f"/api/v1/alerts/{exhibit.alert_id}/consult", json={"reason": "Preparing a report"})
    assert client.get(path).json()["facts"]["reported"][0]["identifier"] == "user-17"
    changed = {"facts": FACTS | {"annotations": ["spam"]}, "files": []}
    assert client.put(path, json=changed).status_code == 200
    assert client.post(f"{path}/ready").json()["state"] == "approved"
    assert client.post(f"{path}/approve").status_code == 409
    assert client.post(f"{path}/return", json={"reason": "The time is wrong"}).json()["state"] == "draft"
    assert client.post(f"{path}/decide", json={"decision": "again", "reason": "No reason at all"}).status_code == 409
    assert client.post(f"{path}/discard", json={"reason": "Drafted by mistake"}).json()["state"] == "discarded"
    listed = client.get("/api/v1/reports", params={"state": "discarded"}).json()
    assert [each["number"] for each in listed["reports"]] == [1]
    assert listed["counts"]["discarded"] == 1


def test_another_unit_sees_none_of_it(client, sign_in, exhibit, other_unit) -> None:
    sign_in("officer")
    client.post(f"/api/v1/alerts/{exhibit.alert_id}/acknowledge")
    made = client.post("/api/v1/reports", json={"alert": exhibit.alert_id, "facts": FACTS})
    sign_in("officer", unit_id=other_unit)
    assert client.get(f"/api/v1/reports/{made.json()['id']}").status_code == 404
    assert client.get("/api/v1/reports").json()["reports"] == []


def test_a_look_is_recorded_by_the_session_of_a_person(client, sign_in, exhibit) -> None:
    sign_in("officer")
    path = f"/api/v1/alerts/{exhibit.alert_id}/views"
    look = {"evidence": exhibit.digest, "item": 1, "how": "grey"}
    assert client.post(path, json=look).json()["error"] == "reason-needed"
    client.post(f"/api/v1/alerts/{exhibit.alert_id}/consult", json={"reason": "Triage of this alert"})
    assert client.post(path, json=look).status_code == 201
    assert [(each["item"], each["how"]) for each in client.get(path).json()["views"]] == [(1, "grey")]
    assert client.post(path, json=look | {"how": "x"}).status_code == 422
    client.cookies.clear()
    headers = {"Authorization": "Bearer trw-anything"}
    assert client.post(path, json=look, headers=headers).status_code == 401


def test_bad_bodies_are_sentences(client, sign_in, exhibit) -> None:
    sign_in("officer")
    for body in ({}, {"alert": exhibit.alert_id, "facts": {}}, {"alert": "x", "facts": FACTS, "more": 1}):
        answer = client.post("/api/v1/reports", json=body)
        assert answer.status_code in (409, 422)
        assert answer.json()["sentence"].endswith(".")


def test_a_second_person_confirms_contents_over_the_api(client, device, sign_in) -> None:
    for entry in ("e1", "e2"):
        match = {"list": "L", "entry": entry, "by": "pdq", "distance": 0, "scheme": "", "category": ""}
        device.find(category="known-media-match", matches=[match])
    first = sign_in("officer")
    (alert,) = client.get("/api/v1/alerts").json()["alerts"]
    path = f"/api/v1/alerts/{alert['id']}"
    for number, verdict in ((1, "benign"), (2, "true-concern")):
        assert client.post(f"{path}/contents/{number}", json={"verdict": verdict}).status_code == 200
    assert client.post(f"{path}/contents/2/confirm", json={"agrees": True}).status_code == 409
    second = sign_in("officer")
    assert second.id != first.id
    assert client.post(f"{path}/contents/1/confirm", json={"agrees": True}).status_code == 409
    assert client.post(f"{path}/contents/2/confirm", json={}).status_code == 422
    answer = client.post(f"{path}/contents/2/confirm", json={"agrees": True}).json()
    assert (answer["status"], answer["waiting"]) == ("closed", [])
    said = [each["confirmed_by"] for each in client.get(path).json()["contents"]]
    assert said == [None, second.id]
    assert client.post(f"{path}/confirm", json={"agrees": True, "reason": "I agree with it"}).status_code == 409
