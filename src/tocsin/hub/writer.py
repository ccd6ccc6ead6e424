"""One writer for what devices send: whatever waits is written in one transaction, so one flush to disk serves many.

A device is answered only after the transaction that holds its batch is on disk. If a group fails, its jobs are
tried one by one, so that one device's trouble is not another's.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

from sqlalchemy.orm import Session

from tocsin.hub.store import Store

LONGEST_QUEUE: Final = 4000
GROUP: Final = 128

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


class Overloaded(RuntimeError):  # noqa: N818
    """More is waiting to be written than the hub takes on; the sender should wait and send again."""

    def __init__(self) -> None:
        super().__init__("The hub has more to write than it can take on; send this again in a few seconds.")


class Writer(Generic[_Job, _Result]):
    """A thread that takes waiting jobs in groups and writes each group in one transaction.

    ``work`` gets a session and the jobs, and returns their results in order.
    """

    def __init__(self, store: Store, work: Callable[[Session, Sequence[_Job]], Sequence[_Result]]) -> None:
        self._store = store
        self._work = work
        self._queue: queue.SimpleQueue[tuple[_Job, Future[_Result]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="hub-writer", daemon=True)
        self._closed = False
        self._thread.start()

    def submit(self, job: _Job) -> "Future[_Result]":
        """Queue a job; the future is done once its result is on disk. Raises Overloaded."""
        if self._closed or self._queue.qsize() >= LONGEST_QUEUE:
            raise Overloaded()
        future: Future[_Result] = Future()
        self._queue.put((job, future))
        return future

    def close(self) -> None:
        """Finish what waits, then stop."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join(timeout=30)

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return self._queue.qsize()

    def _run(self) -> None:
        more = True
        while more:
            group, more = self._next_group()
            if group and not self._write(group, alone=len(group) == 1):
                for each in group:
                    self._write([each], alone=True)

    def _next_group(self) -> tuple[list[tuple[_Job, "Future[_Result]"]], bool]:
        """Wait for a job and return it with the others that wait; False once closed and empty."""
        group = []
        item = self._queue.get()
        while item is not None:
            group.append(item)
            if len(group) >= GROUP:
                return group, True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _write(self, group: list[tuple[_Job, "Future[_Result]"]], *, alone: bool) -> bool:
        try:
            with self._store.session() as session:
                results = self._work(session, [job for job, _ in group])
        except Exception as error:
            if alone:
                _log.exception("A device's batch could not be written")
                group[0][1].set_exception(error)
            return alone
        for (_, future), result in zip(group, results, strict=True):
            future.set_result(result)
        return True
