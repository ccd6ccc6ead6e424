"""A place in an object store for one hash list: files named by their digest, and one head that says which it has."""

import hashlib
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

PIECE: Final = 32 << 20
"""Bytes of a file that are fetched by one request."""
HEAD: Final = "head.json"
MOST_HEAD: Final = 16 << 20

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class BucketError(RuntimeError):
    """The store does not answer, or not with what was put there; the message is a sentence."""


class MissingError(BucketError):
    """What was asked for is not there."""


class Bucket:
    """One list's place. Digests are SHA-256, 64 lower-case hex digits."""

    def __init__(self, store: Any, name: str = "the store") -> None:
        self._store, self.name = store, name

    @classmethod
    def open(cls, url: str) -> "Bucket":
        """Open ``s3://bucket/prefix`` or another address that obstore knows; keys come from the environment.

        Raises BucketError where the package is missing or the address is not understood.
        """
        try:
            from obstore.store import LocalStore, from_url
        except ModuleNotFoundError as error:
            raise BucketError("Lists in an object store need one more package: pip install 'tocsin[s3]'.") from error
        more: dict[str, Any] = {"retry_config": {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}}
        plain = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")
        more["client_options"] = {"timeout": "60s", "connect_timeout": "5s", "allow_http": plain}
        try:
            if url.startswith("file://"):
                return cls(LocalStore(prefix=url.removeprefix("file://"), mkdir=True), url)
            return cls(from_url(url, **more), url)
        except Exception as error:
            scheme = url.partition("://")[0]
            raise BucketError(f"The address {scheme}://… cannot be opened: {_first_line(error)}") from error

    def head(self, known: str = "") -> tuple[str, bytes] | None:
        """Return the head's tag and bytes, or None while it is still the one with the ``known`` tag.

        Raises MissingError where there is none, BucketError where the store does not answer.
        """
        import obstore
        from obstore.exceptions import NotModifiedError

        try:
            got = obstore.get(self._store, HEAD, options={"if_none_match": known} if known else None)
            tag = str(got.meta["e_tag"] or "")
            if known and tag == known:
                return None
            if got.meta["size"] > MOST_HEAD:
                raise BucketError(f"{self.name} holds a head that is larger than any list's.")
            return tag, bytes(got.bytes())
        except NotModifiedError:
            return None
        except FileNotFoundError as error:
            raise MissingError(f"There is no list at {self.name}.") from error
        except BucketError:
            raise
        except Exception as error:
            raise self._silent(error) from error

    def put_head(self, data: bytes) -> str:
        """Put the head in one step and return its tag."""
        import obstore

        try:
            return str(obstore.put(self._store, HEAD, data, use_multipart=False)["e_tag"] or "")
        except Exception as error:
            raise self._silent(error) from error

    def put(self, path: Path, digest: str) -> None:
        """Put a file; under its digest it is the same whoever puts it. Raises FileNotFoundError where it has gone."""
        import obstore

        path.stat()
        try:
            obstore.put(self._store, _key(digest), path, chunk_size=16 << 20, max_concurrency=4)
        except FileNotFoundError:
            path.stat()
            raise
        except Exception as error:
            raise self._silent(error) from error

    def get(self, digest: str, size: int, into: Path) -> None:
        """Fetch a file into ``into``, durable on return. Raises BucketError where it is not what its digest says."""
        import obstore

        key = _key(digest)
        known = hashlib.sha256()
        handle = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            for start in range(0, size, PIECE):
                wanted = min(PIECE, size - start)
                try:
                    piece = memoryview(bytes(obstore.get_range(self._store, key, start=start, length=wanted)))
                except FileNotFoundError as error:
                    raise MissingError(
                        f"{self.name} lacks a file that its head names; it will be there soon."
                    ) from error
                except Exception as error:
                    raise self._silent(error) from error
                known.update(piece)
                file.write(piece)
                if len(piece) != wanted:
                    break
            file.flush()
            os.fsync(file.fileno())
        if known.hexdigest() != digest or into.stat().st_size != size:
            into.unlink(missing_ok=True)
            raise BucketError(f"A file of {self.name} is not the one that was put there: cut, changed or damaged.")

    def held(self) -> Iterator[tuple[str, datetime]]:
        """Yield each file's digest and when it was put."""
        import obstore

        try:
            for page in obstore.list(self._store, prefix="files"):
                for one in page:
                    name = one["path"].rpartition("/")[2]
                    if _DIGEST.fullmatch(name):
                        yield name, one["last_modified"] or datetime.now(UTC)
        except Exception as error:
            raise self._silent(error) from error

    def delete(self, digest: str) -> None:
        """Remove a file; one that has gone is no harm."""
        import obstore

        try:
            obstore.delete(self._store, _key(digest))
        except FileNotFoundError:
            return
        except Exception as error:
            raise self._silent(error) from error

    def _silent(self, error: Exception) -> BucketError:
        """Return the sentence for whatever obstore raised: its own errors and Python's have no parent in common."""
        return BucketError(f"{self.name} does not answer: {_first_line(error)}")


def is_digest(text: object) -> bool:
    """Tell whether something is a digest as this store names files by."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def _key(digest: str) -> str:
    if not is_digest(digest):
        raise BucketError("Files are named by 64 lower-case hex digits.")
    return f"files/{digest}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
