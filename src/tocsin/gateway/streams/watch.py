"""One stream from end to end: its source, the process that decodes it, the memory of its last seconds, its findings.

A source that breaks is tried again after a while, ever longer; a decoder that breaks is replaced. Each gap is counted,
and a watch with a gap is never complete.
"""

import asyncio
import contextlib
import logging
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocsin.evidence.sealing import Attachment
from tocsin.gateway.streams.addresses import Address
from tocsin.gateway.streams.looks import Tally
from tocsin.gateway.streams.pipe import HungError, Pipe
from tocsin.gateway.streams.pool import BrokenError, Pool, Watched
from tocsin.gateway.streams.ring import Ring
from tocsin.gateway.streams.source import Mark, Source, SourceError, Ways
from tocsin.gateway.streams.sources import source_of
from tocsin.gateway.streams.weighing import Weighing
from tocsin.media.limited import LimitedError
from tocsin.media.opening import open_regular
from tocsin.model import Clock, NotScanned, utc_text

_log = logging.getLogger(__name__)
CONNECTING, WATCHING, WAITING, ENDED, FAILED, STOPPED = (
    "connecting",
    "watching",
    "waiting",
    "ended",
    "failed",
    "stopped",
)
OVER = frozenset({ENDED, FAILED, STOPPED})
_STEADY = 30.0
_LONGEST_WAIT = 30.0
_LET_GO_S = 0.05


@dataclass(frozen=True, slots=True)
class Terms:
    """How a stream is watched: ``before`` and ``after`` seconds around a finding are sealed, ``piece`` bytes at most.

    ``give_up`` seconds without a connection end the watch; ``stuck`` seconds without progress end a decoder;
    ``seconds`` of watching (0: without end), for the key ``owner``. ``account`` is the service's opaque id of who
    streams, where it gave one.
    """

    before: float = 20.0
    after: float = 5.0
    piece: int = 16 << 20
    give_up: float = 600.0
    stuck: float = 20.0
    seconds: float = 0.0
    owner: int = 0
    account: str = ""


