import asyncio
from types import SimpleNamespace

import pytest

from tocsin.gateway.access import KEY_OF_PATH
from tocsin.gateway.front import MOST_JSON, Front, put_in_order


@pytest.mark.parametrize(
    ("path", "wanted", "key"),
    [
        ("//h/hash", "/h/hash", None),
        ("/h//hash///", "/h/hash/", None),
        ("/k/secret/h/hash", "/h/hash", "secret"),
        ("//k/secret//m/lookup", "/m/lookup", "secret"),
        ("/k/secret", "/", "secret"),
        ("/k/", "/", ""),
        ("/k//h/hash", "/hash", "h"),
    ],
)
def test_paths_are_put_in_order_and_keys_taken_out(path, wanted, key):
    scope = {"path": path}
    put_in_order(scope)
    assert (scope["path"], scope["raw_path"], scope.get(KEY_OF_PATH)) == (wanted, wanted.encode(), key)


def answer_of(headers, *pieces, most=1000):
    """Return the status that a call gets from a front whose application reads its body."""
    sent = []
    messages = [{"type": "http.request", "body": one, "more_body": True} for one in pieces]
    messages.append({"type": "http.request", "body": b""})

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    front = Front(app, SimpleNamespace(settings=SimpleNamespace(max_bytes=most)), {})
    scope = {"type": "http", "method": "POST", "path": "/x", "headers": headers}
    asyncio.run(front(scope, receive, send))
    return sent[0]["status"]


def test_a_body_that_says_it_is_too_large_is_refused_at_once():
    assert answer_of([(b"content-length", str(MOST_JSON + 1).encode())]) == 413
    assert answer_of([(b"content-length", b"9" * 30)]) == 413


def test_a_body_that_does_not_say_is_counted():
    chunked = [(b"transfer-encoding", b"chunked")]
    assert answer_of(chunked, *[bytes(1 << 20)] * 17) == 413
    assert answer_of(chunked, b"small") == 200


def test_an_upload_may_be_as_large_as_the_settings_say():
    upload = [(b"content-type", b"multipart/form-data; boundary=x"), (b"transfer-encoding", b"chunked")]
    assert answer_of(upload, *[bytes(1 << 20)] * 20, most=30 << 20) == 200
    assert answer_of(upload, *[bytes(1 << 20)] * 20, most=10 << 20) == 413


def test_a_length_that_is_none_is_counted_too():
    assert answer_of([(b"content-length", b"-5")], *[bytes(1 << 20)] * 17) == 413
