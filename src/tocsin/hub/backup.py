"""Backup and restore: the whole hub - tables, keys, sealed evidence - as one tar, sealed with age as it is written.

Nothing lies on disk in the clear. The finished file is opened again and read to its end before the backup counts
as made: for that, a key that lives only for this run is one more recipient. Restore fills an empty hub only, all
or nothing, and then holds the audit log against its last checkpoint.
"""

import io
import json
import os
import re
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Final

import pyrage
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from tocsin.evidence.keys import write_private
from tocsin.evidence.sealing import new_identity, protect, read_recipient, unprotect
from tocsin.hub import audit, dump
from tocsin.hub.blobs import BlobError, open_blobs
from tocsin.hub.hub import Hub
from tocsin.hub.settings import HubSettings
from tocsin.hub.store import HEAD, Store
from tocsin.hub.store.schema import EvidenceRecord
from tocsin.model import utc_text
from tocsin.placement.platform import private_folder

FORMAT: Final = "tocsin/backup@1"
LARGEST_MEMBER: Final = 128 * 1024 * 1024

_KEY = re.compile(r"keys/([a-z][a-z.-]{0,40})", re.ASCII)
_TABLE = re.compile(r"tables/([a-z_]{1,40})/[0-9]{6}\.jsonl", re.ASCII)
_EVIDENCE = re.compile(r"evidence/([0-9a-f]{64})", re.ASCII)

Member = Callable[[str, bytes], None]


class BackupError(RuntimeError):
    """A backup that cannot be made, read or restored; the message is a sentence."""


@dataclass(slots=True)
class Contents:
    """What a backup holds, counted as it was written; its last member, so that a cut-off backup shows."""

    rows: dict[str, int] = field(default_factory=dict)
    keys: int = 0
    evidence: int = 0
    missing: list[str] = field(default_factory=list)
    """Digests of stored evidence whose bytes were not there or damaged: the backup is not complete."""


def backup(settings: HubSettings, path: Path, *, recipients: Sequence[str] = (), passphrase: str = "") -> Contents:
    """Write a backup of the hub to ``path``, which must not exist; the hub may be running meanwhile.

    Sealed to ``recipients`` (age keys), or, with a passphrase, to a new key that is kept beside it in ``path``.key
    under that passphrase (``age -d -i FILE.key FILE`` opens it). Raises BackupError.
    """
    key_path = path.with_name(path.name + ".key")
    if path.exists() or (passphrase and key_path.exists()):
        raise BackupError(f"{path} (or its .key) exists already; a backup is written to a new file.")
    if bool(recipients) == bool(passphrase):
        raise BackupError("A backup is sealed either to recipients or under a passphrase: give one of the two.")
    sealed_to = list(recipients)
    try:
        if passphrase:
            identity, recipient = new_identity()
            sealed_to = [recipient]
            write_private(key_path, protect(identity, passphrase))
        for_checking, throwaway = new_identity()
        keys = [read_recipient(each) for each in [*sealed_to, throwaway]]
        contents = _write(settings, path, keys, sealed_to)
        if _read(path, [for_checking], lambda _name, _data: None) != contents:
            raise BackupError("The backup does not read back as it was written; the disk may be failing.")
    except BaseException as error:
        for unfinished in (path, key_path) if passphrase else (path,):
            unfinished.unlink(missing_ok=True)
        if isinstance(error, (OSError, ValueError)):
            raise BackupError(f"The backup could not be written: {error}") from error
        raise
    return contents


def restore(settings: HubSettings, path: Path, *, identities: Sequence[str] = (), passphrase: str = "") -> Contents:
    """Fill an empty hub from a backup and return what it held. Raises BackupError and leaves nothing behind.

    Opened by ``identities`` (AGE-SECRET-KEY-1…), or by ``path``.key and its passphrase.
    """
    if settings.data.exists() and any(settings.data.iterdir()):
        raise BackupError(f"The folder {settings.data} is not empty; restore into a new one.")
    if passphrase:
        try:
            sealed_key = path.with_name(path.name + ".key").read_bytes()
            identities = [unprotect(sealed_key, passphrase)]
        except (OSError, ValueError) as error:
            raise BackupError(f"The backup's key could not be opened: {error}") from error
    private_folder(settings.data)
    try:
        contents = _fill(settings, path, identities)
    except BaseException as error:
        for left in settings.data.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        if isinstance(error, (OSError, ValueError, SQLAlchemyError, dump.DumpError, BlobError)):
            raise BackupError(f"The backup could not be restored: {error}") from error
        raise
    return contents


