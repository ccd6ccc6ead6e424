"""Signed checkpoints of the audit log: three lines that state the whole log, never one that denies an earlier one.

The tree's right edge is kept in memory and grows with the stored leaves; at the start it is rebuilt from them,
and held against the last checkpoint in the store and the one noted beside the key. Where they disagree nothing is
signed any more until a person has looked: a signed lie would be worse than silence.
"""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.evidence.keys import DeviceKey, write_private
from tocsin.evidence.merkle import Tree, leaf_hash
from tocsin.evidence.notes import Checkpoint, Signer, sign_checkpoint, verify_checkpoint
from tocsin.hub.store import Store, after_commit
from tocsin.hub.store.schema import AuditEntry, CheckpointRecord, Setting

EVERY: Final = timedelta(minutes=1)
"""While entries are added, no more than this passes between checkpoints."""

_PAGE: Final = 2000


class LogInconsistentError(RuntimeError):
    """The stored log denies a checkpoint that was signed: it was altered or rolled back. Nothing is signed."""


class Log:
    """The audit log's signing side; one per process. Its key and last checkpoint lie in the data folder."""

    def __init__(self, signer: Signer, noted: Path) -> None:
        self.signer = signer
        self._noted = noted
        self._tree = Tree()
        self._lock = threading.Lock()
        self._signed_at: datetime | None = None
        self.refusal = ""
        """Why nothing is signed any more, as a sentence; empty while all is well."""

    @staticmethod
    def open(folder: Path, store: Store) -> "Log":
        """Load the log's key from ``folder``, or make one, and name the log as the setting ``origin`` says."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / "log.key"
        if path.exists():
            key = DeviceKey.load(path)
        else:
            key = DeviceKey.generate()
            key.save(path)
        with store.session() as session:
            setting = session.get(Setting, "origin")
            if setting is None:
                setting = Setting(key="origin", value={"name": f"tocsin.hub/{key.public_bytes.hex()[:12]}"})
                session.add(setting)
            origin = str(setting.value["name"])
        return Log(Signer(origin, key), folder / "last-checkpoint")

    @property
    def vkey(self) -> str:
        """The verifier key, for people to keep where this hub cannot change it."""
        return self.signer.verifier.vkey

    def keep(self, store: Store, now: datetime) -> str | None:
        """Sign a checkpoint if entries were added and the last one is a minute old. Called again and again."""
        if self._signed_at is not None and now - self._signed_at < EVERY:
            return None
        with store.reading() as session:
            if _size(session) == _last_size(session):
                return None
        return self.checkpoint(store, now)

    def checkpoint(self, store: Store, now: datetime) -> str:
        """Return a signed checkpoint of the log as it is now, signing a new one if entries were added.

        Raises LogInconsistentError, every time from then on, when the log denies an earlier checkpoint.
        """
        with store.session() as session:
            return self.checkpoint_in(session, now)

    def checkpoint_in(self, session: Session, now: datetime) -> str:
        """Do as :meth:`checkpoint` within a transaction of the caller's."""
        with self._lock:
            try:
                return self._sign(session, now)
            except LogInconsistentError as error:
                self.refusal = str(error)
                raise

    def _sign(self, session: Session, now: datetime) -> str:
        promised = self._promised(session)
        size = _size(session)
        behind = max((self._tree.size, *promised))
        if size < behind:
            raise LogInconsistentError(
                f"The audit log has {size} entries, but {behind} were there before: it was rolled back. "
                "No checkpoint is signed until someone has looked into it (docs/security.md)."
            )
        tree = Tree.restore(self._tree.size, self._tree.edge)
        if any(at < tree.size for at in promised):
            tree = Tree()
        self._grow(session, tree, promised)
        last = session.get(CheckpointRecord, tree.size)
        if last is None:
            note = sign_checkpoint(Checkpoint(self.signer.name, tree.size, tree.root()), self.signer)
            session.add(CheckpointRecord(size=tree.size, at=now, note=note))
            session.flush()
        else:
            note = last.note
        after_commit(session, lambda: self._signed(tree, note, now))
        return note

    def _signed(self, tree: Tree, note: str, now: datetime) -> None:
        with self._lock:
            if tree.size >= self._tree.size:
                self._tree = tree
                self._signed_at = now
                write_private(self._noted, note.encode())

    def _promised(self, session: Session) -> dict[int, Checkpoint]:
        """Return what was signed before: the newest in the store and the one noted beside the key."""
        notes = list(session.scalars(select(CheckpointRecord.note).order_by(CheckpointRecord.size.desc()).limit(1)))
        if self._noted.exists():
            notes.append(self._noted.read_text("utf-8"))
        found: dict[int, Checkpoint] = {}
        for note in notes:
            try:
                checkpoint, _ = verify_checkpoint(note, self.signer.verifier)
            except ValueError as error:
                raise LogInconsistentError(f"A stored checkpoint of the audit log is not ours: {error}") from error
            other = found.setdefault(checkpoint.size, checkpoint)
            if other.root != checkpoint.root:
                raise LogInconsistentError(f"Two checkpoints of {checkpoint.size} entries have different roots.")
        return found

    def _grow(self, session: Session, tree: Tree, promised: dict[int, Checkpoint]) -> None:
        """Add the stored leaves that ``tree`` lacks, checking each, and the root wherever one was promised."""
        _compare(tree, promised)
        for seq, entry, leaf in _leaves(session, tree.size):
            if seq != tree.size or leaf_hash(entry.encode()) != leaf:
                raise LogInconsistentError(f"Entry {tree.size} of the audit log was altered or removed.")
            tree.append(leaf)
            _compare(tree, promised)


def latest(session: Session) -> CheckpointRecord | None:
    """Return the newest checkpoint."""
    return session.scalars(select(CheckpointRecord).order_by(CheckpointRecord.size.desc()).limit(1)).first()


def _compare(tree: Tree, promised: dict[int, Checkpoint]) -> None:
    checkpoint = promised.get(tree.size)
    if checkpoint is not None and checkpoint.root != tree.root():
        raise LogInconsistentError(
            f"The first {tree.size} entries of the audit log are not those of the checkpoint signed then: "
            "the log was altered. No checkpoint is signed until someone has looked into it (docs/security.md)."
        )


def _leaves(session: Session, start: int) -> Iterator[tuple[int, str, bytes]]:
    while True:
        rows = session.execute(
            select(AuditEntry.seq, AuditEntry.entry, AuditEntry.leaf)
            .where(AuditEntry.seq >= start)
            .order_by(AuditEntry.seq)
            .limit(_PAGE)
        ).all()
        for row in rows:
            yield row.seq, row.entry, row.leaf
        if len(rows) < _PAGE:
            return
        start = rows[-1].seq + 1


def _size(session: Session) -> int:
    highest = session.execute(select(func.max(AuditEntry.seq))).scalar()
    return 0 if highest is None else int(highest) + 1


def _last_size(session: Session) -> int:
    return int(session.execute(select(func.max(CheckpointRecord.size))).scalar() or 0)
