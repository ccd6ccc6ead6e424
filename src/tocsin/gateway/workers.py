"""The worker processes: started with the socket they share, started again when one dies, ended with the core."""

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tocsin.gateway.settings import Settings
from tocsin.gateway.worker import settings_as_json

GOODBYE_S: Final = 8.0
_MOST_DEATHS, _WITHIN_S = 5, 60.0
_log = logging.getLogger(__name__)


class Workers:
    """A number of worker processes. ``lost`` is called, once, when one keeps dying."""

    def __init__(self, settings: Settings, listener: int, lost: Callable[[], None] = lambda: None) -> None:
        self._settings, self._listener, self._lost = settings, listener, lost
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stopping = threading.Event()
        self._ready = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start all of them."""
        for number in range(1, self._settings.workers + 1):
            name = f"worker-{number}"
            thread = threading.Thread(target=self._keep, args=(name,), name=f"gateway-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def wait(self, seconds: float = 60.0) -> bool:
        """Wait until all of them answer; False when that took too long."""
        end = time.monotonic() + seconds
        return all(self._ready.acquire(timeout=max(0.0, end - time.monotonic())) for _ in self._threads)

    def stop(self) -> None:
        """End them: each finishes what it is at."""
        self._stopping.set()
        for process in list(self._processes):
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
        end = time.monotonic() + GOODBYE_S
        for process in list(self._processes):
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        for thread in self._threads:
            thread.join(2)

    @property
    def pids(self) -> list[int]:
        """The ids of those that run."""
        return [process.pid for process in self._processes if process.poll() is None]

    def _keep(self, name: str) -> None:
        deaths: list[float] = []
        while not self._stopping.is_set():
            process = self._launched(name)
            self._processes.append(process)
            if process.stdout is not None and process.stdout.readline() == b"ready\n":
                self._ready.release()
            process.wait()
            self._processes.remove(process)
            if self._stopping.is_set():
                return
            now = time.monotonic()
            deaths = [*(at for at in deaths if now - at < _WITHIN_S), now]
            _log.error("The process %s ended (%s); it is started again.", name, process.returncode)
            if len(deaths) > _MOST_DEATHS:
                _log.error("The process %s keeps ending; the gateway stops.", name)
                self._lost()
                return
            self._stopping.wait(0.2 * len(deaths))

    def _launched(self, name: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tocsin.gateway.worker", str(self._listener), name],
            pass_fds=(self._listener,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.write(settings_as_json(self._settings).encode() + b"\n")
                process.stdin.flush()
        return process


def remove_socket(path: Path) -> None:
    """Remove the socket that an earlier run left behind."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108 - a socket
