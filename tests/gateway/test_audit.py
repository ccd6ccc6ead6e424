import re
from types import SimpleNamespace

from tocsin.evidence.call_log import verify_log
from tocsin.gateway import access, audit
from tocsin.gateway.access import new_key

AT_ONE_MOMENT = SimpleNamespace(monotonic=lambda: 1000.0)
"""A clock for calls that come in the same second, however slow the machine is."""


def test_every_call_and_change_is_logged_without_the_hash_that_was_asked(serving, jpeg, code):
    api = serving()
    api.post("/c/banks", json={"name": "BANK_A"})
    number = api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg())}).json()["id"]
    api.get("/m/lookup", params={"signal": code(jpeg()), "signal_type": "pdq"})
    api.post("/m/lookup", files={"photo": jpeg()})
    api.delete(f"/c/bank/BANK_A/content/{number}")
    folder = api.gateway.settings.audit / "core"
    serving.stop(api)
    log = (folder / "000001.jsonl").read_text()
    for told in (
        '["open","bank","BANK_A"]',
        '["open","content","BANK_A/1"]',
        '["open","lookup","pdq"]',
        '"BANK_A":[1]',
    ):
        assert told in log
    assert code(jpeg()) not in log
    found = verify_log(folder)
    assert (found.ok, found.entries, found.signed) == (True, 5, 5)


def test_the_key_that_signs_stays_the_same(serving):
    origins = set()
    for _ in range(2):
        api = serving()
        origins.add(api.gateway.audit.log._signer.verifier.vkey)
        serving.stop(api)
    assert len(origins) == 1


def test_calls_that_only_read_and_calls_that_are_not_let_in_are_logged_too(serving, monkeypatch):
    monkeypatch.setattr(audit, "time", AT_ONE_MOMENT)
    api = serving()
    api.get("/c/banks")
    api.get("/m/index/status")
    new_key(api.gateway.store, api.gateway.clock, "one", ["lookup"])
    api.gateway.access._keys.refresh()
    for _ in range(200):
        assert api.get("/v1/messages/somebodys-thread", headers={"X-API-Key": "wrong"}).status_code == 401
    log = (api.gateway.settings.audit / "core" / "000001.jsonl").read_text()
    assert '["open","read","/c/banks"]' in log
    assert '["open","read","/m/index/status"]' in log
    assert '["nobody known","refused","/v1/messages"]' in log
    assert "somebodys-thread" not in log
    assert log.count("nobody known") < 150, "a flood must not fill the disk"


def test_a_batch_counts_as_many_calls_as_it_asks_questions(serving, monkeypatch):
    monkeypatch.setattr(access, "time", AT_ONE_MOMENT)
    api = serving()
    key = new_key(api.gateway.store, api.gateway.clock, "slow", ["lookup"], rate=10)
    api.gateway.access._keys.refresh()
    asked = {"queries": [{"signal_type": "pdq", "signal": "0" * 64}] * 100}
    assert api.post("/m/lookup/batch", json=asked, headers={"X-API-Key": key}).status_code == 200
    assert api.post("/m/lookup/batch", json=asked, headers={"X-API-Key": key}).status_code == 429


KEYLESS = ("/status", "/site-map", "/openapi", "/docs", "/metrics", "/healthz", "/serve")
"""Calls that answer anybody, or a partner by a wire of its own (tests/gateway/api/test_serving.py)."""


def test_every_call_that_asks_for_something_is_in_the_log(serving):
    api = serving()
    api.post("/c/banks", json={"name": "BANK_A"})
    silent = []
    for path, operations in api.app.openapi()["paths"].items():
        if "get" not in operations or path.startswith(KEYLESS):
            continue
        asked = re.sub(r"\{number\}", "1", re.sub(r"\{name\}", "BANK_A", path))
        before = api.gateway.audit.log.size
        answer = api.get(re.sub(r"\{\w+(:\w+)?\}", "x1", asked))
        if answer.status_code < 400 and api.gateway.audit.log.size == before:
            silent.append(path)
    assert silent == []


def test_reading_of_exchanges_and_partners_is_in_the_log(serving):
    api = serving()
    asked = ("/c/exchanges", "/c/exchanges/api/ncmec", "/c/exchange/NCII/status", "/v1/exchanges/NCII/verdicts",
             "/v1/partners")  # fmt: skip
    for path in asked:
        api.get(path)
    log = (api.gateway.settings.audit / "core" / "000001.jsonl").read_text()
    for path in asked:
        assert f'["open","read","{path}"]' in log
