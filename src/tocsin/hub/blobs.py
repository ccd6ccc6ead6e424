"""Sealed evidence as bytes, found by its SHA-256: files by default, any S3-compatible store by URL.

What is read is held against its digest each time, so damage and exchange show before anything leaves the hub.
"""

import os
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from tocsin.evidence.keys import write_private

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class BlobError(RuntimeError):
    """Bytes that are missing, damaged or cannot be reached; the message is a sentence."""


class Blobs(Protocol):
    """Where sealed evidence is kept. A digest is 64 lower-case hex digits."""

    def put(self, digest: str, data: bytes) -> bool:
        """Keep ``data``, durably on return; False when it was there already. Raises BlobError on a wrong digest."""
        ...

    def get(self, digest: str) -> bytes:
        """Return the bytes. Raises BlobError when they are missing or not those of the digest."""
        ...

    def has(self, digest: str) -> bool:
        """Tell whether bytes are kept under the digest."""
        ...

    def delete(self, digest: str) -> bool:
        """Erase the bytes; False when there were none."""
        ...

    def digests(self) -> Iterator[str]:
        """Yield the digests of all that is kept, in order."""
        ...


def open_blobs(where: str) -> Blobs:
    """Open the place that ``where`` names: a folder's path, or a URL such as ``s3://bucket/prefix``.

    Raises BlobError when a URL needs the package obstore and it is not installed, or is not understood.
    """
    if "://" not in where:
        return FileBlobs(Path(where))
    if where.startswith("file://"):
        return FileBlobs(Path(where.removeprefix("file://")))
    try:
        from obstore.store import from_url
    except ModuleNotFoundError as error:
        raise BlobError("Evidence in an object store needs one more package: pip install 'tocsin[s3]'.") from error
    try:
        return ObjectBlobs(from_url(where))
    except Exception as error:
        scheme = where.partition("://")[0]
        raise BlobError(f"The evidence URL {scheme}://… cannot be opened: {_first_line(error)}") from error


class FileBlobs:
    """One file per digest in folders of their first two digits."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, digest: str, data: bytes) -> bool:
        """Write to a temporary file, flush it to disk, and give it its name in one step."""
        _check(digest, data)
        path = self._path(digest)
        if path.exists():
            return False
        path.parent.mkdir(exist_ok=True, mode=0o700)
        write_private(path, data)
        _sync_folder(self._root)
        return True

    def get(self, digest: str) -> bytes:
        """Read and check a file."""
        try:
            data = self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise BlobError(f"The sealed evidence {digest[:16]}… is not in the store.") from error
        _check(digest, data)
        return data

    def has(self, digest: str) -> bool:
        """Tell whether the file is there."""
        return self._path(digest).exists()

    def delete(self, digest: str) -> bool:
        """Remove the file."""
        path = self._path(digest)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        _sync_folder(path.parent)
        return True

    def digests(self) -> Iterator[str]:
        """Yield the names of the files."""
        for path in sorted(self._root.glob("??/*")):
            if _DIGEST.fullmatch(path.name):
                yield path.name

    def _path(self, digest: str) -> Path:
        _check_name(digest)
        return self._root / digest[:2] / digest


class ObjectBlobs:
    """One object per digest in a store that obstore opens (S3 and compatible, Azure, Google, memory)."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def put(self, digest: str, data: bytes) -> bool:
        """Put the object unless it is there."""
        _check(digest, data)
        if self.has(digest):
            return False
        self._call("put", _key(digest), data)
        return True

    def get(self, digest: str) -> bytes:
        """Get and check the object."""
        data = bytes(self._call("get", _key(digest), missing=digest).bytes())
        _check(digest, data)
        return data

    def has(self, digest: str) -> bool:
        """Ask for the object's head."""
        import obstore

        try:
            obstore.head(self._store, _key(digest))
        except FileNotFoundError:
            return False
        except Exception as error:
            raise BlobError(f"The evidence store does not answer: {_first_line(error)}") from error
        return True

    def delete(self, digest: str) -> bool:
        """Remove the object."""
        if not self.has(digest):
            return False
        self._call("delete", _key(digest))
        return True

    def digests(self) -> Iterator[str]:
        """List the objects."""
        import obstore

        found = []
        for page in obstore.list(self._store, prefix="evidence"):
            found += [name for each in page if _DIGEST.fullmatch(name := each["path"].rsplit("/", 1)[-1])]
        yield from sorted(found)

    def _call(self, what: str, *arguments: Any, missing: str = "") -> Any:
        import obstore

        try:
            return getattr(obstore, what)(self._store, *arguments)
        except FileNotFoundError as error:
            raise BlobError(f"The sealed evidence {missing[:16]}… is not in the store.") from error
        except Exception as error:
            raise BlobError(f"The evidence store does not answer: {_first_line(error)}") from error


def _key(digest: str) -> str:
    _check_name(digest)
    return f"evidence/{digest[:2]}/{digest}"


def _check_name(digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise BlobError("Evidence is named by 64 lower-case hex digits.")


def _check(digest: str, data: bytes) -> None:
    _check_name(digest)
    if sha256(data).hexdigest() != digest:
        raise BlobError(f"The bytes of evidence {digest[:16]}… are not those of its digest: they were altered.")


def _sync_folder(path: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
