"""Hashing files for the agent: what a stranger's file holds is decoded in limited worker processes, never here."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tocsin.media.limited import Limited, LimitedError, Limits
from tocsin.media.options import Options
from tocsin.model import Fingerprints, NotScanned

_WARM_S = 60.0
_PATIENCE_S = 0.7
"""About what starting another worker takes."""
_NO_WORKER = "The process that decodes pictures could not be started."


class Hasher(Protocol):
    """Makes fingerprints of files."""

    def fingerprint(self, source: Path | bytes) -> Fingerprints | NotScanned:
        """Return a file's fingerprints, or why there are none. Never raises for what the file holds."""
        ...

    def members(self, source: Path | bytes) -> Iterator[tuple[str, int, Fingerprints | NotScanned]]:
        """Yield (name inside, size, fingerprints) of the files in an archive."""
        ...

    def close(self) -> None:
        """Let go of the workers."""
        ...


class Workers:
    """The limited workers of the media room, at most so many at once; mostly one is enough for all who ask.

    They start when there is something to decode and end when there has been nothing for a while.
    """

    def __init__(self, workers: int = 1) -> None:
        limits = Limits(jobs=2000, idle=_WARM_S, patience=_PATIENCE_S)
        self._limited = Limited(workers, limits, frames=True)
        self._options = Options(frames=True, keyframes=True, regions=True)

    def fingerprint(self, source: Path | bytes) -> Fingerprints | NotScanned:
        """Return a file's fingerprints."""
        try:
            return self._limited.fingerprint(source, self._options)
        except LimitedError:
            return NotScanned("no-decoder", _NO_WORKER)

    def members(self, source: Path | bytes) -> Iterator[tuple[str, int, Fingerprints | NotScanned]]:
        """Yield what the files in an archive gave."""
        try:
            for held in self._limited.members(source, self._options):
                yield held.name, held.size, held.result
        except LimitedError:
            yield "", 0, NotScanned("no-decoder", _NO_WORKER)

    def warm(self) -> None:
        """Start a worker before there is anything to decode, so that the first file does not wait for it."""
        with contextlib.suppress(LimitedError):
            _ = self._limited.missing

    @property
    def processes(self) -> tuple[int, ...]:
        """The workers that run now."""
        return self._limited.processes

    def close(self) -> None:
        """Stop the workers."""
        self._limited.close()
