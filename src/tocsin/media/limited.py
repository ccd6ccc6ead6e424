"""Hostile media, fingerprinted at arm's length: a pool of processes that can decode and do nothing else.

Each worker is another program (never a fork of this one), under another user where this one is root, without network,
files or further processes, bounded in memory and time. It gets a file as an open descriptor and answers with hashes. A
file that takes too long, or that ends its worker, is *not scanned*; the next one meets a fresh worker.
"""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from tocsin.media import formats, messages, starting
from tocsin.media.naming import as_named
from tocsin.media.opening import head_of, open_regular, words
from tocsin.media.options import Options
from tocsin.model.media import Fingerprints
from tocsin.model.observation import NotScanned

Result = Fingerprints | NotScanned
Source = bytes | str | Path
P = TypeVar("P", str, Path)

_log = logging.getLogger(__name__)
_START_S = 60.0
_AHEAD = 16
_MEMORY_FILES = hasattr(os, "memfd_create")
_BYTES_A_PIXEL = 12
_BYTES_A_SECOND = 20_000_000


class LimitedError(RuntimeError):
    """The limited process cannot be started; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost: ``memory`` bytes, ``pixels`` of a picture, ``seconds`` (and a twenty-millionth of one
    for each byte), ``video_seconds`` where a video's frames are hashed. A worker ends after ``idle`` seconds without
    work, and is replaced after ``jobs`` files; ``nice`` is how far it steps back for other programs. A file waits up to
    ``patience`` seconds for a worker that runs before another one is started: memory for a moment's time."""

    memory: int = 2560 << 20
    pixels: int = 200_000_000
    seconds: float = 30.0
    video_seconds: float = 150.0
    idle: float = 30.0
    jobs: int = 20_000
    nice: int = 5
    patience: float = 0.0

    @classmethod
    def for_machine(cls, workers: int) -> "Limits":
        """Return limits that leave half of this machine's memory alone when all workers meet large pictures."""
        try:
            there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (ValueError, OSError):
            return cls()
        usual = cls()
        memory = max(256 << 20, min(usual.memory, there // (2 * max(1, workers))))
        return cls(memory=memory, pixels=min(usual.pixels, memory // _BYTES_A_PIXEL))


@dataclass(frozen=True, slots=True)
class Held:
    """A file inside an archive: its path in there, its size, and what was made of it."""

    name: str
    size: int
    result: Result


class _EndedError(Exception):
    """A worker ended instead of answering; ``absence`` says why, None when it had merely been idle for long."""

    def __init__(self, absence: NotScanned | None) -> None:
        super().__init__()
        self.absence = absence


class _Worker:
    """One limited process, started when first asked, and again after it ended."""

    module = "tocsin.media.worker"

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self._video = False
        self.missing: tuple[str, ...] = ()

    def start(self, video: bool = False) -> None:
        """Start the process if it is not there, or not prepared for the ``video`` that comes. Raises LimitedError."""
        if self.pid is not None and (self._video or not video):
            return
        self.stop()
        self._video = video
        try:
            self._process, ours = starting.start(self.module, self._settings | {"frames": video}, arenas=1)
        except OSError as error:
            raise LimitedError(f"The limited process that decodes pictures cannot be run: {error.strerror}.") from error
        self._sock = ours
        try:
            hello = messages.receive(ours, time.monotonic() + _START_S)
        except (OSError, ValueError) as error:
            self.stop()
            raise LimitedError("The limited process that decodes pictures could not be started.") from error
        if not hello.get("ready"):
            self.stop()
            raise LimitedError(f"The limited process that decodes pictures could not be started: {hello.get('error')}")
        self.missing = tuple(str(name) for name in hello.get("missing", ()))

    def ask(self, descriptor: int, request: dict[str, Any], video: bool) -> Iterator[dict[str, Any]]:
        """Hand over a file and yield the answers, one unless ``members`` are asked for. Raises _EndedError."""
        self.start(video)
        sock, answered = self._sock, False
        if sock is None:  # the pool was closed in this moment
            raise _EndedError(None)
        try:
            messages.send(sock, request, (descriptor,))
            while True:
                answer = messages.receive(sock, time.monotonic() + request["seconds"])
                answered = True
                if "end" in answer:
                    return
                yield answer
                if "member" not in answer:
                    return  # the one answer, or the last word about an archive
        except TimeoutError:
            self.stop()
            took = NotScanned("time-out", f"The file took longer than {request['seconds']:.0f} seconds to examine.")
            raise _EndedError(took) from None
        except messages.MessageError:
            self.stop()
            raise _EndedError(
                NotScanned("failed", "What came back about the file was not of the form agreed.")
            ) from None
        except OSError:
            raise _EndedError(self._autopsy(answered, request["seconds"])) from None
        except GeneratorExit:
            self.stop()
            raise

    def _autopsy(self, answered: bool, seconds: float) -> NotScanned | None:
        """Say why the process ended; None when it left by itself, having been idle or served long enough.

        It has closed its socket, and has no longer than one file to be gone.
        """
        code: int | None = None
        if (process := self._process) is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(seconds)
        self.stop()
        if code == 0 and not answered:
            return None
        if code in (-signal.SIGXCPU, -signal.SIGALRM):
            return NotScanned("time-out", "The file took more of the processor's time than one file may.")
        if code == -signal.SIGKILL:
            return NotScanned("failed", "The system ended the decoder; it may have run out of memory.")
        return NotScanned("failed", "The decoder broke on the file, in a process of its own; nothing else was harmed.")

    def stop(self) -> None:
        """End the process, at once; from any thread, as the pool is closed."""
        sock, self._sock = self._sock, None
        process, self._process = self._process, None
        if sock is not None:
            sock.close()
        if process is not None:
            if process.poll() is None:
                process.kill()
            process.communicate()

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None


class _Bench:
    """The workers that have nothing to do, most recently used last."""

    def __init__(self, workers: list[_Worker], patience: float) -> None:
        self._free, self._all, self._patience = workers[::-1], len(workers), patience
        self._changed = threading.Condition()

    def take(self) -> _Worker:
        """Return a worker that runs, or one that does not when none that runs comes back soon."""
        until = time.monotonic() + self._patience
        with self._changed:
            while True:
                running = [worker for worker in self._free if worker.pid is not None]
                left = until - time.monotonic()
                if running or (self._free and (left <= 0 or len(self._free) == self._all)):
                    worker = running[-1] if running else self._free[-1]
                    self._free.remove(worker)
                    return worker
                self._changed.wait(left if self._free else None)

    def put(self, worker: _Worker) -> None:
        """Take a worker back."""
        with self._changed:
            self._free.append(worker)
            self._changed.notify()


class Limited:
    """A pool of limited workers. Use from any thread, as a context manager or with ``close``.

    ``frames`` lets the workers take videos: each is started anew, prepared, for the first that it meets, since that
    takes 26 MB more. ``windows`` prepares them for the crop-tolerant signal. Options that ask for either without are
    answered as *unsupported*.
    """

    def __init__(
        self, workers: int = 1, limits: Limits | None = None, *, frames: bool = False, windows: bool = False
    ) -> None:
        self.limits = limits or Limits()
        self.workers = max(1, workers)
        settings = {name: getattr(self.limits, name) for name in ("memory", "pixels", "idle", "jobs", "nice")}
        settings |= {"frames": frames, "windows": windows}
        self._settings = settings
        self._all = [_Worker(settings) for _ in range(self.workers)]
        self._free = _Bench(self._all, self.limits.patience)
        self._closed = False
        self._told = False
        self._lock = threading.Lock()

    def __enter__(self) -> "Limited":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all workers; whatever is under way is *not scanned*."""
        self._closed = True
        for worker in self._all:
            worker.stop()

    def fingerprint(self, source: Source, options: Options | None = None) -> Result:
        """Fingerprint a file by its path, or bytes. Raises LimitedError only when no worker can be started."""
        descriptor = _descriptor(source)
        if isinstance(descriptor, NotScanned):
            return descriptor
        try:
            (answer,) = self._ask(descriptor, options or Options(), members=False)
            made = _read(answer)
            return made if isinstance(source, bytes) else as_named(made, source, head_of(descriptor))
        finally:
            os.close(descriptor)

    def members(self, source: Source, options: Options | None = None) -> Iterator[Held]:
        """Fingerprint the files inside an archive; nothing when it is none. What could not be examined is Held too."""
        descriptor = _descriptor(source)
        if isinstance(descriptor, NotScanned):
            yield Held("", 0, descriptor)
            return
        try:
            for answer in self._ask(descriptor, options or Options(), members=True):
                name, size = answer.get("member", ""), answer.get("size", 0)
                result = _read(answer)
                if not isinstance(name, str) or type(size) is not int:
                    result = NotScanned("failed", "What came back about the archive was not of the form agreed.")
                    name, size = "", 0
                yield Held(name, size, result)
        finally:
            os.close(descriptor)

    def map(self, paths: Iterable[P], options: Options | None = None) -> Generator[tuple[P, Result], None, None]:
        """Fingerprint many files on all workers; results come in the order of the paths, few of which wait."""
        waiting: deque[tuple[P, Future[Result]]] = deque()
        pool = ThreadPoolExecutor(self.workers, "media")
        try:
            for path in paths:
                waiting.append((path, pool.submit(self.fingerprint, path, options)))
                while len(waiting) >= self.workers * _AHEAD or (waiting and waiting[0][1].done()):
                    first, done = waiting.popleft()
                    yield first, done.result()
            while waiting:
                first, done = waiting.popleft()
                yield first, done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            self._interrupt()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    @property
    def missing(self) -> tuple[str, ...]:
        """What this system does not let a worker give up, by name; empty on a Linux of today. Starts a worker."""
        worker = self._free.take()
        try:
            worker.start()
            return worker.missing
        finally:
            self._free.put(worker)

    @property
    def processes(self) -> tuple[int, ...]:
        """The ids of the workers that run now."""
        return tuple(worker.pid for worker in self._all if worker.pid is not None)

    def _interrupt(self) -> None:
        """End what is under way, so that nobody waits for it."""
        for pid in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _ask(self, descriptor: int, options: Options, *, members: bool) -> Iterator[dict[str, Any]]:
        """Ask a free worker, a second time where the first had ended by itself in the meantime."""
        video = options.frames and _is_video(descriptor)
        request = {"options": asdict(options), "members": members, "seconds": self._seconds(descriptor, video)}
        if (options.frames and not self._settings["frames"]) or (options.windows and not self._settings["windows"]):
            yield messages.told(NotScanned("unsupported", "The decoder was not prepared for what was asked of it."))
            return
        worker = self._free.take()
        try:
            for _ in range(3):
                if self._closed:
                    break
                os.lseek(descriptor, 0, os.SEEK_SET)
                try:
                    yield from worker.ask(descriptor, request, video or (members and options.frames))
                    self._tell(worker.missing)
                    return
                except _EndedError as end:
                    if end.absence is not None:
                        yield messages.told(end.absence)
                        return
            yield messages.told(NotScanned("failed", "The decoder was stopped before it had looked at the file."))
        finally:
            self._free.put(worker)

    def _seconds(self, descriptor: int, video: bool) -> float:
        size = os.fstat(descriptor).st_size
        return self.limits.seconds + size / _BYTES_A_SECOND + (self.limits.video_seconds if video else 0.0)

    def _tell(self, missing: tuple[str, ...]) -> None:
        """Say once what protection this system does not give."""
        if missing and not self._told:
            self._told = True
            _log.warning("Pictures are decoded with less protection than on Linux: without %s.", ", ".join(missing))


def _descriptor(source: Source) -> int | NotScanned:
    """Return an open file for a source; bytes go into one that has no name."""
    if not isinstance(source, bytes):
        return open_regular(source)
    try:
        with os.fdopen(os.memfd_create("media"), "wb") if _MEMORY_FILES else tempfile.TemporaryFile() as file:
            file.write(source)
            file.flush()
            return os.dup(file.fileno())
    except OSError as error:
        return NotScanned("failed", words(error))


def _is_video(descriptor: int) -> bool:
    """Tell by its first bytes whether an open file is a video, as the worker will."""
    return formats.media_of(formats.kind_of(head_of(descriptor))) == "video"


def _read(answer: dict[str, Any]) -> Result:
    try:
        return messages.result_of(answer)
    except messages.MessageError:
        return NotScanned("failed", "What came back about the file was not of the form agreed.")
