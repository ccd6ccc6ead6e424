"""All streams of a gateway: taken up again after a restart, each end told."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from sqlalchemy import select
from tiny_onnx import MANIFEST, model

from tocsin.detectors import making
from tocsin.detectors.ladder import LadderError
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.refusals import Refused
from tocsin.gateway.settings import Settings
from tocsin.gateway.streams.watches_tables import StreamWatch
from tocsin.gateway.webhooks_tables import Delivery
from tocsin.model import Fingerprints, Kind, MediaSeen, SystemClock

UNSENT = "udp://0.0.0.0:9895"
"""A stream that nobody sends."""


class Later(SystemClock):
    """A clock that the test puts forward by days."""

    days = 0

    def now(self) -> datetime:
        return super().now() + timedelta(days=self.days)


def test_streams_are_taken_up_again_after_a_restart(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)

    async def first() -> tuple[str, str]:
        gateway = Gateway.open(settings)
        kept = await gateway.watches.begin("udp://0.0.0.0:9898", "kept")
        ended = await gateway.watches.begin("udp://0.0.0.0:9897", "ended")
        await gateway.watches.end(ended.id)
        await asyncio.gather(*gateway.watches._sending)
        await gateway.watches.close()
        gateway.close()
        return kept.id, ended.id

    async def second() -> list[tuple[str, str]]:
        gateway = Gateway.open(settings)
        await gateway.watches.resume()
        found = [(held.id, held.name) for held in gateway.watches.every()]
        await gateway.watches.close()
        gateway.close()
        return found

    kept, _ = asyncio.run(first())
    assert asyncio.run(second()) == [(kept, "kept")]


def test_of_a_stream_that_is_over_only_what_is_told_of_it_is_held(tmp_path: Path, serve: Callable) -> None:
    """An ended task keeps its last frames, and in them the bytes that came last: a segment each, for 500 streams."""

    async def go() -> list[weakref.ref]:
        gateway = Gateway.open(Settings(data=tmp_path, allow_private=True))
        tasks = []
        for name in ("ended", "stopped"):
            held = await gateway.watches.begin(serve({"/s": b"no stream"}) + "/s" if name == "ended" else UNSENT, name)
            tasks.append(weakref.ref(held.task))
            if name == "ended":
                await asyncio.wait({held.task})
            await asyncio.sleep(0)
            await gateway.watches.end(held.id)
            assert held.told(events=True)["events"] == []
        await asyncio.gather(*gateway.watches._sending)
        assert [one.name for one in gateway.watches.every()] == ["ended", "stopped"]
        with pytest.raises(Refused, match="over"):
            await gateway.watches.said(held.id, [])
        del held
        gc.collect()
        left = [task() for task in tasks]
        await gateway.watches.close()
        gateway.close()
        return left

    assert asyncio.run(go()) == [None, None]


def test_nothing_goes_on_for_a_stream_that_was_stopped(tmp_path: Path) -> None:
    async def go() -> list[str]:
        gateway = Gateway.open(Settings(data=tmp_path))
        held = await gateway.watches.begin(UNSENT)
        while held.watch._watched.ended is None:  # until a decoder has it
            await asyncio.sleep(0.001)
        await gateway.watches.end(held.id)
        await asyncio.gather(*gateway.watches._sending)
        names = [task.get_coro().__qualname__ for task in asyncio.all_tasks() - {asyncio.current_task()}]
        await gateway.watches.close()
        gateway.close()
        return [name for name in names if name.startswith(("Watch.", "Weighing."))]

    assert asyncio.run(go()) == []


def test_a_stream_is_forgotten_half_a_year_after_its_end(tmp_path: Path) -> None:
    clock = Later()

    async def go() -> list[str]:
        gateway = Gateway.open(Settings(data=tmp_path, clock=clock))
        left = []
        for name, days in (("long ago", 0), ("lately", 30), ("now", 170)):
            clock.days += days
            held = await gateway.watches.begin(UNSENT, name)
            await gateway.watches.end(held.id)
            await asyncio.gather(*gateway.watches._sending)
        with gateway.store.reading() as session:
            left = list(session.scalars(select(StreamWatch.name).order_by(StreamWatch.began_at)))
        await gateway.watches.close()
        gateway.close()
        return left

    assert asyncio.run(go()) == ["lately", "now"]


def rungs(settings: Settings, url: str) -> list[tuple[str, str]]:
    """Watch a stream to its end; return the rungs it was found on, and why."""

    async def go() -> list[tuple[str, str]]:
        gateway = Gateway.open(settings)
        held = await gateway.watches.begin(url)
        assert held.task is not None
        await held.task
        await gateway.watches.close()
        gateway.close()
        return [(one["rung"], one["why"]) for one in held.told(events=True)["events"]]

    return asyncio.run(go())


def test_the_operators_classifier_and_ladder_are_the_gateways(
    tmp_path: Path, film: Callable, serve: Callable[..., str]
) -> None:
    (tmp_path / "tiny.onnx").write_bytes(model())
    labels = [{**label, "threshold": 0.2} for label in MANIFEST["labels"]]
    manifest = tmp_path / "tiny.yaml"
    manifest.write_text(yaml.safe_dump({**MANIFEST, "labels": labels}))
    settings = Settings(data=tmp_path / "gateway", allow_private=True, classifier=manifest)
    url = serve({"/s": film()}) + "/s"
    found = rungs(settings, url)
    assert [rung for rung, _ in found] == ["note", "ring"]
    assert "colours 1 said" in found[1][1]
    rule = {"of": "classifier", "frames": 3, "within": 3, "because": "our own rule"}
    ladder = tmp_path / "ladder.yaml"
    ladder.write_text(yaml.safe_dump({"schema": "tocsin/ladder@1", "rungs": [{"name": "note", "rules": [rule]}]}))
    found = rungs(replace(settings, ladder=ladder), url)
    assert [rung for rung, _ in found] == ["note"]
    assert "our own rule" in found[0][1]


def test_a_ladder_that_cannot_be_used_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "ladder.yaml").write_text("rungs: []")
    with pytest.raises(LadderError, match=r"\.$"):
        Gateway.open(Settings(data=tmp_path / "gateway", ladder=tmp_path / "ladder.yaml"))


def events(gateway: Gateway) -> list[tuple[str, dict]]:
    """The webhook events that are on their way, by their names."""
    with gateway.store.reading() as session:
        rows = session.scalars(select(Delivery).order_by(Delivery.event)).all()
    return [(row.event, row.body["data"]) for row in rows]


def test_no_concern_withdraws_what_was_asked_for(tmp_path: Path, film: Callable, listed: Path, serve: Callable) -> None:
    """A reviewer of the service's own says so; the same picture then rings nobody, and the platform is told."""

    async def go() -> tuple[list[tuple[str, dict]], str, str]:
        gateway = Gateway.open(Settings(data=tmp_path / "gateway", allow_private=True, lists=(listed,)))
        gateway.webhooks.add("http://127.0.0.1:9/", [], "s" * 16)
        held = await gateway.watches.begin(serve({"/s": film((2, 2))}) + "/s", "ours")
        assert held.task is not None
        await held.task
        asked = held.told()["rung"]
        gateway.watches.release(held.id, "reviewer-7", "A drawing, and none of the listed.")
        await asyncio.gather(*gateway.watches._sending)
        seen = replace(making.observation(None), thread=held.id, at=gateway.clock.now())
        body = MediaSeen(
            prints=Fingerprints(media="picture"), matches=(held.events[-1].finding.matches), place="stream"
        )
        for _ in range(4):
            again = list(gateway.watches._detector.examine(replace(seen, kind=Kind.FRAME, body=body)))
            assert not again, "what a person has looked at is not told again at once"
        told = events(gateway), asked, held.told()["rung"]
        await gateway.watches.close()
        gateway.close()
        return told

    told, asked, after = asyncio.run(go())
    assert (asked, after) == ("hold", "")
    assert [event for event, _ in told] == [f"stream.{one}" for one in ("ended", "hold", "note", "release", "ring")]
    released = told[3][1]
    assert (released["by"], released["name"]) == ("reviewer-7", "ours")
    assert "withdrawn" in released["request"]


