"""Sealed evidence waiting beside the journal: on disk before the entry that names it, gone once the hub holds it."""

import contextlib
import hashlib
import os
import re
import threading
from pathlib import Path

from tocsin.evidence.sealing import Sealed
from tocsin.placement.disk import Disk, sync_folder

_NAME = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """Files named by their SHA-256, in ``folder``. Thread-safe."""

    def __init__(self, folder: Path, total: int = 2 << 30, disk: Disk | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder, self._total, self._disk = folder, total, disk or Disk()
        self._lock = threading.Lock()
        self._unnamed: set[str] = set()
        for path in folder.iterdir():
            if not _NAME.fullmatch(path.name):
                path.unlink()
        self._used = sum(path.stat().st_size for path in folder.iterdir())

    @property
    def used(self) -> int:
        """Bytes that wait."""
        return self._used

    def put(self, sealed: Sealed) -> None:
        """Store sealed evidence; durable on return. It is not offered for sending before :meth:`named`.

        Raises OSError when it cannot be kept; nothing of it is left then.
        """
        with self._lock:
            if self._used + sealed.size > self._total:
                raise OSError("The evidence waiting to be sent has reached its bound.")
            self._unnamed.add(sealed.digest)
            try:
                self._disk.replace(self.folder / sealed.digest, sealed.data)
            except OSError:
                self._unnamed.discard(sealed.digest)
                raise
            self._used += sealed.size

    def named(self, digest: str) -> None:
        """Say that the entry naming this evidence is on disk."""
        with self._lock:
            self._unnamed.discard(digest)

    def waiting(self) -> list[str]:
        """Return the digests that an entry names, oldest first."""
        with self._lock:
            found = [(path.stat().st_mtime_ns, path.name) for path in self.folder.iterdir()]
            return [name for _, name in sorted(found) if _NAME.fullmatch(name) and name not in self._unnamed]

    def read(self, digest: str) -> bytes | None:
        """Return the bytes, or None when they are gone or no longer what their name says."""
        try:
            data = (self.folder / digest).read_bytes()
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == digest else None

    def drop(self, digest: str) -> None:
        """Forget evidence that the hub holds (or that was told lost)."""
        with self._lock, contextlib.suppress(OSError):
            path = self.folder / digest
            size = path.stat().st_size
            path.unlink()
            self._unnamed.discard(digest)
            self._used -= size

    def aside(self, digest: str, folder: Path) -> None:
        """Keep evidence that was refused for good out of the way."""
        with self._lock, contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True, mode=0o700)
            path = self.folder / digest
            size = path.stat().st_size
            os.replace(path, folder / digest)  # noqa: PTH105
            sync_folder(folder)
            self._used -= size
