"""Every answer carries the headers; private ones are never kept by a browser."""

from fastapi import FastAPI
from fastapi.testclient import TestClient

from tocsin.hub.headers import CSP, SecurityHeaders


def test_nothing_inline_nothing_from_elsewhere_no_framing():
    assert "unsafe" not in CSP
    assert "default-src 'none'" in CSP
    assert "frame-ancestors 'none'" in CSP
    assert "http" not in CSP


def test_answers_and_refusals_alike_carry_them(client):
    for path in ("/healthz", "/api/v1/alerts", "/nowhere"):
        headers = client.get(path).headers
        assert headers["content-security-policy"] == CSP
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in headers


def test_with_tls_browsers_are_told_to_stay_and_static_files_may_be_kept():
    app = FastAPI()
    app.add_middleware(SecurityHeaders, tls=True)

    @app.get("/static/x.css")
    def style() -> str:
        return "x"

    headers = TestClient(app).get("/static/x.css").headers
    assert headers["strict-transport-security"].startswith("max-age=")
    assert "cache-control" not in headers
