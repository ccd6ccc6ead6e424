"""Backup and restore: everything comes back, sealed meanwhile, all or nothing, and the log still holds."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tocsin.evidence.notes import Verifier, verify_checkpoint
from tocsin.evidence.sealing import new_identity
from tocsin.hub import audit, backup
from tocsin.hub.backup import BackupError
from tocsin.hub.hub import Hub
from tocsin.hub.settings import HubSettings
from tocsin.hub.store.schema import Alert, AlertEvent, AuditEntry


@pytest.fixture
def empty(settings: HubSettings, tmp_path: Path, request) -> HubSettings:
    """Settings of a new hub: an SQLite file, whichever engine the old one has."""
    return replace(settings, data=tmp_path / "new", store_url="")


def test_the_whole_hub_comes_back_and_its_log_goes_on(hub: Hub, settings, empty, exhibit, tmp_path):
    identity, recipient = new_identity()
    path = tmp_path / "hub.age"
    written = backup.backup(settings, path, recipients=[recipient])
    assert (written.evidence, written.missing) == (1, [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert backup.restore(empty, path, identities=[identity]) == written
    note = hub.log.checkpoint(hub.store, hub.clock.now())
    new = Hub.open(empty)
    try:
        assert new.log.vkey == hub.log.vkey
        assert new.key.public == hub.key.public
        assert new.blobs.get(exhibit.digest) == exhibit.data
        sealed = hub.secret.seal("second factor")
        assert new.secret.open(sealed) == "second factor"
        with new.store.session() as session:
            assert session.scalars(select(Alert.id)).all() == [exhibit.alert_id]
            session.add(AlertEvent(alert_id=exhibit.alert_id, at=hub.clock.now(), kind="note", detail=""))
            audit.record(session, "p", audit.MATCH, "x:1")
        after, _ = verify_checkpoint(new.log.checkpoint(new.store, hub.clock.now()), Verifier.parse(hub.log.vkey))
        before, _ = verify_checkpoint(note, Verifier.parse(hub.log.vkey))
        assert after.size == before.size + 1
    finally:
        new.close()


def test_restored_into_postgres_numbers_go_on(hub, settings, exhibit, tmp_path, postgres):
    identity, recipient = new_identity()
    path = tmp_path / "hub.age"
    backup.backup(settings, path, recipients=[recipient])
    name = f"restored{abs(hash(str(tmp_path)))}"
    postgres.sql(f"CREATE DATABASE {name}")
    target = replace(settings, data=tmp_path / "new", store_url=postgres.url(name))
    try:
        backup.restore(target, path, identities=[identity])
        new = Hub.open(target)
        with new.store.session() as session:
            session.add(AlertEvent(alert_id=exhibit.alert_id, at=hub.clock.now(), kind="note", detail=""))
            session.flush()
            assert session.execute(select(func.count()).select_from(AlertEvent)).scalar_one() >= 2
        new.close()
        with pytest.raises(BackupError, match="store to restore into is not empty"):
            backup.restore(replace(target, data=tmp_path / "third"), path, identities=[identity])
    finally:
        postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.usefixtures("cheap_passphrases")
def test_a_passphrase_keeps_the_key_beside_the_backup(settings, hub, empty, exhibit, tmp_path):
    path = tmp_path / "hub.age"
    backup.backup(settings, path, passphrase="four unrelated plain words")
    assert (tmp_path / "hub.age.key").exists()
    with pytest.raises(BackupError, match="key could not be opened"):
        backup.restore(empty, path, passphrase="wrong words entirely")
    assert list(empty.data.iterdir()) == [] if empty.data.exists() else True
    assert backup.restore(empty, path, passphrase="four unrelated plain words").evidence == 1


def test_nothing_in_the_file_can_be_read_without_the_key(settings, hub, exhibit, person, empty, tmp_path):
    made = person()
    path = tmp_path / "hub.age"
    backup.backup(settings, path, recipients=[new_identity()[1]])
    data = path.read_bytes()
    assert data.startswith(b"age-encryption.org/v1\n")
    assert made.email.encode() not in data
    with pytest.raises(BackupError, match="not for this key"):
        backup.restore(empty, path, identities=[new_identity()[0]])


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "absent", "not-age", "longer"])
def test_a_harmed_backup_restores_nothing(settings, hub, exhibit, empty, tmp_path, harm):
    identity, recipient = new_identity()
    path = tmp_path / "hub.age"
    backup.backup(settings, path, recipients=[recipient])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= harm == "flipped"
    changed = {"cut": data[:-100], "empty": b"", "not-age": b"x" * 3000, "longer": data + b"x"}.get(harm, data)
    path.write_bytes(changed)
    if harm == "absent":
        path.unlink()
    with pytest.raises(BackupError):
        backup.restore(empty, path, identities=[identity])
    assert not empty.data.exists() or list(empty.data.iterdir()) == []


def test_only_an_empty_hub_is_filled_and_only_a_new_file_written(settings, hub, empty, tmp_path):
    identity, recipient = new_identity()
    path = tmp_path / "hub.age"
    backup.backup(settings, path, recipients=[recipient])
    with pytest.raises(BackupError, match="exists already"):
        backup.backup(settings, path, recipients=[recipient])
    with pytest.raises(BackupError, match="not empty"):
        backup.restore(settings, path, identities=[identity])
    with pytest.raises(BackupError, match="one of the two"):
        backup.backup(settings, tmp_path / "other.age")


def test_missing_evidence_is_named_and_the_rest_is_kept(settings, hub, exhibit, empty, tmp_path):
    identity, recipient = new_identity()
    hub.blobs.delete(exhibit.digest)
    written = backup.backup(settings, tmp_path / "hub.age", recipients=[recipient])
    assert written.missing == [exhibit.digest]
    assert backup.restore(empty, tmp_path / "hub.age", identities=[identity]).missing == [exhibit.digest]


def test_the_backup_itself_is_on_the_record(settings, hub, tmp_path):
    _, recipient = new_identity()
    backup.backup(settings, tmp_path / "hub.age", recipients=[recipient])
    with hub.store.reading() as session:
        entry = session.scalars(select(AuditEntry.entry).where(AuditEntry.action == "export")).one()
    assert recipient in entry
