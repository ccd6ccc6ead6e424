"""Comparing a list with the ledger: in steps, resumable after a cut at any of them."""

import shutil

import pytest

from tocsin.gateway.exchanges import comparing
from tocsin.gateway.exchanges.comparing import Comparison
from tocsin.gateway.exchanges.disabled import NONE
from tocsin.gateway.exchanges.ledger import Ledger, Scope
from tocsin.matching.lists import Entry, HashList, Terms, build


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger(tmp_path / "ledger" / "x.db", lambda: 1000.0)
    yield opened
    opened.close()


def hashes(ledger):
    return {one.value for one in ledger.signals([Scope("MINE")], 0, ledger.latest()[0], 1000) if one.active}


@pytest.mark.parametrize("cut", range(4))
def test_a_comparison_cut_short_is_made_whole_by_the_next(ledger, bank, pdq, monkeypatch, cut):
    monkeypatch.setattr(comparing, "BATCH", 2)
    view = HashList.open(bank("MINE", range(7))).view
    left = [cut]
    change = ledger.numbers.change

    def cutting():
        if not left[0]:
            raise OSError("cut")
        left[0] -= 1
        return change()

    monkeypatch.setattr(ledger.numbers, "change", cutting)
    with pytest.raises(OSError, match="cut"):
        Comparison(ledger.numbers, "MINE", NONE).compare(view)
    assert len(hashes(ledger)) == 2 * cut
    monkeypatch.undo()
    Comparison(ledger.numbers, "MINE", NONE).compare(view)
    assert hashes(ledger) == {pdq(n) for n in range(7)}
    end = ledger.latest()
    Comparison(ledger.numbers, "MINE", NONE).compare(view)
    assert ledger.latest() == end


def test_a_list_built_anew_loses_what_it_no_longer_names_batch_by_batch(ledger, bank, pdq, monkeypatch):
    monkeypatch.setattr(comparing, "STEP", 2)
    folder = bank("MINE", range(7))
    ledger.sync("MINE", folder)
    shutil.rmtree(folder)
    rows = [Entry(n, [("pdq", bytes.fromhex(pdq(n)))], id=f"e{n}") for n in (1, 5)]
    build(folder, Terms(name="MINE"), [("anew", rows)])
    ledger.sync("MINE", folder, at_once=True)
    assert hashes(ledger) == {pdq(1), pdq(5)}
