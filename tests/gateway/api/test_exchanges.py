import pytest
from starlette.testclient import TestClient

from tocsin.gateway.access import new_key


def made_up(number):
    import random

    places = random.Random(number).sample(range(256), 128)
    return f"{sum(1 << place for place in places):064x}"


@pytest.fixture
def api(serving):
    """A gateway whose schedule a test does not wait for."""
    client = serving()
    client.gateway.desk.schedule.close()
    return client


@pytest.fixture
def filed(api):
    """An exchange FILE that has read a list of two."""
    feeds = api.gateway.desk.exchanges.feeds
    feeds.mkdir(parents=True)
    (feeds / "list.csv").write_text(f"id,pdq\n1,{made_up(1)}\n2,{made_up(2)}\n")
    body = {"bank": "FILE", "api": "local_file", "api_json": {"filename": "list.csv"}}
    assert api.post("/c/exchanges", json=body).json() == {"message": "Created successfully"}
    assert api.gateway.desk.exchanges.run("FILE").complete
    api.gateway.catalogue.refresh()
    return api


def test_the_kinds_and_what_they_must_be_told_are_as_hma_says(api):
    names = api.get("/c/exchanges/apis").json()
    assert {"fb_threatexchange", "local_file", "ncmec", "stop_ncii"} <= set(names)
    for name in names:
        schema = api.get(f"/c/exchanges/api/{name}/schema").json()
        assert set(schema) == {"config_schema", "credentials_schema"}
        for field in schema["config_schema"]["fields"]:
            assert set(field) == {"name", "type", "required", "default", "help", "choices"}
    assert api.get("/c/exchanges/api/local_file/schema").json()["credentials_schema"] is None
    assert api.get("/c/exchanges/api/smell").status_code == 404


def test_credentials_are_set_and_forgotten_and_never_told(api):
    secret = {"user": "u", "password": "hunter-two-two"}
    answer = api.post("/c/exchanges/api/ncmec", json={"credential_json": secret})
    assert answer.json() == {"supports_authentification": True, "has_set_authentification": True}
    assert "hunter" not in api.get("/c/exchanges/api/ncmec").text
    log = b"".join(one.read_bytes() for one in api.gateway.settings.audit.rglob("*") if one.is_file())
    assert b"credentials" in log
    assert b"hunter" not in log
    answer = api.post("/c/exchanges/api/ncmec", json={"credential_json": {}})
    assert answer.json()["has_set_authentification"] is False
    assert api.get("/c/exchanges/api/local_file").json()["supports_authentification"] is False
    wrong = api.post("/c/exchanges/api/ncmec", json={"credential_json": {"user": "hunter-two-two"}})
    assert wrong.status_code == 400
    assert "hunter" not in wrong.text


def test_an_exchange_is_made_shown_paused_and_removed(filed):
    assert filed.get("/c/exchanges").json() == ["FILE"]
    shown = filed.get("/c/exchange/FILE").json()
    assert shown == {"name": "FILE", "api": "local_file", "enabled": True, "interval_s": 60, "filename": "list.csv"}
    assert filed.put("/c/exchange/FILE", json={"enabled": False}).json()["enabled"] is False
    status = filed.get("/c/exchange/FILE/status").json()
    assert status["last_fetch_succeeded"] is True
    assert status["fetched_items"] == 2
    assert {
        "checkpoint_ts", "running_fetch_start_ts", "last_fetch_complete_ts", "last_fetch_succeeded", "up_to_date",
        "fetched_items",
    } <= set(status)  # fmt: skip
    assert [bank["name"] for bank in filed.get("/c/banks").json()] == ["FILE"]
    assert filed.delete("/c/exchange/FILE").status_code == 200
    assert filed.get("/c/exchanges").json() == []
    assert [bank["name"] for bank in filed.get("/c/banks").json()] == ["FILE"]


def test_what_an_exchange_brought_is_matched_and_what_it_lost_is_not(filed):
    def found(number):
        asked = {"signal": made_up(number), "signal_type": "pdq"}
        return filed.get("/m/lookup", params=asked).json()

    assert found(1)["FILE"][0]["distance"] == "0"
    (filed.gateway.desk.exchanges.feeds / "list.csv").write_text(f"id,pdq\n2,{made_up(2)}\n3,{made_up(3)}\n")
    filed.gateway.desk.exchanges.run("FILE")
    filed.gateway.catalogue.refresh()
    assert found(1) == {}
    assert found(3)


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_404_means_that_there_is_no_such_exchange(api, method):
    more = {"json": {"enabled": True}} if method == "put" else {}
    answer = getattr(api, method)("/c/exchange/NOBODY", **more)
    assert (answer.status_code, answer.json()) == (404, {"message": "There is no exchange named NOBODY."})
    assert api.get("/c/exchange/NOBODY/status").status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"bank": "1ST", "api": "stop_ncii", "api_json": {}}, 400),
        ({"bank": "odd name", "api": "stop_ncii", "api_json": {}}, 400),
        ({"bank": "A", "api": "smell", "api_json": {}}, 400),
        ({"bank": "A", "api": "ncmec", "api_json": {}}, 400),
        ({"bank": "A", "api": "ncmec"}, 400),
        ({"bank": "A", "api": "stop_ncii", "api_json": {"colour": 1}}, 400),
        ({"bank": "A"}, 422),
        ({"bank": "A", "api": "stop_ncii", "api_json": []}, 422),
        ([], 422),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_sentence(api, body, code):
    answer = api.post("/c/exchanges", json=body)
    assert (answer.status_code, bool(answer.json()["message"])) == (code, True)
    assert api.get("/c/exchanges").json() == []
    assert api.get("/c/banks").json() == []


