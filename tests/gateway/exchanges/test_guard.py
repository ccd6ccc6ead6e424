import socket

import httpx
import pytest

from tocsin.exchange.calling import Caller
from tocsin.exchange.pages import Unreachable
from tocsin.gateway.exchanges import guard
from tocsin.gateway.exchanges.guard import Guarded, public_address


def resolving(monkeypatch, *addresses):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in addresses]
    monkeypatch.setattr(guard.socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["93.184.216.34", "192.168.0.1"],
        ["224.0.0.1"],
        ["::1"],
        [],
        ["64:ff9b::7f00:1"],
        ["2002:a9fe:a9fe::1"],
        ["::7f00:1"],
        ["fec0::1"],
    ],
)
def test_a_name_with_an_address_that_is_not_public_is_not_called(monkeypatch, addresses):
    resolving(monkeypatch, *addresses)
    assert public_address("other.example", 443) is None
    with httpx.Client(transport=Guarded()) as client, pytest.raises(httpx.ConnectError, match="no public address"):
        client.get("https://other.example/")


def test_a_public_name_is_called_at_the_address_that_was_checked(monkeypatch):
    resolving(monkeypatch, "93.184.216.34")
    asked = []

    def answer(_, request):
        asked.append(request)
        return httpx.Response(200)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    with httpx.Client(transport=Guarded()) as client:
        client.get("https://other.example/path")
    assert asked[0].url.host == "93.184.216.34"
    assert asked[0].headers["host"] == "other.example"
    assert asked[0].extensions["sni_hostname"] == "other.example"


def test_only_https_is_spoken():
    with httpx.Client(transport=Guarded()) as client, pytest.raises(httpx.ConnectError, match="only https"):
        client.get("http://other.example/")


def test_a_name_that_is_none_has_no_address():
    assert public_address("nowhere.invalid", 443) is None


@pytest.mark.parametrize(
    ("address", "why"), [("http://other.example", "only https"), ("https://other.example", "no public address")]
)
def test_the_operator_is_told_why_nothing_was_called(monkeypatch, address, why):
    resolving(monkeypatch, "10.0.0.1")
    with Caller(address, transport=Guarded(), sleep=lambda _: None) as caller, pytest.raises(Unreachable) as error:
        caller.get("/list")
    assert str(error.value).startswith("other.example/list cannot be reached: ")
    assert why in str(error.value)
