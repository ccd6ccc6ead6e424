"""Setting, scheduling, stopping and taking back a push."""

import pytest

from tocsin.gateway.banks_tables import DisabledEntry
from tocsin.gateway.exchanges.schedule import Schedule
from tocsin.gateway.ids import entry_id
from tocsin.gateway.refusals import Refused
from tocsin.matching.lists import HashList
from tocsin.model.media import Match

PUSH = {"submit_function_key": "h", "feedback_function_key": "g"}


@pytest.fixture
def ncii(desk, exchange, upstream, bank, monkeypatch):
    bank("MINE", [1, 2])
    monkeypatch.setattr(desk.exchanges, "source", lambda _: upstream.source(**PUSH))
    return upstream


def test_it_goes_on_by_the_exchanges_schedule(ncii, desk, exchange, store, clock, bank):
    schedule = Schedule(desk.exchanges, desk.verdicts, store, clock, pushes=desk.pushes)
    while schedule.step():
        pass
    desk.pushes.set(exchange, "MINE")
    assert schedule.step()
    assert desk.pushes.status(exchange)[0]["given"] == 2
    assert not schedule.step()
    desk.exchanges.change(exchange, enabled=False)
    clock.forward(3600)
    assert not schedule.step()


def test_only_banks_that_may_be_passed_on_and_only_to_who_takes_them(ncii, desk, exchange, bank, folders):
    bank("THEIRS", [5], may_export=False)
    with pytest.raises(Refused, match="terms forbid"):
        desk.pushes.set(exchange, "THEIRS")
    with pytest.raises(Refused, match="no bank named"):
        desk.pushes.set(exchange, "NOWHERE")
    with pytest.raises(Refused, match="no exchange"):
        desk.pushes.set("NOBODY", "MINE")
    desk.exchanges.create("FILE", "local_file", {"filename": "x.csv"})
    with pytest.raises(Refused, match="takes no hashes"):
        desk.pushes.set("FILE", "MINE")
    with pytest.raises(Refused, match="tags"):
        desk.pushes.set(exchange, "MINE", tags=["a,b"])


def test_terms_that_change_stop_what_is_new_and_not_what_is_withdrawn(ncii, desk, exchange, folders, pdq):
    from dataclasses import replace

    from tocsin.matching.lists import folder, remove

    desk.pushes.set(exchange, "MINE")
    desk.pushes.run(exchange, "MINE")
    folder.write_terms(folders["MINE"], replace(folder.read_terms(folders["MINE"]), may_export=False))
    remove(folders["MINE"], ["e1"])
    outcome = desk.pushes.run(exchange, "MINE")
    assert not outcome.complete
    assert "may not be passed on" in outcome.message
    desk.pushes.stop(exchange, "MINE", take_back=True)
    assert desk.pushes.run(exchange, "MINE").done.gone == 2


def test_what_is_disabled_is_withdrawn_and_comes_back(ncii, desk, exchange, folders, store, clock, pdq):
    desk.pushes.set(exchange, "MINE")
    desk.pushes.run(exchange, "MINE")
    entry = next(one for one in HashList.open(folders["MINE"]).view.all_entries() if one.id == "e1")
    number = entry_id(Match(list="l", entry="e1", by="pdq", distance=0, key=entry.key[:8].hex()))
    with store.session() as session:
        until = int(clock.now().timestamp()) + 50
        session.add(DisabledEntry(bank="MINE", entry_id=number, disable_until_ts=until))
    assert desk.pushes.run(exchange, "MINE").done.gone == 1
    clock.forward(60)
    assert desk.pushes.run(exchange, "MINE").done.given == 1
    assert [one["hashValue"] for _, body in ncii.posted[1:] for one in next(iter(list(body.values())[1:]))] == [
        pdq(1),
        pdq(1),
    ]


def test_a_stopped_push_leaves_what_is_there_and_one_taken_back_withdraws_it(ncii, desk, exchange, clock, pdq):
    desk.pushes.set(exchange, "MINE")
    desk.pushes.run(exchange, "MINE")
    with pytest.raises(Refused, match="stop that first"):
        desk.remove(exchange)
    desk.pushes.stop(exchange, "MINE")
    clock.forward(3600)
    assert desk.pushes.waiting() == []
    desk.pushes.stop(exchange, "MINE", take_back=True)
    assert desk.pushes.waiting() == [exchange]
    assert desk.pushes.push(exchange) == 2
    [status] = desk.pushes.status(exchange)
    assert (status["scheduled"], status["gone"], status["given"]) == (False, 2, 0)
    desk.remove(exchange)
    assert desk.pushes.status(exchange) == []
    with pytest.raises(Refused, match="not given"):
        desk.pushes.stop(exchange, "MINE")


def test_two_runs_at_once_do_not_both_send(ncii, desk, exchange):
    from tocsin.placement.platform import alone

    desk.pushes.set(exchange, "MINE")
    with alone(desk.exchanges.scratch / f"{exchange}.push.lock"):
        outcome = desk.pushes.run(exchange, "MINE")
    assert (outcome.complete, outcome.done.given) == (False, 0)
    assert "already" in outcome.message
