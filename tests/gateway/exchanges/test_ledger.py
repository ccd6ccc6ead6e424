import random

import pytest

from tocsin.gateway.exchanges.ledger import Ledger, Scope
from tocsin.matching.lists import Entry, ListError, Terms, add, build, remove

ALL = [Scope("MINE")]


@pytest.fixture
def now():
    return [1_000_000]


@pytest.fixture
def ledger(tmp_path, now):
    opened = Ledger(tmp_path / "ledger" / "x.db", lambda: now[0])
    yield opened
    opened.close()


def told(ledger, scopes=ALL):
    return {(one.value, one.active) for one in ledger.signals(scopes, 0, ledger.latest()[0], 1000)}


def one(number, pdq, **more):
    return Entry(number, [("pdq", bytes.fromhex(pdq(number)))], id=f"e{number}", **more)


def test_changes_are_told_since_a_second_and_not_twice(ledger, bank, now, pdq):
    folder = bank("MINE", [1, 2, 3])
    ledger.sync("MINE", folder)
    assert told(ledger) == {(pdq(n), True) for n in (1, 2, 3)}
    _, second = ledger.end()
    assert told(ledger, [Scope("MINE", second)]) == set()
    remove(folder, ["e2"])
    ledger.sync("MINE", folder, at_once=True)
    assert told(ledger, [Scope("MINE", second)]) == {(pdq(2), False)}
    assert told(ledger) == {(pdq(1), True), (pdq(3), True)}
    now[0] += 50
    add(folder, [("back", [one(2, pdq, updated=2**35)])])
    ledger.sync("MINE", folder, at_once=True)
    assert told(ledger, [Scope("MINE", second)]) == {(pdq(2), True)}


def test_what_came_and_went_between_two_questions_is_not_told(ledger, bank, pdq):
    folder = bank("MINE", [1])
    ledger.sync("MINE", folder)
    _, second = ledger.end()
    add(folder, [("new", [one(2, pdq)])])
    ledger.sync("MINE", folder, at_once=True)
    remove(folder, ["e2"])
    ledger.sync("MINE", folder, at_once=True)
    assert told(ledger, [Scope("MINE", second)]) == set()


def test_a_hash_that_another_entry_or_bank_still_has_stands(ledger, bank, pdq):
    folder = bank("MINE", [1])
    add(folder, [("twin", [Entry(1, [("pdq", bytes.fromhex(pdq(1)))], id="twin")])])
    other = bank("OTHER", [1])
    ledger.sync("MINE", folder)
    ledger.sync("OTHER", other)
    _, second = ledger.end()
    remove(folder, ["e1"])
    ledger.sync("MINE", folder, at_once=True)
    assert told(ledger, [Scope("MINE", second)]) == set()
    remove(folder, ["twin"])
    ledger.sync("MINE", folder, at_once=True)
    assert told(ledger, [Scope("MINE", second)]) == {(pdq(1), False)}
    both = [Scope("MINE", second), Scope("OTHER", second)]
    assert told(ledger, both) == {(pdq(1), True)}


def test_a_list_that_was_built_anew_is_compared_whole(ledger, bank, tmp_path, pdq):
    import shutil

    folder = bank("MINE", [1, 2, 3])
    ledger.sync("MINE", folder)
    _, second = ledger.end()
    shutil.rmtree(folder)
    build(folder, Terms(name="MINE"), [("anew", [one(1, pdq), one(4, pdq)])])
    ledger.sync("MINE", folder, at_once=True)
    assert told(ledger, [Scope("MINE", second)]) == {(pdq(2), False), (pdq(3), False), (pdq(4), True)}


def test_a_clock_that_goes_back_loses_nothing(ledger, bank, now, pdq):
    folder = bank("MINE", [1])
    ledger.sync("MINE", folder)
    _, second = ledger.end()
    now[0] -= 5000
    add(folder, [("new", [one(2, pdq)])])
    ledger.sync("MINE", folder, at_once=True)
    assert told(ledger, [Scope("MINE", second)]) == {(pdq(2), True)}


def test_lists_that_may_not_be_passed_on_are_not(ledger, bank):
    with pytest.raises(ListError, match="terms forbid"):
        ledger.sync("A", bank("A", [1], may_export=False))
    with pytest.raises(ListError, match="known-good"):
        ledger.sync("B", bank("B", [1], negative=True))


def test_members_keep_their_numbers_and_a_forgotten_bank_is_gone(ledger, bank):
    assert [ledger.number(name) for name in ("X", "Y", "X")] == [1, 2, 1]
    ledger.sync("MINE", bank("MINE", [1]))
    ledger.forget("MINE")
    assert told(ledger) == set()


@pytest.mark.parametrize("seed", range(3))
def test_any_client_that_follows_has_what_the_list_has(ledger, bank, now, seed, pdq):
    """The oracle: clients that ask at odd moments, page by page, hold just what is active at the end."""
    rng = random.Random(seed)
    folder = bank("MINE", [0])
    clients = [({}, -1) for _ in range(3)]
    live = {0}
    for step in range(25):
        number = rng.randrange(8)
        if number in live and rng.random() < 0.6:
            remove(folder, [f"e{number}"])
            live.discard(number)
        else:
            add(folder, [("s", [one(number, pdq, updated=2**33 + step)])], ordered=True)
            live.add(number)
        now[0] += rng.choice([0, 0, 1, 3])
        ledger.sync("MINE", folder, at_once=True)
        at = rng.randrange(3)
        held, second = clients[at]
        until, following = ledger.end()
        after = 0
        while page := ledger.signals([Scope("MINE", second)], after, until, 2):
            for signal in page:
                held[signal.value] = signal.active
            after = page[-1].seq
        clients[at] = (held, following)
        assert {value for value, active in held.items() if active} == {pdq(n) for n in live}
