"""Webhooks: signed, the same each time, tried again, and given up after a day."""

import asyncio
import contextlib
import hashlib
import hmac
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import delete, event, select

from tocsin.gateway.refusals import Refused
from tocsin.gateway.store import Store, StoreError
from tocsin.gateway.webhooks import Webhooks, pause, signature
from tocsin.gateway.webhooks_tables import Delivery, WebhookOwner


class Clock:
    """A clock the test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic_ns(self) -> int:
        return int(self.at.timestamp() * 1e9)


class Platform:
    """A receiver that answers as told and keeps what came."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.came: list[tuple[dict[str, str], bytes]] = []
        platform = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                platform.came.append((dict(self.headers), body))
                self.send_response(platform.answers.pop(0) if platform.answers else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()


@pytest.fixture
def platform() -> Iterator[Platform]:
    made = Platform()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def webhooks(tmp_path: Path, clock: Clock) -> Iterator[Webhooks]:
    store = Store.open(tmp_path / "gateway.db")
    yield Webhooks(store, clock, allow_private=True)
    store.close()


def once(webhooks: Webhooks) -> int:
    """Deliver what is due now; return how many were."""

    async def due() -> int:
        found = webhooks._next()
        await asyncio.gather(*(webhooks._try(one, hook) for one, hook in found))
        return len(found)

    return asyncio.run(due())


def test_an_event_is_delivered_and_its_signature_holds(webhooks: Webhooks, platform: Platform, clock: Clock) -> None:
    hook = webhooks.add(platform.url)
    assert webhooks.send("stream.ring", {"a": 1}) == 1
    assert once(webhooks) == 1
    headers, body = platform.came[0]
    at = headers["X-Tocsin-Signature"].split(",")[0][2:]
    expected = hmac.new(hook.secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Tocsin-Signature"] == f"t={at},v1={expected}" == signature(hook.secret, body, int(at))
    assert b'"event":"stream.ring"' in body
    assert webhooks.all()[0]["delivered"] == 1
    assert once(webhooks) == 0


def test_a_failure_is_tried_again_and_is_the_same(webhooks: Webhooks, platform: Platform, clock: Clock) -> None:
    platform.answers = [500, 503]
    webhooks.add(platform.url)
    webhooks.send("stream.hold", {})
    for _ in range(3):
        assert once(webhooks) == 1
        clock.at += timedelta(hours=1)
    assert len({(h["X-Tocsin-Delivery"], body) for h, body in platform.came}) == 1
    assert len(platform.came) == 3
    assert webhooks.all()[0]["delivered"] == 1


def test_it_is_given_up_after_a_day_and_counted(webhooks: Webhooks, platform: Platform, clock: Clock) -> None:
    platform.answers = [500] * 1000
    webhooks.add(platform.url)
    webhooks.send("stream.ring", {})
    for _ in range(60):
        once(webhooks)
        clock.at += timedelta(hours=1)
    told = webhooks.all()[0]
    assert told["given_up"] == 1
    assert told["waiting"] == 0
    assert "500" in told["last_problem"]
    assert len(platform.came) < 60


def test_what_was_delivered_is_kept_a_week_and_found_without_looking_through_it_all(
    webhooks: Webhooks, platform: Platform, clock: Clock
) -> None:
    webhooks.add(platform.url)
    for days in (0, 6, 2):
        clock.at += timedelta(days=days)
        webhooks.send("stream.ring", {})
        assert once(webhooks) == 1
    assert webhooks.all()[0]["delivered"] == 2
    asked: list[str] = []
    event.listen(webhooks._store.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    webhooks.send("stream.ring", {})
    once(webhooks)
    [pruning] = [text for text in asked if text.startswith("DELETE")]
    with webhooks._store.reading() as session:
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {pruning}", ("waiting", "2026")).all()
    assert "SEARCH" in str(plan)


def test_the_same_key_goes_once(webhooks: Webhooks, platform: Platform) -> None:
    webhooks.add(platform.url)
    assert webhooks.send("stream.ring", {}, "finding-1") == 1
    assert webhooks.send("stream.ring", {}, "finding-1") == 0


def test_only_the_events_that_are_wanted_are_sent(webhooks: Webhooks, platform: Platform) -> None:
    webhooks.add(platform.url, ["stream.hold"])
    assert webhooks.send("stream.ring", {}) == 0
    assert webhooks.send("stream.hold", {}) == 1


def test_what_is_removed_gets_nothing(webhooks: Webhooks, platform: Platform) -> None:
    hook = webhooks.add(platform.url)
    webhooks.send("stream.ring", {})
    assert webhooks.remove(hook.id)
    assert not webhooks.remove(hook.id)
    assert once(webhooks) == 0
    assert webhooks.send("stream.ring", {}) == 0


def test_a_private_address_is_not_called_unless_allowed(tmp_path: Path, platform: Platform, clock: Clock) -> None:
    store = Store.open(tmp_path / "shut.db")
    Webhooks(store, clock, allow_private=True).add(platform.url)  # it was allowed when the webhook was added
    shut = Webhooks(store, clock)
    with pytest.raises(Refused, match="private network"):
        shut.add(platform.url)
    shut.send("stream.ring", {})
    once(shut)
    assert not platform.came
    assert "private" in shut.all()[0]["last_problem"]
    store.close()


def test_an_address_that_is_none_is_refused(webhooks: Webhooks) -> None:
    with pytest.raises(Refused):
        webhooks.add("ftp://x")


def test_pauses_grow_to_an_hour() -> None:
    assert pause(1) < 10
    assert 3000 < pause(30) <= 3700


def test_of_an_answer_without_end_only_the_status_is_read(
    webhooks: Webhooks, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers["content-length"]))
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(bytes(1 << 16))
        ended.set()

    monkeypatch.setattr(platform.server.RequestHandlerClass, "do_POST", endless)
    webhooks.add(platform.url)
    webhooks.send("stream.ring", {})
    once(webhooks)
    assert webhooks.all()[0]["delivered"] == 1
    assert ended.wait(60)


def test_what_happened_before_a_webhook_was_added_is_not_told_to_it(webhooks: Webhooks, clock: Clock) -> None:
    assert webhooks.since("report.changed") is None
    webhooks.add("https://a.example/", ["stream.ring"])
    assert webhooks.since("report.changed") is None
    webhooks.add("https://b.example/")
    began, clock.at = clock.at, clock.at + timedelta(hours=1)
    webhooks.add("https://c.example/", ["report.changed"])
    assert webhooks.since("report.changed") <= began
    assert webhooks.send("report.changed", {}, happened=began) == 1
    assert webhooks.send("report.changed", {}, happened=clock.at) == 2


def test_what_belongs_to_a_key_is_told_to_its_own_webhooks_and_to_those_told_of_everything(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "gateway.db")
    hooks = Webhooks(store, Clock())
    names = {
        hooks.add(f"https://{name}.example.org/", owner=owner, whole=whole).id: name
        for name, owner, whole in (("one", 1, False), ("two", 2, False), ("root", 3, True), ("older", 0, True))
    }
    with store.session() as session:
        session.execute(delete(WebhookOwner).where(WebhookOwner.owner == 0))  # as of before there were owners

    def told(owner: int | None) -> set[str]:
        hooks.send("stream.ring", {}, f"of {owner}", owner=owner)
        with store.reading() as session:
            return {
                names[one] for one in session.scalars(select(Delivery.webhook).where(Delivery.key == f"of {owner}"))
            }

    assert told(1) == {"one", "root", "older"}
    assert told(2) == {"two", "root", "older"}
    assert told(9) == told(0) == {"root", "older"}
    assert told(None) == {"one", "two", "root", "older"}
    store.close()


def delivered(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Deliver for real until something was taken or refused; false when nothing was within ten seconds."""
    noted, note = threading.Event(), webhooks._note

    def tell(name: str, problem: str) -> None:
        note(name, problem)
        noted.set()

    monkeypatch.setattr(webhooks, "_note", tell)

    async def go() -> bool:
        task = asyncio.create_task(webhooks.deliver())
        try:
            return await asyncio.to_thread(noted.wait, 10)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return asyncio.run(go())


def test_a_webhook_that_hangs_keeps_no_other_waiting(
    webhooks: Webhooks, platform: Platform, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections are made, nothing is ever answered
        webhooks.add(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        for number in range(40):
            webhooks.send("stream.note", {}, f"note-{number}")
        clock.at += timedelta(seconds=1)
        webhooks.add(platform.url, ["stream.hold"])
        webhooks.send("stream.hold", {})
        assert delivered(webhooks, monkeypatch)
    assert len(platform.came) == 1


def test_a_webhook_that_takes_nothing_leaves_the_others_their_room(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.gateway.webhooks.MOST_WAITING", 3)
    webhooks.add("https://dead.example/", ["stream.note"])
    webhooks.add("https://alive.example/", ["stream.hold"])
    assert [webhooks.send("stream.note", {}) for _ in range(4)] == [1, 1, 1, 0]
    assert webhooks.refused == 1
    assert webhooks.send("stream.hold", {}) == 1


def test_delivery_goes_on_after_the_store_could_not_be_read(
    webhooks: Webhooks, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    until, failed = webhooks._until, threading.Event()

    def once_broken(busy: tuple[str, ...]) -> float:
        if failed.is_set():
            return until(busy)
        failed.set()
        webhooks.send("stream.ring", {})
        raise StoreError("The disk is gone.")

    monkeypatch.setattr(webhooks, "_until", once_broken)
    webhooks.add(platform.url)
    assert delivered(webhooks, monkeypatch)
    assert failed.is_set()


def test_an_event_that_the_store_refuses_at_first_is_kept_once_it_can_be(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks.add("https://a.example/")
    send, tries = webhooks.send, []

    def full(*said: object, **more: object) -> int:
        tries.append(said)
        if len(tries) < 3:
            raise StoreError("The disk is full.")
        return send(*said, **more)  # type: ignore[arg-type]

    async def at_once(_: float) -> None:
        """Let no time pass."""

    monkeypatch.setattr(webhooks, "send", full)
    monkeypatch.setattr("tocsin.gateway.webhooks.asyncio.sleep", at_once)
    asyncio.run(webhooks.put("stream.hold", {}, "finding-1"))
    assert webhooks.all()[0]["waiting"] == 1
    assert webhooks.refused == 0


def test_an_event_that_is_never_kept_is_counted(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(webhooks, "send", full)
    webhooks.closing = True
    asyncio.run(webhooks.put("stream.hold", {}, "finding-1"))
    assert webhooks.refused == 1
