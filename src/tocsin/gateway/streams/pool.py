"""The limited processes that streams are decoded in, from outside: one holds many, and may break without harm.

What comes back is read as a stranger's words. A process that ends takes its streams' decoders with it: they are handed
to two others, half to each, and the gap counted. If it was one stream that broke it, halving leaves that one alone in
the end, where it breaks only its own; then it is given up.
"""

import asyncio
import base64
import contextlib
import json
import logging
import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tocsin.gateway.streams.looks import Look, Tally, look_of, tally_of
from tocsin.media import starting
from tocsin.media.limited import LimitedError
from tocsin.media.messages import MOST, MessageError
from tocsin.model.observation import NotScanned

_log = logging.getLogger(__name__)
_START_S = 60.0
_CUT_S = 30.0
_NULL = "/dev/null"


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How streams are decoded: in ``workers`` processes, each of at most ``memory`` bytes and ``each`` streams.

    ``share`` of a core that one stream may cost, ``least`` seconds between two looks, ``classifier`` the manifest of
    an operator's own model, ``crashes`` that a stream may cause alone before it is given up.
    """

    workers: int = 1
    memory: int = 4 << 30
    each: int = 400
    share: float = 0.05
    least: float = 0.4
    scenes: bool = True
    classifier: str = ""
    crashes: int = 3
    nice: int = 0


@dataclass(slots=True)
class Watched:
    """One stream in the pool. ``on_look`` gets each look; ``ended`` is done when its decoder is, with the reason.

    ``crashes`` counts the processes that it broke while alone in them; ``group`` names those it is watched with since
    one broke.
    """

    on_look: Callable[[Look], None]
    tally: Tally = field(default_factory=Tally)
    crashes: int = 0
    group: str = ""
    number: int = 0
    worker: "_Worker | None" = None
    ended: "asyncio.Future[NotScanned | None] | None" = None


class BrokenError(OSError):
    """The process that decoded a stream ended; the stream may be handed over again."""


class Pool:
    """Use from one event loop, as an async context manager."""

    def __init__(self, settings: PoolSettings | None = None) -> None:
        self.settings = settings or PoolSettings()
        self._workers: list[_Worker] = []
        self._numbers = 0
        self._lock = asyncio.Lock()
        self.broken = 0

    async def __aenter__(self) -> "Pool":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every process."""
        for worker in self._workers:
            await worker.close()
        self._workers = []

    @property
    def processes(self) -> tuple[int, ...]:
        """The ids of the processes that run now."""
        return tuple(worker.pid for worker in self._workers if worker.alive)

    async def watch(self, watched: Watched, descriptor: int, *, framed: bool) -> None:
        """Hand an open file to a process; it is closed here. Raises LimitedError, and BrokenError on the way."""
        try:
            worker = await self._place(watched)
            self._numbers += 1
            watched.number, watched.worker = self._numbers, worker
            watched.ended = asyncio.get_running_loop().create_future()
            settings = self.settings
            wanted = {"framed": framed, "share": settings.share, "least": settings.least, "scenes": settings.scenes}
            wanted["classify"] = bool(settings.classifier)
            worker.streams[watched.number] = watched
            await worker.send({"do": "watch", "id": watched.number, "settings": wanted}, descriptor)
        finally:
            os.close(descriptor)

    async def close_stream(self, watched: Watched) -> None:
        """Stop looking at a stream; what is under way is dropped."""
        worker, watched.worker = watched.worker, None
        if worker is None:
            return
        worker.streams.pop(watched.number, None)
        if watched.ended is not None and not watched.ended.done():
            watched.ended.set_result(None)  # who waits for its end waits no longer: nothing of it is heard from now on
        with contextlib.suppress(OSError):
            await worker.send_null({"do": "close", "id": watched.number})
        if worker.group and not worker.streams and worker in self._workers:
            self._workers.remove(worker)
            await worker.close()

    async def cut(self, source: int, start: float, end: float, most: int) -> "dict[str, Any] | NotScanned":
        """Copy a piece out of an open file, which stays the caller's: ``data``, ``mime``, ``seconds``, ``full``."""
        try:
            worker = await self._place(None)
            self._numbers += 1
            number = self._numbers
            answer = worker.asked[number] = asyncio.get_running_loop().create_future()
            try:
                request = {"do": "cut", "id": number, "start": start, "end": min(end, 1e9), "most": most}
                await worker.send(request, source)
                async with asyncio.timeout(_CUT_S):
                    found: dict[str, Any] = await answer
            finally:
                worker.asked.pop(number, None)
        except (OSError, LimitedError, TimeoutError):
            return NotScanned("failed", "The piece of the stream could not be cut out; the decoder ended or took long.")
        return _piece(found)

    def kill(self, watched: Watched) -> None:
        """End the process that a stream hangs in; it is watched alone from then on."""
        if watched.worker is not None:
            watched.worker.hung = watched
            watched.worker.kill()

    async def _place(self, watched: Watched | None) -> "_Worker":
        """Return a process with room, started where there is none."""
        async with self._lock:
            for worker in [one for one in self._workers if not one.alive]:
                self._workers.remove(worker)
                await worker.close()
            group = watched.group if watched is not None else ""
            held = [one for one in self._workers if one.group == group]
            free = min(held, key=lambda one: len(one.streams), default=None)
            crowded = free is not None and len(free.streams) > 0 and len(held) < self.settings.workers
            full = free is not None and watched is not None and len(free.streams) >= self.settings.each
            if free is None or full or (crowded and not group):
                free = await self._started(group)
                self._workers.append(free)
            return free

    async def _started(self, group: str) -> "_Worker":
        settings = self.settings
        told: dict[str, Any] = {"nice": settings.nice, "memory": settings.memory, "descriptors": settings.each * 2 + 64}
        if settings.classifier:
            told["classifier"] = settings.classifier
        worker = _Worker(told, group, self._on_broken)
        await worker.start()
        return worker

    def _on_broken(self, worker: "_Worker", streams: Sequence[Watched]) -> None:
        """Halve the streams of a process that ended, to find out by and by which one ends it."""
        if not streams:
            return
        self.broken += 1
        _log.warning("A process that decodes streams ended; %d streams are handed to others.", len(streams))
        alone = worker.hung if worker.hung in streams else streams[0] if len(streams) == 1 else None
        if alone is not None:
            alone.crashes += 1
            alone.group = alone.group or f"{worker.pid}!"
            return
        for place, one in enumerate(streams):
            one.group = f"{worker.group or worker.pid}{place % 2}"


