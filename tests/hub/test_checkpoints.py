"""Checkpoints: signed when due, and never one that denies an earlier one."""

from pathlib import Path

import pytest
from sqlalchemy import delete, update

from tocsin.evidence.merkle import root
from tocsin.evidence.notes import Verifier, verify_checkpoint
from tocsin.hub import audit
from tocsin.hub.checkpoints import Log, LogInconsistentError
from tocsin.hub.store import Store
from tocsin.hub.store.schema import AuditEntry, CheckpointRecord


def add(store: Store, count: int) -> None:
    with store.session() as session:
        for _ in range(count):
            audit.record(session, "p", audit.MATCH, "x:1")


@pytest.fixture
def log(store: Store, tmp_path: Path) -> Log:
    return Log.open(tmp_path / "keys", store)


def test_a_checkpoint_states_the_whole_log(store: Store, log: Log, clock):
    add(store, 5)
    note = log.checkpoint(store, clock.now())
    checkpoint, _ = verify_checkpoint(note, Verifier.parse(log.vkey))
    with store.reading() as session:
        leaves = [session.get_one(AuditEntry, seq).leaf for seq in range(5)]
    assert (checkpoint.size, checkpoint.root) == (5, root(leaves))


def test_without_new_entries_the_old_checkpoint_is_returned(store: Store, log: Log, clock):
    add(store, 2)
    assert log.checkpoint(store, clock.now()) == log.checkpoint(store, clock.forward(600))


def test_kept_up_at_most_a_minute_apart_while_entries_come(store: Store, log: Log, clock):
    add(store, 1)
    assert log.keep(store, clock.now()) is not None
    add(store, 1)
    assert log.keep(store, clock.forward(30)) is None
    assert log.keep(store, clock.forward(31)) is not None
    assert log.keep(store, clock.forward(3600)) is None


def test_a_restarted_hub_goes_on_under_the_same_name_and_key(store: Store, log: Log, clock, tmp_path):
    add(store, 3)
    log.checkpoint(store, clock.now())
    again = Log.open(tmp_path / "keys", store)
    add(store, 4)
    assert again.vkey == log.vkey
    assert verify_checkpoint(again.checkpoint(store, clock.now()), Verifier.parse(log.vkey))[0].size == 7


def altered(store: Store) -> None:
    with store.session() as session:
        entry = session.get_one(AuditEntry, 1).entry.replace("match", "export")
        session.execute(update(AuditEntry).where(AuditEntry.seq == 1).values(entry=entry))


def altered_with_leaf(store: Store) -> None:
    altered(store)
    with store.session() as session:
        row = session.get_one(AuditEntry, 1)
        row.leaf = audit.leaf_hash(row.entry.encode())


def dropped(store: Store) -> None:
    with store.session() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.seq == 1))


def rolled_back(store: Store) -> None:
    with store.session() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.seq >= 2))


def rolled_back_with_checkpoints(store: Store) -> None:
    rolled_back(store)
    with store.session() as session:
        session.execute(delete(CheckpointRecord))


def forged_checkpoint(store: Store) -> None:
    with store.session() as session:
        row = session.get_one(CheckpointRecord, 4)
        row.note = row.note.replace("\n4\n", "\n3\n")


@pytest.mark.parametrize(
    "harm", [altered, altered_with_leaf, dropped, rolled_back, rolled_back_with_checkpoints, forged_checkpoint]
)
def test_a_restarted_hub_signs_nothing_over_a_harmed_log(store: Store, log: Log, clock, tmp_path, harm):
    add(store, 4)
    log.checkpoint(store, clock.now())
    harm(store)
    add(store, 1)
    again = Log.open(tmp_path / "keys", store)
    for _ in range(2):
        with pytest.raises(LogInconsistentError):
            again.checkpoint(store, clock.now())
    assert again.refusal


def test_a_running_hub_notices_a_rollback(store: Store, log: Log, clock):
    add(store, 4)
    log.checkpoint(store, clock.now())
    rolled_back_with_checkpoints(store)
    with pytest.raises(LogInconsistentError, match="rolled back"):
        log.checkpoint(store, clock.now())
