"""The writing end of a stream's pipe, for the event loop: it waits where the reader is slow, and says when it hangs."""

import asyncio
import contextlib
import fcntl
import os
import time

from tocsin.gateway.streams import framing

CAPACITY = 1 << 20
_PIECE = 256 << 10
_SET_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)


class HungError(OSError):
    """The reader has taken nothing for long."""


class Pipe:
    """A pipe whose reading end is handed away. ``stuck`` seconds without a byte taken raise :class:`HungError`."""

    def __init__(self, stuck: float = 20.0) -> None:
        self.reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        if _SET_SIZE is not None:
            with contextlib.suppress(OSError):  # where the user's pipes may not be so large
                fcntl.fcntl(self._writing, _SET_SIZE, CAPACITY)
        self._stuck = stuck
        self.waited = 0.0

    async def send(self, data: bytes, arrived_ns: int) -> None:
        """Send bytes of the stream. Raises BrokenPipeError where nobody reads any more, HungError."""
        view = memoryview(data)
        for at in range(0, len(view), _PIECE):
            await self._write(framing.chunk(bytes(view[at : at + _PIECE]), arrived_ns))

    async def fresh(self) -> None:
        """Tell the reader to open what follows anew."""
        await self._write(framing.fresh(time.monotonic_ns()))

    def close(self) -> None:
        """End the stream; what is in the pipe can still be read."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    async def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if self._writing < 0:
                raise BrokenPipeError
            try:
                view = view[os.write(self._writing, view) :]
            except BlockingIOError:
                await self._writable()

    async def _writable(self) -> None:
        loop, began = asyncio.get_running_loop(), time.monotonic()
        ready: asyncio.Future[None] = loop.create_future()
        writing = self._writing
        loop.add_writer(writing, _done, ready)
        try:
            async with asyncio.timeout(self._stuck):
                await ready
        except TimeoutError:
            raise HungError from None
        finally:
            loop.remove_writer(writing)
            self.waited += time.monotonic() - began


def _done(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
