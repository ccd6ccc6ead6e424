from datetime import UTC, datetime

import pytest

from tocsin.gateway.access import Access, Pace, new_key
from tocsin.gateway.banks_tables import Bank, Content, SignalTypeRow
from tocsin.gateway.cluster.registry import digest_of, registry_of, take_in
from tocsin.gateway.store import Store
from tocsin.model import SystemClock

AT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def stores(tmp_path):
    opened = [Store.open(tmp_path / name) for name in ("core.db", "node.db")]
    yield opened
    for one in opened:
        one.close()


def filled(store):
    with store.session() as session:
        bank = Bank(name="BANK_A", folder="BANK_A-1", labels=["x"], enabled_ratio=0.5, negative=True, created_at=AT)
        session.add(bank)
        session.add(SignalTypeRow(name="pdq", enabled_ratio=0.25))
        session.flush()
        secret = {"pdq": "0f" * 32}
        more = {"bank_id": bank.id, "state": "live", "signals": secret, "metadata_json": {}, "created_at": AT}
        session.add_all([Content(**more, note="private"), Content(**more, disable_until_ts=0)])


def test_a_node_asks_banks_and_knows_keys_as_the_core_does(stores, tmp_path):
    core, node = stores
    filled(core)
    key = new_key(core, SystemClock(), "coop", ["lookup"], 5)
    told = registry_of(core)
    take_in(node, told)
    assert registry_of(node) == told
    with node.reading() as session:
        [bank] = session.query(Bank).all()
        [marked] = session.query(Content).all()
    assert (bank.name, bank.enabled_ratio, bank.negative, bank.labels) == ("BANK_A", 0.5, True, ["x"])
    assert (marked.disable_until_ts, marked.signals) == (0, {})
    access = Access(node, Pace(tmp_path / "pace"), open_without_keys=False)
    caller = access.admit({"headers": [(b"x-api-key", key.encode())]}, "lookup")
    assert (caller.name, caller.rate) == ("coop", 5)


def test_what_is_told_holds_no_hash_and_no_note_and_no_key(stores):
    core, _ = stores
    filled(core)
    key = new_key(core, SystemClock(), "coop", ["lookup"])
    said = str(registry_of(core))
    assert "0f0f" not in said
    assert "private" not in said
    assert key.rpartition("_")[2] not in said


def test_what_changed_at_the_core_changes_here_and_the_name_of_it_too(stores):
    core, node = stores
    filled(core)
    before = digest_of(registry_of(core))
    take_in(node, registry_of(core))
    with core.session() as session:
        session.query(Bank).one().enabled_ratio = 0.0
    after = registry_of(core)
    assert digest_of(after) != before == digest_of(registry_of(node))
    take_in(node, after)
    with node.reading() as session:
        assert session.query(Bank).one().enabled_ratio == 0.0


def test_what_is_no_registry_changes_nothing(stores):
    core, node = stores
    filled(core)
    take_in(node, registry_of(core))
    before = registry_of(node)
    with pytest.raises((KeyError, TypeError, ValueError)):
        take_in(node, {"banks": [{"name": 1}]})
    assert registry_of(node) == before
