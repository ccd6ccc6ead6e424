"""Child processes that never outlive what started them."""

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# Opened here: a child that was just forked from a program of several threads may not open anything safely.
_LIBC = ctypes.CDLL(None) if os.name == "posix" else None


def _die_with_parent() -> None:
    """Ask Linux to end this child when its parent dies, however it dies."""
    with contextlib.suppress(OSError, AttributeError):
        if _LIBC is not None:
            _LIBC.prctl(1, signal.SIGTERM)


class Processes:
    """Programs started here, stopped together: last started, first stopped."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def start(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> "subprocess.Popen[bytes]":
        """Start a program in a session of its own; its output goes to ``log`` or nowhere."""
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(log.open("ab")) if log else subprocess.DEVNULL
            child = subprocess.Popen(
                list(argv),
                env=dict(env) if env is not None else None,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT if log else subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=pass_fds,
                preexec_fn=_die_with_parent,
            )
        self._running.append(child)
        return child

    def stop(self, child: "subprocess.Popen[bytes]", patience: float = 5.0) -> int:
        """Ask a program and its children to end, then insist. Returns its exit code."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if child.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(patience)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        if child in self._running:
            self._running.remove(child)
        return child.returncode if child.returncode is not None else -1

    def close(self) -> None:
        """Stop all, last started first."""
        for child in reversed(self._running.copy()):
            self.stop(child)
