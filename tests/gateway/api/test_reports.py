"""Reports over the gateway's API: who may call, what may not be set, and what is said where there is no hub."""

from typing import ClassVar

import pytest

from tocsin.gateway.access import new_key
from tocsin.gateway.api import reports as api_reports
from tocsin.gateway.refusals import Refused

ASKED = {
    "key": "case-1",
    "finding": "f1",
    "incident_type": "Child Sex Tourism",
    "incident_at": "2026-11-22T16:58:00Z",
    "account": {"identifier": "user-17"},
}
TOLD = {"id": "a" * 32, "number": 1, "state": "draft"}


class Desk:
    """Stands for the hub's calls."""

    def __init__(self, _):
        self.kept = Desk.kept

    kept: ClassVar[list] = []

    def ask(self, asked):
        self.kept.append(asked)
        return TOLD, len(self.kept) == 1

    def listed(self, states, after):
        self.kept.append((list(states), after))
        return {"reports": [TOLD], "next": None}

    def one(self, report):
        if report != TOLD["id"]:
            raise Refused(404, "There is no such report.")
        return TOLD

    def take_back(self, report):
        return self.one(report) | {"state": "discarded"}


@pytest.fixture
def desk(monkeypatch):
    Desk.kept = []
    monkeypatch.setattr(api_reports, "Reports", Desk)
    return Desk.kept


def test_a_report_is_asked_for_read_and_taken_back(api, desk):
    assert api.post("/v1/reports", json=ASKED).status_code == 201
    assert api.post("/v1/reports", json=ASKED).status_code == 200
    assert desk[0].account.identifier == "user-17"
    assert api.get(f"/v1/reports/{TOLD['id']}").json() == TOLD
    assert api.get("/v1/reports", params={"state": ["draft", "held"], "after": 3}).json()["reports"] == [TOLD]
    assert desk[-1] == (["draft", "held"], 3)
    assert api.delete(f"/v1/reports/{TOLD['id']}").json()["state"] == "discarded"
    assert api.get("/v1/reports/b").status_code == 404


def test_every_call_is_logged_without_what_it_says_of_a_user(api, desk, settings):
    api.post("/v1/reports", json=ASKED)
    api.get(f"/v1/reports/{TOLD['id']}")
    written = "".join(path.read_text() for path in settings.audit.rglob("*") if path.is_file())
    assert TOLD["id"] in written
    assert "user-17" not in written


@pytest.mark.parametrize("name", ["fileViewedByEsp", "annotations", "escalate", "classification", "viewed"])
def test_what_only_a_person_says_cannot_be_set(api, desk, name):
    for body in (ASKED | {name: True}, ASKED | {"account": {"identifier": "u", name: 1}}):
        answer = api.post("/v1/reports", json=body)
        assert answer.status_code == 422
        assert name in answer.json()["message"]
        assert "by a person" in answer.json()["message"]
    assert desk == []


@pytest.mark.parametrize(
    "change", [{"key": ""}, {"finding": None}, {"alert": "a1"}, {"account": {}}, {"incident_type": "?"}, {"more": 1}]
)
def test_a_request_out_of_bounds_is_refused(api, desk, change):
    answer = api.post("/v1/reports", json=ASKED | change)
    assert answer.status_code == 422
    assert answer.json()["message"].endswith(".")
    assert desk == []


def test_only_a_key_that_is_good_for_reports_opens_them(serving, desk):
    api = serving()
    keys = {scope: new_key(api.gateway.store, api.gateway.clock, scope, [scope]) for scope in ("reports", "lookup")}
    api.gateway.access._keys.refresh()
    assert api.get("/v1/reports").status_code == 401
    assert api.get("/v1/reports", headers={"X-API-Key": keys["lookup"]}).status_code == 403
    assert api.get("/v1/reports", headers={"X-API-Key": keys["reports"]}).status_code == 200
    assert api.post("/v1/reports", json=ASKED, headers={"X-API-Key": keys["lookup"]}).status_code == 403
    assert api.get("/c/banks", headers={"X-API-Key": keys["reports"]}).status_code == 403


def test_a_gateway_that_is_enrolled_nowhere_says_so(api):
    for answer in (
        api.post("/v1/reports", json=ASKED),
        api.get("/v1/reports"),
        api.get("/v1/reports/a"),
        api.delete("/v1/reports/a"),
    ):
        assert answer.status_code == 409
        assert "not enrolled" in answer.json()["message"]
