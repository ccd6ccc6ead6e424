"""What a person disabled is told to nobody meanwhile, and told again once it is enabled."""

import pytest
from sqlalchemy import select

from tocsin.gateway.banks_tables import Bank, Content, DisabledEntry
from tocsin.gateway.exchanges.disabled import Disabled, DisabledHere
from tocsin.gateway.ids import entry_id, keys_of
from tocsin.matching.lists import Entry, HashList, add
from tocsin.matching.lists.entry import key_of
from tocsin.model.media import Match


def number_of(folder, name):
    """The number that callers know an entry by."""
    view = HashList.open(folder).view
    entry = next(one for one in view.all_entries() if one.id == name)
    return entry_id(Match(list="l", entry=name, by="pdq", distance=0, key=entry.key[:8].hex()))


@pytest.fixture
def mark(store):
    """Disable or enable an entry of a list from elsewhere."""

    def set_to(bank, number, until):
        with store.session() as session:
            row = session.get(DisabledEntry, (bank, number))
            if row is None:
                row = DisabledEntry(bank=bank, entry_id=number, disable_until_ts=until)
                session.add(row)
            row.disable_until_ts = until

    return set_to


def values(page):
    return {one["hashValue"]: one["hashStatus"] for one in page["hashRecords"]}


def told(desk, reader, since=10):
    for name, folder in desk.folders.items():
        desk.ledger.sync(name, folder, at_once=True)
    return desk.sharing.fetch_hashes(reader, since, 100, "")


@pytest.fixture
def desk(desk, folders):
    class Kept:
        def __getattr__(self, name):
            return getattr(desk, name)

    kept = Kept()
    kept.folders = folders
    return kept


def test_what_was_disabled_before_anybody_read_it_is_never_told(desk, bank, mark, pdq):
    folder = bank("MINE", [1, 2])
    mark("MINE", number_of(folder, "e1"), 0)
    reader = desk.partners.grant("acme", ["MINE"])
    assert values(told(desk, reader)) == {pdq(2): "Active"}
    asked = {"from": "1970-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z"}
    page = desk.sharing.entries(reader, asked)
    assert pdq(1).encode() not in page
    assert key_of(Entry(0, id="e1")).hex().encode() not in page


def test_disabling_withdraws_and_enabling_gives_back(desk, bank, mark, clock, pdq):
    folder = bank("MINE", [1, 2])
    reader = desk.partners.grant("acme", ["MINE"])
    first = told(desk, reader)
    assert values(first) == {pdq(1): "Active", pdq(2): "Active"}
    clock.forward(5)
    mark("MINE", number_of(folder, "e1"), int(clock.now().timestamp()) + 100)
    second = told(desk, reader, first["nextSetTimestamp"])
    assert values(second) == {pdq(1): "Withdrawn"}
    clock.forward(99)
    assert values(told(desk, reader, second["nextSetTimestamp"])) == {}
    clock.forward(2)
    assert values(told(desk, reader, second["nextSetTimestamp"])) == {pdq(1): "Active"}


def test_a_change_of_what_is_disabled_stays_untold_and_removal_meanwhile_is_kept(desk, bank, mark, clock, pdq):
    from tocsin.matching.lists import remove

    folder = bank("MINE", [1, 2])
    number = number_of(folder, "e1")
    reader = desk.partners.grant("acme", ["MINE"])
    first = told(desk, reader)
    clock.forward(5)
    mark("MINE", number, 0)
    second = told(desk, reader, first["nextSetTimestamp"])
    clock.forward(5)
    add(folder, [("new", [Entry(1, [("pdq", bytes.fromhex(pdq(9)))], id="e1", updated=2**35)])])
    assert values(told(desk, reader, second["nextSetTimestamp"])) == {}
    remove(folder, ["e1"])
    told(desk, reader)
    mark("MINE", number, 1)
    clock.forward(5)
    assert values(told(desk, reader)) == {pdq(2): "Active"}


def test_a_list_built_anew_with_something_disabled_is_not_compared_again_and_again(desk, bank, mark, pdq):
    folder = bank("MINE", [1, 2, 3])
    mark("MINE", number_of(folder, "e1"), 0)
    desk.ledger.sync("MINE", folder, at_once=True)
    before = desk.ledger.latest()
    for _ in range(3):
        desk.ledger._compared.clear()
        desk.ledger.sync("MINE", folder, at_once=True)
    assert desk.ledger.latest() == before
    with desk.ledger.numbers.change():
        assert desk.ledger.numbers.live("MINE") == 3


def test_what_was_put_in_by_hand_is_known_by_its_own_number(store, clock):
    with store.session() as session:
        session.add(Bank(name="MINE", folder="mine", labels=[], created_at=clock.now()))
    with store.session() as session:
        bank = session.scalars(select(Bank)).one()
        row = Content(bank_id=bank.id, state="live", signals={}, metadata_json={}, created_at=clock.now())
        session.add(row)
        row.disable_until_ts = 0
    here = DisabledHere(store, clock)
    held = here.of("MINE")
    assert held == Disabled(frozenset({row.id}))
    assert held.holds(key_of(Entry(0, id=f"content-{row.id}")))
    assert not held.holds(key_of(Entry(0, id="content-999")))
    assert held.ranges() == [keys_of(row.id)]
    assert here.of("OTHER") == Disabled(frozenset())
