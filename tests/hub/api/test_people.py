"""People, units and settings over HTTP."""


def test_an_administrator_invites_changes_and_resets(client, sign_in, held):
    sign_in("administrator")
    given = {"unit_id": held.unit_id, "name": "Bo", "email": "bo@unit.example", "role": "officer"}
    made = client.post("/api/v1/people", json=given)
    assert made.status_code == 201
    opened = client.post("/api/v1/links/open", json={"token": made.json()["token"]}).json()
    assert opened == {"kind": "invite", "name": "Bo", "email": "bo@unit.example"}
    assert client.post("/api/v1/people", json=given).status_code == 409
    person = f"/api/v1/people/{made.json()['id']}"
    assert client.patch(person, json={"role": "supervisor"}).json()["role"] == "supervisor"
    assert client.patch(person, json={"active": True}).status_code == 409
    renewed = client.post(f"{person}/link").json()["token"]
    assert client.post("/api/v1/links/open", json={"token": made.json()["token"]}).status_code == 410
    assert client.post("/api/v1/links/open", json={"token": renewed}).status_code == 200


def test_officers_see_colleagues_names_and_no_addresses(client, sign_in, person, other_unit):
    person("supervisor", unit_id=other_unit)
    me = sign_in("officer")
    listed = client.get("/api/v1/people").json()
    assert [each["id"] for each in listed] == [me.id]
    assert "email" not in listed[0]


def test_units_and_settings(client, sign_in):
    sign_in("administrator")
    assert client.post("/api/v1/units", json={"name": " West "}).json()["name"] == "West"
    assert client.post("/api/v1/units", json={"name": "west"}).status_code == 409
    assert "West" in [unit["name"] for unit in client.get("/api/v1/units").json()]
    assert client.put("/api/v1/settings/retention", json={"entries": 30}).status_code == 204
    assert client.put("/api/v1/settings/retention", json={"entries": -1}).json()["error"] == "retention"
    assert client.get("/api/v1/settings").json()["retention"] == {"entries": 30}
