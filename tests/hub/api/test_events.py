"""Live events: an open page hears of its own unit's alerts once they are on disk, and of nobody else's."""

import asyncio
import json

from tocsin.hub import sessions
from tocsin.hub.api import events
from tocsin.hub.store.schema import Unit


def who_of(hub, person, unit_id: str = ""):
    made = person(unit_id=unit_id)
    with hub.store.session() as session:
        cookie = sessions.start(session, made, hub.clock.now(), second_factor=True)
        return sessions.find(session, cookie, hub.clock.now()), cookie


def read(chunk: bytes) -> tuple[str, dict]:
    kind, data = chunk.decode().strip().split("\n")
    return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_without_a_sign_in_there_is_no_stream(client) -> None:
    assert client.get("/api/v1/events").status_code == 401


def test_an_alert_reaches_its_units_page_at_once_and_no_other(hub, device, person, monkeypatch) -> None:
    monkeypatch.setattr(events, "BEAT_S", 600.0)
    with hub.store.session() as session:
        session.add(Unit(id="south", name="south"))
    mine, other = who_of(hub, person), who_of(hub, person, "south")

    async def scenario():
        page, stranger = events.stream(hub, *mine), events.stream(hub, *other)
        assert read(await anext(page))[0] == read(await anext(stranger))[0] == "resync"
        await asyncio.to_thread(device.find, severity=4)
        kind, data = read(await asyncio.wait_for(anext(page), 60))
        waiting = asyncio.ensure_future(anext(stranger))
        await asyncio.sleep(0)
        assert not waiting.done()
        hub.bus.close()
        for ended in (waiting, asyncio.ensure_future(anext(page))):
            try:
                await ended
            except StopAsyncIteration:
                continue
            raise AssertionError("the stream went on")
        return kind, data

    kind, data = asyncio.run(scenario())
    assert kind == "alert"
    assert (data["what"], data["ring"], data["severity"], data["number"]) == ("created", True, 4, 1)
    assert set(data) == {"id", "what", "ring", "number", "severity", "category", "status", "at"}


def test_a_page_whose_session_ended_is_told_so(hub, person, clock, monkeypatch) -> None:
    monkeypatch.setattr(events, "BEAT_S", 0.01)
    who, cookie = who_of(hub, person)

    async def scenario() -> list[bytes]:
        page = events.stream(hub, who, cookie)
        chunks = [await anext(page), await anext(page)]
        clock.forward(13 * 3600)
        chunks += [chunk async for chunk in page if not chunk.startswith(b":")]
        return chunks

    _, beat, last = asyncio.run(scenario())
    assert beat == b": still here\n\n"
    assert read(last)[0] == "signed-out"
