"""Keys of lists, and files written durably: plain, or sealed with age so that they are only ever opened in memory.

A list is sealed to age recipients. With a passphrase, the list's own identity lies beside it in ``list.key``, sealed
with that passphrase (age scrypt); with a key file, that key is the recipient. The reference ``age`` opens both.
"""

import hashlib
import io
import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage

from tocsin.evidence.keys import read_bounded, write_private
from tocsin.evidence.sealing import (
    SealingError,
    identities_in,
    new_identity,
    protect,
    read_recipient,
    recipient_of,
    unprotect,
)
from tocsin.matching.lists.entry import ListError

KEY_FILE = "list.key"
ENDING = ".age"
_MOST_KEY = 65_536
_PAGE, _SAMPLED = 4096, 16


@dataclass(frozen=True, slots=True)
class Key:
    """What opens sealed lists: age identities (``AGE-SECRET-KEY-1…``), or a passphrase."""

    identities: tuple[str, ...] = ()
    passphrase: str = ""

    def __repr__(self) -> str:
        return "Key(…)"

    @classmethod
    def of(cls, value: "Key | str | Path | None") -> "Key | None":
        """Return the key of an identity, the text of a key file, a key file's path, or else a passphrase.

        Raises ListError when a key file holds no key.
        """
        if value is None or isinstance(value, Key):
            return value
        try:
            if isinstance(value, Path) or (len(value) < 1024 and "\n" not in value and Path(value).is_file()):
                value = read_bounded(Path(value), _MOST_KEY).decode("ascii")
            if "AGE-SECRET-KEY-1" in value:
                return cls(identities=tuple(identities_in(value)))
        except (SealingError, UnicodeDecodeError) as error:
            raise ListError("The key file of the list holds no age key.") from error
        except OSError as error:
            raise ListError(f"The key file of the list cannot be read: {error.strerror or error}.") from error
        return cls(passphrase=value)

    def recipients(self, folder: Path) -> tuple[str, ...]:
        """Return what a new list in ``folder`` is sealed to; for a passphrase its ``list.key`` is made there."""
        if self.identities:
            return tuple(recipient_of(identity) for identity in self.identities)
        identity, recipient = new_identity()
        write_private(folder / KEY_FILE, protect(identity, self.passphrase))
        return (recipient,)

    def opened(self, folder: Path) -> tuple[str, ...]:
        """Return the identities for the list in ``folder``. Raises ListError when the passphrase does not fit."""
        path = folder / KEY_FILE
        if self.identities or not path.is_file():
            if not self.identities:
                raise ListError(f"The list in {folder} is sealed to a key file, not to a passphrase: give --key FILE.")
            return self.identities
        try:
            with path.open("rb") as file:
                return (unprotect(file.read(_MOST_KEY), self.passphrase),)
        except SealingError as error:
            raise ListError(f"The passphrase does not open the list in {folder}.") from error


@dataclass(frozen=True, slots=True)
class Written:
    """A file as it was written: its size in bytes and SHA-256 (hex)."""

    size: int
    sha256: str


def write_file(path: Path, pieces: Iterable[Any], recipients: Sequence[str] = ()) -> Written:
    """Write a new file that only its owner can read, durable on return; sealed when there are recipients."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
    with os.fdopen(handle, "wb") as file:
        out = _Hashing(file)
        if recipients:
            pyrage.encrypt_io(_Pieces(pieces), out, [read_recipient(one) for one in recipients])
        else:
            for piece in pieces:
                out.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return Written(out.size, out.digest.hexdigest())


def open_file(path: Path, identities: Sequence[str] = ()) -> memoryview:
    """Return a file's bytes: mapped, or, for a sealed one, opened into memory. Raises ListError."""
    try:
        if path.suffix != ENDING:
            with path.open("rb") as file:
                if not os.fstat(file.fileno()).st_size:
                    raise ListError(f"{path} is empty; it was cut.")
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        if not identities:
            raise ListError(f"The list in {path.parent} is sealed: give the key that opens it with --key FILE.")
        held = io.BytesIO()
        keys = [pyrage.x25519.Identity.from_str(identity) for identity in identities]
        with path.open("rb") as file:
            pyrage.decrypt_io(file, held, keys)
        return held.getbuffer()
    except (pyrage.DecryptError, pyrage.IdentityError) as error:
        raise ListError(f"This key does not open {path}, or the file was altered or cut ({error}).") from error
    except (OSError, ValueError) as error:
        if isinstance(error, ListError):
            raise
        raise ListError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def sha256_of(path: Path) -> Iterator[int | str]:
    """Yield the bytes read so far, now and then, and at last the file's SHA-256 (hex)."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(4 * 2**20):
            digest.update(piece)
            done += len(piece)
            yield done
    yield digest.hexdigest()


def sample_of(path: Path) -> str:
    """Return a digest (32 hex digits) of a file's size and some of its pages, its first and last among them.

    Tells another list's file from this one's for the price of a few reads; the whole file's SHA-256 proves the rest.
    """
    with path.open("rb", buffering=0) as file:
        size = file.seek(0, 2)
        digest = hashlib.sha256(size.to_bytes(8, "little"))
        last = max(0, size - _PAGE)
        for number in range(_SAMPLED):
            file.seek(last * number // (_SAMPLED - 1))
            digest.update(file.read(_PAGE))
    return digest.hexdigest()[:32]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class _Hashing:
    """A file that counts and hashes what is written to it."""

    def __init__(self, file: Any) -> None:
        self._file, self.digest, self.size = file, hashlib.sha256(), 0

    def write(self, piece: Any) -> int:
        """Write, count and hash a piece."""
        self._file.write(piece)
        self.digest.update(piece)
        self.size += len(piece)
        return len(piece)

    def flush(self) -> None:
        """Pass what was written on to the system."""
        self._file.flush()


class _Pieces:
    """Pieces of bytes as a file to be read."""

    def __init__(self, pieces: Iterable[Any]) -> None:
        self._pieces = iter(pieces)
        self._held = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` of the next bytes; none at the end."""
        while not len(self._held):
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._held = memoryview(piece)
        taken, self._held = self._held[:size], self._held[size:]
        return bytes(taken)