class Watch:
    """Run it once, as a task; read ``told()`` at any time; cancel the task to stop it."""

    def __init__(
        self,
        address: Address,
        pool: Pool,
        ways: Ways,
        terms: Terms,
        clock: Clock,
        weighing: Callable[["Watch"], Weighing],
    ) -> None:
        self.address, self._pool, self._ways, self.terms = address, pool, ways, terms
        self.clock = clock
        self.state, self.reason = CONNECTING, NotScanned("", "")
        self.began: datetime = clock.now()
        self.reconnects, self.restarts, self.dropped, self.skipped = 0, 0, 0, 0
        self.ring = Ring(terms.before, terms.piece)
        self._past, self._watched = Tally(), Watched(lambda _: None)
        self._pipe: Pipe | None = None
        self._whole = self._came = False
        self.weighing = weighing(self)

    @property
    def tally(self) -> Tally:
        """What the stream has come to, over all the decoders it had."""
        return self._past.plus(self._watched.tally)

    def gaps(self) -> list[str]:
        """Return sentences on what was not watched; empty for a watch that is complete so far."""
        tally, found = self.tally, []
        if self.reason.reason:
            found.append(self.reason.detail)
        for count, one, words in (
            (self.reconnects, "once", "The connection was lost and made again {}."),
            (self.restarts, "once", "The decoder was replaced {}."),
            (self.dropped, "1 byte", "{} came faster than could be taken."),
            (self.skipped, "1 segment", "Missed: {}."),
            (tally.broken, "1 part of the stream", "{} could not be decoded."),
            (tally.shed["keyframes"], "1 keyframe", "Left out for want of time: {}."),
            (self.weighing.failed, "1 frame", "{} could not be compared or recorded."),
        ):
            if count:
                found.append(words.format(_number(count, one)))
        if not tally.looked:
            found.append("No frame was looked at.")
        return found

    @property
    def complete(self) -> bool:
        """True only of a watch that came to its end with nothing missed."""
        return self._whole and not self.gaps()

    def told(self) -> dict[str, Any]:
        """Return the watch as JSON."""
        tally = self.tally
        return {
            "address": self.address.shown,
            "state": self.state,
            "reason": self.reason.reason,
            "detail": self.reason.detail,
            "began": utc_text(self.began),
            "complete": self.complete,
            "gaps": self.gaps(),
            "looked": tally.looked,
            "keyframes": tally.keyframes,
            "scenes": tally.scenes,
            "spared": tally.spared,
            "shed": {kind: tally.shed[kind] for kind in ("classifier", "scenes", "keyframes")},
            "level": tally.level,
            "broken": tally.broken,
            "reopened": tally.reopened,
            "longest_between_looks": tally.longest,
            "sizes": list(tally.sizes),
            "bytes": tally.bytes,
            "held_bytes": self.ring.size,
            "lag": round(self.weighing.lag, 3),
            "worst_lag": round(self.weighing.worst, 3),
            "reconnects": self.reconnects,
            "restarts": self.restarts,
            "dropped_bytes": self.dropped,
            "skipped_segments": self.skipped,
        }

    async def run(self) -> None:
        """Watch to the end. Never raises but when it is cancelled."""
        weighing = asyncio.create_task(self.weighing.run())
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.terms.seconds or None) as bound:
                    await (self._recorded() if self.address.scheme == "file" else self._live())
            if bound.expired():
                self._whole, self.state = True, STOPPED
            elif self.state not in OVER:
                self.state = FAILED if self.reason.reason else ENDED
                self._whole = not self.reason.reason
        except LimitedError as error:
            self._fail(NotScanned("failed", str(error)))
        except Exception:
            _log.exception("Watching %s failed", self.address.shown)
            self._fail(NotScanned("failed", "Watching failed; the software met something unforeseen."))
        except asyncio.CancelledError:
            self.state = STOPPED
            raise
        finally:
            if self._pipe is not None:
                self._pipe.close()
            await asyncio.shield(self._let_go(weighing))

    async def _let_go(self, weighing: "asyncio.Task[None]") -> None:
        await self._pool.close_stream(self._watched)
        await self.weighing.end()
        await asyncio.gather(weighing, return_exceptions=True)
        self.ring.fresh()

    def _fail(self, reason: NotScanned) -> None:
        self.state, self.reason = FAILED, reason

    async def _recorded(self) -> None:
        """Watch a recording: a file that is read as fast as it can be."""
        while True:
            descriptor = open_regular(self.address.text)
            if isinstance(descriptor, NotScanned):
                self._fail(descriptor)
                return
            self.state = WATCHING
            if await self._decoded(descriptor, framed=False):
                return

    async def _live(self) -> None:
        """Watch a live stream: one task brings its bytes, this one keeps a decoder at the other end of the pipe."""
        feeding: asyncio.Task[None] | None = None
        try:
            while True:
                pipe = Pipe(self.terms.stuck)
                if head := self.ring.head:
                    await pipe.send(head, time.monotonic_ns())
                self._pipe = pipe
                decoding = asyncio.create_task(self._decoded(pipe.reading, framed=True))
                feeding = feeding or asyncio.create_task(self._fed())
                await asyncio.wait({decoding, feeding}, return_when=asyncio.FIRST_COMPLETED)
                if feeding.done():
                    pipe.close()
                if await decoding:
                    return
                pipe.close()
        finally:
            if feeding is not None:
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)

    async def _decoded(self, descriptor: int, *, framed: bool) -> bool:
        """Have an open file decoded; false where the decoder broke and another is to be asked."""
        self._past = self._past.plus(self._watched.tally)
        before, self._watched = self._watched, Watched(self.weighing.look)
        self._watched.crashes, self._watched.group = before.crashes, before.group
        try:
            await self._pool.watch(self._watched, descriptor, framed=framed)
            assert self._watched.ended is not None
            absence = await self._watched.ended
        except BrokenError:
            self.restarts += 1
            if self._watched.crashes < self._pool.settings.crashes:
                return False
            absence = NotScanned("failed", "The stream broke the decoder again and again, and was given up.")
        if absence is not None and not self.reason.reason:
            self._fail(absence)
        return True

    async def _fed(self) -> None:
        """Bring the stream's bytes, over as many connections as it takes, until it ends or is given up."""
        failing_since: float | None = None
        wait = 0.5
        while True:
            began = time.monotonic()
            source = source_of(self.address, self._ways, self._noted)
            try:
                self.state = CONNECTING if not self.reconnects else WAITING
                self._came = False
                await self._poured(source)
                return
            except SourceError as error:
                now = time.monotonic()
                if now - began > _STEADY:
                    failing_since, wait = None, 0.5
                failing_since = failing_since or began
                if error.final or now - failing_since + wait > self.terms.give_up:
                    self._fail(NotScanned(error.code, str(error)))
                    return
                if self.address.listen and not self._came and error.code == "time-out":
                    await asyncio.sleep(_LET_GO_S)
                    continue  # nobody has begun to send: nothing was lost, and whoever comes now is to find us
            self.state = WAITING
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - so that many do not call at once
            wait = min(_LONGEST_WAIT, wait * 2)
            self.reconnects += 1
            self.ring.fresh()
            await self._passed(None, time.monotonic_ns())

    async def _poured(self, source: Source) -> None:
        async with contextlib.aclosing(source.chunks()) as chunks:  # type: ignore[type-var]
            async for data in chunks:
                now = time.monotonic_ns()
                self.state, self._came = WATCHING, True
                if isinstance(data, Mark):
                    self.ring.fresh()
                    await self._passed(None, now)
                    continue
                if data[4:8] == b"ftyp":
                    self.ring.first(data)
                else:
                    self.ring.add(data, now / 1e9)
                await self._passed(data, now)

    async def _passed(self, data: bytes | None, arrived_ns: int) -> None:
        """Hand bytes (or: begin anew) to the decoder; they are lost where it broke or hangs, which is counted."""
        pipe = self._pipe
        if pipe is None:
            return
        try:
            await (pipe.fresh() if data is None else pipe.send(data, arrived_ns))
        except HungError:
            self._pool.kill(self._watched)
            self.dropped += len(data or b"")
            await asyncio.sleep(0.1)
        except OSError:
            self.dropped += len(data or b"")
            await asyncio.sleep(0.1)

    def _noted(self, kind: str, count: int) -> None:
        if kind == "dropped":
            self.dropped += count
        else:
            self.skipped += count

    async def piece(self, at: float | None, after: bool) -> Attachment | NotScanned:
        """Return the seconds before a moment, or (``after``) those that follow it, as a file."""
        terms, name = self.terms, f"stream-{utc_text(self.clock.now()).replace(':', '')}"
        if self.address.scheme == "file":
            if after or at is None:
                return NotScanned("unsupported", "A recording's seconds are all in one piece.")
            descriptor = open_regular(self.address.text)
            if isinstance(descriptor, NotScanned):
                return descriptor
            span = (max(0.0, at - terms.before), at + terms.after)
        else:
            if after:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(terms.after):
                        await self._over()
            held = self.ring.held(time.monotonic(), terms.after + 3.0 if after else None)
            if not held.data:
                return NotScanned("unreadable", "No seconds of the stream are held.")
            descriptor, span = _memory(held.data), (0.0, 1e9)
        try:
            found = await self._pool.cut(descriptor, *span, terms.piece)
        finally:
            os.close(descriptor)
        if isinstance(found, NotScanned):
            return found
        suffix = {"video/mp4": "mp4", "video/mp2t": "ts"}.get(found["mime"], "mkv")
        return Attachment(f"{name}.{suffix}", found["mime"], found["data"])

    async def _over(self) -> None:
        """Wait until the stream is over."""
        while self.state not in OVER and self._watched.ended is not None and not self._watched.ended.done():
            await asyncio.wait({self._watched.ended}, timeout=1.0)


def _memory(data: bytes) -> int:
    """Return an open file in memory."""
    descriptor = os.memfd_create("piece", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _number(count: int, one: str) -> str:
    """Return ``1 part of the stream`` for one, ``3 parts of the stream`` for more; ``once`` or ``3 times``."""
    if one == "once":
        return one if count == 1 else f"{count:,} times"
    noun, _, rest = one.removeprefix("1 ").partition(" ")
    return one if count == 1 else f"{count:,} {noun}s{' ' if rest else ''}{rest}"
