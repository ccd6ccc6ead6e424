"""The demonstration's people come in by the same doors as everybody else."""

from datetime import UTC, datetime
from pathlib import Path

from tocsin.demo.cast import prepare
from tocsin.evidence.sealing import unprotect
from tocsin.hub.settings import HubSettings
from tocsin.hub.store import Store
from tocsin.hub.store.schema import Person, Token
from tocsin.orders import verify


def test_people_order_key_and_token_are_real(tmp_path: Path) -> None:
    cast = prepare(tmp_path / "hub", tmp_path / "keys")
    order = verify(cast.order_file.read_text(), [cast.root]).order
    assert order.example
    assert unprotect(cast.key_file.read_bytes(), cast.passphrase) == cast.identity
    assert cast.order_file.stat().st_mode & 0o077 == 0
    store = Store(HubSettings(data=tmp_path / "hub").store)
    with store.session() as session:
        people = session.query(Person).all()
        assert {p.role for p in people} == {"administrator", "officer", "supervisor"}
        assert all(p.totp_confirmed and p.password_hash.startswith("$argon2") for p in people)
        [officer] = [p for p in people if p.role == "officer"]
        assert officer.age_recipient in order.recipient_keys
        assert session.query(Token).filter(Token.kind == "enrol", Token.used_at.is_(None)).count() == 1
    store.close()
    assert len(cast.officer.code(datetime.now(UTC))) == 6
