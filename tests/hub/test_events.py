"""Events reach every page that wants them, from any thread, and a slow page is told to start over."""

import asyncio
import threading

import pytest

from tocsin.hub.events import QUEUE, Bus, Event


def test_events_reach_who_wants_them_from_any_thread() -> None:
    async def scenario() -> tuple[Event | None, Event | None, int]:
        bus = Bus()
        with bus.subscribe() as every, bus.subscribe(lambda event: event.unit_id == "north") as north:
            sender = threading.Thread(
                target=lambda: [bus.publish(Event("alert", "1", unit)) for unit in ("south", "north")]
            )
            sender.start()
            sender.join()
            first = await every.next(60)
            mine = await north.next(60)
            assert await north.next(0.01) is None
            return first, mine, bus.listeners

    first, mine, listeners = asyncio.run(scenario())
    assert (first.unit_id, mine.unit_id, listeners) == ("south", "north", 2)


def test_a_slow_page_is_told_to_fetch_again() -> None:
    async def scenario() -> list[str]:
        bus = Bus()
        with bus.subscribe() as page:
            for n in range(QUEUE + 5):
                bus.publish(Event("alert", str(n)))
            await asyncio.sleep(0)
            kinds = []
            while (event := await page.next(0.01)) is not None:
                kinds.append(event.kind)
            return kinds

    assert asyncio.run(scenario()) == ["resync"] + ["alert"] * 5


def test_what_was_told_before_somebody_listened_is_known_to_be_missed() -> None:
    bus = Bus()
    bus.publish(Event("alert", "1", "north"))
    told = bus.told
    assert not bus.missed(told, lambda _: True)
    bus.publish(Event("alert", "2", "south"))
    assert bus.missed(told, lambda event: event.unit_id == "south")
    assert not bus.missed(told, lambda event: event.unit_id == "north")


def test_closing_ends_every_listening_also_later_ones() -> None:
    async def scenario() -> None:
        bus = Bus()
        with bus.subscribe() as page:
            bus.close()
            with pytest.raises(StopAsyncIteration):
                await page.next(60)
        with bus.subscribe() as late:
            assert [event async for event in late] == []

    asyncio.run(scenario())


def test_a_page_that_left_is_forgotten() -> None:
    async def scenario() -> int:
        bus = Bus()
        with bus.subscribe():
            pass
        bus.publish(Event("alert"))
        return bus.listeners

    assert asyncio.run(scenario()) == 0
