"""The few disk operations the agent relies on, in one place, so that a test can fill the disk or cut the power."""

import contextlib
import os
from pathlib import Path


class Disk:
    """Durable writes. Every method raises OSError exactly as the system does (ENOSPC, EFBIG, EIO)."""

    def create(self, path: Path, size: int) -> int:
        """Create ``path`` with ``size`` real zero bytes on disk, durable, and return its open descriptor.

        Written out rather than only reserved: later writes then need no new block, so a full disk cannot
        refuse them. Nothing is left behind on failure.
        """
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            self.write(fd, bytes(size), 0)
            os.fsync(fd)
            sync_folder(path.parent)
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        return fd

    def write(self, fd: int, data: bytes, offset: int) -> None:
        """Write all of ``data`` at ``offset``."""
        view = memoryview(data)
        while view:
            done = os.pwrite(fd, view, offset)
            view, offset = view[done:], offset + done

    def sync(self, fd: int) -> None:
        """Return once what was written to ``fd`` is on disk."""
        getattr(os, "fdatasync", os.fsync)(fd)

    def replace(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        """Put ``data`` at ``path`` so that a reader, or a power cut, meets the old file or the new, never a part."""
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)
            try:
                self.write(fd, data, 0)
                os.fsync(fd)
            finally:
                os.close(fd)
            part.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's names durable (a no-op where the system has no such call)."""
    if os.name != "posix":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
