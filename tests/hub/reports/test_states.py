"""The states: every one can be reached, and only a person's decision or a worker's success leads out of *held*."""

import pytest

from tocsin.hub.refusals import Refused
from tocsin.hub.reports.states import ENDED, HELD_FOR, NEXT, State, move


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(NEXT) == set(State)
    assert set().union(*NEXT.values()) == set(State)
    assert all(sentence.endswith(".") for sentence in HELD_FOR.values())


def test_nothing_held_goes_back_to_a_worker_by_itself() -> None:
    assert State.FILING not in NEXT[State.HELD]
    assert State.OPENED not in NEXT[State.HELD]
    for ended in ENDED:
        assert NEXT[ended] <= {State.HELD, State.FILED}


def test_a_wrong_step_is_refused_with_a_sentence(desk) -> None:
    report = desk.draft()
    with pytest.raises(Refused, match="cannot become filed now"):
        desk.act(report, lambda s, r: move(s, r, State.FILED, desk.now, kind="x"))