def _write(settings: HubSettings, path: Path, keys: Sequence[Any], sealed_to: list[str]) -> Contents:
    hub = Hub.open(settings)
    try:
        now = hub.clock.now()
        with hub.store.session() as session:
            detail = {"act": "backup", "recipients": sealed_to}
            audit.record(session, audit.HUB, audit.EXPORT, "hub:everything", detail=detail, at=now)
            hub.log.checkpoint_in(session, now)
        contents = Contents()
        with _sealing(path, keys) as add:
            about = {"format": FORMAT, "at": utc_text(now), "software": version("tocsin"), "tables": HEAD}
            add("manifest.json", json.dumps(about).encode())
            for each in sorted((settings.data / "keys").iterdir()):
                if _KEY.fullmatch(f"keys/{each.name}"):
                    add(f"keys/{each.name}", each.read_bytes())
                    contents.keys += 1
            stored = _add_tables(hub.store, add, contents)
            for digest in stored:
                try:
                    add(f"evidence/{digest}", hub.blobs.get(digest))
                    contents.evidence += 1
                except BlobError:
                    contents.missing.append(digest)
            add("end.json", json.dumps(asdict(contents)).encode())
        return contents
    finally:
        hub.close()


def _add_tables(store: Store, add: Member, contents: Contents) -> list[str]:
    """Add every table as of one moment; return the digests of the evidence stored at that moment."""
    with dump.snapshot(store) as connection:
        for number, (name, piece, rows) in enumerate(dump.pieces(connection)):
            add(f"tables/{name}/{number:06d}.jsonl", piece)
            contents.rows[name] = contents.rows.get(name, 0) + rows
        query = select(EvidenceRecord.digest).where(EvidenceRecord.status == "stored").order_by(EvidenceRecord.digest)
        return list(connection.execute(query).scalars())


def _fill(settings: HubSettings, path: Path, identities: Sequence[str]) -> Contents:
    keys = settings.data / "keys"
    private_folder(keys)
    store = Store(settings.store)
    try:
        store.migrate()
        blobs = open_blobs(settings.evidence)
        with store.engine.execution_options(tocsin_write=True).begin() as connection:
            if not dump.is_empty(connection):
                raise BackupError("The store to restore into is not empty; give an empty one.")

            def take(name: str, data: bytes) -> None:
                if match := _KEY.fullmatch(name):
                    write_private(keys / match[1], data)
                elif match := _TABLE.fullmatch(name):
                    dump.load(connection, match[1], data)
                elif match := _EVIDENCE.fullmatch(name):
                    blobs.put(match[1], data)

            contents = _read(path, identities, take)
            dump.mend_counters(connection)
    finally:
        store.close()
    hub = Hub.open(settings)
    try:
        hub.log.checkpoint(hub.store, hub.clock.now())
    finally:
        hub.close()
    return contents


def _read(path: Path, identities: Sequence[str], take: Callable[[str, bytes], None]) -> Contents:
    """Open a backup, hand over each member, and return what it says it held. Raises BackupError if cut or altered."""
    seen = Contents()
    told: Contents | None = None
    with _opening(path, identities) as members:
        for position, (name, data) in enumerate(members):
            if told is not None:
                raise BackupError("The backup goes on behind its end.")
            if position == 0:
                _check_manifest(name, data)
            elif name == "end.json":
                told = _end(data)
                continue
            elif match := _TABLE.fullmatch(name):
                seen.rows[match[1]] = seen.rows.get(match[1], 0) + data.count(b"\n") - 1
            elif _KEY.fullmatch(name):
                seen.keys += 1
            elif _EVIDENCE.fullmatch(name):
                seen.evidence += 1
            else:
                raise BackupError(f"The backup holds something that does not belong there: {name[:80]!r}.")
            take(name, data)
    if told is None or (seen.rows, seen.keys, seen.evidence) != (told.rows, told.keys, told.evidence):
        raise BackupError("The backup was cut short or altered; use another copy.")
    return told


