"""Content → fingerprints, at arm's length: in limited, unprivileged processes, from memory, never by a file on disk."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tocsin.media import formats
from tocsin.media.limited import Limited, LimitedError, Limits, Result
from tocsin.media.options import Options
from tocsin.model.observation import NotScanned

_IDLE_S = 24 * 3600.0


class Hasher:
    """Pools of limited processes: one for pictures, one (started when the first comes) for video and windows."""

    def __init__(self, workers: int = 2) -> None:
        limits = replace(Limits.for_machine(workers + 1), idle=_IDLE_S, nice=0)
        self._pictures = Limited(workers, limits)
        self._videos = Limited(max(1, workers // 2), replace(limits, nice=5), frames=True, windows=True)
        self._threads = ThreadPoolExecutor(workers, "gateway-pictures")
        self._slow = ThreadPoolExecutor(self._videos.workers, "gateway-videos")

    def start(self) -> None:
        """Start the processes for pictures, so that the first upload need not wait for one."""
        threading.Thread(target=self._warm, name="gateway-warm", daemon=True).start()

    async def hash(
        self,
        data: bytes,
        *,
        turns: bool = False,
        windows: bool = False,
        frames: bool = False,
        fast: bool = True,
        regions: bool = False,
    ) -> Result:
        """Fingerprint content. ``fast`` allows a JPEG decoder's scaled output, ``regions`` adds the photographs on a
        saved page: good for looking up, never to be listed.

        Raises LimitedError only when no process can be started at all.
        """
        options = Options(turns=turns, windows=windows, frames=frames, fast=fast, regions=regions)
        video = frames and formats.kind_of(data[: formats.HEAD]).startswith("video/")
        if video or windows:
            pool, threads = self._videos, self._slow
        else:
            pool, threads, options = self._pictures, self._threads, replace(options, frames=False)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, pool.fingerprint, data, options)

    def close(self) -> None:
        """End the processes; what is under way is not scanned."""
        self._pictures.close()
        self._videos.close()
        for threads in (self._threads, self._slow):
            threads.shutdown(wait=False, cancel_futures=True)

    def _warm(self) -> None:
        try:
            for _ in range(self._pictures.workers):
                self._pictures.fingerprint(b"\xff\xd8\xff")
        except LimitedError:
            return  # said again, in words, by the first call that needs one


def absent(result: NotScanned) -> str:
    """Return a sentence for content that could not even be digested."""
    return result.detail or "The content could not be examined."
