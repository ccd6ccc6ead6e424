"""Opening a file that somebody else made: only regular files, and never a wait on a pipe or a device."""

import contextlib
import errno
import os
import stat
from pathlib import Path

from tocsin.media.formats import HEAD
from tocsin.model.observation import NotScanned

_WORDS = {
    errno.ENOENT: "The file is no longer there.",
    errno.EACCES: "The file may not be read by this user.",
    errno.EPERM: "The file may not be read by this user.",
    errno.ELOOP: "The name is a link that leads to itself, or a link that is not followed.",
    errno.ENXIO: "The name is a socket or a pipe, not a file.",
    errno.EISDIR: "The name is a folder, not a file.",
    errno.ENAMETOOLONG: "The name is too long to be opened.",
    errno.EIO: "The disk could not read the file.",
}


def open_regular(path: str | Path, *, follow: bool = True) -> int | NotScanned:
    """Open a regular file for reading and return its descriptor, which the caller closes; else say why not.

    ``follow`` is whether a link at the end of the path may lead elsewhere. Never blocks on a named pipe.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        return NotScanned("unreadable", words(error))
    except ValueError:
        return NotScanned("unreadable", "The name holds a character that no file's name can hold.")
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    what = "a folder" if stat.S_ISDIR(mode) else "a pipe, a socket or a device"
    return NotScanned("unsupported", f"The name is {what}, not a file.")


def head_of(descriptor: int) -> bytes:
    """Return an open file's beginning, by which its kind is told; none where it cannot be read."""
    with contextlib.suppress(OSError):
        return os.pread(descriptor, HEAD, 0)
    return b""


def words(error: OSError) -> str:
    """Return one sentence for an error of the file system, without its numbers and paths."""
    return _WORDS.get(error.errno or 0) or f"The file cannot be read: {error.strerror or 'unknown error'}."
