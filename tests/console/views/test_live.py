import asyncio
import json
import re

from tocsin.console.views import live
from tocsin.console.visit import Visit
from tocsin.hub.events import Event
from tocsin.hub.sessions import current


def visit_of(site, who):
    return Visit(None, site.hub, current(site.hub, site.seeded.cookies[who]), site.clock.now())


def read(message):
    kind, data = message.decode().split("\ndata: ")
    return kind.removeprefix("event: "), json.loads(data)


def test_an_alert_comes_with_its_row(site):
    unit = site.seeded.people["ines"].unit_id
    event = Event("alert", site.seeded.alerts["top"], unit, {"ring": True})
    kind, data = read(live.message_for(visit_of(site, "ines"), event))
    assert kind == "alert"
    assert data["html"].lstrip().startswith('<a class="row"')
    assert f'data-alert="{site.seeded.alerts["top"]}" data-severity="5"' in data["html"]
    assert data["rings"] is True
    assert data["counts"]["await"] == 5
    assert data["title"].endswith("for review")


def test_an_alert_comes_with_its_place_in_the_review_queue(site):
    top, marek = site.seeded.alerts["top"], site.seeded.people["marek"]
    event = Event("alert", top, marek.unit_id, {"what": "acknowledged"})
    _, before = read(live.message_for(visit_of(site, "ines"), event))
    assert (before["queue"], before["dealt_with"]) == ("new", "")
    assert f'href="/review/{top}"' in before["queued"]
    assert site.post("marek", f"/review/{top}/acknowledge").status_code == 303
    _, after = read(live.message_for(visit_of(site, "ines"), event))
    assert (after["queue"], after["dealt_with"]) == ("", "Marek Lind has it.")
    assert after["counts"]["review"] == before["counts"]["review"] - 1
    assert read(live.message_for(visit_of(site, "marek"), event))[1]["queue"] == "new"


def test_another_unit_is_sent_nothing_even_if_an_event_reached_it(site):
    assert live.message_for(visit_of(site, "tom"), Event("alert", site.seeded.alerts["top"], "", {})) == b""


def test_a_device_comes_with_its_row(site):
    event = Event("device", site.seeded.devices["laptop D-5"].id, "", {})
    kind, data = read(live.message_for(visit_of(site, "ines"), event))
    assert kind == "device"
    assert "silent" in data["html"]


def test_a_tick_tells_counts_and_the_newest_evidence(site):
    kind, data = read(live.tick(visit_of(site, "ines")))
    assert kind == "tick"
    assert data["counts"]["silent"] == 1
    assert data["last_evidence"].endswith("Z")
    assert read(live.tick(visit_of(site, "ada")))[1] == {"counts": {}, "last_evidence": None}


def begins_with(site, who, told):
    """Return what a page hears before anything new happens."""

    async def heard():
        stream = live._stream(visit_of(site, who), site.seeded.cookies[who], told)
        try:
            sent = [await anext(stream) for _ in range(2)]
            site.hub.bus.close()
            return [*sent, *[message async for message in stream]]
        finally:
            await stream.aclose()

    return [message.decode().splitlines()[0] for message in asyncio.run(heard())]


def test_a_page_fetches_again_what_changed_before_it_listened(site):
    page = site.get("ines", "/alerts").text
    told = int(re.search(r'data-live="/live\?told=(\d+)"', page)[1])
    site.hub.bus.publish(Event("alert", site.seeded.alerts["top"], site.seeded.people["ines"].unit_id))
    assert begins_with(site, "ines", told) == ["retry: 2000", "event: tick", "event: resync"]


def test_a_page_that_missed_nothing_fetches_nothing_again(site):
    told = site.hub.bus.told
    site.hub.bus.publish(Event("alert", "another unit's", site.seeded.people["tom"].unit_id))
    assert begins_with(site, "ines", told) == ["retry: 2000", "event: tick"]


def test_nobody_listens_without_signing_in(site):
    assert site.get("", "/live").status_code == 303
