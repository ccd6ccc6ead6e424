"""What differs between systems: boot identity, folders, the lock that one at a time holds, priority.

Linux is tested. The Windows and macOS branches are written from the systems' documentation and are UNTESTED.
"""

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil


def boot_identity() -> str:
    """Return a name for this run of the operating system: it changes with every start-up."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    # UNTESTED: Windows and macOS have no boot id; the start-up moment, to ten seconds, stands in for it.
    return hashlib.sha256(f"{round(psutil.boot_time(), -1)}".encode()).hexdigest()[:32]


def default_folder() -> Path:
    """Return where the agent keeps its things unless told otherwise: under the user's own data folder."""
    if sys.platform == "win32":  # UNTESTED
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "Tocsin" / "agent"
    if sys.platform == "darwin":  # UNTESTED
        return Path.home() / "Library/Application Support/Tocsin/agent"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "tocsin" / "agent"


def take_lock(path: Path) -> IO[bytes] | None:
    """Return a file that is locked while it stays open, or None where another process holds it."""
    file = path.open("a+b")
    try:
        if sys.platform == "win32":  # UNTESTED
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


@contextlib.contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Hold a file's lock, its folder made where there is none; False where another process or thread holds it. It goes
    with the process.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = take_lock(path)
    try:
        yield held is not None
    finally:
        if held is not None:
            held.close()


def lower_privilege() -> None:
    """Give up what the agent does not need: priority over the person's own programs, core dumps with words in them."""
    if sys.platform == "win32":  # UNTESTED
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return
    import resource

    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def runs_as_root() -> bool:
    """Say whether the agent was started with the system's highest rights, which it never needs."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def private_folder(path: Path) -> None:
    """Make a folder that only this user can read."""
    path.mkdir(parents=True, exist_ok=True)
    os.chmod(path, 0o700)  # noqa: PTH101
