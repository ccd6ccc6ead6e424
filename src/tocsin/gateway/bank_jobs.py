"""What waits to be changed in banks: taken together, bank by bank, and no faster than the lookups beside it bear."""

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

from tocsin.gateway.refusals import Refused
from tocsin.matching.lists import Entry

GROUP: Final = 512
"""Changes that are written together at most."""

SHARE: Final = 0.2
"""The part of a processor that writing may take, so that lookups in the same process are not held up: after each group
it rests. What comes meanwhile is written together, so more changes a second cost hardly more."""

MOST_REST_S: Final = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContent:
    """Something to put into a bank: signals by type, as callers write them, and what the caller says of it."""

    signals: Mapping[str, str]
    note: str = ""
    media_uri: str = ""
    content_id: str = ""
    content_uri: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Job:
    """A change that waits: ``content`` to put in, with its ``entry`` for the list; or the number of one to ``remove``;
    or other ``work``. ``done`` gets its outcome."""

    bank: int
    done: Future[Any]
    content: NewContent | None = None
    entry: Entry | None = None
    remove: int = 0
    work: Callable[[], Any] | None = None


class Jobs:
    """The queue of one writing thread. Anyone may put in; each job put in is done before the end."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._closed = threading.Event()

    def put(self, job: Job) -> "Future[Any]":
        """Let a job wait for its turn. Raises Refused (503) after the end."""
        with self._turn:
            if self._closed.is_set():
                raise Refused(503, "The gateway is stopping.")
            self._queue.put(job)
        return job.done

    def close(self) -> bool:
        """Take nothing on any more; False where that was so already."""
        with self._turn:
            if self._closed.is_set():
                return False
            self._closed.set()
            self._queue.put(None)
        return True

    def next(self, patience: float | None = None) -> list[Job] | None:
        """Wait for a job and return it with the others that wait; none where ``patience`` (seconds) ends before, None
        once all is done and closed."""
        jobs: list[Job] = []
        try:
            job = self._queue.get(timeout=patience)
            while job is not None:
                jobs.append(job)
                if len(jobs) >= GROUP:
                    return jobs
                job = self._queue.get_nowait()
        except queue.Empty:
            return jobs
        if jobs:
            self._queue.put(None)
        return jobs or None

    def rest(self, busy: float) -> None:
        """Rest after writing that took ``busy`` seconds of a processor; not at the end."""
        self._closed.wait(min(MOST_REST_S, busy * (1 / SHARE - 1)))


def grouped(jobs: Sequence[Job]) -> list[tuple[int, list[Job]]]:
    """Return the jobs in groups that are written together: runs of one bank's contents, other work alone.

    A bank's own order is kept; banks do not wait for each other's.
    """
    groups: list[tuple[int, list[Job]]] = []
    open_group: dict[int, list[Job]] = {}
    for job in jobs:
        group = open_group.get(job.bank)
        if job.work is None and group is not None:
            group.append(job)
            continue
        group = [job]
        groups.append((job.bank, group))
        if job.work is None:
            open_group[job.bank] = group
        else:
            open_group.pop(job.bank, None)
    return groups
