"""SRT goes through a command; where there is none, a sentence says what to install."""

import asyncio
from pathlib import Path

import pytest

from tocsin.gateway.streams.addresses import Rules, parse
from tocsin.gateway.streams.source import SourceError, Ways
from tocsin.gateway.streams.srt import SrtSource


async def first(source: SrtSource) -> bytes:
    chunks = source.chunks()
    try:
        return bytes(await anext(chunks))
    finally:
        await chunks.aclose()


def test_without_a_command_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    source = SrtSource(parse("srt://127.0.0.1:9000", Rules(allow_private=True)), Ways(Rules(allow_private=True)))
    with pytest.raises(SourceError, match="install srt-tools") as error:
        asyncio.run(first(source))
    assert error.value.final


def test_a_private_address_is_not_called() -> None:
    source = SrtSource(parse("srt://127.0.0.1:9000", Rules()), Ways(Rules()))
    with pytest.raises(SourceError, match="private"):
        asyncio.run(first(source))


def test_only_options_that_are_understood_reach_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "srt-live-transmit"
    command.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    rules = Rules(allow_private=True)
    source = SrtSource(parse("srt://127.0.0.1:9000?streamid=a%26b&evil=-y&latency=80", rules), Ways(rules))
    said = asyncio.run(first(source)).decode()
    assert "srt://127.0.0.1:9000?streamid=a%26b&latency=80&mode=caller" in said
    assert "evil" not in said


def test_a_watch_that_is_ended_just_as_bytes_come_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "srt-live-transmit"
    command.write_text("#!/bin/sh\nexec yes\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    rules = Rules(allow_private=True)

    async def watched() -> int:
        came = asyncio.Event()

        async def watch() -> None:
            async for _ in SrtSource(parse("srt://127.0.0.1:9000", rules), Ways(rules)).chunks():
                came.set()

        left = 0
        for turns in range(8):
            came.clear()
            task = asyncio.create_task(watch())
            await came.wait()
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            left += not (await asyncio.wait({task}, timeout=60))[0]
        return left

    assert asyncio.run(watched()) == 0
