"""Reports over the wire, against a real hub in this process and against hubs that fail."""

import json
import socket
import threading
import time
import uuid
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from sqlalchemy import select

from tocsin import orders
from tocsin.evidence.keys import DeviceKey
from tocsin.exchange.cybertip.asked import Asked
from tocsin.gateway import report_changes, reports
from tocsin.gateway.refusals import Refused
from tocsin.gateway.reports import Reports
from tocsin.gateway.webhooks_tables import Delivery
from tocsin.hub import enrolment as enrolments
from tocsin.hub.app import create_app as create_hub_app
from tocsin.hub.reports import changes, drafting
from tocsin.hub.settings import HubSettings
from tocsin.hub.store.reports import Report
from tocsin.hub.store.schema import OrderRecord, Person, Subject, Unit
from tocsin.model import SystemClock
from tocsin.placement import wire
from tocsin.placement.config import Folders
from tocsin.placement.enrol import enrol

CLAUSES = [
    {"number": "1", "condition": "custom", "text": "No known media.", "detectors": ["known-media"],
     "evidence": ["text", "picture"]},
]  # fmt: skip
ACCOUNT = {"identifier": "user-17", "screen_name": "lamp", "emails": [{"address": "a@mail.example"}]}
FACTS = {"incident_type": "Child Sex Tourism", "incident_at": "2026-11-22T16:58:00Z", "account": ACCOUNT}


class Real:
    """A hub that serves on loopback, with an order whose token enrols one gateway."""

    def __init__(self, folder, signed):
        app = create_hub_app(HubSettings(data=folder, heartbeat_s=1))
        self.hub = app.state.hub
        self._server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 60
        while not self._server.started and time.monotonic() < deadline:
            self._thread.join(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        checked, now = orders.verify(signed), self.hub.clock.now()
        unit, person, subject = (uuid.uuid4().hex for _ in range(3))
        with self.hub.store.session() as session:
            session.add(Unit(id=unit, name="trust and safety"))
            session.flush()
            session.add(Person(id=person, unit_id=unit, name="A", email="a@p.example", role="officer", created_at=now))
            session.add(Subject(id=subject, unit_id=unit, reference="S-1", created_at=now))
            session.flush()
            order = OrderRecord(
                id=uuid.uuid4().hex, subject_id=subject, reference="O-1", digest=checked.digest, signed=signed,
                signer=checked.signer, valid_from=checked.order.begins, valid_until=checked.order.ends, added_at=now,
            )  # fmt: skip
            session.add(order)
            session.flush()
            self.token = enrolments.issue_token(session, order, person, now)

    def close(self):
        self._server.should_exit = True
        self._thread.join(60)


@pytest.fixture
def real(tmp_path, signed_order, monkeypatch):
    monkeypatch.setattr(reports, "PATIENCE", httpx.Timeout(60.0))  # this hub does answer, however busy the machine is
    signed = signed_order(kind="platform-policy", evidence=["text", "picture"], clauses=CLAUSES)
    one = Real(tmp_path / "hub", signed)
    one.signed = signed
    yield one
    one.close()


def test_a_finding_of_a_lookup_becomes_a_draft_at_a_real_hub_and_nothing_is_sent(
    real, serving, settings, jpeg, code, until
):
    enrol(real.url, real.token, real.signed, Folders(settings.placement, "gateway"), SystemClock())
    api = serving()
    api.post("/c/banks", json={"name": "BANK_A"})
    api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg(1))})
    looked = api.post("/m/lookup", params={"account": "user-17"}, files={"photo": ("a.jpg", jpeg(1), "image/jpeg")})
    finding = looked.headers["X-Tocsin-Findings"]
    asked = FACTS | {"key": "case-1", "finding": finding}
    answers = []
    until(lambda: answers.append(api.post("/v1/reports", json=asked)) or answers[-1].status_code == 201)
    assert {one.status_code for one in answers[:-1]} <= {404, 409}
    told = answers[-1].json()
    assert (told["state"], told["key"], told["finding"], told["files"]) == ("draft", "case-1", finding, 1)
    assert api.post("/v1/reports", json=asked).json() == told
    assert api.get(f"/v1/reports/{told['id']}").json() == told
    assert [one["id"] for one in api.get("/v1/reports", params={"state": "draft"}).json()["reports"]] == [told["id"]]
    assert api.get("/v1/reports", params={"after": told["number"]}).json()["reports"] == []
    with real.hub.store.reading() as session:
        report = session.scalars(select(Report)).one()
        assert (report.state, report.approved_by, report.drafted_by) == ("draft", None, None)
        assert "user-17" not in report.facts
        assert drafting.facts_of(real.hub, report).reported[0].screen_name == "lamp"
    assert api.delete(f"/v1/reports/{told['id']}").json()["state"] == "discarded"


