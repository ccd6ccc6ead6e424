import hashlib

import pytest

from tocsin.evidence.journal import canonical
from tocsin.evidence.keys import verify_signature
from tocsin.placement import wire
from tocsin.placement.config import Config, PlacementError


def test_no_proxy_no_netrc_no_redirect(monkeypatch, hub):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    config = Config(hub.url, "d", "k", "u", 15.0, "", (), "00", "l")
    with wire.connect(config) as client:
        assert client.get("/x").status_code == 404
        assert not client.follow_redirects


def test_the_device_proves_itself(device_key):
    headers = wire.signed_headers(device_key, "d", "/p")
    signed = canonical({"device": "d", "path": "/p", "nonce": headers["X-Tocsin-Nonce"]})
    assert verify_signature(device_key.public, headers["X-Tocsin-Signature"], signed)
    assert wire.signed_headers(device_key, "d", "/p")["X-Tocsin-Nonce"] != headers["X-Tocsin-Nonce"]


def test_a_hub_that_is_not_there_is_a_sentence():
    with pytest.raises(PlacementError, match="cannot be reached"):
        wire.certificate_of("https://127.0.0.1:1")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_is_known(host):
    assert wire.is_loopback(host)
    assert not wire.is_loopback("10.0.0.1")
    assert not wire.is_loopback("localhost.example.org")


def test_a_certificate_is_shown_as_browsers_show_it(tls_files):
    pem = tls_files("x")[0].read_text()
    shown = wire.certificate_fingerprint(pem)
    assert shown.startswith("SHA256:")
    assert shown.count(":") == 32
    assert "loopback" not in wire.certificate_fingerprint("")


def test_a_signature_over_a_body_names_its_digest(device_key):
    headers = wire.signed_headers(device_key, "d", "/p", b"body")
    signed = {"device": "d", "path": "/p", "nonce": headers["X-Tocsin-Nonce"]}
    digest = hashlib.sha256(b"body").hexdigest()
    assert verify_signature(device_key.public, headers["X-Tocsin-Signature"], canonical(signed | {"digest": digest}))
    assert not verify_signature(device_key.public, headers["X-Tocsin-Signature"], canonical(signed))