def test_a_decision_at_the_hub_is_told_too_once_and_for_streams_that_are_over(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, allow_private=True)
    enrolment: Any = SimpleNamespace(recorder=SimpleNamespace(opaque=lambda name: f"opaque {name}"))

    async def first() -> str:
        gateway = Gateway.open(settings)
        ended = await gateway.watches.begin("udp://0.0.0.0:9896", "ended")
        await gateway.watches.end(ended.id)
        await asyncio.gather(*gateway.watches._sending)
        await gateway.watches.close()
        gateway.close()
        return ended.id

    async def second(name: str) -> list[tuple[str, dict]]:
        gateway = Gateway.open(settings)
        gateway.webhooks.add("http://127.0.0.1:9/", [], "s" * 16)
        assert gateway.watches.waits
        gateway.road.enrolment = enrolment
        await gateway.watches.resume()
        said = {"number": 4, "alert": 7, "verdict": "false", "whole": "false", "streams": [f"opaque {name}", "other"]}
        for odd in (
            {},
            {"streams": 5, "whole": "false"},
            said | {"whole": "cannot-tell"},
            said | {"streams": ["other", 5]},
        ):
            await asyncio.to_thread(gateway.watches.heard, odd)
        for _ in range(2):
            await asyncio.to_thread(gateway.watches.heard, said)
        again = said | {"number": 5, "whole": "open", "rung": "hold"}
        for odd in (again | {"rung": "odd"}, again, said | {"number": 6, "whole": "true"}):
            await asyncio.to_thread(gateway.watches.heard, odd)
        told = events(gateway)
        gateway.road.enrolment = None
        await gateway.watches.close()
        gateway.close()
        return told

    name = asyncio.run(first())
    told = asyncio.run(second(name))
    assert [event for event, _ in told] == ["stream.confirmed", "stream.hold", "stream.release"]
    assert {(one["stream"], one["name"], one["by"]) for _, one in told} == {(name, "ended", "alert A-7")}
    assert [one["rung"] for _, one in told] == ["", "hold", ""]
