"""One stream from end to end: found on the ladder, sealed, and every gap counted."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tocsin.demo.stage import free_port
from tocsin.detectors.ladder import HOLD, NOTE, RING
from tocsin.detectors.live_stream import LiveStream
from tocsin.evidence.sealing import new_identity, open_sealed
from tocsin.gateway.streams.addresses import Rules, parse
from tocsin.gateway.streams.lookups import Lookups
from tocsin.gateway.streams.pool import Pool, PoolSettings
from tocsin.gateway.streams.sealed import SealedFolder
from tocsin.gateway.streams.source import Ways
from tocsin.gateway.streams.watch import ENDED, FAILED, Terms, Watch, _number
from tocsin.gateway.streams.weighing import Event, Weighing
from tocsin.matching.road import Lists
from tocsin.model import SystemClock

RULES = Rules(allow_private=True, files=True)


def watched(address: str, listed: Path, sealed: SealedFolder | None = None, **terms: Any) -> tuple[Watch, list[Event]]:
    lists, found = Lists.open([listed]), []

    async def all_of() -> Watch:
        async with Pool(PoolSettings(least=0.0)) as pool:
            lookups = Lookups(lambda batch: lists.match(batch))

            def weighing(watch: Watch) -> Weighing:
                return Weighing(
                    stream="1", shown=watch.address.shown, lookups=lookups, detector=LiveStream(), recording=sealed,
                    clock=SystemClock(), piece=watch.piece, tell=found.append, after=0.2,
                )  # fmt: skip

            wanted = Terms(**{"give_up": 0.2, **terms})
            watch = Watch(parse(address, RULES), pool, Ways(RULES, silence=1.0), wanted, SystemClock(), weighing)
            await watch.run()
            await lookups.close()
            return watch

    return asyncio.run(all_of()), found


def test_a_recording_rises_on_the_ladder_and_is_complete(film: Callable, listed: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.ts"
    path.write_bytes(film((1, 2), seconds=5))
    identity, recipient = new_identity()
    watch, found = watched(str(path), listed, SealedFolder(tmp_path / "sealed", (recipient,)))
    assert [one.rung for one in found] == [NOTE, RING, HOLD]
    assert watch.state == ENDED
    assert watch.complete
    assert watch.told()["looked"] == 10
    assert found[1].sealed
    document = open_sealed(Path(found[1].sealed["path"]).read_bytes(), [identity])
    assert document["files"][0]["mime"] == "video/mp4"
    assert found[0].sealed is None, "a note calls nobody and seals nothing"


def test_what_shows_nothing_listed_finds_nothing(film: Callable, listed: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.ts"
    path.write_bytes(film((1, 4)))
    watch, found = watched(str(path), listed)
    assert not found
    assert watch.complete


def test_a_file_that_is_not_there_or_no_video_is_never_complete(listed: Path, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 5000)
    for address in (str(path), str(tmp_path / "none")):
        watch, _ = watched(address, listed)
        assert watch.state == FAILED
        assert not watch.complete
        assert watch.gaps()


def test_a_server_that_is_not_there_is_given_up_with_a_sentence(listed: Path) -> None:
    watch, _ = watched("http://127.0.0.1:9/stream", listed)
    assert watch.state == FAILED
    assert "connection" in watch.reason.detail
    assert not watch.complete


def test_waiting_for_one_who_has_not_begun_to_send_loses_nothing(listed: Path) -> None:
    watch, _ = watched(f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}", listed, give_up=2.5)
    assert (watch.state, watch.reconnects) == (FAILED, 0)
    assert not watch.complete
    assert not any("made again" in gap for gap in watch.gaps())


@pytest.mark.parametrize(
    ("count", "one", "said"),
    [
        (1, "once", "once"),
        (2, "once", "2 times"),
        (1, "1 part of the stream", "1 part of the stream"),
        (1200, "1 part of the stream", "1,200 parts of the stream"),
        (2, "1 segment", "2 segments"),
    ],
)
def test_one_and_many_are_said_as_people_say_them(count: int, one: str, said: str) -> None:
    assert _number(count, one) == said