def test_what_becomes_of_a_report_at_a_real_hub_is_told_to_the_platforms_webhook(
    real, serving, settings, jpeg, code, until, monkeypatch
):
    monkeypatch.setattr(report_changes, "HEAR_S", 0.05)
    monkeypatch.setattr(changes, "SETTLED", timedelta(0))
    enrol(real.url, real.token, real.signed, Folders(settings.placement, "gateway"), SystemClock())
    api = serving(allow_private=True)
    api.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/hook", "events": ["report.changed"]})
    api.post("/c/banks", json={"name": "BANK_A"})
    api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg(1))})
    looked = api.post("/m/lookup", params={"account": "user-17"}, files={"photo": ("a.jpg", jpeg(1), "image/jpeg")})
    asked = FACTS | {"key": "case-1", "finding": looked.headers["X-Tocsin-Findings"]}
    answers = []
    until(lambda: answers.append(api.post("/v1/reports", json=asked)) or answers[-1].status_code == 201)

    def told():
        with api.gateway.store.reading() as session:
            return [row.body for row in session.scalars(select(Delivery).order_by(Delivery.created_at))]

    until(lambda: len(told()) == 1)
    api.delete(f"/v1/reports/{answers[-1].json()['id']}")
    until(lambda: len(told()) == 2)
    assert [(each["event"], each["data"]["state"], each["data"]["key"]) for each in told()] == [
        ("report.changed", "draft", "case-1"),
        ("report.changed", "discarded", "case-1"),
    ]
    assert "user-17" not in json.dumps(told())


@pytest.fixture
def answering(monkeypatch):
    """Answer every call to the hub with a response or an error, and keep what was asked."""

    def answer(given):
        asked = []

        def handle(request):
            asked.append(request)
            if isinstance(given, Exception):
                raise given
            return given

        client = lambda _: httpx.Client(transport=httpx.MockTransport(handle), base_url="http://hub")  # noqa: E731
        monkeypatch.setattr(wire, "connect", client)
        enrolment = SimpleNamespace(config=SimpleNamespace(device="d1"), key=DeviceKey.generate())
        return Reports(enrolment), asked

    return answer


def refused(call, *given) -> Refused:
    with pytest.raises(Refused) as caught:
        call(*given)
    assert str(caught.value).endswith(".")
    return caught.value


def test_without_an_enrolment_there_is_nothing_to_report():
    assert refused(Reports, None).status == 409


@pytest.mark.parametrize(
    "given",
    [
        httpx.ConnectError("no"),
        httpx.ReadTimeout("slow"),
        httpx.Response(500, text="broken"),
        httpx.Response(200, text="not JSON"),
        httpx.Response(404, text="a go-between's page"),
        httpx.Response(302, headers={"location": "http://elsewhere"}),
    ],
)
def test_a_hub_that_does_not_answer_is_told_as_such(answering, given):
    reports, _ = answering(given)
    away = refused(reports.one, "a" * 32)
    assert (away.status, "hub cannot be reached" in str(away)) == (503, True)
    assert away.headers["Retry-After"]


@pytest.mark.parametrize(("status", "seen"), [(404, 404), (409, 409), (422, 422), (403, 409), (429, 429)])
def test_what_the_hub_refuses_is_told_in_its_words(answering, status, seen):
    body = {"error": "x", "sentence": "It says why."}
    reports, _ = answering(httpx.Response(status, json=body, headers={"retry-after": "7"}))
    said = refused(reports.take_back, "a" * 32)
    assert said.status == seen
    assert "It says why." in str(said)


def test_a_request_carries_no_more_than_it_was_given_and_names_stay_in_their_place(answering):
    reports, asked = answering(httpx.Response(201, json={"id": "r"}))
    assert reports.ask(Asked.model_validate(FACTS | {"key": "k", "finding": "f"})) == ({"id": "r"}, True)
    assert json.loads(asked[0].content)["account"] == ACCOUNT
    reports.one("../../secret?x=1")
    assert asked[1].url.raw_path == b"/api/v1/device/reports/..%2F..%2Fsecret%3Fx%3D1"


def test_a_hub_that_hangs_is_told_soon(monkeypatch):
    """It takes the connection and never answers; a caller has waited for that long enough after 5 seconds."""
    bound = reports.PATIENCE
    assert bound.connect + max(bound.read, bound.write, bound.pool) <= 5
    monkeypatch.setattr(reports, "PATIENCE", httpx.Timeout(0.2))
    with socket.create_server(("127.0.0.1", 0)) as hub:
        config = SimpleNamespace(hub=f"http://127.0.0.1:{hub.getsockname()[1]}", certificate="", device="d")
        enrolment = SimpleNamespace(config=config, key=DeviceKey.generate())
        with pytest.raises(Refused) as refused:
            reports.Reports(enrolment).one("R1")
    assert refused.value.status == 503
