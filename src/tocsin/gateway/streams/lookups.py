"""Looking up the frames of all streams together: what comes while the lists are asked is asked in the next batch."""

import asyncio
from collections.abc import Callable, Sequence

from tocsin.model import Fingerprints, Match

Ask = Callable[[Sequence[Fingerprints]], list[tuple[Match, ...]]]
"""Compares each of a batch with the lists; called in a thread, one batch at a time."""
_MOST = 256


class Lookups:
    """A queue before the lists. Use from one event loop; close it in the end."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._waiting: asyncio.Queue[tuple[Fingerprints, asyncio.Future[tuple[Match, ...]]]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def of(self, prints: Fingerprints) -> "asyncio.Future[tuple[Match, ...]]":
        """Return a future with what a frame matches."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        answer: asyncio.Future[tuple[Match, ...]] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((prints, answer))
        return answer

    async def close(self) -> None:
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while not self._waiting.empty() and len(batch) < _MOST:
                batch.append(self._waiting.get_nowait())
            try:
                found = await asyncio.to_thread(self._ask, [prints for prints, _ in batch])
            except Exception as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, answer), matches in zip(batch, found, strict=True):
                if not answer.done():
                    answer.set_result(matches)
