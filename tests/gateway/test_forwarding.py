import asyncio
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from tocsin.gateway.forwarding import INTERNAL, Core, packed, router, unpacked
from tocsin.gateway.observing import Sighting
from tocsin.gateway.refusals import Refused
from tocsin.gateway.road import NO_ROOM, NotRecordedError
from tocsin.model.media import Fingerprints, Match, Print
from tocsin.model.rect import Rect


def test_a_sighting_crosses_between_processes_whole():
    prints = Fingerprints(media="picture", sha256="ab" * 32, prints=(Print("0f" * 32, 90, "scaled", turn=3),))
    match = Match(
        list="l", entry="é", by="video", distance=0, shares=(0.5, 0.25), key="f" * 16, region=Rect(1, 2, 3, 4)
    )
    one = Sighting(
        prints=prints, matches=(match,), caller="coop", name="a.jpg", item="i", account="a", data=bytes(range(256))
    )
    again = unpacked(packed(one))
    assert again == one
    assert (again.matches[0].key, again.matches[0].region) == ("f" * 16, Rect(1, 2, 3, 4))


def test_the_way_between_processes_is_closed_from_outside(api):
    assert api.post(f"{INTERNAL}sighting", content=b"x").status_code == 404


def test_what_found_no_room_at_the_core_is_told_to_whoever_showed_it(monkeypatch):
    async def see(self, sighting):
        raise NotRecordedError(NO_ROOM)

    monkeypatch.setattr("tocsin.gateway.observing.OnRoad.see", see)
    one = Sighting(prints=Fingerprints(media="picture"), matches=(), caller="coop")

    async def show():
        app = FastAPI()
        app.include_router(router)
        app.state.gateway = None
        core = Core("http://core")
        core._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://core")
        try:
            await core.see(one)
        finally:
            await core.close()

    with pytest.raises(NotRecordedError, match=NO_ROOM):
        asyncio.run(show())


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "http.request", "body": b"", "more_body": False}],
        [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}],
    ],
)
def test_a_body_that_ends_early_is_refused_and_not_handed_on(tmp_path, monkeypatch, messages):
    monkeypatch.chdir(tmp_path)  # the folder's own name may be longer than the address of a socket

    async def hand_on():
        async def take(reader, writer):
            await reader.read()
            writer.close()

        server = await asyncio.start_unix_server(take, "core")
        core = Core(Path("core"))
        scope = {
            "type": "http", "method": "POST", "path": "/c/banks", "raw_path": b"/c/banks", "query_string": b"",
            "headers": [(b"content-length", b"2")],
        }  # fmt: skip
        left = list(messages)

        async def receive():
            return left.pop(0)

        async def send(message):
            raise AssertionError(message)

        try:
            with pytest.raises(Refused) as caught:
                await core.forward(scope, receive, send)
        finally:
            await core.close()
            server.close()
            await server.wait_closed()
        return caught.value.status

    assert asyncio.run(hand_on()) == 400


def test_a_call_is_handed_on_without_looking_for_packages_on_the_disk(tmp_path, monkeypatch):
    looked, answers = [], []
    monkeypatch.chdir(tmp_path)

    class Finder:
        @staticmethod
        def find_spec(name, *_):
            looked.append(name)

    async def hand_on():
        async def answer(reader, writer):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

        server = await asyncio.start_unix_server(answer, "core")
        core = Core(Path("core"))
        scope = {"type": "http", "method": "GET", "path": "/x", "raw_path": b"/x", "query_string": b"", "headers": []}

        async def send(message):
            answers.append(message.get("body", b""))

        await core.forward(scope, None, send)
        monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
        await core.forward(scope, None, send)
        await core.close()
        server.close()

    asyncio.run(hand_on())
    assert b"".join(answers) == b"{}{}"
    assert looked == []
