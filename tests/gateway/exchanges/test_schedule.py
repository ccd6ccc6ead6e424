import threading
from datetime import timedelta

from tocsin.gateway.exchanges.schedule import Schedule
from tocsin.gateway.exchanges.tables import Exchange


def scheduled(desk, upstream, store, clock, monkeypatch):
    monkeypatch.setattr(desk.exchanges, "source", lambda _: upstream.source())
    return Schedule(desk.exchanges, desk.verdicts, store, clock)


def test_each_is_read_when_it_is_due(desk, exchange, upstream, store, clock, monkeypatch, live):
    schedule = scheduled(desk, upstream, store, clock, monkeypatch)
    upstream.put(1)
    assert schedule.step()
    assert len(live(exchange)) == 1
    assert not schedule.step()
    clock.forward(400)
    upstream.put(2)
    assert schedule.step()
    assert len(live(exchange)) == 2


def test_a_paused_one_is_left_alone(desk, exchange, upstream, store, clock, monkeypatch):
    schedule = scheduled(desk, upstream, store, clock, monkeypatch)
    desk.exchanges.change(exchange, enabled=False)
    assert not schedule.step()
    desk.exchanges.change(exchange, enabled=True)
    assert schedule.step()


def test_what_was_running_when_the_gateway_was_killed_goes_on_at_once(
    desk, exchange, upstream, store, clock, monkeypatch
):
    with store.session() as session:
        row = session.get(Exchange, exchange)
        row.running_since, row.due_at = clock.now(), clock.now() + timedelta(days=1)
    schedule = scheduled(desk, upstream, store, clock, monkeypatch)
    read = threading.Event()
    monkeypatch.setattr(desk.exchanges, "run", lambda *_, **__: read.set())
    schedule.start()
    try:
        assert read.wait(60)
        assert desk.exchanges.status(exchange)["running_fetch_start_ts"] is None
    finally:
        schedule.close()


def test_verdicts_are_told_between_readings(desk, exchange, upstream, store, clock, monkeypatch, pdq):
    schedule = scheduled(desk, upstream, store, clock, monkeypatch)
    monkeypatch.setattr(desk.exchanges, "source", lambda _: upstream.source(feedback_function_key="g"))
    upstream.put(1)
    schedule.step()
    desk.verdicts.say(exchange, pdq(1), True)
    asked = len(upstream.asked)
    assert schedule.step()
    assert len(upstream.posted) == 1
    assert len(upstream.asked) == asked