def test_an_exchange_over_the_api_reads_no_file_outside_its_folder(api, tmp_path):
    (tmp_path / "secret.csv").write_text(f"id,pdq\n1,{made_up(1)}\n")
    for name in (str(tmp_path / "secret.csv"), "../secret.csv"):
        body = {"bank": "F", "api": "local_file", "api_json": {"filename": name}}
        answer = api.post("/c/exchanges", json=body)
        assert (answer.status_code, "folder feeds" in answer.json()["message"]) == (400, True)
    body["api_json"] = {"filename": "list.csv"}
    assert api.post("/c/exchanges", json=body).status_code == 201
    api.gateway.desk.exchanges.feeds.mkdir(exist_ok=True)
    (api.gateway.desk.exchanges.feeds / "list.csv").symlink_to(tmp_path / "secret.csv")
    outcome = api.gateway.desk.exchanges.run("F")
    assert (outcome.complete, outcome.progress.rows) == (False, 0)


def test_an_exchange_over_the_api_calls_nothing_inside_the_network(api, elsewhere):
    elsewhere.pages["/list"] = (200, {}, f"id,pdq\n1,{made_up(1)}\n".encode())
    body = {"bank": "F", "api": "list_url", "api_json": {"url": f"{elsewhere.url}/list?sig=SECRET"}}
    answer = api.post("/c/exchanges", json=body)
    assert (answer.status_code, "https://" in answer.json()["message"]) == (400, True)
    body["api_json"]["url"] = body["api_json"]["url"].replace("http://", "https://", 1)
    assert api.post("/c/exchanges", json=body).status_code == 201
    assert "SECRET" not in api.get("/c/exchange/F").text
    desk = api.gateway.desk
    source = desk.exchanges.source(desk.exchanges.get("F"))
    from tocsin.exchange import calling

    calling_sleep, calling._wait = calling._wait, lambda _: 0.0
    try:
        assert not desk.exchanges.run("F", source=source).complete
    finally:
        calling._wait = calling_sleep
    assert elsewhere.asked == []


def test_a_verdict_on_a_match_waits_for_its_exchange(filed):
    match = filed.get("/m/lookup", params={"signal": made_up(1), "signal_type": "pdq"}).json()["FILE"][0]
    body = {"verdict": "false", "bank_content_id": match["bank_content_id"], "by": "reviewer 7"}
    answer = filed.post("/v1/exchanges/FILE/verdicts", json=body)
    assert answer.status_code == 202
    [held] = filed.get("/v1/exchanges/FILE/verdicts").json()
    assert (held["verdict"], held["state"], held["by"]) == ("false", "waiting", "reviewer 7")
    assert made_up(1) not in filed.get("/v1/exchanges/FILE/verdicts").text
    by_hash = filed.post("/v1/exchanges/FILE/verdicts", json={"verdict": "true", "entry": made_up(2)})
    assert by_hash.status_code == 202


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"verdict": "maybe", "entry": "1"}, 422),
        ({"verdict": "true"}, 400),
        ({"verdict": "true", "entry": "99"}, 404),
        ({"verdict": "true", "bank_content_id": 5}, 404),
        ({"verdict": "true", "bank_content_id": -(2**70)}, 404),
    ],
)
def test_odd_verdicts_are_refused_with_a_sentence(filed, body, code):
    answer = filed.post("/v1/exchanges/FILE/verdicts", json=body)
    assert (answer.status_code, bool(answer.json()["message"])) == (code, True)


def test_an_exchange_is_made_due_at_once(filed):
    assert filed.post("/v1/exchanges/FILE/run").status_code == 202
    row = filed.gateway.desk.exchanges.get("FILE")
    assert row.due_at <= filed.gateway.clock.now()
    assert filed.post("/v1/exchanges/NOBODY/run").status_code == 404


