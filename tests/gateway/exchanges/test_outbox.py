"""What is to be given is written down before any of it is sent, from whatever ledger there is."""

import pytest

from tocsin.gateway.exchanges import outbox
from tocsin.gateway.exchanges.ledger import Ledger
from tocsin.gateway.exchanges.outbox import take_up
from tocsin.gateway.exchanges.tables import OutgoingHash, Push
from tocsin.matching.lists import remove


@pytest.fixture
def pushed(store, clock):
    with store.session() as session:
        session.add(Push(exchange="X", bank="MINE", tags=[], due_at=clock.now()))
    return store


def held(store):
    with store.reading() as session:
        return {row.value: row.state for row in session.query(OutgoingHash)}


def sent(store):
    with store.session() as session:
        for row in session.query(OutgoingHash):
            row.state = "given"


def test_a_ledger_made_anew_gives_nothing_twice_and_forgets_no_withdrawal(
    pushed, bank, tmp_path, clock, pdq, monkeypatch
):
    monkeypatch.setattr(outbox, "CHUNK", 2)
    folder = bank("MINE", [1, 2, 3])
    first = Ledger(tmp_path / "one.db", lambda: 1000.0)
    first.sync("MINE", folder)
    take_up(pushed, first, "X", "MINE", clock.now())
    assert held(pushed) == {pdq(n): "waiting" for n in (1, 2, 3)}
    sent(pushed)
    first.close()
    remove(folder, ["e2"])
    anew = Ledger(tmp_path / "two.db", lambda: 1000.0)
    anew.sync("MINE", folder)
    take_up(pushed, anew, "X", "MINE", clock.now())
    assert held(pushed) == {pdq(1): "given", pdq(2): "leaving", pdq(3): "given"}
    take_up(pushed, anew, "X", "MINE", clock.now())
    assert held(pushed) == {pdq(1): "given", pdq(2): "leaving", pdq(3): "given"}
    anew.close()


def test_a_cut_between_two_steps_repeats_the_step_and_nothing_else(pushed, bank, tmp_path, clock, pdq, monkeypatch):
    monkeypatch.setattr(outbox, "CHUNK", 2)
    ledger = Ledger(tmp_path / "one.db", lambda: 1000.0)
    ledger.sync("MINE", bank("MINE", [1, 2, 3, 4, 5]))
    changes, calls = ledger.changes, []

    def cut(*given):
        calls.append(given)
        if len(calls) == 2:
            raise OSError("cut")
        return changes(*given)

    monkeypatch.setattr(ledger, "changes", cut)
    with pytest.raises(OSError, match="cut"):
        take_up(pushed, ledger, "X", "MINE", clock.now())
    assert len(held(pushed)) == 2
    take_up(pushed, ledger, "X", "MINE", clock.now())
    assert held(pushed) == {pdq(n): "waiting" for n in (1, 2, 3, 4, 5)}
    ledger.close()


def test_nothing_is_written_for_a_push_that_is_gone(store, bank, tmp_path, clock):
    ledger = Ledger(tmp_path / "one.db", lambda: 1000.0)
    ledger.sync("MINE", bank("MINE", [1]))
    take_up(store, ledger, "X", "MINE", clock.now())
    assert held(store) == {}
    ledger.close()
