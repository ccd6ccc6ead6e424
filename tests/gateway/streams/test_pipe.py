"""The writing end: waits for a slow reader, and says when nobody reads or the reader hangs."""

import asyncio
import os

import pytest

from tocsin.gateway.streams.framing import Chunks
from tocsin.gateway.streams.pipe import CAPACITY, HungError, Pipe


def test_everything_arrives_however_slow_the_reader() -> None:
    data = os.urandom(3 * CAPACITY)

    async def through() -> bytes:
        pipe = Pipe()
        chunks = Chunks(os.fdopen(pipe.reading, "rb", buffering=0))
        reading = asyncio.to_thread(lambda: b"".join(iter(lambda: chunks.read(5000), b"")))
        task = asyncio.ensure_future(reading)
        await pipe.send(data, 7)
        pipe.close()
        return await task

    assert asyncio.run(through()) == data


def test_a_reader_that_hangs_is_told_of() -> None:
    async def hang() -> None:
        pipe = Pipe(stuck=0.05)
        try:
            with pytest.raises(HungError):
                await pipe.send(bytes(2 * CAPACITY), 1)
        finally:
            os.close(pipe.reading)
            pipe.close()

    asyncio.run(hang())


def test_nobody_reading_is_an_error() -> None:
    async def send() -> None:
        pipe = Pipe()
        os.close(pipe.reading)
        with pytest.raises(BrokenPipeError):
            await pipe.send(b"x", 1)
        pipe.close()
        with pytest.raises(BrokenPipeError):
            await pipe.fresh()

    asyncio.run(send())