def _check_manifest(name: str, data: bytes) -> None:
    try:
        about = json.loads(data) if name == "manifest.json" else {}
    except ValueError:
        about = {}
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise BackupError("This is not a backup of a Tocsin hub.")
    if about.get("tables") != HEAD:
        raise BackupError(
            f"The backup was made by Tocsin {str(about.get('software'))[:20]}, whose tables differ; restore it with "
            "that version and then update."
        )


def _end(data: bytes) -> Contents:
    try:
        return Contents(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise BackupError("The backup's end cannot be read.") from error


@contextmanager
def _sealing(path: Path, keys: Sequence[Any]) -> Iterator[Member]:
    """Give a function that adds a member to a tar that is sealed on its way to ``path``."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with (
        os.fdopen(handle, "wb") as file,
        _through(lambda source: pyrage.encrypt_io(source, file, keys)) as pipe,
        tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):

        def add(name: str, data: bytes) -> None:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o600
            tar.addfile(info, io.BytesIO(data))

        yield add
    with path.open("rb") as written:
        os.fsync(written.fileno())


@contextmanager
def _through(work: Callable[[IO[bytes]], None]) -> Iterator[IO[bytes]]:
    """Give a writable end; ``work`` reads the other end in a thread, and its error is raised here."""
    read_end, write_end = os.pipe()
    failed: list[BaseException] = []

    def run() -> None:
        with os.fdopen(read_end, "rb") as source:
            try:
                work(source)
            except BaseException as error:  # handed over to the caller's thread
                failed.append(error)

    thread = threading.Thread(target=run, name="backup-sealing")
    thread.start()
    try:
        with os.fdopen(write_end, "wb") as pipe:
            yield pipe
    except BrokenPipeError:
        pass
    finally:
        thread.join()
    if failed:
        raise BackupError(f"The backup could not be sealed: {failed[0]}") from failed[0]


@contextmanager
def _opening(path: Path, identities: Sequence[str]) -> Iterator[Iterator[tuple[str, bytes]]]:
    """Give the members of a sealed tar, decrypted on their way; only authentic bytes ever arrive."""
    try:
        keys = [pyrage.x25519.Identity.from_str(each.strip()) for each in identities]
    except pyrage.IdentityError as error:
        raise BackupError("A key to open the backup with reads AGE-SECRET-KEY-1…; this one does not.") from error
    if not keys:
        raise BackupError("Opening a backup needs a key, or the passphrase of its .key file.")
    read_end, write_end = os.pipe()
    failed: list[BaseException] = []

    def run() -> None:
        with path.open("rb") as sealed, os.fdopen(write_end, "wb") as target:
            try:
                pyrage.decrypt_io(sealed, target, keys)
            except BaseException as error:  # handed over to the caller's thread
                failed.append(error)

    if not path.is_file():
        os.close(read_end)
        os.close(write_end)
        raise BackupError(f"There is no backup at {path}.")
    thread = threading.Thread(target=run, name="backup-opening")
    thread.start()
    try:
        with os.fdopen(read_end, "rb") as source:
            try:
                yield _members(source)
            except (tarfile.TarError, EOFError) as error:
                raise BackupError("The backup was cut short, altered, or is not for this key.") from error
            with suppress(OSError):
                while source.read(1 << 20):
                    pass
    finally:
        thread.join()
    if failed:
        raise BackupError("The backup was cut short, altered, or is not for this key.") from failed[0]


def _members(source: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=source, mode="r|") as tar:
        for info in tar:
            if not info.isreg() or not 0 <= info.size <= LARGEST_MEMBER:
                raise BackupError(f"The backup holds something that does not belong there: {info.name[:80]!r}.")
            file = tar.extractfile(info)
            assert file is not None
            yield info.name, file.read()
