"""Messages carry a number and a link, go out once, again when a service fails, and are given up visibly."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from sqlalchemy import select

from tocsin.hub import notify
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Alert, Notification, Person


class Outbox:
    """A sender that keeps what it is given, and fails while told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.failing = False

    def __call__(self, url: str, title: str, body: str) -> bool:
        if not self.failing:
            self.sent.append((url, title, body))
        return not self.failing


@pytest.fixture
def outbox(hub) -> Outbox:
    hub.sender = Outbox()
    return hub.sender


@pytest.fixture
def called(hub, person):
    """Make someone who is called at ``json://NAME.example`` from a severity on."""

    def make(name: str, severity: int = 1, role: str = "officer", **fields) -> Person:
        return person(role, notify_urls=[hub.secret.seal(f"json://{name}.example")], notify_severity=severity, **fields)

    return make


def queue(hub, alert_id: str, people=None) -> int:
    with hub.store.session() as session:
        return notify.queue(session, session.get_one(Alert, alert_id), hub.clock.now(), people)


def send(hub) -> int:
    return notify.send_due(hub, hub.clock.now())


def test_the_message_names_the_alert_by_number_and_nothing_else(hub, called, device, outbox):
    called("ada")
    device.find(severity=3)
    assert send(hub) == 1
    with hub.store.reading() as session:
        alert = session.scalars(select(Alert)).one()
    [(url, title, body)] = outbox.sent
    assert url == "json://ada.example"
    assert title == f"Tocsin: alert A-{alert.number}, severity 3, for review"
    assert body == f"http://127.0.0.1:8420/alerts/{alert.id}"
    assert send(hub) == 0


def test_each_persons_threshold_holds_but_not_at_severity_five(hub, called, device, outbox, other_unit):
    called("low", 1)
    called("high", 5, role="supervisor")
    called("auditor", 1, role="auditor")
    called("stranger", 1, unit_id=other_unit)
    called("gone", 1, active=False)
    device.find(severity=3)
    send(hub)
    assert {url for url, _, _ in outbox.sent} == {"json://low.example"}
    outbox.sent.clear()
    device.find(severity=5, thread="another0another0")
    send(hub)
    assert {url for url, _, _ in outbox.sent} == {"json://low.example", "json://high.example"}


def test_nobody_is_called_twice_for_the_same_alert_unless_by_name(hub, called, exhibit, outbox, clock):
    ada = called("ada")
    assert queue(hub, exhibit.alert_id) == 1
    assert queue(hub, exhibit.alert_id) == 0
    send(hub)
    assert queue(hub, exhibit.alert_id) == 0
    assert queue(hub, exhibit.alert_id, [ada]) == 1
    send(hub)
    clock.forward(301)
    assert queue(hub, exhibit.alert_id) == 1


def test_a_failing_service_is_tried_again_with_growing_pauses_and_then_given_up(hub, called, exhibit, outbox, clock):
    called("ada")
    queue(hub, exhibit.alert_id)
    outbox.failing = True
    attempts = 0
    for _ in range(200):
        with hub.store.reading() as session:
            before = session.scalars(select(Notification.attempts)).one()
        send(hub)
        with hub.store.reading() as session:
            row = session.scalars(select(Notification)).one()
            counted = notify.counts(session)
        attempts += row.attempts - before
        if row.given_up_at is not None:
            break
        assert counted == notify.Counts(waiting=1, failing=1, given_up=0)
        clock.forward(60)
    assert attempts == notify.ATTEMPTS
    assert counted == notify.Counts(waiting=0, failing=0, given_up=1)
    assert row.error == "not taken by json"
    outbox.failing = False
    clock.forward(86400)
    assert send(hub) == 0


def test_a_service_that_recovers_gets_the_message_once(hub, called, exhibit, outbox, clock):
    called("ada")
    queue(hub, exhibit.alert_id)
    outbox.failing = True
    send(hub)
    outbox.failing = False
    assert send(hub) == 0
    clock.forward(30)
    assert send(hub) == 1
    assert len(outbox.sent) == 1


@pytest.mark.parametrize("url", ["nothing", "dbus://", "syslog://", "nosuch://x", "json://" + "x" * 1000])
def test_addresses_that_cannot_be_used_are_refused(hub, person, url):
    with pytest.raises(Refused, match="cannot send"):
        notify.set_addresses(hub.secret, person(), [url], 3)


def test_addresses_are_kept_sealed(hub, person):
    made = person()
    notify.set_addresses(hub.secret, made, ["json://token@host.example", " "], 4)
    assert "token" not in made.notify_urls[0]
    assert notify.addresses(hub.secret, made) == ["json://token@host.example"]


def test_apprise_really_sends_and_a_dead_service_is_only_false():
    got: list[bytes] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Service) as server:
        port = server.server_address[1]
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert notify.by_apprise(f"json://127.0.0.1:{port}/?rto=60&cto=60", "Tocsin: alert A-1", "https://console")
        thread.join()
    assert b"A-1" in got[0]
    assert not notify.by_apprise(f"json://127.0.0.1:{port}/", "x", "y")
