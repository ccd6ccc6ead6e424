"""Programs that begin and end in this user's session."""

import contextlib
import os
import secrets
import threading
from collections.abc import Iterator

import psutil

from tocsin.model import Clock, Kind, Observation, ProcessSeen

EVERY = 3.0
"""Seconds between two looks at the list of programs."""
_ARGUMENTS, _LENGTH = 40, 400


class ProcessSensor:
    """Says which programs run (once), begin and end; other users' programs are left out.

    A look is one reading of the list of process numbers; only new numbers are asked for names.
    """

    name = "processes"

    def __init__(self, clock: Clock, every: float = EVERY) -> None:
        """Look every ``every`` seconds."""
        self._clock, self._every = clock, every
        self._stop = threading.Event()
        self._known: dict[int, ProcessSeen | None] = {}

    def observations(self) -> Iterator[Observation]:
        """Yield programs as they begin and end, until closed; those that run already come first."""
        while not self._stop.is_set():
            yield from self.look()
            self._stop.wait(self._every)

    def look(self) -> Iterator[Observation]:
        """Yield what changed since the last look."""
        seen_ns = self._clock.monotonic_ns()
        present = set(psutil.pids())
        for pid in sorted(self._known.keys() - present):
            ended = self._known.pop(pid)
            if ended is not None:
                yield self._observation(ProcessSeen(ended.name, ended.exe, ended.arguments, ended=True), seen_ns)
        for pid in sorted(present - self._known.keys()):
            begun = self._known[pid] = describe(pid)
            if begun is not None:
                yield self._observation(begun, seen_ns)

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()

    def _observation(self, body: ProcessSeen, seen_ns: int) -> Observation:
        return Observation(
            id=secrets.token_hex(8),
            kind=Kind.PROCESS,
            at=self._clock.now(),
            sensor=self.name,
            body=body,
            app=body.name,
            seen_ns=seen_ns,
        )


def describe(pid: int) -> ProcessSeen | None:
    """Return a process of this user that is a program (not a kernel thread and not this one), or None."""
    if pid == os.getpid():
        return None
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if hasattr(os, "getuid") and process.uids().real != os.getuid():
                return None
            arguments = process.cmdline()
            if not arguments:
                return None
            exe = ""
            with contextlib.suppress(psutil.AccessDenied):
                exe = process.exe()
            short = tuple(argument[:_LENGTH] for argument in arguments[1 : 1 + _ARGUMENTS])
            return ProcessSeen(process.name(), exe, short)
    except (psutil.Error, OSError):
        return None