def test_partners_are_kept_by_who_may_do_everything(filed, jpeg):
    gateway = filed.gateway
    admin = {"x-api-key": new_key(gateway.store, gateway.clock, "admin", ["admin"])}
    curator = {"x-api-key": new_key(gateway.store, gateway.clock, "curator", ["curate"])}
    gateway.access._keys.refresh()
    filed.post("/c/banks", json={"name": "MINE"}, headers=admin)
    assert filed.put("/v1/partners/acme", json={"banks": ["MINE"]}, headers=curator).status_code == 403
    shared = filed.put("/v1/partners/acme", json={"banks": ["MINE"], "title": "Acme"}, headers=admin).json()
    assert (shared["banks"], shared["title"]) == (["MINE"], "Acme")
    refused = filed.put("/v1/partners/acme", json={"banks": ["FILE"]}, headers=admin)
    assert refused.status_code == 403
    assert "terms forbid" in refused.json()["message"]
    assert [one["name"] for one in filed.get("/v1/partners", headers=admin).json()] == ["acme"]
    assert filed.delete("/v1/partners/acme", headers=admin).status_code == 200
    assert filed.delete("/v1/partners/acme", headers=admin).status_code == 404
    assert filed.get("/c/exchanges").status_code == 401
    assert isinstance(filed, TestClient)


def test_a_bank_is_given_to_an_exchange_counted_and_stopped(filed, make_list):
    keys = {"fetch_function_key": "f", "subscription_key": "s", "submit_function_key": "h"}
    filed.post("/c/exchanges/api/stop_ncii", json={"credential_json": keys})
    filed.post("/c/exchanges", json={"bank": "NCII", "api": "stop_ncii"})
    filed.post("/c/banks", json={"name": "MINE"})
    make_list(filed.gateway.catalogue.named("MINE").folder, made_up(3), name="MINE")
    [push] = filed.put("/v1/exchanges/NCII/push", json={"bank": "MINE", "tags": ["t"]}).json()
    assert (push["bank"], push["scheduled"], push["tags"]) == ("MINE", True, ["t"])
    assert filed.get("/c/exchange/NCII/status").json()["pushes"] == [push]
    assert filed.delete("/c/exchange/NCII").status_code == 403
    held = filed.put("/v1/exchanges/NCII/push", json={"bank": "MINE", "held": "again"})
    assert held.status_code == 200
    [stopped] = filed.delete("/v1/exchanges/NCII/push", params={"bank": "MINE"}).json()
    assert stopped["scheduled"] is False
    assert filed.delete("/c/exchange/NCII").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("FILE", {"bank": "FILE"}, 403),
        ("NOBODY", {"bank": "FILE"}, 404),
        ("FILE", {}, 422),
        ("FILE", {"bank": "FILE", "held": "perhaps"}, 422),
        ("FILE", {"bank": "FILE", "held": "leave"}, 404),
    ],
)
def test_odd_pushes_are_refused_with_a_sentence(filed, path, body, code):
    answer = filed.put(f"/v1/exchanges/{path}/push", json=body)
    assert (answer.status_code, bool(answer.json()["message"])) == (code, True)


def test_the_hubs_decisions_are_told_only_where_that_is_switched_on(filed):
    filed.post("/c/exchanges", json={"bank": "NCII", "api": "stop_ncii"})
    assert filed.get("/c/exchange/NCII/status").json()["hub_feedback"] is False
    assert filed.put("/c/exchange/NCII", json={"hub_feedback": True}).status_code == 200
    assert filed.get("/c/exchange/NCII/status").json()["hub_feedback"] is True
    assert filed.put("/c/exchange/FILE", json={"hub_feedback": True}).status_code == 403


def test_a_bank_is_not_removed_while_an_exchange_feeds_it(filed):
    refused = filed.delete("/c/bank/FILE")
    assert refused.status_code == 409
    assert refused.json()["message"] == "The exchange FILE feeds this bank; remove it first."
    assert filed.get("/c/bank/FILE").json()["entries"] == 2
    filed.put("/c/bank/FILE", json={"name": "RENAMED"})
    assert filed.delete("/c/bank/RENAMED").status_code == 409
    assert filed.delete("/c/exchange/FILE").status_code == 200
    assert filed.delete("/c/bank/RENAMED").json() == {"message": "Done"}
    assert filed.get("/c/banks").json() == []


def test_a_paused_exchange_is_not_said_to_be_read(filed):
    filed.put("/c/exchange/FILE", json={"enabled": False})
    refused = filed.post("/v1/exchanges/FILE/run")
    assert refused.status_code == 409
    assert refused.json()["message"] == "The exchange FILE is paused; enable it, then it is read."
    assert not filed.gateway.desk.schedule.step()
    filed.put("/c/exchange/FILE", json={"enabled": True})
    assert filed.post("/v1/exchanges/FILE/run").status_code == 202
    assert filed.gateway.desk.schedule.step()
