"""Processes that decode streams: many in one, and one that breaks costs the others a moment only."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tocsin.gateway.streams.looks import Look
from tocsin.gateway.streams.pool import BrokenError, Pool, PoolSettings, Watched
from tocsin.media.limited import LimitedError
from tocsin.model import NotScanned


def opened(folder: Path, name: str, data: bytes) -> int:
    path = folder / name
    path.write_bytes(data)
    return os.open(path, os.O_RDONLY)


def test_many_streams_in_one_process(film: Callable, tmp_path: Path) -> None:
    async def watch() -> list[list[Look]]:
        looks: list[list[Look]] = [[] for _ in range(5)]
        async with Pool(PoolSettings(least=0.0)) as pool:
            watched = [Watched(one.append) for one in looks]
            for number, one in enumerate(watched):
                await pool.watch(one, opened(tmp_path, str(number), film()), framed=False)
            assert len(pool.processes) == 1
            assert [await one.ended for one in watched if one.ended] == [None] * 5
        assert not pool.processes
        return looks

    assert [len(one) for one in asyncio.run(watch())] == [6] * 5


def test_what_is_no_stream_is_told_with_its_reason(tmp_path: Path) -> None:
    async def watch() -> NotScanned | None:
        async with Pool() as pool:
            watched = Watched(lambda _: None)
            await pool.watch(watched, opened(tmp_path, "x", b"x" * 5000), framed=False)
            assert watched.ended
            return await watched.ended

    absence = asyncio.run(watch())
    assert absence is not None
    assert absence.reason == "unreadable"


def test_a_piece_is_cut_in_the_process_too(film: Callable, tmp_path: Path) -> None:
    async def cut(data: bytes) -> dict | NotScanned:
        async with Pool() as pool:
            descriptor = opened(tmp_path, "x", data)
            try:
                return await pool.cut(descriptor, 0, 1e9, 1 << 24)
            finally:
                os.close(descriptor)

    found = asyncio.run(cut(film()))
    assert isinstance(found, dict)
    assert found["data"][4:8] == b"ftyp"
    assert isinstance(asyncio.run(cut(b"nothing")), NotScanned)


def test_a_process_that_may_not_be_run_is_an_error_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def watch() -> None:
        async with Pool() as pool:
            await pool.watch(Watched(lambda _: None), opened(tmp_path, "x", b"x"), framed=False)

    (tmp_path / "python").write_text("not to be run")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(LimitedError, match=r"streams cannot be run: Permission denied\."):
        asyncio.run(watch())


def test_streams_of_a_process_that_ends_are_halved_until_the_culprit_is_alone(tmp_path: Path) -> None:
    """Each stream waits on a pipe; whichever process holds the culprit is killed, as a codec's fault would."""

    async def hunt() -> tuple[int, int]:
        async with Pool() as pool:
            streams = [Watched(lambda _: None) for _ in range(8)]
            pipes = []

            async def begin(one: Watched) -> None:
                there, here = os.pipe()
                pipes.append(here)
                await pool.watch(one, there, framed=True)

            for one in streams:
                await begin(one)
            kills = 0
            culprit = streams[5]
            while not culprit.crashes:
                assert culprit.worker
                broken = list(culprit.worker.streams.values())
                os.kill(culprit.worker.pid, signal.SIGKILL)
                kills += 1
                for one in broken:
                    assert one.ended
                    try:
                        await one.ended
                    except BrokenError:
                        await begin(one)
            innocent = sum(one.crashes for one in streams if one is not culprit)
            for here in pipes:
                os.close(here)
            return kills, innocent

    kills, innocent = asyncio.run(hunt())
    assert kills <= 4, "eight streams are halved to one in three"
    assert innocent == 0
