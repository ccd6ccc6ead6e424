"""The five calls against a made server: bodies, outcomes, and that nothing secret shows."""

import logging

import httpx
import pytest

from tocsin.exchange.cybertip.answers import Outcome
from tocsin.exchange.cybertip.client import PRODUCTION, SANDBOX, Credentials, CyberTip

CREDENTIALS = Credentials("someone", "very secret words")
DONE = "<reportResponse><responseCode>0</responseCode><responseDescription>ok</responseDescription>{}</reportResponse>"


def made(answer: httpx.Response | Exception, seen: list[httpx.Request] | None = None) -> CyberTip:
    def handle(request: httpx.Request) -> httpx.Response:
        request.read()
        if seen is not None:
            seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return CyberTip(CREDENTIALS, transport=httpx.MockTransport(handle))


def test_the_sandbox_is_the_default_and_plain_http_is_refused() -> None:
    assert made(httpx.Response(200)).url == SANDBOX
    assert CyberTip(CREDENTIALS, PRODUCTION).url == PRODUCTION
    with pytest.raises(ValueError, match="https"):
        CyberTip(CREDENTIALS, "http://reports.example/ispws")


def test_each_call_sends_what_is_documented() -> None:
    seen: list[httpx.Request] = []
    with made(httpx.Response(200, text=DONE.format("<reportId>7</reportId><fileId>f</fileId>")), seen) as service:
        service.submit(b"<report/>")
        service.upload(7, "a.jpg", b"bytes")
        service.fileinfo(b"<fileDetails/>")
        service.finish(7)
        service.retract(7)
        service.status()
    assert [(r.method, r.url.path) for r in seen] == [
        ("POST", "/ispws/submit"),
        ("POST", "/ispws/upload"),
        ("POST", "/ispws/fileinfo"),
        ("POST", "/ispws/finish"),
        ("POST", "/ispws/retract"),
        ("GET", "/ispws/status"),
    ]
    assert seen[0].headers["content-type"] == "text/xml; charset=utf-8"
    assert b'name="id"' in seen[1].content
    assert b"bytes" in seen[1].content
    assert seen[3].content == b"id=7"
    assert all(r.headers["authorization"].startswith("Basic ") for r in seen)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectError("refused"), Outcome.UNSENT),
        (httpx.ConnectTimeout("slow"), Outcome.UNSENT),
        (httpx.ReadTimeout("slow"), Outcome.UNKNOWN),
        (httpx.WriteError("cut"), Outcome.UNKNOWN),
        (httpx.RemoteProtocolError("half"), Outcome.UNKNOWN),
    ],
)
def test_only_a_connection_that_never_was_counts_as_unsent(error: Exception, outcome: Outcome) -> None:
    assert made(error).submit(b"<report/>").outcome is outcome


def test_an_endless_answer_is_cut_off_and_says_nothing() -> None:
    read: list[int] = []

    def forever():
        while True:
            read.append(1)
            yield b"x" * 65_536

    answer = made(httpx.Response(200, content=forever())).finish(7)
    assert answer.outcome is Outcome.UNKNOWN
    assert len(read) < 10


def test_an_acceptance_without_an_id_is_unknown() -> None:
    service = made(httpx.Response(200, text=DONE.format("")))
    assert service.submit(b"<report/>").outcome is Outcome.UNKNOWN
    assert service.upload(7, "a", b"b").outcome is Outcome.UNKNOWN
    assert service.fileinfo(b"<fileDetails/>").outcome is Outcome.DONE


def test_finished_before_is_success() -> None:
    answer = made(httpx.Response(200, text=DONE.format("").replace(">0<", ">5102<"))).finish(7)
    assert (answer.outcome, answer.code) == (Outcome.DONE, 5102)


def test_an_empty_401_is_about_the_credentials() -> None:
    answer = made(httpx.Response(401)).submit(b"<report/>")
    assert (answer.outcome, answer.code) == (Outcome.PERSON, 2000)


def test_the_schema_is_fetched_or_it_is_a_sentence() -> None:
    assert made(httpx.Response(200, content=b"<xs/>")).xsd() == b"<xs/>"
    for bad in (httpx.Response(503), httpx.ConnectError("no"), httpx.Response(200, content=b"x" * 5_000_000)):
        with pytest.raises(OSError, match="schema"):
            made(bad).xsd()


def test_no_secret_shows(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made(httpx.Response(500, text="no")).upload(7, "a.jpg", b"file bytes")
    said = caplog.text + repr(CREDENTIALS)
    assert "secret" not in said
    assert "file bytes" not in said
    assert "Basic" not in said
