import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from tocsin.gateway.access import new_key
from tocsin.gateway.app import create_app
from tocsin.gateway.forwarding import INTERNAL, packed, router
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.observing import Sighting
from tocsin.gateway.worker import create_worker_app, settings_as_json, settings_of_json
from tocsin.model.media import Fingerprints


def test_a_worker_is_told_all_settings_but_the_clock(settings):
    given = replace(
        settings,
        lists=(Path("/a"), Path("/b")),
        list_key="hush",
        fetch_hosts=("a", "*.b"),
        workers=3,
        port=0,
        ladder=Path("/ladder.yaml"),
    )
    read = settings_of_json(settings_as_json(given))
    assert replace(read, clock=given.clock) == given


@pytest.fixture
def worker(serving, jpeg, code):
    core = serving()
    core.post("/c/banks", json={"name": "BANK_A"})
    core.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg())})
    core.post("/c/banks", json={"name": "QUIET", "rings": False})
    core.post("/c/bank/QUIET/signal", json={"pdq": code(jpeg(2))})
    gateway = Gateway.open(core.gateway.settings, name="worker-1")
    app = create_worker_app(gateway)
    with TestClient(app._app._app, raise_server_exceptions=False):  # the worker's own lifespan
        yield TestClient(app, "http://localhost", raise_server_exceptions=False)


def test_a_worker_answers_lookups_from_the_same_lists_and_logs_them_itself(worker, serving, jpeg, code, settings):
    found = worker.get("/m/lookup", params={"signal": code(jpeg(2)), "signal_type": "pdq"})
    assert set(found.json()) == {"QUIET"}
    assert worker.get("/status").text == "I-AM-ALIVE"
    assert worker.get("/m/index/status").json()["pdq"]["size"] == 2
    assert "lookup" in (settings.audit / "worker-1" / "000001.jsonl").read_text()


def test_what_a_worker_does_not_answer_needs_the_core(worker):
    answer = worker.get("/c/banks")
    assert answer.status_code == 503
    assert "core" in answer.json()["message"]
    assert worker.post("/internal/sighting", content=b"").status_code == 404


def test_a_match_that_could_not_be_shown_to_the_core_is_no_answer(worker, jpeg, code):
    assert worker.post("/m/lookup", files={"photo": jpeg()}).status_code == 503


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/x/../internal/sighting", b"/x/../internal/sighting"),
        ("/./internal/sighting", b"/./internal/sighting"),
        ("//%69nternal/sighting", b"//%2569nternal/sighting"),
        ("/k/x/%69nternal/sighting", b"/k/x/%2569nternal/sighting"),
    ],
)
def test_no_spelling_of_a_path_reaches_what_is_between_processes(settings, serving, monkeypatch, path, raw):
    asked = []

    async def sent(self, request, **_):
        asked.append(request.url.raw_path)
        raise httpx.ConnectError("nobody there")

    serving()
    gateway = Gateway.open(settings, name="worker-1")
    monkeypatch.setattr(httpx.AsyncClient, "send", sent)
    answers = []

    async def send(message):
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "raw_path": raw, "query_string": b""}
    scope["headers"] = [(b"host", b"localhost")]
    asyncio.run(create_worker_app(gateway)(scope, None, send))
    gateway.close()
    assert all(b"internal" not in where or b"%2569" in where for where in asked)
    assert answers[0]["status"] == (503 if asked else 404)


def test_the_core_takes_what_its_workers_saw_though_callers_need_a_key(settings):
    gateway = Gateway.open(replace(settings, workers=2))
    new_key(gateway.store, gateway.clock, "coop", ["lookup"])
    seen = Sighting(prints=Fingerprints(media="other"), matches=(), caller="coop", data=bytes(20 << 20))
    with TestClient(create_app(gateway, more=(router,)), "http://localhost", raise_server_exceptions=False) as core:
        answer = core.post(f"{INTERNAL}sighting", content=packed(seen))
        assert (answer.status_code, answer.json()) == (200, [])
        assert core.post("/c/banks", json={"name": "BANK_A"}).status_code == 401
