"""Giving up every right that decoding does not need: what a worker does to itself before it sees a stranger's file.

Linux gives the most: another user, no network, no file, no new process, and only the system calls on a short list.
Elsewhere the resource limits remain. Each step that the system refuses is left out and named, never an error.
"""

import contextlib
import ctypes
import fcntl
import os
import resource
import select
import signal
import struct
import sys
from collections.abc import Callable

LINUX = sys.platform.startswith("linux")
_NOBODY = 65534
_NEW_NETWORK, _NEW_USER, _NEW_IPC = 0x40000000, 0x10000000, 0x08000000
_NO_NEW_PRIVS, _DUMPABLE, _SECCOMP = 38, 4, 22
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446
_EPERM, _ENOSYS = 1, 38
_PROT_EXEC, _CLONE_THREAD = 0x4, 0x10000

# Numbers of the system calls that decoding needs: memory, locks, clocks, its one socket, files that are open already.
_X86_64 = (
    *(0, 1, 3, 5, 7, 8, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 24, 25, 28, 32, 35, 36, 37, 38, 39, 44, 45, 46, 47, 48),
    *(60, 63, 72, 96, 97, 98, 99, 102, 104, 107, 108, 131, 186, 202, 204, 218, 228, 229, 230, 231, 262, 271, 273, 302),
    *(318, 324, 334),
)
_AARCH64 = (
    *(23, 25, 29, 57, 62, 63, 64, 65, 66, 67, 68, 73, 79, 80, 93, 94, 96, 98, 99, 101, 102, 103, 113, 114, 115, 123),
    *(124, 132, 134, 135, 139, 160, 163, 165, 169, 172, 174, 175, 176, 177, 178, 179, 206, 207, 210, 211, 212, 214),
    *(215, 216, 233, 261, 278, 283, 293),
)
# machine → (audit architecture, allowed, mmap, mprotect, clone); clone3 is 435 on both.
_MACHINES = {
    "x86_64": (0xC000003E, _X86_64, 9, 10, 56),
    "aarch64": (0xC00000B7, _AARCH64, 222, 226, 220),
}
_CLONE3 = 435


def isolate() -> list[str]:
    """Leave the network and the other processes' shared memory behind; before any thread exists. Return what failed."""
    if not LINUX:
        return ["network"]
    spaces = _NEW_NETWORK | _NEW_IPC | (0 if os.geteuid() == 0 else _NEW_USER)
    return _try("network", lambda: _check(_libc().unshare(spaces)))


def end_with(descriptor: int) -> None:
    """End this process at once when the pipe that is open for reading loses its last writer: its owner is gone.

    The kernel does it (SIGIO), whatever this process is in the middle of; not the death of the *thread* that started
    it, as with PR_SET_PDEATHSIG. Only Linux does; elsewhere the end of the socket is met after the file at hand.
    """
    if not LINUX:
        return
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGIO})
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
    waiting = select.poll()
    waiting.register(descriptor, 0)
    if waiting.poll(0):  # gone before this was set up
        os.kill(os.getpid(), signal.SIGIO)


def confine(memory: int, descriptors: int = 16) -> list[str]:
    """Give up all other rights, for good. Return what this system did not let us give up.

    ``memory`` is how many bytes may be mapped beyond those mapped now, ``descriptors`` how many files may be open (they
    come from the owner: none can be opened). Threads remain (libheif needs one), so it is the
    filter of system calls that refuses new processes: the limit on processes counts threads too.
    """
    missing = _try("user", _become_nobody)
    missing += _try("memory", lambda: _limit(resource.RLIMIT_AS, _mapped() + memory))
    missing += _try("files", lambda: _limit(resource.RLIMIT_FSIZE, 0))
    missing += _try("descriptors", lambda: _limit(resource.RLIMIT_NOFILE, descriptors))
    missing += _try("core", lambda: _limit(resource.RLIMIT_CORE, 0))
    if not LINUX:
        return [*missing, "privileges", "landlock", "system-calls"]
    missing += _try("privileges", lambda: _prctl(_NO_NEW_PRIVS, 1))
    missing += _try("privileges", lambda: _prctl(_DUMPABLE, 0))
    missing += _try("landlock", _landlock)
    return missing + _try("system-calls", _allow_few_calls)


def allow_cpu(seconds: float) -> None:
    """Let this process use so many more seconds of processor time; then the kernel ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 1, hard))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(what: int, first: int, second: int = 0) -> None:
    _check(_libc().prctl(what, *(ctypes.c_ulong(value) for value in (first, second, 0, 0))))


def _check(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return answer


def _try(name: str, step: Callable[[], object]) -> list[str]:
    """Take a step; return its name in a list if the system refused."""
    try:
        step()
    except (OSError, ValueError, AttributeError, KeyError):
        return [name]
    return []


def _limit(which: int, most: int) -> None:
    resource.setrlimit(which, (most, most))


def _mapped() -> int:
    """Return the bytes of address space in use."""
    with contextlib.suppress(OSError), open("/proc/self/statm", "rb") as file:  # noqa: PTH123 (no pathlib in here)
        return int(file.read().split()[0]) * resource.getpagesize()
    return 1 << 30


def _become_nobody() -> None:
    if os.geteuid() != 0:
        return
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)


def _landlock() -> None:
    """Refuse every access to files, TCP ports and other processes that this kernel's Landlock knows of."""
    libc = _libc()
    version = _check(libc.syscall(_LANDLOCK_CREATE, None, 0, 1))
    files = (1 << (13 if version < 2 else 14 if version < 3 else 15 if version < 5 else 16)) - 1
    rules = struct.pack("=Q", files)
    if version >= 4:
        rules += struct.pack("=Q", 0b11)
    if version >= 6:
        rules += struct.pack("=Q", 0b11)
    ruleset = _check(libc.syscall(_LANDLOCK_CREATE, rules, ctypes.c_size_t(len(rules)), 0))
    try:
        _check(libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow_few_calls() -> None:
    """Install a seccomp filter: calls on the list, threads but no processes, no new executable memory."""
    program = _program(*_MACHINES[os.uname().machine])
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    place = ctypes.create_string_buffer(header, len(header))
    _prctl(_SECCOMP, 2, ctypes.addressof(place))


def _program(machine: int, allowed: tuple[int, ...], mmap: int, mprotect: int, clone: int) -> bytes:
    """Assemble the filter in classic BPF; what is not allowed fails with EPERM."""
    load, equal, bits, give = 0x20, 0x15, 0x45, 0x06
    allow, refuse, absent, kill = 0x7FFF0000, 0x00050000 | _EPERM, 0x00050000 | _ENOSYS, 0x80000000
    number, architecture, first, third = 0, 4, 16, 32
    lines: list[tuple[int, int, int, int]] = [
        (load, 0, 0, architecture),
        (equal, 1, 0, machine),
        (give, 0, 0, kill),
        (load, 0, 0, number),
        (equal, 0, 1, _CLONE3),
        (give, 0, 0, absent),
    ]
    for call, argument, mask, if_set, if_clear in (
        (mmap, third, _PROT_EXEC, refuse, allow),
        (mprotect, third, _PROT_EXEC, refuse, allow),
        (clone, first, _CLONE_THREAD, allow, refuse),
    ):
        lines += [(equal, 0, 4, call), (load, 0, 0, argument), (bits, 0, 1, mask), (give, 0, 0, if_set)]
        lines.append((give, 0, 0, if_clear))
    for call in allowed:
        lines += [(equal, 0, 1, call), (give, 0, 0, allow)]
    lines.append((give, 0, 0, refuse))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
