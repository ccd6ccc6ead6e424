"""Role by endpoint: who may call what. An endpoint that is in no row fails the test, so none is forgotten."""

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

ROLES = ("officer", "supervisor", "auditor", "administrator")
UNIT = {"officer", "supervisor"}
EVERYONE = set(ROLES)
ADMINISTRATOR = {"administrator"}
AUDITOR = {"auditor"}
SUPERVISOR = {"supervisor"}

MATRIX: dict[str, set[str]] = {
    "GET /api/v1/session": EVERYONE,
    "DELETE /api/v1/session": EVERYONE,
    "DELETE /api/v1/sessions": EVERYONE,
    "PUT /api/v1/session/password": EVERYONE,
    "POST /api/v1/session/recovery-codes": EVERYONE,
    "GET /api/v1/session/notifications": EVERYONE,
    "PUT /api/v1/session/notifications": EVERYONE,
    "PUT /api/v1/session/evidence-key": EVERYONE,
    "GET /api/v1/people": EVERYONE,
    "POST /api/v1/people": ADMINISTRATOR,
    "PATCH /api/v1/people/{person_id}": ADMINISTRATOR,
    "POST /api/v1/people/{person_id}/link": ADMINISTRATOR,
    "GET /api/v1/units": ADMINISTRATOR | AUDITOR,
    "POST /api/v1/units": ADMINISTRATOR,
    "GET /api/v1/settings": ADMINISTRATOR,
    "PUT /api/v1/settings/{key}": ADMINISTRATOR,
    "GET /api/v1/audit": AUDITOR,
    "GET /api/v1/audit/checkpoint": AUDITOR,
    "GET /api/v1/audit/key": AUDITOR,
    "GET /api/v1/audit/export": AUDITOR,
    "GET /api/v1/statistics": AUDITOR | SUPERVISOR,
    "GET /api/v1/evidence/{digest}": UNIT,
    "GET /api/v1/subjects": UNIT,
    "GET /api/v1/subjects/{subject_id}": UNIT,
    "POST /api/v1/subjects/{subject_id}/consult": UNIT,
    "PUT /api/v1/subjects/{subject_id}/name": UNIT,
    "PUT /api/v1/subjects/{subject_id}/hold": SUPERVISOR,
    "POST /api/v1/subjects/{subject_id}/release": SUPERVISOR,
    "GET /api/v1/retention/plan": SUPERVISOR | ADMINISTRATOR,
    "GET /api/v1/orders": UNIT,
    "POST /api/v1/orders": UNIT,
    "GET /api/v1/orders/{order_id}": UNIT,
    "POST /api/v1/orders/{order_id}/discharge": UNIT,
    "POST /api/v1/orders/{order_id}/token": UNIT,
    "GET /api/v1/reports": UNIT,
    "POST /api/v1/reports": UNIT,
    "GET /api/v1/reports/{report_id}": UNIT,
    "PUT /api/v1/reports/{report_id}": UNIT,
    "POST /api/v1/reports/{report_id}/ready": UNIT,
    "POST /api/v1/reports/{report_id}/approve": UNIT,
    "POST /api/v1/reports/{report_id}/return": UNIT,
    "POST /api/v1/reports/{report_id}/discard": UNIT,
    "POST /api/v1/reports/{report_id}/decide": UNIT,
    "POST /api/v1/reports/{report_id}/erase": SUPERVISOR,
    "GET /api/v1/reporting/workers": ADMINISTRATOR,
    "POST /api/v1/reporting/workers": ADMINISTRATOR,
    "DELETE /api/v1/reporting/workers/{worker_id}": ADMINISTRATOR,
}

OWN_PROOF = {
    "POST /api/v1/session",
    "POST /api/v1/session/code",
    "POST /api/v1/links/open",
    "POST /api/v1/links/begin",
    "POST /api/v1/links/finish",
    "POST /api/v1/enrol",
    "POST /api/v1/journal",
    "PUT /api/v1/evidence/{digest}",
    "POST /api/v1/match",
    "GET /api/v1/device/order",
    "GET /api/v1/device/verdicts",
    "POST /api/v1/device/reports",
    "GET /api/v1/device/reports",
    "GET /api/v1/device/reports/changes",
    "GET /api/v1/device/reports/{report_id}",
    "DELETE /api/v1/device/reports/{report_id}",
    "GET /api/v1/reporting/queue",
    "POST /api/v1/reporting/reports/{report_id}/take",
    "GET /api/v1/reporting/reports/{report_id}/evidence/{digest}",
    "POST /api/v1/reporting/reports/{report_id}/state",
    "GET /healthz",
    "GET /metrics",
}
"""Calls that carry their own proof (password, link, device key, a worker's token) or are for monitors."""

ELSEWHERE = ("/api/v1/alerts", "/api/v1/devices", "/api/v1/events")
"""Held to officers and supervisors below, or streamed to everyone signed in."""


def endpoints(app: FastAPI) -> set[str]:
    return {
        f"{method} {path}" for path, methods in app.openapi()["paths"].items() for method in map(str.upper, methods)
    }


def call(client: TestClient, endpoint: str) -> int:
    method, _, path = endpoint.partition(" ")
    for name in ("person_id", "subject_id", "order_id", "alert_id", "device_id", "report_id", "worker_id", "key"):
        path = path.replace(f"{{{name}}}", "0" * 32)
    path = path.replace("{digest}", "0" * 64)
    return client.request(method, path, json={} if method in ("POST", "PUT", "PATCH") else None).status_code


@pytest.fixture
def store_url(sqlite_template, tmp_path):
    """Roles do not depend on the engine: SQLite only."""
    import shutil

    path = tmp_path / "store.sqlite3"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


def test_every_endpoint_is_in_the_matrix(app):
    known = set(MATRIX) | OWN_PROOF
    unknown = {each for each in endpoints(app) - known if not each.partition(" ")[2].startswith(ELSEWHERE)}
    assert unknown == set()
    assert set(MATRIX) <= endpoints(app)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_call_its_own_and_nothing_else(client, sign_in, role):
    leaving = {"DELETE /api/v1/session", "DELETE /api/v1/sessions"}
    sign_in(role)
    for endpoint, allowed in MATRIX.items():
        if endpoint not in leaving:
            refused = call(client, endpoint) == 403 and role not in allowed
            assert refused is (role not in allowed), endpoint
    for endpoint in sorted(leaving):
        sign_in(role)
        assert call(client, endpoint) == 204


def test_without_a_session_nothing_is_given(client, app):
    for endpoint in endpoints(app) - OWN_PROOF:
        assert call(client, endpoint) == 401, endpoint


@pytest.mark.parametrize("role", ["auditor", "administrator"])
def test_alerts_and_devices_are_for_officers_and_supervisors(client, sign_in, app, role):
    sign_in(role)
    for endpoint in endpoints(app):
        if endpoint.partition(" ")[2].startswith(ELSEWHERE[:2]):
            assert call(client, endpoint) == 403, endpoint


def test_changes_without_the_token_are_refused_everywhere(client, sign_in, app):
    for role in ROLES:
        sign_in(role)
        client.headers.pop("X-CSRF-Token")
        for endpoint in endpoints(app) - OWN_PROOF:
            if not endpoint.startswith("GET "):
                assert call(client, endpoint) == 403, endpoint


def test_routes_are_declared_by_hand_so_the_matrix_sees_them(app):
    hidden = [route.path for route in app.routes if isinstance(route, APIRoute) and not route.include_in_schema]
    assert hidden == []
