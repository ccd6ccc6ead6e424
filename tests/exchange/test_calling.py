import contextlib
import logging
import socket
import threading

import httpx
import pytest

from tocsin.exchange.calling import ATTEMPTS, Caller, checked_base, same_place
from tocsin.exchange.pages import Expired, Lost, Refused, Unreachable, Unusable


def caller(handler, **more):
    slept = []
    made = Caller("https://other.example/v1", transport=httpx.MockTransport(handler), sleep=slept.append, **more)
    return made, slept


def test_a_busy_service_is_asked_again_and_then_answers():
    left = [503, 429, 200]

    def answer(_):
        code = left.pop(0)
        return httpx.Response(code, content=b"fine", headers={"retry-after": "7"} if code == 429 else {})

    calling, slept = caller(answer)
    assert calling.get("/page") == b"fine"
    assert len(slept) == 2
    assert slept[1] == 7


def test_a_service_that_stays_busy_is_given_up_with_a_sentence():
    calling, slept = caller(lambda _: httpx.Response(500))
    with pytest.raises(Unreachable, match="answers 500"):
        calling.get("/page")
    assert len(slept) == ATTEMPTS - 1


@pytest.mark.parametrize(("code", "kind"), [(401, Refused), (403, Refused), (418, Refused), (302, Unusable)])
def test_a_refusal_and_a_redirect_are_not_tried_again(code, kind):
    calls = []

    def answer(request):
        calls.append(request)
        return httpx.Response(code, headers={"location": "https://elsewhere.example/"})

    calling, _ = caller(answer)
    with pytest.raises(kind):
        calling.get("/page")
    assert len(calls) == 1


@pytest.mark.parametrize("code", [400, 404, 410])
def test_a_paging_link_that_is_gone_is_told_apart_from_a_refusal(code):
    calling, _ = caller(lambda _: httpx.Response(code))
    with pytest.raises(Expired):
        calling.get("/page", link=True)
    with pytest.raises(Refused):
        calling.get("/page")


def test_an_answer_without_end_costs_its_bound_and_no_more():
    calling, _ = caller(lambda _: httpx.Response(200, content=b"x" * 5000), most_bytes=1000)
    with pytest.raises(Unusable, match="more than 1,000 bytes"):
        calling.get("/page")


def test_a_packed_answer_counts_by_what_it_unpacks_to():
    import gzip

    bomb = gzip.compress(bytes(10_000_000))
    calling, _ = caller(
        lambda _: httpx.Response(200, content=bomb, headers={"content-encoding": "gzip"}), most_bytes=1_000_000
    )
    with pytest.raises(Unusable, match="more than"):
        calling.get("/page")


def test_no_message_and_no_log_line_holds_a_secret(caplog):
    caplog.set_level(logging.DEBUG)
    calling, _ = caller(lambda _: httpx.Response(403, content=b"SECRET"), headers={"x-functions-key": "SECRET"})
    with pytest.raises(Refused) as error:
        calling.get("/page?access_token=SECRET", {"access_token": "SECRET"})
    assert "SECRET" not in str(error.value)
    assert "SECRET" not in caplog.text


def test_post_is_sent_once():
    calls = []

    def answer(request):
        calls.append(request)
        return httpx.Response(503)

    calling, _ = caller(answer)
    with pytest.raises(Unreachable):
        calling.post("/submit", json={})
    assert len(calls) == 1


@pytest.mark.parametrize(
    "base",
    ["ftp://a.example", "a.example", "https://", "https://user@a.example", "https://a.example/?q", "https://[", ""],
)
def test_an_address_that_is_none_is_refused_with_a_sentence(base):
    with pytest.raises(Refused):
        checked_base(base)


def test_two_addresses_are_one_place_only_with_the_same_scheme_host_and_port():
    assert same_place("https://a.example/x", "https://a.example/y")
    assert not same_place("https://a.example/x", "http://a.example/x")
    assert not same_place("https://a.example/x", "https://a.example:444/x")
    assert not same_place("https://a.example/x", "https://b.example/x")
    assert not same_place("https://a.example/x", "https://[")


@contextlib.contextmanager
def cut_off(reply: bytes):
    """A server that sends these bytes to everybody and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            for _ in range(ATTEMPTS):
                with contextlib.suppress(OSError):
                    one, _ = listening.accept()
                    with one:
                        one.recv(65536)
                        one.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    thread.join(5)


def test_half_an_answer_is_no_answer():
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it"
    with cut_off(reply) as base, Caller(base, sleep=lambda _: None) as calling, pytest.raises(Unreachable):
        calling.get("/page")


def test_a_file_comes_whole_or_not_at_all(tmp_path):
    to = tmp_path / "list.csv"
    to.write_text("old")
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it"
    with cut_off(reply) as base, Caller(base, sleep=lambda _: None) as calling, pytest.raises(Unreachable):
        calling.download("/list", to, {})
    assert to.read_text() == "old"
    assert list(tmp_path.iterdir()) == [to]


def test_a_file_that_has_not_changed_is_not_fetched_again(tmp_path):
    def answer(request):
        if request.headers.get("if-none-match") == '"v1"':
            return httpx.Response(304)
        return httpx.Response(200, content=b"new", headers={"etag": '"v1"'})

    calling, _ = caller(answer)
    assert calling.download("/list", tmp_path / "list", {}) == '"v1"'
    assert (tmp_path / "list").read_bytes() == b"new"
    assert calling.download("/list", tmp_path / "list", {"If-None-Match": '"v1"'}) is None


@pytest.mark.parametrize(
    ("answer", "lost"),
    [
        (httpx.Response(503), False),
        (httpx.Response(429), False),
        (httpx.Response(500), True),
        (httpx.Response(504), True),
        (httpx.ConnectError("x"), False),
        (httpx.ConnectTimeout("x"), False),
        (httpx.ReadTimeout("x"), True),
        (httpx.RemoteProtocolError("x"), True),
    ],
)
def test_a_lost_answer_is_told_from_one_that_says_no(answer, lost):
    def handler(_):
        if isinstance(answer, Exception):
            raise answer
        return answer

    caller = Caller("https://api.example", transport=httpx.MockTransport(handler))
    with pytest.raises(Unreachable) as caught:
        caller.post("/x", json={})
    assert isinstance(caught.value, Lost) is lost
