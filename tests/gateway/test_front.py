import asyncio
import json
from types import SimpleNamespace
from urllib.parse import unquote

import pytest

from tocsin.gateway import front as front_module
from tocsin.gateway.access import KEY_OF_PATH, new_key
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
        ("//%69nternal/?a#b", "/%69nternal/?a#b", None),
    ],
)
def test_paths_are_put_in_order_and_keys_taken_out(path, wanted, key):
    scope = {"path": path}
    put_in_order(scope)
    assert (scope["path"], unquote(scope["raw_path"]), scope.get(KEY_OF_PATH)) == (wanted, wanted, key)
    assert not set(b"?#") & set(scope["raw_path"])


def door(app, most=1000):
    """Return a front before an application, which everybody may call."""
    settings = SimpleNamespace(max_bytes=most, workers=1, cluster="")
    access = SimpleNamespace(is_open=False, know=lambda scope: None)
    return Front(app, SimpleNamespace(settings=settings, access=access, core=True), {})


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

    front = door(app, most)
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


def test_bodies_that_come_at_once_are_counted_together_and_let_go(monkeypatch):
    monkeypatch.setattr(front_module, "MOST_AT_ONCE", 3000)
    front, statuses = None, []

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            if scope["path"] == "/first":
                await call("/second")
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def call(path):
        pieces = [{"type": "http.request", "body": bytes(2500), "more_body": True}, {"type": "http.request"}]

        async def receive():
            return pieces.pop(0)

        async def send(message):
            if message["type"] == "http.response.start":
                statuses.append((path, message["status"]))

        scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"transfer-encoding", b"chunked")]}
        await front(scope, receive, send)

    front = door(app, 700)
    asyncio.run(call("/first"))
    asyncio.run(call("/third"))
    assert statuses == [("/second", 503), ("/first", 200), ("/third", 200)]


def test_a_body_that_drips_is_given_up(monkeypatch):
    monkeypatch.setattr(front_module, "GRACE_S", 0.0)
    sent = []

    async def app(scope, receive, send):
        await receive()

    async def never():
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [(b"transfer-encoding", b"chunked")]}
    asyncio.run(door(app)(scope, never, send))
    assert sent[0]["status"] == 408


@pytest.mark.parametrize("path", ["/./internal/sighting", "/x/../internal/sighting", "/c/..", "/k/KEY/../c/banks"])
def test_a_path_with_steps_in_it_leads_nowhere(path):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    asyncio.run(door(None)(scope, None, send))
    assert sent[0]["status"] == 404


class TestAGatewayThatAsksForNoKey:
    """It is on loopback, where every page that a person opens could make the browser call it."""

    @pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1:8421", "127.0.0.1.evil", ""])
    def test_a_name_that_was_made_to_lead_here_is_refused(self, api, host):
        answer = api.get("/c/banks", headers={"Host": host})
        assert answer.status_code == 403
        assert "make a key" in answer.json()["message"]

    @pytest.mark.parametrize("host", ["localhost:8421", "127.0.0.1:8421", "[::1]:8421", "127.1.2.3", "LOCALHOST"])
    def test_this_machine_is_called_by_any_of_its_own_names(self, api, host):
        assert api.get("/c/banks", headers={"Host": host}).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost:3000"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
    )
    def test_a_page_of_another_site_is_refused_hot_calls_too(self, api, jpeg, headers):
        assert api.post("/m/lookup", files={"photo": jpeg()}, headers=headers).status_code == 403
        assert api.post("/c/banks", json={"name": "EVIL"}, headers=headers).status_code == 403
        assert api.get("/c/banks").json() == []

    def test_a_person_at_the_browser_and_a_page_of_its_own_are_answered(self, api):
        assert api.get("/status", headers={"Sec-Fetch-Site": "none"}).status_code == 200
        own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
        assert api.post("/c/banks", json={"name": "OWN"}, headers=own).status_code == 201


def test_with_keys_any_host_may_be_named_and_no_body_is_read_without_one(api):
    key = new_key(api.gateway.store, api.gateway.clock, "one", ["curate"])
    api.gateway.access._keys.refresh()
    with_key = {"X-API-Key": key, "Host": "gateway.example.org"}
    assert api.get("/c/banks", headers=with_key).status_code == 200
    broken = {"content": b"{", "headers": {"Content-Type": "application/json"}}
    assert api.post("/c/banks", **broken).status_code == 401
    broken["headers"]["X-API-Key"] = key
    assert api.post("/c/banks", **broken).status_code == 422


@pytest.mark.parametrize("begun", [False, True])
def test_a_call_that_the_end_of_the_gateway_cuts_short_is_answered_with_a_sentence(begun):
    sent = []

    async def go():
        at_it = asyncio.Event()

        async def app(scope, receive, send):
            if begun:
                await send({"type": "http.response.start", "status": 200, "headers": []})
            at_it.set()
            await asyncio.Event().wait()

        async def send(message):
            if message["type"] == "http.response.start" and any(one["type"] == message["type"] for one in sent):
                raise RuntimeError("twice")
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
        call = asyncio.ensure_future(door(app)(scope, None, send))
        await at_it.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(go())
    if begun:
        assert [one["status"] for one in sent] == [200]
    else:
        assert sent[0]["status"] == 503
        assert "stopping" in json.loads(sent[1]["body"])["message"]


def test_an_empty_header_hides_no_key(api):
    key = new_key(api.gateway.store, api.gateway.clock, "coop", ["lookup"])
    api.gateway.access._keys.refresh()
    empty = {"X-API-Key": "", "Authorization": "Bearer "}
    assert api.get(f"/k/{key}/m/index/status", headers=empty).status_code == 200
    assert api.get("/m/index/status", headers=empty | {"Authorization": f"Bearer {key}"}).status_code == 200
    assert api.get("/m/index/status", headers=empty).status_code == 401
