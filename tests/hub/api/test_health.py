"""Health checks what matters and says which check failed; metrics are numbers without names."""

from tocsin.hub.api import health
from tocsin.hub.store import StoreError


def test_a_healthy_hub_says_so(client) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    checks = {"store": True, "disk": True, "watch": True, "audit_log": True, "lists": True}
    assert answer.json() == {"status": "ok", "checks": checks}


def test_a_store_that_cannot_be_written_is_told(client, hub, monkeypatch) -> None:
    def broken():
        raise StoreError("The disk is full.")

    monkeypatch.setattr(type(hub.store), "session", lambda self: broken())
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["store"] is False


def test_a_full_disk_a_stuck_watch_and_a_broken_log_are_told(app, hub, monkeypatch) -> None:
    watch = app.state.watch
    monkeypatch.setattr(health, "LEAST_FREE", 2**70)
    watch.last_run = 1e-9
    hub.log.refusal = "The log was altered."
    told = health.check(hub, watch)
    assert told == {"store": True, "disk": False, "watch": False, "audit_log": False, "lists": True}


def test_metrics_count_without_naming(client, device) -> None:
    device.find()
    device.send(device.sent[0])
    text = client.get("/metrics").text
    assert 'tocsin_journal_entries_total{outcome="accepted"} 1.0' in text
    assert 'tocsin_journal_entries_total{outcome="duplicate"} 1.0' in text
    assert 'tocsin_alerts_rung_total{category="grooming-signal",severity="3"} 1.0' in text
    assert 'tocsin_devices{status="active"} 1.0' in text
    assert 'tocsin_alerts_open{status="new"} 1.0' in text
    assert device.id not in text