class _Worker:
    """One limited process and the streams in it."""

    def __init__(
        self, settings: dict[str, Any], group: str, on_broken: Callable[["_Worker", Sequence[Watched]], None]
    ) -> None:
        self._settings, self.group, self._on_broken = settings, group, on_broken
        self.hung: Watched | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self._reader: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.streams: dict[int, Watched] = {}
        self.asked: dict[int, asyncio.Future[dict[str, Any]]] = {}

    @property
    def alive(self) -> bool:
        """Whether the process runs and is listened to."""
        return self._process is not None and self._reader is not None and not self._reader.done()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start the process. Raises LimitedError."""
        try:
            self._process, ours = starting.start("tocsin.gateway.streams.worker", self._settings, arenas=2)
        except OSError as error:
            raise LimitedError(f"The limited process that decodes streams cannot be run: {error.strerror}.") from error
        ours.setblocking(False)
        self._sock = ours
        try:
            async with asyncio.timeout(_START_S):
                hello = await self._receive()
        except (OSError, TimeoutError, MessageError) as error:
            await self.close()
            raise LimitedError("The limited process that decodes streams could not be started.") from error
        if not hello.get("ready"):
            await self.close()
            raise LimitedError(f"The limited process that decodes streams could not be started: {hello.get('error')}")
        if missing := hello.get("missing"):
            _log.warning("Streams are decoded with less protection than on Linux: without %s.", ", ".join(missing))
        self._reader = asyncio.create_task(self._listen())

    async def send(self, message: dict[str, Any], descriptor: int) -> None:
        """Send an order with an open file beside it. Raises OSError."""
        if self._sock is None:
            raise BrokenError
        text = json.dumps(message).encode()
        data = len(text).to_bytes(4, "big") + text
        async with self._turn:
            sent = socket.send_fds(self._sock, [data], [descriptor])
            if sent < len(data):  # a worker that has it all may have answered and left already
                await asyncio.get_running_loop().sock_sendall(self._sock, data[sent:])

    async def send_null(self, message: dict[str, Any]) -> None:
        """Send an order that needs no file. Raises OSError."""
        descriptor = os.open(_NULL, os.O_RDONLY | os.O_CLOEXEC)
        try:
            await self.send(message, descriptor)
        finally:
            os.close(descriptor)

    def kill(self) -> None:
        """End the process at once; the listener sees it end."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    async def close(self) -> None:
        """End the process and let go of everything."""
        self.kill()
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        if self._process is not None:
            await asyncio.to_thread(self._process.communicate)

    async def _listen(self) -> None:
        try:
            while True:
                self._take(await self._receive())
        except (OSError, MessageError, ValueError, KeyError, TypeError) as error:
            if not isinstance(error, OSError):
                _log.warning("A process that decodes streams broke the rules and was ended.")
            self.kill()
        finally:
            streams, self.streams = list(self.streams.values()), {}
            self._on_broken(self, streams)
            for one in streams:
                if one.ended is not None and not one.ended.done():
                    one.ended.set_exception(BrokenError())
            for asked in self.asked.values():
                if not asked.done():
                    asked.set_exception(BrokenError())

    def _take(self, message: dict[str, Any]) -> None:
        number = message["id"]
        if "cut" in message:
            answer = self.asked.get(number)
            if answer is not None and not answer.done():
                answer.set_result(message["cut"])
            return
        watched = self.streams.get(number)
        if watched is None:
            return
        watched.tally = tally_of(message)
        if "look" in message:
            watched.on_look(look_of(message["look"]))
        elif "ended" in message:
            self.streams.pop(number)
            if watched.ended is not None and not watched.ended.done():
                why = message["ended"]
                watched.ended.set_result(None if why is True else _absence(why))

    async def _receive(self) -> dict[str, Any]:
        size = int.from_bytes(await self._exactly(4), "big")
        if size > MOST:
            raise MessageError("a message is too long")
        message = json.loads(await self._exactly(size))
        if not isinstance(message, dict):
            raise MessageError("a message is not an object")
        return message

    async def _exactly(self, count: int) -> bytes:
        assert self._sock is not None
        loop, parts = asyncio.get_running_loop(), bytearray()
        while len(parts) < count:
            part = await loop.sock_recv(self._sock, min(count - len(parts), 1 << 20))
            if not part:
                raise BrokenError
            parts += part
        return bytes(parts)


def _absence(raw: dict[str, Any]) -> NotScanned:
    reason = raw["reason"] if raw["reason"] in ("unsupported", "unreadable", "too-large", "failed") else "failed"
    return NotScanned(reason, "".join(c if c.isprintable() else " " for c in str(raw["detail"])[:300]))


def _piece(raw: dict[str, Any]) -> dict[str, Any] | NotScanned:
    try:
        if "none" in raw:
            return _absence(raw["none"])
        mime = raw["mime"]
        if mime not in ("video/mp4", "video/mp2t", "video/x-matroska"):
            raise MessageError("a piece's type is unknown")
        data = base64.b64decode(raw["data"], validate=True)
        return {"data": data, "mime": mime, "seconds": float(raw["seconds"]), "full": bool(raw["full"])}
    except (KeyError, TypeError, ValueError):
        return NotScanned("failed", "What came back about the stream was not of the form agreed.")
